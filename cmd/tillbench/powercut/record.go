package powercut

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/tilld/tilld/cmd/tillbench/powercut/shop"
	"github.com/tilld/tilld/internal/board"
	"github.com/tilld/tilld/internal/board/replay"
)

// Plan says what to record.
type Plan struct {
	Kernel board.Kernel
	Guest  string // the program that becomes /init
	Dir    string // where recordings are kept
	// Commits is how many commits are to be acknowledged in each boot, and Selling how long
	// that may take: a busy machine gets there later.
	Commits int
	Selling time.Duration
	// Boots is how often the board is started: the later ones begin on the disk that a cut
	// has left, with duties of the one before.
	Boots int
	// Unsynced has the board's kernel do nothing when the till syncs.
	Unsynced bool
}

// recording is one boot of a board: the disk before it, the log of its writes, and what was
// told from the first boot on.
type recording struct {
	Before string `json:"before"`
	Log    string `json:"log"`
	Events string `json:"events"`
	Writes int    `json:"writes"` // entries of the log that count
}

// diskSize is that of the board's disk, in MiB.
const diskSize = 96

// bootWithin bounds the time until sales begin.
const bootWithin = 90 * time.Second

// modules are what the board's disk needs.
func modules() []string { return []string{"virtio_pci", "virtio_blk", "crc32c_generic", "ext4"} }

// record starts the board as often as planned.
func record(ctx context.Context, p Plan, log io.Writer) ([]recording, error) {
	mods, err := p.Kernel.Modules(ctx, modules()...)
	if err != nil {
		return nil, err
	}
	ramfs := filepath.Join(p.Dir, "initramfs")
	if err := board.WriteInitramfs(ramfs, p.Guest, mods); err != nil {
		return nil, err
	}
	before := filepath.Join(p.Dir, "disk-0")
	if err := board.MakeDisk(ctx, before, diskSize); err != nil {
		return nil, err
	}
	var all []recording
	t := &tape{ledger: shop.NewLedger(), log: log, wanted: p.Commits}
	for boot := range p.Boots {
		t.begin(boot + 1)
		r := recording{Before: before, Log: filepath.Join(p.Dir, fmt.Sprintf("log-%d", boot)), Events: filepath.Join(p.Dir, fmt.Sprintf("events-%d", boot))}
		after := filepath.Join(p.Dir, fmt.Sprintf("disk-%d", boot+1))
		if err := copySparse(after, before); err != nil {
			return nil, err
		}
		if err := t.run(ctx, p, ramfs, after, r.Log); err != nil {
			return nil, fmt.Errorf("record boot %d: %w", boot+1, err)
		}
		r.Writes = t.last
		if err := writeEvents(r.Events, t.events); err != nil {
			return nil, err
		}
		all, before = append(all, r), after
	}
	return all, nil
}

// tape takes down what a board tells.
type tape struct {
	ledger *shop.Ledger
	log    io.Writer
	boot   int
	events []event
	last   int // writes at the last event
	wanted int // commits in this boot
	done   int // that were acknowledged
	writes *os.File

	mu      sync.Mutex
	selling chan struct{} // closed once sales are under way
	enough  chan struct{} // closed once there were as many commits as wanted
	said    []string      // the console's last lines
}

// begin is the start of a board on what the one before has left.
func (t *tape) begin(boot int) {
	t.boot, t.last, t.done = boot, 0, 0
	t.selling, t.enough = make(chan struct{}), make(chan struct{})
	for i := range t.events {
		t.events[i].At = 0
	}
}

func (t *tape) note(m shop.Message) {
	if m.Op == shop.Say {
		fmt.Fprintf(t.log, "board: %s\n", m.Text)
		if m.Text == "selling" {
			close(t.selling)
		}
		return
	}
	n, err := replay.Entries(t.writes)
	if err != nil {
		n = t.last // the next one says so too; a log that cannot be read is found at the end
	}
	t.last = max(n, t.last)
	if m.Op == shop.Done {
		if t.done++; t.done == t.wanted {
			close(t.enough)
		}
	}
	t.events = append(t.events, event{At: t.last, Boot: t.boot, Message: m})
}

// console keeps the last lines that the board wrote.
func (t *tape) console(line string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.said = append(t.said, line); len(t.said) > 20 {
		t.said = t.said[1:]
	}
}

// failed is an error with the console's last words.
func (t *tape) failed(err error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return fmt.Errorf("%w\nthe board's last words:\n%s", err, strings.Join(t.said, "\n"))
}

func (t *tape) run(ctx context.Context, p Plan, ramfs, disk, log string) (err error) {
	f, err := os.Create(log)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Truncate(4 << 30); err != nil { // sparse; QEMU does not extend it
		return err
	}
	t.writes = f
	words := []string{fmt.Sprintf("run=%d", t.boot)}
	if p.Unsynced {
		words = append(words, "sync=off")
	}
	b, err := board.Start(ctx, board.Machine{Kernel: p.Kernel, Initramfs: ramfs, Memory: 256, Append: words, Block: []string{
		"-blockdev", "driver=file,node-name=f,cache.no-flush=on,filename=" + disk,
		"-blockdev", "driver=raw,node-name=r,file=f",
		"-blockdev", "driver=file,node-name=l,cache.no-flush=on,filename=" + log,
		// The number of entries is brought up to date with each: every event has its place.
		"-blockdev", fmt.Sprintf("driver=blklogwrites,node-name=d,file=r,log=l,log-sector-size=%d,log-super-update-interval=1", replay.Sector),
		"-device", "virtio-blk-pci,drive=d",
	}}, t.console)
	if err != nil {
		return err
	}
	defer b.Close()
	served := make(chan error, 1)
	go func() { served <- shop.Serve(b.Hands, t.ledger, t.note) }()
	select {
	case <-t.selling:
	case <-b.Done():
		return t.failed(errors.New("the board ended before it sold anything"))
	case <-time.After(bootWithin):
		return t.failed(fmt.Errorf("the board does not sell after %v", bootWithin))
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-t.enough:
	case <-time.After(p.Selling):
	case <-b.Done():
		return t.failed(errors.New("the board ended by itself"))
	case <-ctx.Done():
		return ctx.Err()
	}
	b.Kill()
	// What was on the wire when the power went away has happened: it is heard to the end.
	if err := <-served; err != nil && len(t.events) == 0 {
		return err
	}
	return nil
}

// page is the unit of a hole.
const page = 4096

// copySparse copies a file and leaves its holes.
func copySparse(to, from string) error {
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	f, err := os.Create(to)
	if err != nil {
		return err
	}
	err = f.Truncate(int64(len(content)))
	zero := make([]byte, page)
	for i := 0; err == nil && i < len(content); i += page {
		if string(content[i:i+page]) != string(zero) {
			_, err = f.WriteAt(content[i:i+page], int64(i))
		}
	}
	return errors.Join(err, f.Close())
}
