package uevent

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/tilld/tilld/drivers"
)

// The kernel tells of a node before udev has given it its rights and links.
const (
	openTries = 20
	openPause = 50 * time.Millisecond
)

// Opener opens a device node for reading and writing.
type Opener func(ctx context.Context, path string) (drivers.Transport, error)

// Open makes a Keeper's Open of a description: it finds the node by what the device is, opens
// it, and ends the transport with drivers.ErrGone as soon as the node is removed. A device
// that was plugged in this moment is tried for a second while its node cannot be opened. The
// first call waits until Run has looked at sysfs.
func (t *Tree) Open(m drivers.Match, subsystem string, open Opener) func(context.Context) (drivers.Transport, error) {
	var before place
	return func(ctx context.Context) (drivers.Transport, error) {
		if err := t.wait(ctx); err != nil {
			return nil, err
		}
		e, err := t.find(m, subsystem)
		if err != nil {
			return nil, err
		}
		tr, err := t.open(ctx, func() (entry, bool) { return e, true }, e.Path, open)
		if err == nil {
			t.opened(m.String(), &before, e.ID)
		}
		return tr, err
	}
}

func (t *Tree) find(m drivers.Match, subsystem string) (entry, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	i, err := find(len(t.list), func(i int) *drivers.Node { return &t.list[i].Node }, m, subsystem)
	if err != nil {
		return entry{}, err
	}
	return t.list[i], nil
}

// place remembers which device a name led to.
type place struct{ first, last drivers.ID }

// opened tells when what a name leads to is another device than the last time.
func (t *Tree) opened(name string, p *place, now drivers.ID) {
	last := p.last
	p.last = now
	if p.first == (drivers.ID{}) {
		p.first = now
		return
	}
	other := last.Vendor != now.Vendor || last.Product != now.Product || last.Serial != now.Serial
	if other && t.c.Replaced != nil {
		t.c.Replaced(name, p.first, now)
	}
}

// OpenPath is Open of a path: a node, or a link that udev makes to one. It is for devices
// that have no other name; a node that comes back under another number is not found.
func (t *Tree) OpenPath(path string, open Opener) func(context.Context) (drivers.Transport, error) {
	var before place
	return func(ctx context.Context) (drivers.Transport, error) {
		if err := t.wait(ctx); err != nil {
			return nil, err
		}
		var e entry
		var known bool
		tr, err := t.open(ctx, func() (entry, bool) { e, known = t.behind(path); return e, known }, path, open)
		if err == nil && known {
			t.opened(path, &before, e.ID)
		}
		return tr, err
	}
}

// behind is the node that a path leads to, if it is one of the list.
func (t *Tree) behind(path string) (entry, bool) {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		real = path
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, e := range t.list {
		if e.Path == real {
			return e, true
		}
	}
	return entry{}, false
}

// fresh reports whether some node was added so lately that udev may still be at work on it.
func (t *Tree) fresh() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, e := range t.list {
		if !e.added.IsZero() && time.Since(e.added) < openTries*openPause {
			return true
		}
	}
	return false
}

func (t *Tree) open(ctx context.Context, which func() (entry, bool), path string, open Opener) (drivers.Transport, error) {
	for try := 1; ; try++ {
		e, known := which()
		if known && e.gone.Err() != nil {
			return nil, removed("open", path)
		}
		tr, err := open(ctx, path)
		if err == nil {
			if known {
				tr = watch(tr, e.gone)
			}
			return tr, nil
		}
		early := errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrNotExist)
		if !early || try == openTries || !t.fresh() {
			return nil, err
		}
		pause(ctx, openPause)
		if ctx.Err() != nil {
			return nil, err
		}
	}
}

func removed(op, path string) error {
	return &drivers.Error{Op: op, Subject: path, Hint: "plug the device in",
		Err: fmt.Errorf("%w: its node was removed", drivers.ErrGone)}
}

// watched is a transport that ends when its node is removed. Close of the transport below is
// what wakes a reader, and lets the kernel give the node's number away again.
type watched struct {
	drivers.Transport
	gone context.Context
	stop func() bool
}

// watch wraps a transport that was opened through a node.
func watch(t drivers.Transport, gone context.Context) drivers.Transport {
	w := &watched{Transport: t, gone: gone}
	w.stop = context.AfterFunc(gone, func() { _ = t.Close() })
	if last, ok := t.(lastByter); ok {
		return &watchedLine{w, last}
	}
	return w
}

type lastByter interface{ LastByte() time.Time }

// watchedLine is a watched transport that knows when the last byte came.
type watchedLine struct {
	*watched
	lastByter
}

func (w *watched) Read(ctx context.Context, p []byte) (int, error) {
	n, err := w.Transport.Read(ctx, p)
	return n, w.why("read", n, err)
}

func (w *watched) Write(ctx context.Context, p []byte) (int, error) {
	n, err := w.Transport.Write(ctx, p)
	return n, w.why("write", n, err)
}

func (w *watched) Flush() error { return w.why("flush", 0, w.Transport.Flush()) }

func (w *watched) Close() error {
	w.stop()
	return w.Transport.Close()
}

// Unwrap is the transport that was opened.
func (w *watched) Unwrap() drivers.Transport { return w.Transport }

func (w *watched) why(op string, n int, err error) error {
	if err != nil && n == 0 && w.gone.Err() != nil {
		return removed(op, w.String())
	}
	return err
}
