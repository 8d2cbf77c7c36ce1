package bocv

//go:noescape
func foldPair(sum, diff *[padded]uint32, a, am, b, bm *[padded]byte)

//go:noescape
func respond(out *responses, sum, diff *folded, t *taps)

func differing(a, b []stackedRow, mask uint64) int { return differingGo(a, b, mask) }
