package uevent

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tilld/tilld/drivers"
	"github.com/tilld/tilld/drivers/driverstest"
)

// kernel is a Source that a test speaks through.
type kernel struct {
	said chan any // Message or error
	open atomic.Int32
}

func newKernel() *kernel { return &kernel{said: make(chan any, 1000)} }

func (k *kernel) listen() (Source, error) { k.open.Add(1); return k, nil }
func (k *kernel) Close() error            { k.open.Add(-1); return nil }

func (k *kernel) Next(ctx context.Context) (Message, error) {
	select {
	case s := <-k.said:
		if err, bad := s.(error); bad {
			return Message{}, err
		}
		return s.(Message), nil
	case <-ctx.Done():
		return Message{}, ctx.Err()
	}
}

// machine is a sysfs and a kernel that speaks of it.
type machine struct {
	t testing.TB
	*driverstest.Sysfs
	*kernel
	tree *Tree
	stop func()
}

func boot(t testing.TB, plugged ...driverstest.USB) *machine {
	m := &machine{t: t, Sysfs: fakeSysfs(t), kernel: newKernel()}
	for _, u := range plugged {
		if err := m.Plug(u); err != nil {
			t.Fatal(err)
		}
	}
	m.tree = NewTree(Config{Root: m.Root, Listen: m.listen})
	return m
}

// run lets the tree run until the end of the test.
func (m *machine) run() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- m.tree.Run(ctx) }()
	m.stop = func() {
		cancel()
		if err := <-done; err != nil {
			m.t.Error(err)
		}
		if n := m.open.Load(); n != 0 {
			m.t.Errorf("%d sources left open", n)
		}
	}
}

func (m *machine) tell(action string, u driverstest.USB) {
	for _, n := range u.Nodes {
		m.said <- Message{Action: action, DevPath: u.DevPath(n), Subsystem: n.Subsystem, Node: "/dev/" + n.Name}
	}
}

func (m *machine) plug(u driverstest.USB) {
	m.t.Helper()
	if err := m.Plug(u); err != nil {
		m.t.Fatal(err)
	}
	m.tell("add", u)
}

func (m *machine) unplug(u driverstest.USB) {
	m.t.Helper()
	if err := m.Unplug(u); err != nil {
		m.t.Fatal(err)
	}
	m.tell("remove", u)
}

func xenon(port, serial, tty string) driverstest.USB {
	return driverstest.USB{Port: port, Vendor: 0x0c2e, Product: 0x0901, Serial: serial, Maker: "Honeywell", Name: "Xenon 1900",
		Nodes: []driverstest.USBNode{{Iface: 1, Subsystem: "tty", Name: tty}}}
}

func match(t testing.TB, text string) drivers.Match {
	t.Helper()
	m, err := drivers.ParseMatch(text)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func read(c <-chan drivers.Event) (out []string) {
	for {
		select {
		case e, ok := <-c:
			if !ok {
				return append(out, "closed")
			}
			out = append(out, fmt.Sprintf("%s %s %s", e.Op, e.Node, e.ID.Serial))
		default:
			return out
		}
	}
}

func (m *machine) nodes() (out []string) {
	list, err := m.tree.Nodes(m.t.Context())
	if err != nil {
		m.t.Error(err)
	}
	for _, n := range list {
		out = append(out, fmt.Sprintf("%s %s %v", n.Path, n.ID.Serial, n.Unique))
	}
	return out
}

func same(t testing.TB, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}

func TestTreeFollowsTheKernel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := xenon("1-1", "A", "ttyACM0"), xenon("1-2", "SN-B", "ttyACM1")
		a.Serial = "SN-A"
		m := boot(t, a)
		watch, cancel := context.WithCancel(t.Context())
		events := m.tree.Watch(watch)
		wake := m.tree.Wake()
		m.run()
		synctest.Wait()
		same(t, "at the start", m.nodes(), "/dev/ttyACM0 SN-A true")
		same(t, "events", read(events))

		m.plug(b)
		m.tell("add", b) // told twice
		synctest.Wait()
		same(t, "events", read(events), "added /dev/ttyACM1 SN-B")
		same(t, "two", m.nodes(), "/dev/ttyACM0 SN-A true", "/dev/ttyACM1 SN-B true")
		select {
		case <-wake:
		default:
			t.Error("nobody was woken")
		}

		m.unplug(b)
		m.tell("remove", b)
		m.tell("change", a)
		m.tell("bind", a)
		synctest.Wait()
		same(t, "events", read(events), "removed /dev/ttyACM1 SN-B")
		select {
		case <-wake:
			t.Error("woken by an unplugged device")
		default:
		}

		// A clone with the same number takes the meaning from both.
		c := xenon("1-3", "SN-A", "ttyACM1")
		m.plug(c)
		synctest.Wait()
		same(t, "clones", m.nodes(), "/dev/ttyACM0 SN-A false", "/dev/ttyACM1 SN-A false")
		m.unplug(c)
		synctest.Wait()
		same(t, "one again", m.nodes(), "/dev/ttyACM0 SN-A true")
		same(t, "events", read(events), "added /dev/ttyACM1 SN-A", "removed /dev/ttyACM1 SN-A")

		cancel()
		synctest.Wait()
		same(t, "the end", read(events), "closed")
		m.plug(b) // after the end of a watcher
		synctest.Wait()
		m.stop()
	})
}

func TestTreeReadsSysfsWhenMessagesWereLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := xenon("1-1", "SN-A", "ttyACM0"), xenon("1-2", "SN-B", "ttyACM1")
		m := boot(t, a)
		events := m.tree.Watch(t.Context())
		m.run()
		synctest.Wait()
		if err := errors.Join(m.Unplug(a), m.Plug(b)); err != nil {
			t.Fatal(err)
		}
		m.said <- ErrMalformed
		m.said <- Message{Action: "add", DevPath: "/devices/../../x", Subsystem: "tty"}
		synctest.Wait()
		same(t, "events", read(events))
		m.said <- ErrLost
		synctest.Wait()
		same(t, "events", read(events), "resync  ", "removed /dev/ttyACM0 SN-A", "added /dev/ttyACM1 SN-B")

		// What was announced and is gone again is not there; what was never announced is
		// found by the next look.
		m.tell("add", a)
		if err := m.Unplug(b); err != nil {
			t.Fatal(err)
		}
		time.Sleep(audit + time.Second)
		synctest.Wait()
		same(t, "events", read(events), "removed /dev/ttyACM1 SN-B")
		m.stop()
	})
}

func TestTreeWithoutMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := xenon("1-1", "SN-A", "ttyACM0")
		m := boot(t)
		refused := errors.New("no netlink here")
		var said []error
		silent := NewTree(Config{Root: m.Root, Listen: func() (Source, error) { return nil, refused }})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := silent.Run(ctx); err != nil { // nobody to report to
			t.Error(err)
		}
		m.tree = NewTree(Config{Root: m.Root, Listen: func() (Source, error) { return nil, refused },
			Report: func(why error) { said = append(said, why) }})
		events := m.tree.Watch(t.Context())
		m.run()
		synctest.Wait()
		if err := m.Plug(a); err != nil {
			t.Fatal(err)
		}
		time.Sleep(1100 * time.Millisecond)
		synctest.Wait()
		same(t, "events", read(events), "added /dev/ttyACM0 SN-A")
		if err := m.Unplug(a); err != nil {
			t.Fatal(err)
		}
		time.Sleep(1100 * time.Millisecond)
		synctest.Wait()
		same(t, "events", read(events), "removed /dev/ttyACM0 SN-A")
		m.stop()
		if len(said) != 1 || !errors.Is(said[0], refused) {
			t.Errorf("reported %v", said)
		}
	})
}

func TestTreeTriesForMessagesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := boot(t)
		var said []error
		tries := 0
		m.tree = NewTree(Config{Root: m.Root, Report: func(why error) { said = append(said, why) }, Listen: func() (Source, error) {
			if tries++; tries < 3 {
				return nil, syscall.ENOMEM
			}
			return m.listen()
		}})
		m.run()
		time.Sleep(3 * listenAgain)
		m.stop()
		if tries != 3 || len(said) != 2 || said[0] == nil || said[1] != nil {
			t.Errorf("%d tries, reported %v", tries, said)
		}
	})
}

func TestTreeOpensItsSourceAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := xenon("1-1", "SN-A", "ttyACM0")
		m := boot(t)
		var said []error
		m.tree = NewTree(Config{Root: m.Root, Listen: m.listen, Report: func(why error) { said = append(said, why) }})
		events := m.tree.Watch(t.Context())
		m.run()
		synctest.Wait()
		m.said <- errors.New("socket broke")
		if err := m.Plug(a); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		same(t, "events", read(events), "added /dev/ttyACM0 SN-A")
		m.unplug(a)
		synctest.Wait()
		same(t, "events", read(events), "removed /dev/ttyACM0 SN-A")
		m.stop()
		if len(said) != 3 || said[0] != nil || said[1] == nil || said[2] != nil {
			t.Errorf("reported %v", said)
		}
	})
}

func TestSlowWatcherGetsOneResync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := xenon("1-1", "SN-A", "ttyACM0")
		m := boot(t)
		events := m.tree.Watch(t.Context())
		m.run()
		synctest.Wait()
		for range queued/2 + 1 {
			m.plug(a)
			synctest.Wait()
			m.unplug(a)
			synctest.Wait()
		}
		same(t, "events", read(events), "resync  ", "removed /dev/ttyACM0 SN-A")
		m.stop()
	})
}

// line is an open device whose reader is woken by Close.
type line struct {
	name   string
	closed chan struct{}
	count  *atomic.Int32
	ended  atomic.Bool
}

func (l *line) Read(ctx context.Context, p []byte) (int, error) {
	select {
	case <-l.closed:
		return 0, drivers.ErrClosed
	case <-ctx.Done():
		return 0, drivers.ErrTimeout
	}
}

func (l *line) Write(ctx context.Context, p []byte) (int, error) {
	if l.ended.Load() {
		return 0, drivers.ErrClosed
	}
	return len(p), nil
}
func (l *line) Flush() error   { return nil }
func (l *line) String() string { return l.name }
func (l *line) Close() error {
	if l.ended.CompareAndSwap(false, true) {
		l.count.Add(-1)
		close(l.closed)
	}
	return nil
}

// stamped is a line that knows when its last byte came.
type stamped struct{ *line }

func (stamped) LastByte() time.Time { return time.Unix(7, 0) }

func TestOpenEndsWithItsNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := xenon("1-1", "SN-A", "ttyACM0"), xenon("1-2", "SN-B", "ttyACM1")
		m := boot(t, a, b)
		var open atomic.Int32
		start := m.tree.Open(match(t, "0c2e:0901 serial=SN-A"), "tty", func(_ context.Context, path string) (drivers.Transport, error) {
			open.Add(1)
			return &line{name: path, closed: make(chan struct{}), count: &open}, nil
		})
		m.run()
		tr, err := start(t.Context())
		if err != nil || tr.String() != "/dev/ttyACM0" {
			t.Fatalf("%v, %v", tr, err)
		}
		if _, stamps := tr.(lastByter); stamps {
			t.Error("a transport that does not know its last byte must not seem to")
		}
		m.unplug(b)
		synctest.Wait()
		if _, err := tr.Write(t.Context(), []byte("x")); err != nil {
			t.Errorf("after another device was unplugged: %v", err)
		}
		began := time.Now()
		go func() {
			time.Sleep(time.Second)
			m.unplug(a)
		}()
		_, err = tr.Read(t.Context(), make([]byte, 1))
		var e *drivers.Error
		if !errors.Is(err, drivers.ErrGone) || !errors.As(err, &e) || e.Hint == "" || time.Since(began) != time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		if _, err := tr.Write(t.Context(), []byte("x")); !errors.Is(err, drivers.ErrGone) {
			t.Errorf("write: %v", err)
		}
		synctest.Wait()
		if n := open.Load(); n != 0 {
			t.Errorf("%d open after the node went", n)
		}
		if err := tr.Close(); err != nil {
			t.Error(err)
		}
		if _, err := start(t.Context()); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("unplugged: %v", err)
		}
		// It comes back under another number.
		m.plug(xenon("1-4", "SN-A", "ttyACM7"))
		synctest.Wait()
		tr, err = start(t.Context())
		if err != nil || tr.String() != "/dev/ttyACM7" {
			t.Fatalf("%v, %v", tr, err)
		}
		tr.Close()
		m.stop()
	})
}

func TestSwappedPlugsAreNoticed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := boot(t)
		var told []string
		m.tree = NewTree(Config{Root: m.Root, Listen: m.listen, Replaced: func(name string, first, now drivers.ID) {
			told = append(told, fmt.Sprintf("%s: %s, first %s", name, now.Serial, first.Serial))
		}})
		var open atomic.Int32
		opener := func(_ context.Context, path string) (drivers.Transport, error) {
			return &line{name: path, closed: make(chan struct{}), count: &open}, nil
		}
		byPlace, byPath := m.tree.Open(match(t, "0c2e:0901 port=1-1"), "tty", opener), m.tree.OpenPath("/dev/ttyACM0", opener)
		m.run()
		synctest.Wait()
		for _, serial := range []string{"SN-A", "SN-A", "SN-B", "SN-B", "SN-A"} {
			u := xenon("1-1", serial, "ttyACM0")
			m.plug(u)
			synctest.Wait()
			for _, start := range []func(context.Context) (drivers.Transport, error){byPlace, byPath} {
				tr, err := start(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				tr.Close()
			}
			m.unplug(u)
			synctest.Wait()
		}
		same(t, "told", told, "0c2e:0901 port=1-1: SN-B, first SN-A", "/dev/ttyACM0: SN-B, first SN-A",
			"0c2e:0901 port=1-1: SN-A, first SN-A", "/dev/ttyACM0: SN-A, first SN-A")
		m.stop()
	})
}

func TestOpenWaitsForUdev(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := xenon("1-1", "SN-A", "ttyACM0")
		m := boot(t)
		m.run()
		synctest.Wait()
		tries, ready := 0, 7
		denied := &drivers.Error{Op: "open", Subject: "/dev/ttyACM0", Err: fs.ErrPermission}
		opener := func(_ context.Context, path string) (drivers.Transport, error) {
			if tries++; tries < ready {
				return nil, denied
			}
			return stamped{&line{name: path, closed: make(chan struct{}), count: new(atomic.Int32)}}, nil
		}
		byMatch := m.tree.Open(match(t, "port=1-1"), "tty", opener)
		byPath := m.tree.OpenPath("/dev/ttyACM0", opener)
		m.plug(a)
		synctest.Wait()
		began := time.Now()
		tr, err := byMatch(t.Context())
		if err != nil || time.Since(began) != 6*openPause {
			t.Fatalf("%v after %v", err, time.Since(began))
		}
		if l, ok := tr.(lastByter); !ok || l.LastByte() != time.Unix(7, 0) {
			t.Error("the last byte's time is lost")
		}
		tr.Close()

		tries, ready = 0, 1000
		if _, err := byPath(t.Context()); !errors.Is(err, fs.ErrPermission) || tries > openTries {
			t.Errorf("%v after %d tries", err, tries)
		}
		time.Sleep(time.Minute)
		tries = 0
		if _, err := byPath(t.Context()); !errors.Is(err, fs.ErrPermission) || tries != 1 {
			t.Errorf("%v after %d tries of a device that is long there", err, tries)
		}
		// Unplugged while it is tried.
		m.unplug(a)
		m.plug(a)
		synctest.Wait()
		began = time.Now()
		go func() {
			time.Sleep(120 * time.Millisecond)
			m.unplug(a)
		}()
		if _, err := byMatch(t.Context()); !errors.Is(err, drivers.ErrGone) || time.Since(began) > 200*time.Millisecond {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		// Busy is no reason to wait.
		m.plug(a)
		synctest.Wait()
		denied.Err = drivers.ErrBusy
		tries = 0
		if _, err := byPath(t.Context()); !errors.Is(err, drivers.ErrBusy) || tries != 1 {
			t.Errorf("%v after %d tries", err, tries)
		}
		m.stop()
	})
}

// One keeper over a thousand unplugs: found again each time, nothing left open.
func TestKeeperFindsItsDeviceAThousandTimes(t *testing.T) {
	cycles := 1000
	if testing.Short() {
		cycles = 200
	}
	synctest.Test(t, func(t *testing.T) {
		other := xenon("1-9", "SN-X", "ttyACM9")
		m := boot(t, other)
		m.run()
		synctest.Wait()
		var open, used atomic.Int32
		k := drivers.Keeper{Name: "counter", Wake: m.tree.Wake(),
			Open: m.tree.Open(match(t, "0c2e:0901 serial=SN-A if=1"), "tty", func(_ context.Context, path string) (drivers.Transport, error) {
				if strings.HasSuffix(path, "9") {
					t.Error("the other scanner was opened")
				}
				if n := open.Add(1); n != 1 {
					t.Errorf("%d open at once", n)
				}
				return &line{name: path, closed: make(chan struct{}), count: &open}, nil
			}),
			Use: func(ctx context.Context, tr drivers.Transport) error {
				used.Add(1)
				_, err := tr.Read(ctx, make([]byte, 1))
				return err
			}}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- k.Run(ctx) }()
		for i := range cycles {
			u := xenon(fmt.Sprintf("1-%d", i%7+1), "SN-A", fmt.Sprintf("ttyACM%d", i%5))
			m.plug(u)
			time.Sleep(100 * time.Millisecond)
			synctest.Wait()
			if n := used.Load(); int(n) != i+1 || open.Load() != 1 {
				t.Fatalf("opened %d times after %d plugs", n, i+1)
			}
			m.unplug(u)
			synctest.Wait()
			if open.Load() != 0 {
				t.Fatal("open after the unplug")
			}
			time.Sleep(time.Duration(i%4) * time.Second)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		m.stop()
	})
}
