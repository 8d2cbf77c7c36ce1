package efaa

import (
	"errors"
	"fmt"
	"time"

	"github.com/tilld/tilld/drivers"
)

// ErrRestarted: the module has started anew, and what was asked is void.
var ErrRestarted = errors.New("the module has restarted")

// Exchange keeps one command outstanding, as the modules need it, and tells its reply from
// late ones. It is pure: it has no clock but the times it is told.
type Exchange struct {
	op  Op // outstanding; empty: none
	due time.Time
}

// Begin notes a command that is sent now and whose reply is due within a time. It fails with
// drivers.ErrBusy while another is outstanding; Reset may interrupt it.
func (e *Exchange) Begin(op Op, now time.Time, within time.Duration) error {
	if e.op != "" && op != Reset {
		return fmt.Errorf("%s: %s is outstanding: %w", op, e.op, drivers.ErrBusy)
	}
	e.op, e.due = op, now.Add(within)
	return nil
}

// Heard takes a message. over means that the command is over: err nil, the message is its
// reply; ErrRestarted, there will be none. Late replies to other commands are not.
func (e *Exchange) Heard(m *Message) (over bool, err error) {
	if n, ok := m.Note(); ok {
		if n != Ready || e.op == "" {
			return false, nil
		}
		e.op = ""
		return true, ErrRestarted
	}
	if to, _, ok := m.Reply(); !ok || e.op == "" || to != e.op {
		return false, nil
	}
	e.op = ""
	return true, nil
}

// Tick gives up on an overdue reply with drivers.ErrTimeout.
func (e *Exchange) Tick(now time.Time) error {
	if e.op == "" || now.Before(e.due) {
		return nil
	}
	op := e.op
	e.op = ""
	return fmt.Errorf("%s: %w", op, drivers.ErrTimeout)
}

// Due is when Tick is to be called; zero: never.
func (e *Exchange) Due() time.Time {
	if e.op == "" {
		return time.Time{}
	}
	return e.due
}
