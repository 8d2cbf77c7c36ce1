package biometric

import "time"

// Decision is what presentation attack detection says. The zero value is the careful one.
type Decision string

const (
	Undetermined Decision = ""          // not certain: another way to pay is offered, no threshold is lowered
	BonaFide     Decision = "bona-fide" // a live person, as far as the cues can tell
	Attack       Decision = "attack"
)

// Cue is what one detector said.
type Cue struct {
	Name    string  `json:"name"`
	Version int     `json:"version"`
	Score   float64 `json:"score"` // what it measured; EncodeVerdict keeps two digits of it
	// Low and High bound what it takes for bona fide. Between Doubt bounds and these it is
	// undetermined; outside of both it is an attack.
	Low       float64  `json:"low"`
	High      float64  `json:"high"`
	DoubtLow  float64  `json:"doubt_low"`
	DoubtHigh float64  `json:"doubt_high"`
	Decision  Decision `json:"decision"`
}

// KeyLevel is what holds the terminal's signing key.
type KeyLevel string

const (
	LevelTPM     KeyLevel = "tpm"
	LevelElement KeyLevel = "secure-element"
	LevelFile    KeyLevel = "file"
)

// Verdict explains a decision so that it can be audited afterwards. It holds nothing that
// was measured of a person but the scores of its cues.
type Verdict struct {
	Decision Decision  `json:"decision"`
	Reason   string    `json:"reason,omitempty"` // the cue, or the word, that decided
	Modality Modality  `json:"modality"`
	Cues     []Cue     `json:"cues"`
	Lamps    int       `json:"lamp_bits"` // log2 of the number of lamp orders it could have been, rounded down
	Level    KeyLevel  `json:"key_level"`
	Build    string    `json:"build"` // SHA-256 of the running program, hex
	At       time.Time `json:"at"`    // to the minute
	// PaymentGrade is false where a cue that payment needs is missing; Missing names them.
	PaymentGrade bool     `json:"payment_grade"`
	Missing      []string `json:"missing,omitempty"`
	Simulated    bool     `json:"simulated,omitempty"` // the camera was not a camera
}
