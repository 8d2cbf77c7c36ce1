package ssi

import (
	"fmt"
	"time"

	"github.com/tilld/tilld/scanner"
)

const (
	// DefaultReplyWithin is how long a decoder may take to answer a command.
	DefaultReplyWithin = time.Second
	// Tries is how often a command is sent before the decoder is given up.
	Tries = 3
	// WakeDelay is what a decoder needs to wake up after a byte: Grow's manuals say 50 ms.
	WakeDelay = 50 * time.Millisecond
	// maxQueue bounds the cues that wait.
	maxQueue = 8
)

// Parameters by number; Zebra's guides give them in hexadecimal digits.
const (
	paramCodeID      = 0x2D  // before the text: 0 none, 1 AIM identifier
	paramNoRead      = 0x5E  // report that nothing was found
	paramTrigger     = 0x8A  // triggering mode: 8 host
	paramFormat      = 0xEB  // of the data: 0 without prefix and suffix
	paramProgramming = 0xEC  // by bar code
	paramPacketed    = 0xEE  // decode data in packets
	paramHandshake   = 0x9F  // ACK and NAK
	paramBootEvent   = 0x102 // report that the decoder was switched on
)

// Data of a BEEP and of LED_ON.
const (
	beepGood = 0x01 // two short high
	beepBad  = 0x0F // one long low
	led      = 0x01
)

// command is one to be sent.
type command struct {
	op    Opcode
	param uint16 // of ParamSend and ParamRequest
	value uint16 // of ParamSend
	arg   byte   // of Beep and the LEDs
	has   bool   // arg is sent
	must  bool   // without an answer the decoder is of no use
}

// settings are sent at each start. The first is one that every decoder answers.
func settings(c Config) []command {
	set := func(must bool, param, value uint16) command {
		return command{op: ParamSend, param: param, value: value, must: must}
	}
	aim := uint16(0)
	if c.AIM {
		aim = 1
	}
	s := []command{
		set(true, paramPacketed, 1), set(true, paramHandshake, 1), set(true, paramProgramming, 0),
		{op: FlushQueue},
		set(false, paramNoRead, 0), set(false, paramFormat, 0), set(c.AIM, paramCodeID, aim), set(false, paramBootEvent, 1),
	}
	if c.Triggered {
		s = append(s, set(true, paramTrigger, 8))
	}
	return append(s, command{op: ParamRequest, param: paramProgramming}, command{op: ScanEnable})
}

// append adds the packet of a command.
func (c command) append(dst []byte, status byte) []byte {
	switch {
	case c.op == ParamSend:
		var room [setting]byte
		return Append(dst, c.op, status, appendSetting(append(room[:0], NoBeep), c.param, c.value)...)
	case c.op == ParamRequest:
		var room [setting]byte
		return Append(dst, c.op, status, appendNumber(room[:0], c.param)...)
	case c.has:
		return Append(dst, c.op, status, c.arg)
	}
	return Append(dst, c.op, status)
}

// talk is what is said to the decoder: one command at a time.
type talk struct {
	live   bool // Restart was called
	dead   bool // a Fault was emitted since: nothing is said or delivered
	setup  []command
	at     int // of the next one of setup
	queue  []command
	flush  bool // a FlushQueue is to be sent
	mute   bool // the decoder does not answer FlushQueue
	now    command
	tries  int       // of now; 0 = nothing is outstanding
	waking bool      // now is to be sent at due; otherwise its answer is expected until then
	due    time.Time // if tries > 0
	heard  bool      // the decoder answered since Restart
	guilty int       // how often programming by bar code was still on after the set-up
}

func (t *talk) restart() {
	*t = talk{live: true, setup: t.setup, queue: t.queue[:0]}
}

// begin sets the decoder up again.
func (t *talk) begin() { t.at, t.tries = 0, 0 }

func (t *talk) settingUp() bool { return t.live && (t.dead || t.at < len(t.setup)) }

// next is the command that is to be sent.
func (t *talk) next() (c command, ok bool) {
	switch {
	case t.dead:
	case t.settingUp():
		return t.setup[t.at], true
	case t.flush && !t.mute:
		return command{op: FlushQueue}, true
	case len(t.queue) > 0:
		return t.queue[0], true
	}
	return command{}, false
}

// done takes the command that was answered from where next found it.
func (t *talk) done() {
	t.tries = 0
	t.flush = t.flush && t.now.op != FlushQueue
	switch {
	case t.settingUp():
		t.at++
	case len(t.queue) > 0 && t.queue[0] == t.now:
		t.queue = t.queue[:copy(t.queue, t.queue[1:])]
	}
}

// cue is the command of a cue.
func cue(c scanner.Cue) (cmd command, ok bool) {
	switch c {
	case scanner.Trigger:
		return command{op: StartDecode}, true
	case scanner.Untrigger:
		return command{op: StopDecode}, true
	case scanner.AimOn:
		return command{op: AimOn}, true
	case scanner.AimOff:
		return command{op: AimOff}, true
	case scanner.BeepGood:
		return command{op: Beep, arg: beepGood, has: true}, true
	case scanner.BeepBad:
		return command{op: Beep, arg: beepBad, has: true}, true
	case scanner.LEDOn:
		return command{op: LEDOn, arg: led, has: true}, true
	case scanner.LEDOff:
		return command{op: LEDOff, arg: led, has: true}, true
	}
	return command{}, false
}

// subject is what a command is about: of two about the same the later one stands.
func (c command) subject() Opcode {
	switch c.op {
	case StopDecode:
		return StartDecode
	case AimOff:
		return AimOn
	case LEDOff:
		return LEDOn
	}
	return c.op
}

// Do queues a cue.
func (d *Codec) Do(c scanner.Cue) bool {
	cmd, ok := cue(c)
	if !ok {
		return false
	}
	t := &d.talk
	// The first may be on its way.
	sent := 0
	if t.tries > 0 && len(t.queue) > 0 && t.queue[0] == t.now && !t.settingUp() {
		sent = 1
	}
	kept := t.queue[:sent]
	for _, q := range t.queue[sent:] {
		if q.subject() != cmd.subject() {
			kept = append(kept, q)
		}
	}
	if len(kept) == maxQueue {
		kept = append(kept[:sent], kept[sent+1:]...)
	}
	t.queue = append(kept, cmd)
	return true
}

// Due is when a command is to be sent or its answer is overdue.
func (d *Codec) Due() time.Time {
	t := &d.talk
	if t.tries > 0 {
		return t.due
	}
	_, ok := t.next()
	switch {
	case !ok:
		return time.Time{}
	case d.join.open:
		return d.join.last.Add(JoinWithin)
	case d.Pending():
		return d.last.Add(Gap)
	}
	return time.Unix(0, 0)
}

// send sends the next command, or the last one again, as far as it is time to.
func (d *Codec) send(now time.Time, emit func(scanner.Result)) {
	t := &d.talk
	switch {
	case t.tries > 0 && now.Before(t.due):
	case t.tries > 0 && t.waking:
		d.transmit(now, emit)
	case t.tries == Tries:
		d.unanswered(emit)
		d.send(now, emit)
	case t.tries > 0:
		d.try(now, emit)
	default:
		c, ok := t.next()
		if ok && !d.Pending() { // or the decoder would be interrupted
			t.now = c
			d.try(now, emit)
		}
	}
}

// try sends the command once more, after the wake-up byte where one is needed.
func (d *Codec) try(now time.Time, emit func(scanner.Result)) {
	t := &d.talk
	t.tries++
	if !d.c.Wake {
		d.transmit(now, emit)
		return
	}
	t.waking, t.due = true, now.Add(WakeDelay)
	emit(scanner.Result{Reply: append(d.out[:0], 0)})
}

func (d *Codec) transmit(now time.Time, emit func(scanner.Result)) {
	t := &d.talk
	t.waking, t.due = false, now.Add(d.c.ReplyWithin)
	status := byte(0)
	if t.tries > 1 {
		status = Retransmitted
	}
	emit(scanner.Result{Reply: t.now.append(d.out[:0], status)})
}

// unanswered gives a command up: as refused, if it belongs to what not every decoder knows.
func (d *Codec) unanswered(emit func(scanner.Result)) {
	t := &d.talk
	if t.now.must || !t.heard || !t.settingUp() {
		d.fault(emit, "no answer to %s, sent %d times", t.now.op, Tries)
		return
	}
	t.mute = t.mute || t.now.op == FlushQueue
	d.refused(0, emit)
}

// fault says nothing more and delivers nothing until Restart.
func (d *Codec) fault(emit func(scanner.Result), format string, args ...any) {
	d.talk.dead, d.talk.tries = true, 0
	emit(scanner.Result{Fault: fmt.Errorf(format, args...)})
}

// refused goes on without the command that the decoder did not accept.
func (d *Codec) refused(cause Cause, emit func(scanner.Result)) {
	r := Refused{Opcode: d.talk.now.op, Param: d.talk.now.param, Cause: cause}
	d.talk.done()
	emit(scanner.Result{Event: r})
}

// denied takes a CMD_NAK.
func (d *Codec) denied(p packet, now time.Time, emit func(scanner.Result)) {
	t := &d.talk
	if t.tries == 0 || t.waking || len(p.data) == 0 {
		return
	}
	t.heard = true
	switch cause := Cause(p.data[0]); {
	case cause != Resend && t.now.op == ParamSend && t.now.param == paramProgramming && !d.c.Programmable:
		d.fault(emit, "the decoder refuses to switch off programming by bar code: %s", cause)
	case cause != Resend:
		d.refused(cause, emit)
	case t.tries < Tries:
		d.try(now, emit)
	default:
		d.fault(emit, "%s arrived damaged %d times", t.now.op, Tries)
	}
}

// answered takes a CMD_ACK, or the message that answers a request in place of it.
func (d *Codec) answered(p packet, emit func(scanner.Result)) {
	t := &d.talk
	if t.tries == 0 || t.waking {
		return
	}
	if t.now.op == ParamRequest && t.now.param == paramProgramming {
		d.verify(p, emit)
		return
	}
	if p.op == CmdACK {
		t.heard = true
		t.done()
	}
}

// verify looks at what the decoder says of programming by bar code: an ACK alone may be the
// late answer to an earlier command, and then the one that switches it off may be lost.
func (d *Codec) verify(p packet, emit func(scanner.Result)) {
	if p.op != ParamSend {
		return
	}
	t := &d.talk
	v, _ := parseParams(p.data)
	switch on, known := v[paramProgramming]; {
	case !known:
		return
	case on == 0:
		t.guilty = 0
		t.done()
	case t.guilty < 2:
		t.guilty++
		t.begin()
	case d.c.Programmable:
		d.refused(Denied, emit)
	default:
		d.fault(emit, "programming by bar code cannot be switched off")
	}
}
