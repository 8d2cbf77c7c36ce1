package powercut

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/tilld/tilld/cmd/tillbench/powercut/shop"
)

// event is what the board told, and how many writes the log held then. What was told before
// the board was started last has 0.
type event struct {
	At      int          `json:"at"`
	Boot    int          `json:"boot"`
	Message shop.Message `json:"message"`
}

func writeEvents(path string, events []event) error {
	var b strings.Builder
	for _, e := range events {
		line, err := json.Marshal(e)
		if err != nil {
			return err
		}
		b.Write(line)
		b.WriteByte('\n')
	}
	return os.WriteFile(path, []byte(b.String()), 0o600)
}

func readEvents(path string) (events []event, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	in := json.NewDecoder(bufio.NewReader(f))
	for in.More() {
		var e event
		if err := in.Decode(&e); err != nil {
			return nil, fmt.Errorf("read what the board told: %w", err)
		}
		events = append(events, e)
	}
	return events, nil
}

// version is one value of a record, by its place among all that it had.
type version struct {
	name string
	n    int
}

// commit names a call of the journal's Commit.
type commit struct {
	boot int
	n    uint64
}

// history is what the world outside knows of a board up to a moment.
type history struct {
	events []event
	next   int // the first event that is not in yet

	// versions are the values that each record had, or may have had, in the whole recording.
	versions map[string][]string
	commits  map[commit][]version

	ledger *shop.Ledger
	acked  map[string]int // the last acknowledged version of each record
	told   []shop.Message
	// open are the requests to pay that have no answer yet, by ServiceID, and back the
	// payments whose money was asked for again.
	open map[string]shop.Message
	back map[string]bool
}

func newHistory(events []event) *history {
	h := &history{events: events, versions: map[string][]string{}, commits: map[commit][]version{}, ledger: shop.NewLedger(),
		acked: map[string]int{}, open: map[string]shop.Message{}, back: map[string]bool{}}
	for _, e := range events {
		if e.Message.Op != shop.Put {
			continue
		}
		for _, r := range e.Message.Records {
			c := commit{e.Boot, e.Message.Commit}
			h.commits[c] = append(h.commits[c], version{r.Name, len(h.versions[r.Name])})
			h.versions[r.Name] = append(h.versions[r.Name], r.Value)
		}
	}
	return h
}

// advance adds what was told while the log held at most n writes.
func (h *history) advance(n int) error {
	for ; h.next < len(h.events) && h.events[h.next].At <= n; h.next++ {
		e := h.events[h.next]
		m := e.Message
		switch {
		case m.Effect():
			if _, err := h.ledger.Do(context.Background(), m); err != nil {
				return err
			}
		case m.Op == shop.Done:
			for _, v := range h.commits[commit{e.Boot, m.Commit}] {
				h.acked[v.name] = max(h.acked[v.name], v.n)
			}
		case m.Op == shop.Asks && m.Payment == "":
			h.open[m.Asked.ServiceID] = m
		case m.Op == shop.Asks:
			h.back[m.Payment] = true
		case m.Op == shop.Told:
			delete(h.open, m.Asked.ServiceID)
			h.told = append(h.told, m)
		}
	}
	return nil
}

// older reports whether a record that was found with a value is older than one that was
// acknowledged. A value that nobody ever wrote is older than all.
func (h *history) older(name, value string) bool {
	last, acked := h.acked[name]
	if !acked {
		return false
	}
	for i := len(h.versions[name]) - 1; i >= last; i-- {
		if h.versions[name][i] == value {
			return false
		}
	}
	return true
}
