package queue

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/internal/disk"
)

// meta is the readable head of a queue directory. What it says stands in the witness too:
// where one is damaged the other repairs it.
type meta struct {
	Format      int    `json:"format"`
	Environment string `json:"environment"`
	Board       string `json:"board"` // hex SHA-256 of the serial number
	Check       string `json:"check"` // depends on the root key alone
}

// Open opens or makes the journal below o.Dir. What was wrong with it is in Recovery; an
// error means that it cannot be used at all: ErrLocked, ErrNewer, ErrKey, ErrEnvironment,
// ErrSpace, ErrDefect, or the system's.
//
// Directories that Badger does not open are moved to quarantine and replaced by a fresh
// one, so that a damaged card does not become a crash loop.
func Open(ctx context.Context, o Options) (*Queue, Recovery, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, Recovery{}, err
	}
	if strconv.IntSize == 32 {
		if err := selfTest(); err != nil {
			return nil, Recovery{}, fmt.Errorf("open queue: %w", err)
		}
	}
	q := &Queue{
		opt: o, log: o.Log, root: filepath.Join(o.Dir, "queue"),
		reqs: make(chan *request, maxQueued), tasks: make(chan task), kick: make(chan struct{}, 1),
		closing: make(chan struct{}), ended: make(chan struct{}), stopped: make(chan struct{}),
		fatal: make(chan error, 1), index: map[string]entry{},
	}
	rec, err := q.open(ctx)
	if err != nil {
		q.abandon(ctx)
		if disk.IsFull(err) && !errors.Is(err, ErrSpace) {
			err = fmt.Errorf("%w: %w", ErrSpace, err)
		}
		return nil, Recovery{}, fmt.Errorf("open queue in %s: %w", o.Dir, err)
	}
	go q.run()
	return q, rec, nil
}

func (q *Queue) open(ctx context.Context) (rec Recovery, err error) {
	for _, dir := range []string{"", "day", "key", "summary", "quarantine"} {
		if err := os.MkdirAll(filepath.Join(q.root, dir), 0o700); err != nil {
			return rec, err
		}
	}
	q.lock, err = disk.Lock(filepath.Join(q.root, "lock"))
	if errors.Is(err, disk.ErrLocked) {
		return rec, ErrLocked
	}
	if err != nil {
		return rec, err
	}
	if q.keys, err = newKeyring(q.opt.Keys, filepath.Join(q.root, "key")); err != nil {
		return rec, err
	}
	r := recovery{Queue: q, rec: &rec}
	if err := r.identify(); err != nil {
		return rec, err
	}
	dropped, err := q.spaceToOpen()
	if err != nil {
		return rec, err
	}
	clean := q.st.Clean
	// The token is durable, and the state marked as in use, before anything else is
	// touched: should opening a directory end this process, the next start tries it in a
	// child first.
	var random [4]byte
	rand.Read(random[:])
	rec.Token = sale.StartToken(random)
	q.st.addToken(rec.Token)
	q.st.Clean = false
	if err := q.witnessNow(); err != nil {
		return rec, err
	}
	if err := q.writeMeta(); err != nil {
		return rec, err
	}
	if err := r.load(ctx, clean); err != nil {
		return rec, err
	}
	if err := r.conclude(ctx); err != nil {
		return rec, err
	}
	if !dropped {
		if err := q.holdBallast(); err != nil && !disk.IsFull(err) {
			return rec, err
		}
	}
	return rec, nil
}

// witnessNow writes the state as it stands, outside a group.
func (q *Queue) witnessNow() error {
	q.st.Generation++
	q.count.witness.Add(1)
	return q.wit.write(&q.st)
}

func boardHash(serial string) [32]byte { return sha256.Sum256([]byte("tilld board " + serial)) }

func (q *Queue) metaPath() string { return filepath.Join(q.root, "meta.json") }

// writeMeta makes meta say what the witness says, if it does not.
func (q *Queue) writeMeta() error {
	want, err := json.Marshal(meta{formatVersion, q.st.Environment, hex.EncodeToString(q.st.Board[:]), q.keys.check})
	if err != nil {
		return err
	}
	want = append(want, '\n')
	if got, err := os.ReadFile(q.metaPath()); err == nil && string(got) == string(want) {
		return nil
	}
	return disk.WriteFile(q.metaPath(), want)
}

// recovery is the work of one Open.
type recovery struct {
	*Queue
	rec *Recovery
	// blind is set when no witness survived.
	blind    bool
	payments map[uint64]bool // numbers found in the journal
	damaged  []dayState      // days that lost records, as the witness knows them
	changed  bool            // the witness must be written again
}

func (r *recovery) note(format string, v ...any) {
	r.rec.Notes = append(r.rec.Notes, fmt.Sprintf(format, v...))
}

// identify reads meta and witness and decides whether this state may be used by this
// program, in this environment, with this key and on this board.
func (r *recovery) identify() error {
	var m meta
	b, metaErr := os.ReadFile(r.metaPath())
	made := !errors.Is(metaErr, fs.ErrNotExist)
	if metaErr == nil {
		metaErr = json.Unmarshal(b, &m)
	}
	days, err := r.dirsOnDisk()
	if err != nil {
		return err
	}
	path := filepath.Join(r.root, "witness")
	_, err = os.Stat(path)
	witnessed := err == nil
	// Another key, or a newer version, must not touch the witness.
	wit, st, broken, err := openWitness(path, r.keys.witness)
	if err != nil {
		return err
	}
	r.wit = wit
	if st == nil && metaErr == nil && m.Format > formatVersion {
		return fmt.Errorf("%w: format %d, this program knows %d", ErrNewer, m.Format, formatVersion)
	}
	if st == nil && made && metaErr == nil && m.Check != r.keys.check {
		return ErrKey
	}
	if st == nil && broken > 0 && metaErr != nil {
		return fmt.Errorf("%w, or witness and meta.json are both destroyed", ErrKey)
	}
	r.payments = map[uint64]bool{}
	if st == nil {
		r.st = state{Version: formatVersion, Environment: r.opt.Environment, Board: boardHash(r.opt.Board)}
		if made && metaErr == nil {
			r.st.Environment = m.Environment
			if h, err := hex.DecodeString(m.Board); err == nil && len(h) == 32 {
				copy(r.st.Board[:], h)
			}
		}
		r.blind = made || broken > 0 || len(days) > 0
		r.rec.Fresh = !r.blind
		if r.blind {
			r.note("the witness is gone: what the journal lacks cannot be known")
		}
	} else {
		r.st = *st
		if broken > 0 {
			r.note("one of the two witness slots was damaged, or its last write was cut off")
		}
		if !witnessed || metaErr != nil || m.Check != r.keys.check || m.Environment != st.Environment || m.Format != formatVersion {
			r.note("meta.json was damaged or missing; made again from the witness")
		}
	}
	if r.st.Environment != r.opt.Environment {
		return fmt.Errorf("%w: it was made in %q, this is %q; use another state directory",
			ErrEnvironment, r.st.Environment, r.opt.Environment)
	}
	r.rec.Foreign = r.st.Board != boardHash(r.opt.Board)
	return nil
}

func (q *Queue) dayDir(n uint32) string {
	return filepath.Join(q.root, "day", fmt.Sprintf("%06d", n))
}

// dirsOnDisk lists the numbers of the day directories, ascending.
func (q *Queue) dirsOnDisk() ([]uint32, error) {
	entries, err := os.ReadDir(filepath.Join(q.root, "day"))
	if err != nil {
		return nil, err
	}
	var numbers []uint32
	for _, e := range entries {
		if n, err := strconv.ParseUint(e.Name(), 10, 32); err == nil && e.IsDir() {
			numbers = append(numbers, uint32(n))
		}
	}
	slices.Sort(numbers)
	return numbers, nil
}

// freeNumber is a day number never used before.
func (q *Queue) freeNumber() uint32 {
	highest := uint32(0)
	for _, d := range q.st.Days {
		highest = max(highest, d.Number)
	}
	for _, dir := range []string{"day", "key", "quarantine"} {
		entries, _ := os.ReadDir(filepath.Join(q.root, dir))
		for _, e := range entries {
			digits, _, _ := strings.Cut(e.Name(), "-")
			if n, err := strconv.ParseUint(digits, 10, 32); err == nil {
				highest = max(highest, uint32(n))
			}
		}
	}
	return highest + 1
}

// newDay makes and opens a fresh directory and key. The state does not name it yet.
func (q *Queue) newDay(ctx context.Context) (*day, error) {
	n := q.freeNumber()
	aead, err := q.keys.create(n)
	if err != nil {
		return nil, err
	}
	d := &day{number: n, dir: q.dayDir(n), aead: aead}
	if err := os.MkdirAll(d.dir, 0o700); err != nil {
		return nil, err
	}
	if d.db, err = openBadger(ctx, d.dir, false, q.opt.ProbeTimeout, q.log); err != nil {
		return nil, err
	}
	if err := q.settle(d); err != nil {
		return nil, errors.Join(err, closeBadger(ctx, d.db, q.opt.ProbeTimeout))
	}
	return d, disk.SyncDir(filepath.Dir(d.dir))
}

// settle allocates what the current day maps. The log of the next memory table can wait
// for better times.
func (q *Queue) settle(d *day) error {
	err := d.settle()
	if err != nil && d.nextMem != "" && !d.reserved && disk.IsFull(err) {
		return nil
	}
	return err
}

// today is the business day as yyyymmdd; 0 while the time is not trusted.
func (q *Queue) today() (date uint32, now time.Time) {
	now, trusted := q.opt.Now()
	if !trusted {
		return 0, now
	}
	y, m, d := now.Date()
	return uint32(y*10000 + int(m)*100 + d), now
}

// abandon lets go of what a failed Open holds.
func (q *Queue) abandon(ctx context.Context) {
	for _, d := range q.days {
		if d.db != nil {
			if err := closeBadger(ctx, d.db, 5*time.Second); err != nil {
				q.log.Warn("close a day after a failed open", "err", err)
			}
		}
	}
	if q.wit != nil {
		q.wit.close()
	}
	if q.lock != nil {
		q.lock.Close()
	}
}
