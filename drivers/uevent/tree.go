package uevent

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/tilld/tilld/drivers"
)

const (
	// DefaultPoll is how often sysfs is looked at where the kernel's messages cannot be had.
	DefaultPoll = time.Second
	// audit is how often it is looked at anyway: a container can be deaf to messages without
	// an error that says so.
	audit = 30 * time.Second
	// listenAgain is how long sysfs is polled before the messages are tried again.
	listenAgain = time.Minute
	// queued events of one watcher; who is slower gets a Resync instead.
	queued = 64
)

// Source gives the kernel's messages one by one; see [Socket].
type Source interface {
	Next(ctx context.Context) (Message, error)
	Close() error
}

// Config of a Tree. The zero value is this machine.
type Config struct {
	Root string // where sysfs is mounted; empty: "/sys"
	// Listen opens the source of the kernel's messages; nil: Listen of this package.
	Listen func() (Source, error)
	Poll   time.Duration // 0: DefaultPoll
	// Report, if not nil, is told how changes are noticed: by the kernel's messages (nil), or,
	// why not, by looking at sysfs. It must not block.
	Report func(why error)
	// Replaced, if not nil, is told that a name which Open or OpenPath was given leads to
	// another device than it did at first: plugs were swapped. It is told the same device
	// twice when all is as it was. It must not block, and is called from any goroutine.
	Replaced func(name string, first, now drivers.ID)
}

// Tree is the list of this machine's device nodes, kept up to date. Its methods may be
// called from any goroutine; Run is the one that changes the list.
type Tree struct {
	c     Config
	first chan struct{} // closed after the first look at sysfs

	mu    sync.Mutex // guards what follows; never held during I/O
	list  []entry
	subs  map[chan drivers.Event]struct{}
	wakes []chan struct{}
	began bool
	err   error // of the last look at sysfs
}

// entry is a node, and a context that ends when it is removed.
type entry struct {
	device
	added time.Time // zero when it was there before the Tree
	gone  context.Context
	end   context.CancelFunc
}

// NewTree makes a Tree. It knows of no device until it runs.
func NewTree(c Config) *Tree {
	if c.Root == "" {
		c.Root = "/sys"
	}
	if c.Poll <= 0 {
		c.Poll = DefaultPoll
	}
	if c.Listen == nil {
		c.Listen = func() (Source, error) {
			s, err := Listen()
			if err != nil {
				return nil, err
			}
			return s, nil
		}
	}
	return &Tree{c: c, first: make(chan struct{}), subs: map[chan drivers.Event]struct{}{}}
}

// Run keeps the list until ctx ends, then returns nil.
func (t *Tree) Run(ctx context.Context) error {
	told := "nothing yet"
	report := func(why error) {
		text := ""
		if why != nil {
			text = why.Error()
		}
		if text != told && t.c.Report != nil {
			t.c.Report(why)
		}
		told = text
	}
	for ctx.Err() == nil {
		source, err := t.c.Listen()
		report(err)
		if err != nil {
			// Rights do not come back while a program runs, but room for a socket may.
			t.poll(ctx, listenAgain)
			continue
		}
		err = t.listen(ctx, source)
		_ = source.Close()
		if ctx.Err() != nil {
			break
		}
		report(err)
		t.poll(ctx, t.c.Poll)
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// poll looks at sysfs for a time.
func (t *Tree) poll(ctx context.Context, long time.Duration) {
	for end := time.Now().Add(long); ctx.Err() == nil && time.Now().Before(end); {
		t.look()
		pause(ctx, t.c.Poll)
	}
}

// listen follows the kernel's messages until they cannot be had any more. The source was
// opened before sysfs is read: nothing falls between the two.
func (t *Tree) listen(ctx context.Context, source Source) error {
	t.look()
	for {
		wait, cancel := context.WithTimeout(ctx, audit)
		m, err := source.Next(wait)
		cancel()
		switch {
		case err == nil:
			t.take(m)
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, ErrLost):
			t.tell(drivers.Event{At: time.Now(), Op: drivers.Resync})
			t.look()
		case errors.Is(err, context.DeadlineExceeded):
			t.look()
		case errors.Is(err, ErrMalformed):
			// A kernel that writes otherwise is found out by the next look.
		default:
			return err
		}
	}
}

// take follows one message.
func (t *Tree) take(m Message) {
	if !ours(m.Subsystem, m.DevPath) {
		return
	}
	switch m.Action {
	case "add":
		if d, ok := describe(t.c.Root, m.DevPath, m.Subsystem); ok {
			t.change(nil, []device{d})
		}
	case "remove":
		t.change([]string{m.DevPath}, nil)
	case "move":
		t.look()
	}
}

// look reads sysfs and follows what is other there.
func (t *Tree) look() {
	list, err := scan(t.c.Root)
	t.mu.Lock()
	t.err = err
	if !t.began {
		t.began = true
		defer close(t.first)
		for _, d := range list {
			t.insert(d, time.Time{})
		}
		t.settle()
		t.mu.Unlock()
		return
	}
	var removed []string
	for i := range t.list {
		if err == nil && !slices.ContainsFunc(list, t.list[i].same) {
			removed = append(removed, t.list[i].devPath)
		}
	}
	t.mu.Unlock()
	t.change(removed, list)
}

// same reports that it is the same node, and was not gone meanwhile.
func (d *device) same(o device) bool {
	return d.devPath == o.devPath && d.inode == o.inode && d.Path == o.Path && d.ID == o.ID
}

// change removes and adds nodes, and tells who wants to know. What is added again as it was
// is no change.
func (t *Tree) change(removed []string, added []device) {
	now := time.Now()
	var events []drivers.Event
	t.mu.Lock()
	defer t.mu.Unlock()
	drop := func(i int) {
		e := t.list[i]
		e.end()
		events = append(events, drivers.Event{At: now, Op: drivers.Removed, ID: e.ID, Subsystem: e.Subsystem, Node: e.Path})
		t.list = slices.Delete(t.list, i, i+1)
	}
	for _, p := range removed {
		if i := t.at(p); i >= 0 {
			drop(i)
		}
	}
	for _, d := range added {
		if i := t.at(d.devPath); i >= 0 {
			if t.list[i].same(d) {
				continue
			}
			drop(i)
		}
		t.insert(d, now)
		events = append(events, drivers.Event{At: now, Op: drivers.Added, ID: d.ID, Subsystem: d.Subsystem, Node: d.Path})
	}
	if len(events) == 0 {
		return
	}
	t.settle()
	for _, e := range events {
		t.tellLocked(e)
	}
}

func (t *Tree) at(devPath string) int {
	return slices.IndexFunc(t.list, func(e entry) bool { return e.devPath == devPath })
}

// insert adds a node; t.mu is held.
func (t *Tree) insert(d device, added time.Time) {
	if len(t.list) >= maxNodes {
		return
	}
	e := entry{device: d, added: added}
	e.gone, e.end = context.WithCancel(context.Background())
	t.list = append(t.list, e)
}

// settle sorts the list and finds out again what is unique; t.mu is held.
func (t *Tree) settle() {
	order(t.list, func(e *entry) *device { return &e.device })
}

func (t *Tree) tell(e drivers.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.tellLocked(e)
}

// tellLocked never waits. Who has not taken 64 events gets one Resync for all of them.
func (t *Tree) tellLocked(e drivers.Event) {
	for c := range t.subs {
		select {
		case c <- e:
			continue
		default:
		}
		for range queued {
			select {
			case <-c:
			default:
			}
		}
		c <- drivers.Event{At: e.At, Op: drivers.Resync}
	}
	if e.Op == drivers.Removed {
		return
	}
	for _, c := range t.wakes {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

// Watch tells of every change until ctx ends; the channel is closed then. Who calls Nodes
// after Watch misses nothing.
func (t *Tree) Watch(ctx context.Context) <-chan drivers.Event {
	c := make(chan drivers.Event, queued)
	t.mu.Lock()
	t.subs[c] = struct{}{}
	t.mu.Unlock()
	context.AfterFunc(ctx, func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.subs, c)
		close(c)
	})
	return c
}

// Wake is for one drivers.Keeper: something was plugged in. Each call gives another channel,
// which lives as long as the Tree.
func (t *Tree) Wake() <-chan struct{} {
	c := make(chan struct{}, 1)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.wakes = append(t.wakes, c)
	return c
}

// Nodes lists what is there now, sorted as by Scan. It waits for the first look at sysfs.
func (t *Tree) Nodes(ctx context.Context) ([]drivers.Node, error) {
	if err := t.wait(ctx); err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	out := make([]drivers.Node, len(t.list))
	for i := range t.list {
		out[i] = t.list[i].Node
	}
	return out, t.err
}

func (t *Tree) wait(ctx context.Context) error {
	select {
	case <-t.first:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("list devices: %w", ctx.Err())
	}
}
