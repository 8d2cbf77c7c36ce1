package sim

// coverage counts what was visited.
type coverage struct {
	payments int // on record
	baskets  int
	faulted  int // baskets to which something happened
	crashes  int
	faults   [numFaults]int
	pairs    map[pair]int
}

type pair struct {
	point point
	fault fault
}

func newCoverage() *coverage { return &coverage{pairs: map[pair]int{}} }

// add counts a basket: every fault that happened to it, with every point at which its till
// crashed.
func (c *coverage) add(b *basket) {
	c.baskets++
	if b.hits != 0 || len(b.crashes) > 0 {
		c.faulted++
	}
	c.crashes += len(b.crashes)
	for f := range numFaults {
		if !b.hits.has(f) {
			continue
		}
		c.faults[f]++
		for _, p := range b.crashes {
			c.pairs[pair{p, f}]++
		}
	}
}
