package rig

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/tilld/tilld/agent"
	"github.com/tilld/tilld/agent/health"
)

// Happening is one thing a till showed or said: a screen, an event, or what is wrong now.
type Happening struct {
	Screen *agent.Screen
	Event  *agent.Event
	Health []health.Cause // not nil: all causes that are true now
}

// Watcher follows a till's stream of screens and events, and follows it again after the
// till was restarted. It keeps what it saw, so that a caller can wait for what may have
// happened already. It is safe for concurrent use.
type Watcher struct {
	url string

	mu   sync.Mutex
	gone int // how many of the oldest were forgotten; marks count them
	all  []Happening
	more chan struct{} // closed and made anew whenever something is added
	up   int           // how many streams were opened so far
	live bool
}

// mostKept bounds what is kept; half of it is forgotten when it is full.
const mostKept = 1 << 14

// reconnectAfter is the pause between two tries to open the stream of a till that is down.
const reconnectAfter = 50 * time.Millisecond

// NewWatcher makes a watcher of the pages at url ("http://127.0.0.1:8090"). Run does the work.
func NewWatcher(url string) *Watcher {
	return &Watcher{url: url, more: make(chan struct{})}
}

// Run follows the till until ctx ends.
func (w *Watcher) Run(ctx context.Context) {
	for ctx.Err() == nil {
		// A till that is down is no error: it is being killed on purpose.
		_ = w.follow(ctx)
		w.setLive(false)
		select {
		case <-ctx.Done():
		case <-time.After(reconnectAfter):
		}
	}
}

func (w *Watcher) setLive(live bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.live = live
	if live {
		w.up++
	}
	w.wake()
}

// wake tells all waiters to look again. The caller holds mu.
func (w *Watcher) wake() {
	close(w.more)
	w.more = make(chan struct{})
}

func (w *Watcher) follow(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.url+"/events?lang=en", nil)
	if err != nil {
		return err
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("follow %s: %s", w.url, resp.Status)
	}
	return w.read(resp.Body)
}

// read takes one stream of server-sent events to its end.
func (w *Watcher) read(stream io.Reader) error {
	lines := bufio.NewScanner(stream)
	lines.Buffer(make([]byte, 0, 16<<10), 1<<20)
	name := ""
	for lines.Scan() {
		line := lines.Text()
		switch {
		case line == "":
			name = ""
		case strings.HasPrefix(line, "event:"):
			name = strings.TrimSpace(line[len("event:"):])
		case strings.HasPrefix(line, "data:"):
			w.take(name, []byte(strings.TrimSpace(line[len("data:"):])))
		}
	}
	return lines.Err()
}

// take keeps a screen or an event. The first of a stream is always a screen: what the till
// shows now.
func (w *Watcher) take(name string, data []byte) {
	var h Happening
	switch name {
	case "screen":
		h.Screen = &agent.Screen{}
		if json.Unmarshal(data, h.Screen) != nil {
			return
		}
	case "event":
		h.Event = &agent.Event{}
		if json.Unmarshal(data, h.Event) != nil {
			return
		}
	case "health":
		h.Health = []health.Cause{}
		if json.Unmarshal(data, &h.Health) != nil {
			return
		}
		if h.Health == nil { // null
			h.Health = []health.Cause{}
		}
	default:
		return
	}
	w.mu.Lock()
	live := w.live
	if len(w.all) == mostKept {
		w.all, w.gone = append(w.all[:0], w.all[mostKept/2:]...), w.gone+mostKept/2
	}
	w.all = append(w.all, h)
	w.wake()
	w.mu.Unlock()
	if !live && h.Screen != nil {
		w.setLive(true)
	}
}

// Mark is the place where the next happening will be kept, for Await.
func (w *Watcher) Mark() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.gone + len(w.all)
}

// Since copies what happened from a mark on, as far as it is still kept.
func (w *Watcher) Since(mark int) []Happening {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]Happening(nil), w.all[min(max(mark-w.gone, 0), len(w.all)):]...)
}

// Await returns the first happening from the mark on that want accepts, and waits for it
// if needed; next is the mark behind it.
func (w *Watcher) Await(ctx context.Context, mark int, what string, want func(Happening) bool) (h Happening, next int, err error) {
	for {
		w.mu.Lock()
		for mark = max(mark, w.gone); mark < w.gone+len(w.all); mark++ {
			if h := w.all[mark-w.gone]; want(h) {
				w.mu.Unlock()
				return h, mark + 1, nil
			}
		}
		more := w.more
		w.mu.Unlock()
		select {
		case <-more:
		case <-ctx.Done():
			return Happening{}, mark, fmt.Errorf("wait for %s: %w", what, context.Cause(ctx))
		}
	}
}

// AwaitEvent waits for an event of the given kind, from the mark on.
func (w *Watcher) AwaitEvent(ctx context.Context, mark int, kind string) (agent.Event, error) {
	h, _, err := w.Await(ctx, mark, "the till's event "+kind, func(h Happening) bool { return h.Event != nil && h.Event.Kind == kind })
	if err != nil {
		return agent.Event{}, err
	}
	return *h.Event, nil
}

// AwaitScreen waits for one of the given screens, from the mark on.
func (w *Watcher) AwaitScreen(ctx context.Context, mark int, kinds ...agent.ScreenKind) (agent.Screen, error) {
	h, _, err := w.Await(ctx, mark, fmt.Sprintf("the customer's screen to show %s", kinds), func(h Happening) bool {
		if h.Screen == nil {
			return false
		}
		for _, k := range kinds {
			if h.Screen.Kind == k {
				return true
			}
		}
		return false
	})
	if err != nil {
		return agent.Screen{}, err
	}
	return *h.Screen, nil
}

// AwaitStream waits until the n-th stream was opened and is still there: the till is up
// and everything from now on is seen.
func (w *Watcher) AwaitStream(ctx context.Context, n int) error {
	for {
		w.mu.Lock()
		ok, more := w.live && w.up >= n, w.more
		w.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-more:
		case <-ctx.Done():
			return fmt.Errorf("wait for the till's stream at %s: %w", w.url, context.Cause(ctx))
		}
	}
}

// Screen is the last screen that the till showed.
func (w *Watcher) Screen() agent.Screen {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := len(w.all) - 1; i >= 0; i-- {
		if s := w.all[i].Screen; s != nil {
			return *s
		}
	}
	return agent.Screen{}
}

// Streams is how many streams were opened so far.
func (w *Watcher) Streams() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.up
}
