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

	"github.com/tilld/tilld/drivers"
)

// handle is a line that notes when its level changes.
type handle struct {
	start time.Time

	mu     sync.Mutex
	log    []string
	on     bool
	fail   error
	closed int
}

func (h *handle) set(on bool) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.fail != nil {
		return h.fail
	}
	if on != h.on {
		h.log = append(h.log, fmt.Sprintf("%v %v", time.Since(h.start), map[bool]string{true: "on", false: "off"}[on]))
		h.on = on
	}
	return nil
}

func (h *handle) close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed++
	return nil
}

func (h *handle) history() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return strings.Join(h.log, ", ")
}

// outputs opens lines that a test can look at.
type outputs map[string]*handle

func (o outputs) open(name string, _ bool) (*Output, error) {
	if strings.HasPrefix(name, "GPIO99") {
		return nil, requestError(name, unix.EBUSY)
	}
	o[name] = &handle{start: time.Now()}
	return &Output{name: name, line: o[name]}, nil
}

func fit(t *testing.T) (*Indicator, *handle, *handle) {
	t.Helper()
	lines := outputs{}
	i, err := open(Names{Lamp: "LAMP", Buzzer: "BUZZ"}, lines.open)
	if err != nil {
		t.Fatal(err)
	}
	return i, lines["LAMP"], lines["BUZZ"]
}

func TestPatterns(t *testing.T) {
	for _, c := range []struct {
		kind         Kind
		lamp, buzzer string
	}{
		{Idle, "", ""},
		{Paid, "0s on, 3s off", "0s on, 200ms off"},
		{NotPaid, "0s on, 100ms off, 200ms on, 300ms off, 400ms on, 500ms off, 600ms on, 700ms off, 800ms on, 900ms off",
			"0s on, 100ms off, 200ms on, 300ms off, 400ms on, 500ms off"},
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
		if want := "0s on, 50ms off, 50ms on, 100ms off"; lamp.history() != want || buzzer.history() != want {
			t.Errorf("lamp %s; buzzer %s", lamp.history(), buzzer.history())
		}
		if err := i.Set(Paid); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if err := i.Close(); err != nil || lamp.on || buzzer.on || lamp.closed != 1 || buzzer.closed != 1 {
			t.Errorf("closed with lamp %v, buzzer %v, %v", lamp.on, buzzer.on, err)
		}
		if err := i.Close(); err != nil {
			t.Errorf("closed twice: %v", err)
		}
		if err := i.Set(Paid); err != nil {
			t.Fatal(err)
		}
		if err := i.Halt(); !errors.Is(err, drivers.ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
		if s := i.String(); s != "indicator (lamp LAMP, buzzer BUZZ)" {
			t.Error(s)
		}
	})
}

func TestIndicatorErrors(t *testing.T) {
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
	lines := outputs{}
	var e *drivers.Error
	_, err := open(Names{Lamp: "LAMP", Buzzer: "GPIO99"}, lines.open)
	if !errors.As(err, &e) || e.Hint == "" || !errors.Is(err, drivers.ErrBusy) || lines["LAMP"].closed != 1 {
		t.Errorf("busy line: %v, lamp closed %d times", err, lines["LAMP"].closed)
	}
	none, err := open(Names{}, lines.open)
	if err != nil || none.Set(Paid) != nil || none.Halt() != nil || none.Close() != nil {
		t.Errorf("nothing fitted: %v", err)
	}
}
