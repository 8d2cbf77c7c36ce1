// Package health is the vocabulary of what is wrong with a till and what a person does
// about it. A warning has a code that never changes, a cause and a hint. Health never
// depends on the network being there: it says so, it does not restart because of it.
package health

import (
	"slices"
	"strings"
	"sync"
	"time"
)

// Severity orders warnings.
type Severity string

const (
	Notice  Severity = "notice"  // worth knowing
	Warning Severity = "warning" // works, but not for long or not as it should
	// Critical: someone must look at once. New sales are taken all the same.
	Critical Severity = "critical"
	Closed   Severity = "closed" // no new sale is accepted; open ones are finished
)

// Cause is one thing that is wrong now.
type Cause struct {
	Code     string    `json:"code"`    // "offline", "clock", "space", "scanner", ...
	Subject  string    `json:"subject"` // which one: a contract, a device; may be empty
	Severity Severity  `json:"severity"`
	Text     string    `json:"text"`
	Hint     string    `json:"hint,omitempty"`
	Since    time.Time `json:"since"`
}

// Board holds the causes that are true now. It is safe for concurrent use.
type Board struct {
	mu     sync.Mutex
	causes map[string]Cause
	notify []func(c Cause, cleared bool)
}

// NewBoard makes an empty board.
func NewBoard() *Board { return &Board{causes: map[string]Cause{}} }

// OnChange adds a function that is told of every cause set or cleared, in the caller's
// goroutine and outside the board's lock.
func (b *Board) OnChange(f func(c Cause, cleared bool)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.notify = append(b.notify, f)
}

// Set makes a cause true. A repeat with the same text changes nothing.
func (b *Board) Set(c Cause) {
	b.mu.Lock()
	key := c.Code + "\x00" + c.Subject
	old, was := b.causes[key]
	if was {
		c.Since = old.Since
	} else if c.Since.IsZero() {
		c.Since = time.Now()
	}
	b.causes[key] = c
	notify := b.notify
	b.mu.Unlock()
	if was && old.Text == c.Text && old.Severity == c.Severity {
		return
	}
	for _, f := range notify {
		f(c, false)
	}
}

// Clear makes a cause untrue.
func (b *Board) Clear(code, subject string) {
	b.mu.Lock()
	key := code + "\x00" + subject
	c, was := b.causes[key]
	delete(b.causes, key)
	notify := b.notify
	b.mu.Unlock()
	if !was {
		return
	}
	for _, f := range notify {
		f(c, true)
	}
}

// Causes lists what is true now, the closing ones first, then by code.
func (b *Board) Causes() []Cause {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := make([]Cause, 0, len(b.causes))
	for _, c := range b.causes {
		out = append(out, c)
	}
	rank := map[Severity]int{Closed: 0, Critical: 1, Warning: 2, Notice: 3}
	slices.SortFunc(out, func(x, y Cause) int {
		if d := rank[x.Severity] - rank[y.Severity]; d != 0 {
			return d
		}
		return strings.Compare(x.Code+x.Subject, y.Code+y.Subject)
	})
	return out
}

// Closing is the first cause that forbids new sales.
func (b *Board) Closing() (Cause, bool) {
	for _, c := range b.Causes() {
		if c.Severity == Closed {
			return c, true
		}
	}
	return Cause{}, false
}
