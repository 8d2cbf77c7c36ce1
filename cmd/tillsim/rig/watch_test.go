package rig

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tilld/tilld/agent"
)

// The stream breaks after its first event, as it does when the till is killed; the watcher
// must follow the next one and keep what it saw.
func TestWatcherFollowsARestart(t *testing.T) {
	var streams atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/events" {
			t.Errorf("asked for %s", r.URL.Path)
		}
		n := streams.Add(1)
		fmt.Fprintf(w, "retry: 1000\n\nevent: screen\ndata: {\"kind\":\"idle\",\"seq\":%d}\n\n", n)
		fmt.Fprintf(w, "event: beat\ndata: {}\n\nevent: event\ndata: {\"kind\":\"armed\",\"payment\":\"P%d\"}\n\n", n)
		w.(http.Flusher).Flush()
		if n > 1 {
			<-r.Context().Done()
		}
	}))
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	w := NewWatcher(srv.URL)
	done := make(chan struct{})
	go func() { w.Run(ctx); close(done) }()
	defer func() { cancel(); <-done; srv.Close() }()

	ev, err := w.AwaitEvent(ctx, 0, "armed")
	if err != nil || ev.Payment != "P1" {
		t.Fatalf("first event %+v, %v", ev, err)
	}
	if err := w.AwaitStream(ctx, 2); err != nil {
		t.Fatal(err)
	}
	ev, err = w.AwaitEvent(ctx, 2, "armed")
	if err != nil || ev.Payment != "P2" {
		t.Fatalf("after the restart: event %+v, %v", ev, err)
	}
	if sc, err := w.AwaitScreen(ctx, 0, agent.ScreenPaid, agent.ScreenIdle); err != nil || sc.Seq != 1 {
		t.Errorf("first screen %+v, %v: nothing may be forgotten", sc, err)
	}
	soon, stop := context.WithTimeout(ctx, 50*time.Millisecond)
	defer stop()
	if _, err := w.AwaitEvent(soon, w.Mark(), "armed"); err == nil {
		t.Error("an event that never came was delivered")
	}
}

// Whatever a stream holds, a watcher keeps only what it can name, and marks stay true.
func FuzzWatcherRead(f *testing.F) {
	f.Add("event: screen\ndata: {\"kind\":\"idle\"}\n\nevent: event\ndata: {\"kind\":\"armed\"}\n\n")
	f.Add("event: health\ndata: [{\"code\":\"scanner\"}]\n\nretry: 1000\n\n")
	f.Add("event: health\ndata: null\n\nevent: screen\ndata: [\n\n:comment\ndata: {}\n")
	f.Fuzz(func(t *testing.T, stream string) {
		w := NewWatcher("")
		_ = w.read(strings.NewReader(stream))
		all := w.Since(0)
		if len(all) != w.Mark() {
			t.Errorf("%d kept, mark %d", len(all), w.Mark())
		}
		for _, h := range all {
			if h.Screen == nil && h.Event == nil && h.Health == nil {
				t.Error("an empty happening was kept")
			}
		}
	})
}

func TestWatcherForgetsTheOldest(t *testing.T) {
	w := NewWatcher("")
	for i := range mostKept + 10 {
		w.take("event", fmt.Appendf(nil, `{"kind":"e","seq":%d}`, i))
	}
	if got := w.Mark(); got != mostKept+10 {
		t.Fatalf("mark %d, want %d: forgetting must not move marks", got, mostKept+10)
	}
	h, next, err := w.Await(t.Context(), mostKept+5, "an event", func(Happening) bool { return true })
	if err != nil || h.Event.Seq != mostKept+5 || next != mostKept+6 {
		t.Errorf("at mark %d: %+v, next %d, %v", mostKept+5, h.Event, next, err)
	}
	if h, _, err := w.Await(t.Context(), 0, "an event", func(Happening) bool { return true }); err != nil || h.Event.Seq == 0 {
		t.Errorf("from the beginning: %+v, %v; want the oldest that is kept", h.Event, err)
	}
}
