package rig

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
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
