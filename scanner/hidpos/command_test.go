package hidpos

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tilld/tilld/internal/board/device"
	"github.com/tilld/tilld/scanner"
	"github.com/tilld/tilld/scanner/menu"
)

// converse lets codec and model talk for a while.
func (b *bench) converse(d *device.HIDPOS, during time.Duration) {
	for end := b.now.Add(during); b.now.Before(end); {
		b.silence(10 * time.Millisecond)
		for _, r := range b.sent {
			d.Output(r)
		}
		b.sent = nil
		for r, ok := d.Poll(); ok; r, ok = d.Poll() {
			b.feed(r)
		}
	}
}

func TestSetUpAndTrigger(t *testing.T) {
	d := device.NewHIDPOS(device.HIDPOSOptions{})
	b := newBench(t, Config{Dialect: menu.Honeywell, Triggered: true, Settings: []string{"BEPLVL1", "XYZABC1"}})
	b.c.Restart()
	b.converse(d, 200*time.Millisecond)
	if len(b.events) != 3 || b.events[0]["menu_reply"] != "TRGMOD0" || !slices.Equal(b.events[2]["status"].([]string), []string{"enq"}) {
		t.Errorf("events %v", b.events)
	}
	show := func() {
		if err := d.Scan("qr", "134567890123456789"); err != nil {
			t.Fatal(err)
		}
		b.converse(d, 50*time.Millisecond)
	}
	show()
	b.want()
	if !b.c.Do(scanner.Trigger) || !b.c.Do(scanner.BeepGood) || b.c.Do(scanner.AimOn) {
		t.Error("cues")
	}
	b.converse(d, 50*time.Millisecond)
	show()
	b.want(scan("]Q1", "134567890123456789"))
	b.c.Do(scanner.Trigger)
	b.converse(d, 50*time.Millisecond)
	b.c.Do(scanner.Untrigger)
	b.converse(d, 50*time.Millisecond)
	show()
	b.want(scan("]Q1", "134567890123456789"))
	c := d.Menu().Counts()
	if c.Beeps != 1 || c.Triggers != 2 || c.FlashWrites != 0 || len(b.faults) != 0 {
		t.Errorf("%+v, faults %v", c, b.faults)
	}
	if f := d.Faults(); len(f) != 1 || !strings.Contains(f[0], "XYZABC1") {
		t.Errorf("the model found %q", f)
	}
}

// TestReplyDuringScan: a reply between two codes is neither part of one nor a scan.
func TestReplyDuringScan(t *testing.T) {
	d := device.NewHIDPOS(device.HIDPOSOptions{})
	b := newBench(t, Config{Dialect: menu.Honeywell, Settings: []string{"REVINF"}})
	b.c.Restart()
	d.Send(d.Reports("]Q1", "1")...)
	b.converse(d, 100*time.Millisecond)
	d.Send(d.Reports("]Q1", "2")...)
	b.converse(d, 100*time.Millisecond)
	b.want(scan("]Q1", "1"), scan("]Q1", "2"))
	if len(b.events) != 1 || b.events[0]["menu_reply"] != "REVINF" {
		t.Errorf("events %v", b.events)
	}
}

func TestInfoComesWithReply(t *testing.T) {
	d := device.NewHIDPOS(device.HIDPOSOptions{})
	c, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	report := make([]byte, 64)
	copy(report, "\xfd\x0a\x16M\rREVINF.")
	d.Output(report)
	info := ""
	for r, ok := d.Poll(); ok; r, ok = d.Poll() {
		c.Feed(r, epoch, func(r scanner.Result) {
			if reply, is := r.Event.(*Reply); is {
				info = string(reply.Info)
			} else {
				t.Errorf("%+v", r)
			}
		})
	}
	if !strings.HasPrefix(info, "Product Name") || !strings.HasSuffix(info, "\r\n") || len(d.Faults()) != 0 {
		t.Errorf("%q, %q", info, d.Faults())
	}
}

// TestSilentScanner: one that ought to answer and does not is a fault, and soon.
func TestSilentScanner(t *testing.T) {
	d := device.NewHIDPOS(device.HIDPOSOptions{Mute: true})
	b := newBench(t, Config{Dialect: menu.Honeywell, Triggered: true})
	b.c.Restart()
	b.converse(d, 5*time.Second)
	if len(b.faults) != 1 || d.Counts().Outputs != menu.Tries {
		t.Errorf("faults %v after %d commands", b.faults, d.Counts().Outputs)
	}
}

// TestNoOutputReport: a scanner without one cannot be told anything, and still scans.
func TestNoOutputReport(t *testing.T) {
	l := Published()
	l.OutSize = 0
	b := newBench(t, Config{Layout: l, Dialect: menu.Honeywell, Settings: []string{"BEPLVL1"}})
	b.c.Restart()
	b.silence(5 * time.Second)
	b.feed(reports("]Q1", "1")...)
	b.want(scan("]Q1", "1"))
	if len(b.sent) != 0 || len(b.faults) != 0 || b.c.Do(scanner.Trigger) || !b.c.Due().IsZero() {
		t.Errorf("sent %x, faults %v", b.sent, b.faults)
	}
}

// TestSmallOutputReport: what does not fit is a fault, not half a command.
func TestSmallOutputReport(t *testing.T) {
	l := Published()
	l.OutSize = 8
	b := newBench(t, Config{Layout: l, Dialect: menu.Honeywell, Settings: []string{"BEPLVL1"}})
	b.c.Restart()
	b.silence(50 * time.Millisecond)
	if len(b.sent) != 0 || len(b.faults) == 0 {
		t.Errorf("sent %x, faults %v", b.sent, b.faults)
	}
}

func TestNothingIsSentInsideACode(t *testing.T) {
	b := newBench(t, Config{Dialect: menu.Honeywell})
	long := reports("]Q1", strings.Repeat("5", 60))
	b.feed(long[0])
	b.c.Do(scanner.BeepGood)
	b.silence(100 * time.Millisecond)
	if len(b.sent) != 0 || !b.c.Due().IsZero() {
		t.Errorf("sent %x", b.sent)
	}
	b.feed(long[1])
	if len(b.sent) != 1 {
		t.Errorf("sent %x", b.sent)
	}
}

// TestNoImageCommands: nothing that the codec sends asks a scanner for pictures.
func TestNoImageCommands(t *testing.T) {
	for _, d := range []menu.Dialect{menu.Honeywell, menu.Newland, menu.Mindeo} {
		b := newBench(t, Config{Dialect: d, Triggered: true})
		b.c.Restart()
		for _, c := range []scanner.Cue{scanner.Trigger, scanner.Untrigger, scanner.AimOn, scanner.AimOff, scanner.BeepGood, scanner.BeepBad, scanner.LEDOn, scanner.LEDOff} {
			b.c.Do(c)
			b.silence(5 * time.Second)
		}
		for _, r := range b.sent {
			if strings.Contains(strings.ToUpper(string(r)), "IMG") {
				t.Errorf("%s: %q", d, r)
			}
		}
		if len(b.sent) == 0 {
			t.Errorf("%s: nothing sent", d)
		}
	}
}
