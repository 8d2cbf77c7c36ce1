package terminal

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"
)

// machine is a board's clock that a test moves.
type machine struct {
	mu     sync.Mutex
	wall   time.Time
	mono   time.Duration
	synced bool
	err    error
}

func (m *machine) Read() (time.Time, time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.wall, m.mono
}

func (m *machine) Synchronised() (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.synced, m.err
}

// pass lets time go by; step sets the wall clock alone.
func (m *machine) pass(d time.Duration) { m.wall, m.mono = m.wall.Add(d), m.mono+d }
func (m *machine) step(d time.Duration) { m.wall = m.wall.Add(d) }

var (
	built = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	noon  = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
)

const years10 = 10 * 365 * 24 * time.Hour

func newMachine(at time.Time) *machine { return &machine{wall: at, synced: true} }

func expect(t *testing.T, c *Clock, want string) {
	t.Helper()
	ok, why := c.Trusted()
	if want == "" && !ok {
		t.Fatalf("not trusted: %s", why)
	}
	if want != "" && (ok || !strings.Contains(why, want)) {
		t.Fatalf("trusted %v, why %q; want a reason with %q", ok, why, want)
	}
}

func TestClockWakesIn1970(t *testing.T) {
	m := newMachine(time.Unix(40, 0))
	m.synced = false
	c := NewClock(ClockOptions{Source: m, Built: built})
	expect(t, c, "not synchronised")
	m.synced = true // a liar: synchronised to 1970
	expect(t, c, "before 2026-11-01")
	m.wall = noon
	expect(t, c, "")
	if now, ok := c.Now(); !ok || !now.Equal(noon) {
		t.Fatalf("now is %v, %v", now, ok)
	}
}

func TestClockFloorIsTheLaterOne(t *testing.T) {
	for _, tc := range []struct {
		name    string
		journal time.Time
		floor   time.Time
	}{
		{"no journal", time.Time{}, built},
		{"journal before the build", built.AddDate(0, 0, -3), built},
		{"journal after the build", noon, noon},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := newMachine(tc.floor.Add(-time.Minute))
			c := NewClock(ClockOptions{Source: m, Built: built})
			c.NotBefore(tc.journal)
			expect(t, c, "before")
			m.pass(time.Minute - slack)
			expect(t, c, "")
		})
	}
}

func TestClockJumps(t *testing.T) {
	for _, by := range []time.Duration{years10, -years10, 6 * time.Minute, -6 * time.Minute} {
		t.Run(by.String(), func(t *testing.T) {
			m := newMachine(noon)
			c := NewClock(ClockOptions{Source: m, Built: built})
			expect(t, c, "")
			m.pass(time.Hour)
			m.step(by)
			expect(t, c, "jumped by "+rough(by))
			m.pass(time.Hour)
			expect(t, c, "jumped")
			m.step(-by) // back where it belongs: nothing to prove
			expect(t, c, "")
		})
	}
}

func TestClockJumpConfirmedByWallet(t *testing.T) {
	m := newMachine(noon)
	c := NewClock(ClockOptions{Source: m, Built: built})
	expect(t, c, "")
	m.step(40 * 24 * time.Hour)
	expect(t, c, "jumped by 40 days")
	c.OnDate("wechat-main", noon)
	expect(t, c, "jumped")
	c.OnDate("wechat-main", m.wall.Add(-3*time.Second))
	expect(t, c, "")
	// The new time is the floor now.
	m.step(-time.Hour)
	expect(t, c, "jumped")
}

func TestClockSmallStepsAndLongRuns(t *testing.T) {
	m := newMachine(noon)
	c := NewClock(ClockOptions{Source: m, Built: built})
	for range 500 {
		m.pass(time.Hour)
		m.step(20 * time.Second) // a poor crystal, corrected each hour
		expect(t, c, "")
	}
}

func TestClockContradictedByWallet(t *testing.T) {
	m := newMachine(noon)
	c := NewClock(ClockOptions{Source: m, Built: built})
	c.OnDate("wechat-main", noon.Add(-3*time.Hour))
	expect(t, c, "3 hours ahead of the time that wechat-main tells")
	m.pass(time.Hour)
	expect(t, c, "3 hours ahead")
	c.OnDate("wechat-main", m.wall.Add(48*time.Hour))
	expect(t, c, "2 days behind the time that wechat-main tells")
	// A second wallet agrees with the kernel: the first one is wrong.
	c.OnDate("alipay-main", m.wall)
	expect(t, c, "")
}

func TestClockFloorMovesOnlyByAgreement(t *testing.T) {
	far := noon.Add(years10)
	m := newMachine(noon)
	m.synced = false
	c := NewClock(ClockOptions{Source: m, Built: built})
	c.NotBefore(far) // written while time was forged
	c.OnDate("wechat-main", noon)
	if !c.Floor().Equal(far) {
		t.Fatal("a wallet alone moved the floor")
	}
	m.synced = true
	expect(t, c, "before 2036")
	if !c.Floor().Equal(far) {
		t.Fatal("the kernel alone moved the floor")
	}
	c.OnDate("wechat-main", noon)
	expect(t, c, "")
	if !c.Floor().Equal(noon) {
		t.Fatalf("floor is %v after both agreed", c.Floor())
	}
	m.pass(time.Hour)
	expect(t, c, "")
	if !c.Floor().Equal(noon) {
		t.Fatal("the floor advanced without a wallet")
	}
}

func TestClockFloorNeverBeforeBuild(t *testing.T) {
	m := newMachine(built.AddDate(-1, 0, 0))
	c := NewClock(ClockOptions{Source: m, Built: built})
	c.OnDate("wechat-main", m.wall)
	expect(t, c, "before 2026-11-01")
}

func TestClockSystemOnly(t *testing.T) {
	m := newMachine(noon)
	m.synced = false
	m.err = errors.New("adjtimex: not permitted")
	strict := NewClock(ClockOptions{Source: m, Built: built})
	expect(t, strict, "adjtimex")
	test := NewClock(ClockOptions{Source: m, Built: built, SystemOnly: true})
	expect(t, test, "")
	m.step(years10)
	expect(t, test, "jumped by 10 years")
}

func TestClockConcurrent(t *testing.T) {
	m := newMachine(noon)
	c := NewClock(ClockOptions{Source: m, Built: built})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 200 {
				c.OnDate("wechat-main", noon)
				if ok, why := c.Trusted(); !ok {
					t.Error(why)
				}
				c.Now()
			}
		})
	}
	wg.Wait()
}
