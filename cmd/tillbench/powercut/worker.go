package powercut

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"

	"github.com/tilld/tilld/internal/board/replay"
)

// WorkerArg is the first argument of a process that replays cuts: a program that calls Run
// calls Work when it was started with it.
const WorkerArg = "--powercut-worker"

// job is the work of one worker, on its standard input.
type job struct {
	Recording recording `json:"recording"`
	Cuts      []cut     `json:"cuts"` // ascending by After
	// Lies is how many of the last flushes the card only said it had carried out.
	Lies int `json:"lies"`
}

// cut is one failure of the power.
type cut struct {
	Number int    `json:"number"`
	After  int    `json:"after"` // entries that were begun
	Seed   uint64 `json:"seed"`
}

// Work does the job of a worker: a line of JSON for each cut.
func Work(ctx context.Context, in io.Reader, out io.Writer) error {
	var j job
	if err := json.NewDecoder(in).Decode(&j); err != nil {
		return fmt.Errorf("read the job: %w", err)
	}
	return j.work(ctx, out)
}

func (j *job) work(ctx context.Context, out io.Writer) error {
	log, err := os.Open(j.Recording.Log)
	if err != nil {
		return err
	}
	defer log.Close()
	entries, err := replay.Read(log, j.Recording.Writes)
	if err != nil {
		return err
	}
	events, err := readEvents(j.Recording.Events)
	if err != nil {
		return err
	}
	d, err := replay.NewDisk(j.Recording.Before, log, entries)
	if err != nil {
		return err
	}
	at, err := os.MkdirTemp("", "powercut-")
	if err != nil {
		return err
	}
	defer os.Remove(at)
	h := newHistory(events)
	say := json.NewEncoder(out)
	for _, c := range j.Cuts {
		f, err := j.one(ctx, c, entries, d, h, at)
		if err != nil {
			return fmt.Errorf("cut %d: %w", c.Number, err)
		}
		if err := say.Encode(f); err != nil {
			return err
		}
	}
	return nil
}

// safe is how many of the first n entries are durable: those up to the last flush that the
// card did not lie about.
func (j *job) safe(entries []replay.Entry, n int) int {
	lies := j.Lies
	for i := n; i > 0; i-- {
		if !entries[i-1].Flush() {
			continue
		}
		if lies == 0 {
			return i
		}
		lies--
	}
	return 0
}

func (j *job) one(ctx context.Context, c cut, entries []replay.Entry, d *replay.Disk, h *history, at string) (Finding, error) {
	f := Finding{Cut: c.Number, After: c.After}
	if err := h.advance(c.After); err != nil {
		return f, err
	}
	if err := d.Cut(c.After, j.safe(entries, c.After), rand.New(rand.NewPCG(c.Seed, 0))); err != nil {
		return f, err
	}
	release, err := d.Mount(at)
	if errors.Is(err, replay.ErrNotMounted) {
		f.Broken, f.Noticed = err.Error(), true
		return f, nil
	}
	if err != nil {
		return f, err
	}
	judge(ctx, &f, at, h)
	return f, release()
}

// spawn runs workers for a job until every cut is judged. A worker that dies with a cut, as
// Badger may have it do, is replaced.
func spawn(ctx context.Context, j job, take func(Finding)) error {
	for len(j.Cuts) > 0 {
		done, died, err := spawnOne(ctx, j, take)
		if err != nil {
			return err
		}
		if j.Cuts = j.Cuts[done:]; died != "" && len(j.Cuts) > 0 {
			take(Finding{Cut: j.Cuts[0].Number, After: j.Cuts[0].After, Died: true, Noticed: true, Broken: died})
			j.Cuts = j.Cuts[1:]
		}
	}
	return nil
}

// spawnOne is one worker. Died is its last words, where it ended in the middle of a cut.
func spawnOne(ctx context.Context, j job, take func(Finding)) (done int, died string, err error) {
	self, err := os.Executable()
	if err != nil {
		return 0, "", err
	}
	cmd := exec.CommandContext(ctx, self, WorkerArg)
	replay.Alone(cmd)
	in, err := cmd.StdinPipe()
	if err != nil {
		return 0, "", err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return 0, "", err
	}
	var words tail
	cmd.Stderr = &words
	runtime.LockOSThread() // the kernel ends the worker with the thread that started it
	defer runtime.UnlockOSThread()
	if err := cmd.Start(); err != nil {
		return 0, "", fmt.Errorf("replay cuts: it needs root: %w", err)
	}
	err = json.NewEncoder(in).Encode(j)
	in.Close()
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for err == nil && lines.Scan() {
		var f Finding
		if err = json.Unmarshal(lines.Bytes(), &f); err == nil {
			take(f)
			done++
		}
	}
	waited := cmd.Wait()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return done, "", ctx.Err()
	case err != nil:
		return done, "", err
	case errors.As(waited, &exit) && exit.ExitCode() == 1:
		return done, "", errors.New(words.String()) // it says that it cannot do its work
	case waited != nil:
		return done, fmt.Sprintf("the check died: %v: %s", waited, words.String()), nil
	}
	return done, "", nil
}

// tail keeps the end of what is written.
type tail struct{ b []byte }

func (t *tail) Write(p []byte) (int, error) {
	t.b = append(t.b, p...)
	if len(t.b) > 4<<10 {
		t.b = t.b[len(t.b)-4<<10:]
	}
	return len(p), nil
}

func (t *tail) String() string { return string(t.b) }
