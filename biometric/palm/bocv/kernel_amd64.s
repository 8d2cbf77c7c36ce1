#include "textflag.h"

// SPREAD takes the even or odd bytes of rows a and b, added to or less their mirror images,
// as int16: x of a, y of b. It stores pairs of a and b, those of the columns that are 0 or 1
// modulo 4 at off and those two further right at off+320.
#define SPREAD(x, y, to, off) \
	VPSLLD $16, y, Y12; \
	VPBLENDW $0xAA, Y12, x, Y12; \
	VMOVDQU Y12, off(to)(CX*1); \
	VPSRLD $16, x, Y13; \
	VPBLENDW $0xAA, y, Y13, Y13; \
	VMOVDQU Y13, off+320(to)(CX*1)

// func foldPairAVX2(sum, diff *[padded]uint32, a, am, b, bm *[padded]byte)
TEXT ·foldPairAVX2(SB), NOSPLIT, $0-48
	MOVQ sum+0(FP), DI
	MOVQ diff+8(FP), SI
	MOVQ a+16(FP), R8
	MOVQ am+24(FP), R9
	MOVQ b+32(FP), R10
	MOVQ bm+40(FP), R11
	VPCMPEQW Y15, Y15, Y15
	VPSRLW $8, Y15, Y15
	XORQ CX, CX

columns:
	VMOVDQU (R8)(CX*1), Y0
	VMOVDQU (R9)(CX*1), Y2
	VMOVDQU (R10)(CX*1), Y4
	VMOVDQU (R11)(CX*1), Y6
	VPSRLW $8, Y0, Y1
	VPSRLW $8, Y2, Y3
	VPSRLW $8, Y4, Y5
	VPSRLW $8, Y6, Y7
	VPAND Y15, Y0, Y0
	VPAND Y15, Y2, Y2
	VPAND Y15, Y4, Y4
	VPAND Y15, Y6, Y6
	VPADDW Y2, Y0, Y8
	VPADDW Y6, Y4, Y9
	VPSUBW Y2, Y0, Y10
	VPSUBW Y6, Y4, Y11
	SPREAD(Y8, Y9, DI, 0)
	SPREAD(Y10, Y11, SI, 0)
	VPADDW Y3, Y1, Y8
	VPADDW Y7, Y5, Y9
	VPSUBW Y3, Y1, Y10
	VPSUBW Y7, Y5, Y11
	SPREAD(Y8, Y9, DI, 160)
	SPREAD(Y10, Y11, SI, 160)
	ADDQ $32, CX
	CMPQ CX, $160
	JNE  columns
	VZEROUPPER
	RET

// PART multiplies 16 cells in Y12 and Y13 with the pair of taps at off and adds the products
// to a and b.
#define PART(off, a, b) \
	VPBROADCASTD off(SI), Y14; \
	VPMADDWD Y12, Y14, Y15; \
	VPADDD Y15, a, a; \
	VPMADDWD Y13, Y14, Y14; \
	VPADDD Y14, b, b

// func respondAVX2(out *responses, sum, diff *folded, t *taps)
TEXT ·respondAVX2(SB), NOSPLIT, $0-32
	MOVQ out+0(FP), DI
	MOVQ sum+8(FP), R8
	MOVQ diff+16(FP), R9
	MOVQ $2, DX

cells:
	MOVQ t+24(FP), SI
	LEAQ 3888(SI), BX       // the offsets follow 18*9*6 pairs
	VPXOR Y0, Y0, Y0
	VPXOR Y1, Y1, Y1
	VPXOR Y2, Y2, Y2
	VPXOR Y3, Y3, Y3
	VPXOR Y4, Y4, Y4
	VPXOR Y5, Y5, Y5
	VPXOR Y6, Y6, Y6
	VPXOR Y7, Y7, Y7
	VPXOR Y8, Y8, Y8
	VPXOR Y9, Y9, Y9
	VPXOR Y10, Y10, Y10
	VPXOR Y11, Y11, Y11
	MOVQ $18, CX

columns:
	MOVLQSX (BX), R10
	MOVLQSX 4(BX), R11
	LEAQ (R9)(R10*1), R12   // diff, to the right
	LEAQ (R9)(R11*1), R13   // diff, to the left
	ADDQ R8, R10            // sum, to the right
	ADDQ R8, R11            // sum, to the left
	XORQ AX, AX

rows:
	VMOVDQU (R10)(AX*1), Y12
	VMOVDQU 32(R10)(AX*1), Y13
	VPADDW (R11)(AX*1), Y12, Y12
	VPADDW 32(R11)(AX*1), Y13, Y13
	PART(0, Y0, Y1)
	PART(4, Y2, Y3)
	PART(8, Y4, Y5)
	PART(12, Y6, Y7)
	VMOVDQU (R12)(AX*1), Y12
	VMOVDQU 32(R12)(AX*1), Y13
	VPSUBW (R13)(AX*1), Y12, Y12
	VPSUBW 32(R13)(AX*1), Y13, Y13
	PART(16, Y8, Y9)
	PART(20, Y10, Y11)
	ADDQ $24, SI
	ADDQ $640, AX
	CMPQ AX, $5760
	JNE  rows
	ADDQ $8, BX
	DECQ CX
	JNZ  columns

	VMOVDQU Y0, (DI)
	VMOVDQU Y1, 32(DI)
	VMOVDQU Y2, 128(DI)
	VMOVDQU Y3, 160(DI)
	VMOVDQU Y4, 256(DI)
	VMOVDQU Y5, 288(DI)
	VMOVDQU Y6, 384(DI)
	VMOVDQU Y7, 416(DI)
	VMOVDQU Y8, 512(DI)
	VMOVDQU Y9, 544(DI)
	VMOVDQU Y10, 640(DI)
	VMOVDQU Y11, 672(DI)
	ADDQ $64, DI
	ADDQ $64, R8
	ADDQ $64, R9
	DECQ DX
	JNZ  cells
	VZEROUPPER
	RET

// The number of bits in each of 16 values, twice.
DATA ones<>+0(SB)/8, $0x0302020102010100
DATA ones<>+8(SB)/8, $0x0403030203020201
DATA ones<>+16(SB)/8, $0x0302020102010100
DATA ones<>+24(SB)/8, $0x0403030203020201
GLOBL ones<>(SB), RODATA|NOPTR, $32

// func differingAVX2(a, b *stackedRow, rows int, mask uint64) int
TEXT ·differingAVX2(SB), NOSPLIT, $0-40
	MOVQ a+0(FP), SI
	MOVQ b+8(FP), DI
	MOVQ rows+16(FP), CX
	VPBROADCASTQ mask+24(FP), Y5
	VMOVDQU ones<>(SB), Y6
	VPCMPEQB Y7, Y7, Y7
	VPSRLW $12, Y7, Y7
	VPACKUSWB Y7, Y7, Y7    // 15 in each byte
	VPXOR Y8, Y8, Y8
	VPXOR Y0, Y0, Y0

rows:
	VMOVDQU (SI), Y1
	VPXOR (DI), Y1, Y1
	VPAND Y5, Y1, Y1
	VPSRLW $4, Y1, Y2
	VPAND Y7, Y1, Y1
	VPAND Y7, Y2, Y2
	VPSHUFB Y1, Y6, Y1
	VPSHUFB Y2, Y6, Y2
	VPADDB Y2, Y1, Y1
	VPSADBW Y8, Y1, Y1
	VPADDQ Y1, Y0, Y0
	ADDQ $32, SI
	ADDQ $32, DI
	DECQ CX
	JNZ  rows

	VEXTRACTI128 $1, Y0, X1
	VPADDQ X1, X0, X0
	VPSRLDQ $8, X0, X1
	VPADDQ X1, X0, X0
	VMOVQ X0, AX
	MOVQ AX, ret+32(FP)
	VZEROUPPER
	RET
