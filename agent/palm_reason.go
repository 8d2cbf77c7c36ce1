package agent

// PalmReason is what the screen says of a presentation that came to nothing, in
// Screen.Reason. It is neutral on purpose: what made the till or the provider doubt is told
// to the operator alone.
type PalmReason string

const (
	palmWord = "palm-" // begins every one

	PalmUnusable PalmReason = "palm-unusable"  // it could not be used: show a code
	PalmUnsure   PalmReason = "palm-unsure"    // it was not certain enough: show a code
	PalmUnknown  PalmReason = "palm-unknown"   // it does not fit a member, or not the member code
	PalmHand     PalmReason = "palm-hand"      // it is the other hand
	PalmNobody   PalmReason = "palm-nobody"    // nothing was shown in time
	PalmMany     PalmReason = "palm-many"      // more than one hand stayed in view
	PalmQuality  PalmReason = "palm-quality"   // seen, but never well enough
	PalmMember   PalmReason = "palm-member"    // the member code is needed
	PalmNoMember PalmReason = "palm-no-member" // that is not a member code
	PalmNoApp    PalmReason = "palm-no-app"    // that is not a code of the provider's app
	PalmOff      PalmReason = "palm-off"       // it does not work now: show a code
	PalmLocked   PalmReason = "palm-locked"    // the provider has locked it for a while
	PalmLate     PalmReason = "palm-late"      // it was not confirmed in time
	PalmStopped  PalmReason = "palm-stopped"   // the person, or a payment that came, ended it
	PalmBoxes    PalmReason = "palm-boxes"     // it takes every box
	PalmRefused  PalmReason = "palm-refused"   // the provider does not accept it
)
