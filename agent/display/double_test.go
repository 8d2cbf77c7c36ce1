package display

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/tilld/tilld/agent"
	"github.com/tilld/tilld/agent/health"
	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/biometric"
)

// stage is a till in memory: a test sets its screen, and whoever watches sees it.
type stage struct {
	mu        sync.Mutex
	screen    agent.Screen
	payments  []sale.Payment
	confirmed []agent.Confirmation
	refuse    error
	offered   []string
	touched   []agent.Touch
	begun     []string
	watchers  map[*watcher]struct{}
}

type watcher struct {
	screens chan agent.Screen
	events  chan agent.Event
}

var _ Till = (*stage)(nil)
var _ Till = (*agent.Till)(nil)

func newStage() *stage {
	return &stage{screen: agent.Screen{Kind: agent.ScreenIdle}, watchers: map[*watcher]struct{}{}}
}

func (s *stage) Screen() agent.Screen {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.screen
}

func (s *stage) Watch(ctx context.Context) (<-chan agent.Screen, <-chan agent.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := &watcher{make(chan agent.Screen, 100), make(chan agent.Event, 100)}
	w.screens <- s.screen
	s.watchers[w] = struct{}{}
	context.AfterFunc(ctx, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.watchers, w)
	})
	return w.screens, w.events
}

func (s *stage) show(sc agent.Screen) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sc.Seq = s.screen.Seq + 1
	s.screen = sc
	for w := range s.watchers {
		w.screens <- sc
	}
}

func (s *stage) emit(e agent.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for w := range s.watchers {
		w.events <- e
	}
}

func (s *stage) watched() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.watchers)
}

func (s *stage) Payments(openOnly bool) []sale.Payment {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := slices.Clone(s.payments)
	if openOnly {
		out = slices.DeleteFunc(out, func(p sale.Payment) bool { return !p.Open() })
	}
	return out
}

func (s *stage) Confirm(c agent.Confirmation) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refuse != nil {
		return s.refuse
	}
	s.confirmed = append(s.confirmed, c)
	return nil
}

func (s *stage) Offer(payment string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refuse != nil {
		return s.refuse
	}
	s.offered = append(s.offered, payment)
	return nil
}

func (s *stage) begin(what string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refuse != nil {
		return s.refuse
	}
	s.begun = append(s.begun, what)
	return nil
}

func (s *stage) Present(payment string, m biometric.Modality) error {
	return s.begin("present " + string(m) + " " + payment)
}
func (s *stage) Enrol(m biometric.Modality) error    { return s.begin("enrol " + string(m)) }
func (s *stage) Withdraw(m biometric.Modality) error { return s.begin("withdraw " + string(m)) }

func (s *stage) Touch(x agent.Touch) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refuse != nil {
		return s.refuse
	}
	s.touched = append(s.touched, x)
	return nil
}

func (s *stage) touches() []agent.Touch {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.touched)
}

func (s *stage) beginnings() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.begun)
}

func (s *stage) wishes() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.offered)
}

func (s *stage) decisions() []agent.Confirmation {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.confirmed)
}

var errNotWaiting = errors.New("no such payment waits for the operator")

// serve runs a server on a loopback port until the test ends, and returns its address and
// a function that stops it early.
func serve(t *testing.T, o Options) (url string, stop func()) {
	t.Helper()
	if o.Health == nil {
		o.Health = health.NewBoard()
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- New(o).Serve(ctx, ln) }()
	stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("serve: %v", err)
			}
		case <-time.After(15 * time.Second):
			t.Error("serve does not end with its context")
		}
	})
	t.Cleanup(stop)
	return "http://" + ln.Addr().String(), stop
}

// until waits for a condition of another goroutine.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.NewTimer(10 * time.Second)
	defer deadline.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("never happened: %s", what)
		}
	}
}
