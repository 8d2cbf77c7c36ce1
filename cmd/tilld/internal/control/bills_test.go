package control

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/tilld/tilld/agent"
	"github.com/tilld/tilld/agent/bill"
)

// biller is Bills of functions.
type biller struct {
	reconcile func(ctx context.Context, r agent.BillRequest) (bill.Report, error)
	adopt     func(ctx context.Context, r agent.AdoptRequest) (agent.AdoptReport, error)
	told      []string
}

func (b *biller) Reconcile(ctx context.Context, r agent.BillRequest) (bill.Report, error) {
	return b.reconcile(ctx, r)
}
func (b *biller) Adopt(ctx context.Context, r agent.AdoptRequest) (agent.AdoptReport, error) {
	return b.adopt(ctx, r)
}
func (b *biller) Told(_ context.Context, ids []string) ([]string, error) {
	b.told = ids
	return ids[1:], nil
}

// A long bill is told about while it is still being sent.
func TestProgressWhileSending(t *testing.T) {
	seen := make(chan struct{})
	b := &biller{reconcile: func(_ context.Context, r agent.BillRequest) (bill.Report, error) {
		if r.Wallet != "w" || r.Day.String() != "2026-11-21" || r.SHA1 != "ab" {
			t.Errorf("%+v", r)
		}
		if _, err := io.ReadFull(r.File, make([]byte, 6)); err != nil {
			return bill.Report{}, err
		}
		r.Progress(agent.Progress{Rows: 1, Bytes: 6})
		<-seen
		rest, err := io.ReadAll(r.File)
		return bill.Report{Rows: len(rest)}, err
	}}
	c := serveBills(t, b)
	body, feed := io.Pipe()
	go func() {
		io.WriteString(feed, "first ")
		<-seen // the rest is sent after the progress was heard
		io.WriteString(feed, strings.Repeat("x", 1<<20))
		feed.Close()
	}()
	var rows []int
	err := c.Stream(t.Context(), ReconcileRequest{Wallet: "w", Day: "2026-11-21", SHA1: "ab", File: true}.Path(), body, func(l BillLine) {
		switch {
		case l.Progress != nil:
			rows = append(rows, l.Progress.Rows)
			close(seen)
		case l.Report != nil:
			rows = append(rows, l.Report.Rows)
		}
	})
	if err != nil || len(rows) != 2 || rows[0] != 1 || rows[1] != 1<<20 {
		t.Errorf("%v %v", rows, err)
	}
}

func TestBillFaults(t *testing.T) {
	b := &biller{
		reconcile: func(_ context.Context, r agent.BillRequest) (bill.Report, error) {
			if r.File != nil {
				t.Error("a file where none was sent")
			}
			return bill.Report{}, &bill.Error{Line: 7, Text: "broken", Hint: "again"}
		},
		adopt: func(_ context.Context, r agent.AdoptRequest) (agent.AdoptReport, error) {
			// It gives up without having read everything.
			return agent.AdoptReport{}, errors.New("that is this terminal itself: " + r.Terminal)
		},
	}
	c := serveBills(t, b)
	err := c.Stream(t.Context(), ReconcileRequest{Day: "2026-11-21"}.Path(), nil, func(BillLine) {})
	var e *Error
	if !errors.As(err, &e) || e.Error() != "line 7: broken" || e.Hint != "again" {
		t.Errorf("%v", err)
	}
	err = c.Stream(t.Context(), ReconcileRequest{Day: "soon"}.Path(), nil, func(BillLine) {})
	if !errors.As(err, &e) || !strings.Contains(e.Error(), "soon") {
		t.Errorf("%v", err)
	}
	err = c.Stream(t.Context(), AdoptRequest{Terminal: "T"}.Path(), strings.NewReader(strings.Repeat("y", 8<<20)), func(BillLine) {})
	if !errors.As(err, &e) || !strings.Contains(e.Error(), "itself: T") {
		t.Errorf("%v", err)
	}
	var a ToldAnswer
	if err := c.Do(t.Context(), "POST", "/v1/told", ToldRequest{IDs: []string{"a", "b"}}, &a); err != nil || len(a.Unknown) != 1 || len(b.told) != 2 {
		t.Errorf("%+v %v", a, err)
	}
}
