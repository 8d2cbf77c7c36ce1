package attack

import "math"

// Likelihood is a linker that was trained on people who are not among those it is used on:
// for each bit, how likely its four combinations under two keys are for one person against
// two. It is for the pair of keys that it was trained with.
type Likelihood struct {
	words int
	// The logarithm of a likelihood ratio is a sum of tables by byte: of the reference, of the
	// probe, and of what differs.
	reference, probe, differ [][256]float32
	mated, nonMated          [][4]float64 // counts by bit, while it is trained
}

// NewLikelihood makes an untrained linker of bit strings.
func NewLikelihood(bits int) *Likelihood {
	return &Likelihood{words: bits / 64, mated: make([][4]float64, bits), nonMated: make([][4]float64, bits)}
}

// Learn takes one pair: a reference under one key and one string of a probe under the other,
// at the shift where both show the same part of the palm, as a thief knows it of the people
// he trains with.
func (l *Likelihood) Learn(reference, probe []uint64, mated bool) {
	counts := l.nonMated
	if mated {
		counts = l.mated
	}
	for j := range counts {
		counts[j][reference[j/64]>>(j%64)&1<<1|probe[j/64]>>(j%64)&1]++
	}
}

// Train ends the learning.
func (l *Likelihood) Train() {
	n := len(l.mated)
	l.reference, l.probe, l.differ = make([][256]float32, n/8), make([][256]float32, n/8), make([][256]float32, n/8)
	for j := range n {
		ratio := ratios(l.mated[j], l.nonMated[j])
		// ratio[r][p] = const + r*ofReference + p*ofProbe + (r xor p)*ofBoth
		both := (ratio[1] + ratio[2] - ratio[0] - ratio[3]) / 2
		spread(&l.reference[j/8], j%8, ratio[2]-ratio[0]-both)
		spread(&l.probe[j/8], j%8, ratio[1]-ratio[0]-both)
		spread(&l.differ[j/8], j%8, both)
	}
	l.mated, l.nonMated = nil, nil
}

// ratios are the logarithms of the likelihood ratios of the four combinations, as if each
// had been seen once more.
func ratios(mated, nonMated [4]float64) (out [4]float64) {
	var m, n float64
	for i := range out {
		m += mated[i] + 1
		n += nonMated[i] + 1
	}
	for i := range out {
		out[i] = math.Log((mated[i] + 1) / m * n / (nonMated[i] + 1))
	}
	return out
}

func spread(t *[256]float32, bit int, v float64) {
	for i := range t {
		if i>>bit&1 == 1 {
			t[i] += float32(v)
		}
	}
}

func look(tables [][256]float32, word uint64, w int) (sum float32) {
	t := tables[8*w:][:8:8]
	return t[0][byte(word)] + t[1][byte(word>>8)] + t[2][byte(word>>16)] + t[3][byte(word>>24)] +
		t[4][byte(word>>32)] + t[5][byte(word>>40)] + t[6][byte(word>>48)] + t[7][byte(word>>56)]
}

// Prior is what each string of a probe says by itself.
func (l *Likelihood) Prior(probe []uint64) (out []float32) {
	for ; len(probe) >= l.words; probe = probe[l.words:] {
		var sum float32
		for w, v := range probe[:l.words] {
			sum += look(l.probe, v, w)
		}
		out = append(out, sum)
	}
	return out
}

// Score is the greatest likelihood over the strings of a probe, less being more alike, as a
// distance. prior is that of the probe.
func (l *Likelihood) Score(reference, probe []uint64, prior []float32) float32 {
	best := float32(math.Inf(-1))
	for i, p := range prior {
		s := probe[i*l.words:][:l.words]
		sum := p
		for w, v := range s {
			sum += look(l.differ, v^reference[w], w)
		}
		best = max(best, sum)
	}
	for w, v := range reference[:l.words] {
		best += look(l.reference, v, w)
	}
	return -best
}
