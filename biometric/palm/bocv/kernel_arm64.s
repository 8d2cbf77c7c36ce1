#include "textflag.h"

// SPREAD takes the even or odd bytes of rows a and b, added to or less their mirror images,
// as int16: x of a, y of b. It stores pairs of a and b, those of the columns that are 0 or 1
// modulo 4 at to and those two further right at far.
#define SPREAD(x, y, to, far) \
	VTRN1 y.H8, x.H8, V12.H8; \
	VTRN2 y.H8, x.H8, V13.H8; \
	VST1.P [V12.H8], 16(to); \
	VST1.P [V13.H8], 16(far)

// func foldPair(sum, diff *[padded]uint32, a, am, b, bm *[padded]byte)
TEXT ·foldPair(SB), NOSPLIT, $0-48
	MOVD sum+0(FP), R0
	MOVD diff+8(FP), R1
	MOVD a+16(FP), R2
	MOVD am+24(FP), R3
	MOVD b+32(FP), R4
	MOVD bm+40(FP), R5
	ADD  $160, R0, R6
	ADD  $320, R0, R7
	ADD  $480, R0, R8
	ADD  $160, R1, R9
	ADD  $320, R1, R10
	ADD  $480, R1, R11
	VMOVI $255, V15.B16
	VUSHR $8, V15.H8, V15.H8
	MOVD $10, R12

columns:
	VLD1.P 16(R2), [V0.H8]
	VLD1.P 16(R3), [V2.H8]
	VLD1.P 16(R4), [V4.H8]
	VLD1.P 16(R5), [V6.H8]
	VUSHR $8, V0.H8, V1.H8
	VUSHR $8, V2.H8, V3.H8
	VUSHR $8, V4.H8, V5.H8
	VUSHR $8, V6.H8, V7.H8
	VAND V15.B16, V0.B16, V0.B16
	VAND V15.B16, V2.B16, V2.B16
	VAND V15.B16, V4.B16, V4.B16
	VAND V15.B16, V6.B16, V6.B16
	VADD V2.H8, V0.H8, V8.H8
	VADD V6.H8, V4.H8, V9.H8
	VSUB V2.H8, V0.H8, V10.H8
	VSUB V6.H8, V4.H8, V11.H8
	SPREAD(V8, V9, R0, R7)
	SPREAD(V10, V11, R1, R10)
	VADD V3.H8, V1.H8, V8.H8
	VADD V7.H8, V5.H8, V9.H8
	VSUB V3.H8, V1.H8, V10.H8
	VSUB V7.H8, V5.H8, V11.H8
	SPREAD(V8, V9, R6, R8)
	SPREAD(V10, V11, R9, R11)
	SUBS $1, R12
	BNE  columns
	RET

// SMLAL and SMLAL2 multiply the low and the high four int16 of n and m and add to d. The
// assembler has no name for them.
#define SMLAL(d, n, m) WORD $(0x0E608000 | (m)<<16 | (n)<<5 | (d))
#define SMLAL2(d, n, m) WORD $(0x4E608000 | (m)<<16 | (n)<<5 | (d))

// PART multiplies 8 cells in vectors n and n+1 with the next pair of taps and adds the
// products to four sums from acc on: of each cell the even row and the odd row apart.
#define PART(n, acc) \
	VLD1R.P 4(R3), [V28.S4]; \
	SMLAL(acc, n, 28); \
	SMLAL2(acc+1, n, 28); \
	SMLAL(acc+2, n+1, 28); \
	SMLAL2(acc+3, n+1, 28)

// STORE adds the even to the odd rows and stores 8 cells of one part.
#define STORE(a, b, c, d) \
	VADDP b.S4, a.S4, a.S4; \
	VADDP d.S4, c.S4, b.S4; \
	VST1 [a.S4, b.S4], (R14); \
	ADD $128, R14

#define ZERO(a) VEOR a.B16, a.B16, a.B16

// func respond(out *responses, sum, diff *folded, t *taps)
TEXT ·respond(SB), NOSPLIT, $0-32
	MOVD out+0(FP), R0
	MOVD sum+8(FP), R1
	MOVD diff+16(FP), R2
	MOVD $640, R13
	MOVD $4, R4

cells:
	MOVD t+24(FP), R3
	ADD  $3888, R3, R5      // the offsets follow 18*9*6 pairs
	ZERO(V0)
	ZERO(V1)
	ZERO(V2)
	ZERO(V3)
	ZERO(V4)
	ZERO(V5)
	ZERO(V6)
	ZERO(V7)
	ZERO(V8)
	ZERO(V9)
	ZERO(V10)
	ZERO(V11)
	ZERO(V12)
	ZERO(V13)
	ZERO(V14)
	ZERO(V15)
	ZERO(V16)
	ZERO(V17)
	ZERO(V18)
	ZERO(V19)
	ZERO(V20)
	ZERO(V21)
	ZERO(V22)
	ZERO(V23)
	MOVD $18, R6

columns:
	MOVW 0(R5), R8
	MOVW 4(R5), R9
	ADD  $8, R5
	ADD  R8, R2, R10        // diff, to the right
	ADD  R9, R2, R11        // diff, to the left
	ADD  R1, R8             // sum, to the right
	ADD  R1, R9             // sum, to the left
	MOVD $9, R7

rows:
	VLD1.P (R8)(R13), [V24.H8, V25.H8]
	VLD1.P (R9)(R13), [V26.H8, V27.H8]
	VADD V26.H8, V24.H8, V24.H8
	VADD V27.H8, V25.H8, V25.H8
	VLD1.P (R10)(R13), [V26.H8, V27.H8]
	VLD1.P (R11)(R13), [V29.H8, V30.H8]
	VSUB V29.H8, V26.H8, V26.H8
	VSUB V30.H8, V27.H8, V27.H8
	PART(24, 0)
	PART(24, 4)
	PART(24, 8)
	PART(24, 12)
	PART(26, 16)
	PART(26, 20)
	SUBS $1, R7
	BNE  rows
	SUBS $1, R6
	BNE  columns

	MOVD R0, R14
	STORE(V0, V1, V2, V3)
	STORE(V4, V5, V6, V7)
	STORE(V8, V9, V10, V11)
	STORE(V12, V13, V14, V15)
	STORE(V16, V17, V18, V19)
	STORE(V20, V21, V22, V23)
	ADD  $32, R0
	ADD  $32, R1
	ADD  $32, R2
	SUBS $1, R4
	BNE  cells
	RET
