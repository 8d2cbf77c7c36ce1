package gpio

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/gpio/gpioreg"

	"github.com/tilld/tilld/drivers"
)

// pin notes when its level changes. (periph's gpiotest would need one module more.)
type pin struct {
	gpio.PinIO
	name  string
	num   int
	start time.Time

	mu   sync.Mutex
	log  []string
	last gpio.Level
	fail error
}

func (p *pin) Name() string   { return p.name }
func (p *pin) Number() int    { return p.num }
func (p *pin) String() string { return p.name }

func (p *pin) Out(l gpio.Level) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fail != nil {
		return p.fail
	}
	if l != p.last {
		p.log = append(p.log, fmt.Sprintf("%v %v", time.Since(p.start), l))
		p.last = l
	}
	return nil
}

func (p *pin) history() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.log, ", ")
}

func fit(t *testing.T) (*Indicator, *pin, *pin) {
	t.Helper()
	pins := map[string]*pin{}
	for n, name := range []string{"LAMP", "BUZZ"} {
		p := &pin{PinIO: gpio.INVALID, name: name, num: 100 + n, start: time.Now()}
		if err := gpioreg.Register(p); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := gpioreg.Unregister(name); err != nil {
				t.Error(err)
			}
		})
		pins[name] = p
	}
	i, err := open(Names{Lamp: "LAMP", Buzzer: "BUZZ"}, func() error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	return i, pins["LAMP"], pins["BUZZ"]
}

func TestPatterns(t *testing.T) {
	for _, c := range []struct {
		kind         Kind
		lamp, buzzer string
	}{
		{Idle, "", ""},
		{Paid, "0s High, 3s Low", "0s High, 200ms Low"},
		{NotPaid, "0s High, 100ms Low, 200ms High, 300ms Low, 400ms High, 500ms Low, 600ms High, 700ms Low, 800ms High, 900ms Low",
			"0s High, 100ms Low, 200ms High, 300ms Low, 400ms High, 500ms Low"},
	} {
		synctest.Test(t, func(t *testing.T) {
			i, lamp, buzzer := fit(t)
			if err := i.Set(c.kind); err != nil {
				t.Fatal(err)
			}
			time.Sleep(10 * time.Second)
			if err := i.Halt(); err != nil {
				t.Fatal(err)
			}
			if lamp.history() != c.lamp || buzzer.history() != c.buzzer {
				t.Errorf("%s: lamp %s; buzzer %s", c.kind, lamp.history(), buzzer.history())
			}
		})
	}
}

func TestTheLastOneSetIsShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i, lamp, buzzer := fit(t)
		for _, k := range []Kind{Paid, NotPaid, Idle} {
			if err := i.Set(k); err != nil {
				t.Fatal(err)
			}
			time.Sleep(50 * time.Millisecond)
		}
		if err := i.Set("half-paid"); err == nil {
			t.Error("unknown kind accepted")
		}
		if want := "0s High, 50ms Low, 50ms High, 100ms Low"; lamp.history() != want || buzzer.history() != want {
			t.Errorf("lamp %s; buzzer %s", lamp.history(), buzzer.history())
		}
		if err := i.Set(Paid); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if err := i.Halt(); err != nil || lamp.last != gpio.Low || buzzer.last != gpio.Low {
			t.Errorf("halted with lamp %v, buzzer %v, %v", lamp.last, buzzer.last, err)
		}
		if s := i.String(); s != "indicator (lamp LAMP, buzzer BUZZ)" {
			t.Error(s)
		}
	})
}

func TestErrors(t *testing.T) {
	i, lamp, _ := fit(t)
	lamp.mu.Lock()
	lamp.fail = unix.EIO
	lamp.mu.Unlock()
	if err := i.Set(Paid); err != nil {
		t.Fatal(err)
	}
	if err := i.Halt(); !errors.Is(err, unix.EIO) || !strings.Contains(err.Error(), "LAMP") {
		t.Errorf("%v", err)
	}
	var e *drivers.Error
	_, err := open(Names{Lamp: "GPIO999"}, func() error { return nil })
	if !errors.As(err, &e) || e.Hint == "" || !strings.Contains(err.Error(), "GPIO999") {
		t.Errorf("absent line: %v", err)
	}
	if _, err := open(Names{}, func() error { return unix.EACCES }); !errors.As(err, &e) || e.Hint == "" {
		t.Errorf("no access: %v", err)
	}
	none, err := open(Names{}, func() error { return nil })
	if err != nil || none.Set(Paid) != nil || none.Halt() != nil {
		t.Errorf("nothing fitted: %v", err)
	}
}

func TestOpenKeepsStandardInput(t *testing.T) {
	if _, err := Open(Names{}); err != nil {
		t.Fatal(err)
	}
	var st unix.Stat_t
	if err := unix.Fstat(0, &st); err != nil {
		t.Fatalf("descriptor 0: %v", err)
	}
}
