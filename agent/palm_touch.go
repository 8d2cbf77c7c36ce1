package agent

import "github.com/tilld/tilld/internal/secret"

// Deed is what a person can do at the customer's screen.
type Deed string

const (
	DeedStop  Deed = "stop"  // another way, please
	DeedType  Deed = "type"  // Touch.Code was typed
	DeedSkip  Deed = "skip"  // without a member code
	DeedYes   Deed = "yes"   // it is me, and I pay this; or: withdraw
	DeedNo    Deed = "no"    // it is not
	DeedAgree Deed = "agree" // the boxes were ticked as Touch says
)

// Touch is one deed on one step.
type Touch struct {
	Payment string // Screen.Payment
	Step    uint64 // Screen.Step
	Deed    Deed
	Code    *secret.Bytes // with DeedType
	// With DeedAgree: the boxes as they stand, and the language that the text was shown in.
	Biometric, Transfer, Age bool
	Language                 string
}
