package scanner

import "time"

// Cue is something a scanner is told to do.
type Cue string

const (
	Trigger   Cue = "trigger"   // begin to look for a code
	Untrigger Cue = "untrigger" // stop looking
	AimOn     Cue = "aim-on"
	AimOff    Cue = "aim-off"
	BeepGood  Cue = "beep-good" // paid
	BeepBad   Cue = "beep-bad"  // not paid
	LEDOn     Cue = "led-on"
	LEDOff    Cue = "led-off"
)

// Commander is a Codec that also talks to its device: set-up after each opening, cues,
// heartbeats. What it has to say leaves it as Result.Reply. It stays pure: the times are
// those it is told. It keeps at most a few commands; of two cues that contradict each other
// the later one stands.
type Commander interface {
	Codec
	Restarter
	// Do queues a cue and reports whether the device knows it. What is to be sent is emitted
	// by the next Tick or Feed.
	Do(c Cue) bool
	// Due is when Tick is to be called at the latest although nothing arrives: at once (a
	// time not after the present) while something waits to be sent, when a reply is overdue,
	// when a heartbeat is to be sent. The zero time is never.
	Due() time.Time
}

// Told is what the type of a Result.Event implements: what the device said, under the names
// that tools print and the wire vectors use ("params", "reply", "menu_reply", "status").
type Told interface {
	Fields() map[string]any
}

// Outstanding is a Codec that can be told that a command was sent whose reply is due. Tools
// that replay one direction of a dump use it; a Reader has sent the command itself.
type Outstanding interface {
	Outstanding(command []byte, now time.Time)
}
