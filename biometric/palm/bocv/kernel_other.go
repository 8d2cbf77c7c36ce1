//go:build !amd64 && !arm64

package bocv

func foldPair(sum, diff *[padded]uint32, a, am, b, bm *[padded]byte) {
	foldPairGo(sum, diff, a, am, b, bm)
}

func respond(out *responses, sum, diff *folded, t *taps) { respondGo(out, sum, diff, t) }

func differing(a, b []stackedRow, mask uint64) int { return differingGo(a, b, mask) }
