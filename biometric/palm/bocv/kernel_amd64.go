package bocv

import "golang.org/x/sys/cpu"

func foldPair(sum, diff *[padded]uint32, a, am, b, bm *[padded]byte) {
	if cpu.X86.HasAVX2 {
		foldPairAVX2(sum, diff, a, am, b, bm)
	} else {
		foldPairGo(sum, diff, a, am, b, bm)
	}
}

func respond(out *responses, sum, diff *folded, t *taps) {
	if cpu.X86.HasAVX2 {
		respondAVX2(out, sum, diff, t)
	} else {
		respondGo(out, sum, diff, t)
	}
}

func differing(a, b []stackedRow, mask uint64) int {
	if cpu.X86.HasAVX2 {
		return differingAVX2(&a[0], &b[0], len(a), mask)
	}
	return differingGo(a, b, mask)
}

//go:noescape
func foldPairAVX2(sum, diff *[padded]uint32, a, am, b, bm *[padded]byte)

//go:noescape
func respondAVX2(out *responses, sum, diff *folded, t *taps)

//go:noescape
func differingAVX2(a, b *stackedRow, rows int, mask uint64) int
