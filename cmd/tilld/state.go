package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/tilld/tilld/agent/queue"
	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/cmd/tilld/internal/config"
	"github.com/tilld/tilld/cmd/tilld/internal/control"
	"github.com/tilld/tilld/internal/disk"
)

// keysHint says where the key of a journal should be.
func keysHint(cfg *config.Config) string {
	if cfg.Terminal.KeyStore == "atecc608" {
		return "put back the secure element that this directory was made with, or name another state directory"
	}
	return "put back the keys file that this directory was made with: " + cfg.Terminal.Keys
}

// journalError says in words what keeps a journal from being used, and what to do.
func journalError(cfg *config.Config, err error) *failure {
	f := &failure{what: "open the journal", subject: cfg.State, err: err, code: exitNotDone}
	for _, known := range []struct {
		is   error
		hint string
	}{
		{queue.ErrLocked, "stop the other one first; two tills never share a directory"},
		{queue.ErrNewer, "start the newer version again, or give this one a state directory of its own"},
		{queue.ErrKey, keysHint(cfg)},
		{queue.ErrEnvironment, "test and live never mix: name another state directory"},
		{queue.ErrSpace, "free space on its partition and start again; nothing is lost"},
		{queue.ErrDefect, "use a build made with \"make build\""},
		{fs.ErrPermission, "it must belong to the user that tilld runs as, mode 700"},
	} {
		if errors.Is(err, known.is) {
			f.hint = known.hint
			if known.is != queue.ErrDefect {
				f.err = known.is
			}
			return f
		}
	}
	if disk.IsReadOnly(err) {
		f.hint = "its file system is read-only: mount it for writing; after an error the kernel may have made it so (dmesg)"
	} else {
		f.hint = "it must be a directory that the user of tilld may write to"
	}
	return f
}

// checkState asks whether the configuration drops a contract that still has open orders.
// The running daemon knows; without one a copy of the journal is read, so that nothing in
// the state directory changes.
func (e *env) checkState(cfg *config.Config) config.Problems {
	ctx, cancel := context.WithTimeout(e.ctx, 2*time.Second)
	defer cancel()
	var duties []control.Duty
	var err error = control.ErrNoDaemon
	if cfg.Control.Socket != "" {
		err = control.NewClient(cfg.Control.Socket).Do(ctx, "GET", "/v1/duties", nil, &duties)
	}
	if errors.Is(err, control.ErrNoDaemon) {
		duties, err = dutiesAtRest(e.ctx, cfg)
	}
	if err == nil {
		return dropped(cfg, duties)
	}
	p := config.Problem{Key: "state", Line: cfg.StateLine, Level: config.Warning,
		Text: "cannot tell whether a contract with open orders is dropped: " + oneLine(err)}
	var f *failure
	if errors.As(err, &f) {
		p.Text, p.Hint = f.subject+": "+oneLine(f.err), f.hint
		if !errors.Is(err, queue.ErrLocked) {
			p.Level = config.Mistake
		}
	}
	return config.Problems{p}
}

// dropped compares open orders with the contracts of a configuration. What an order pins
// must stay as it is: the slot and the account, where it is asked, and with which key.
func dropped(cfg *config.Config, duties []control.Duty) (problems config.Problems) {
	for _, duty := range duties {
		want := duty.Contract
		p := config.Problem{Key: "contract", Level: config.Mistake,
			Hint: fmt.Sprintf("keep the contract as it was (slot %d, %s, %s, key %s) until \"tilld queue ls\" is empty", want.Slot, want.Wallet, want.Endpoint, want.KeyID)}
		p.Text = fmt.Sprintf("%s is gone, and %s open in it", want.Name, orders(duty.Open))
		kept := false
		for i, c := range cfg.Contracts {
			have := refOf(c)
			if have.Slot != want.Slot {
				continue
			}
			p.Line, p.Key = c.Line, fmt.Sprintf("contract[%d]", i+1)
			p.Text = fmt.Sprintf("slot %d was changed, and %s open in %s", want.Slot, orders(duty.Open), want.Name)
			have.Name = want.Name
			kept = have == want
			break
		}
		if !kept {
			problems = append(problems, p)
		}
	}
	return problems
}

func orders(n int) string {
	if n == 1 {
		return "1 order is"
	}
	return fmt.Sprintf("%d orders are", n)
}

// dutiesAtRest reads a copy of the journal of a daemon that does not run. Opening a journal
// changes it; the copy takes the change.
func dutiesAtRest(ctx context.Context, cfg *config.Config) ([]control.Duty, error) {
	root := filepath.Join(cfg.State, "queue")
	if _, err := os.Stat(filepath.Join(root, "witness")); err != nil {
		return nil, nil // no journal yet
	}
	keys, err := openKeys(ctx, cfg, false)
	if err != nil {
		return nil, nil // reported where it stands
	}
	defer keys.close()
	lock, err := disk.Lock(filepath.Join(root, "lock"))
	if errors.Is(err, disk.ErrLocked) {
		return nil, journalError(cfg, queue.ErrLocked)
	}
	if err != nil {
		return nil, journalError(cfg, err)
	}
	defer lock.Close()
	tmp, err := os.MkdirTemp("", "tilld-check-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(tmp)
	if err := copyTree(filepath.Join(tmp, "queue"), root); err != nil {
		return nil, fmt.Errorf("copy the journal: %w", err)
	}
	return dutiesOf(ctx, cfg, tmp, keys)
}

func dutiesOf(ctx context.Context, cfg *config.Config, dir string, keys queue.Keys) ([]control.Duty, error) {
	// The copy needs no reserve: it is thrown away.
	q, _, err := queue.Open(ctx, queue.Options{Dir: dir, Keys: keys, Board: cfg.Terminal.BoardSerial,
		Environment: cfg.Environment, MinNew: 1, MinHard: 1, Ballast: 1})
	if err != nil {
		return nil, journalError(cfg, err)
	}
	defer q.Close(ctx)
	var payments []sale.Payment
	err = q.Each(queue.Payment, func(key string, value []byte) error {
		var p sale.Payment
		if err := json.Unmarshal(value, &p); err != nil {
			return fmt.Errorf("read payment %s: %w", key, err)
		}
		payments = append(payments, p)
		return nil
	})
	return control.Duties(payments), err
}

// copyTree copies a journal without its reserve, its quarantine and its holes.
func copyTree(to, from string) error {
	return filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		switch {
		case e.IsDir() && rel == "quarantine":
			return fs.SkipDir
		case e.IsDir():
			return os.MkdirAll(filepath.Join(to, rel), 0o700)
		case rel == "ballast" || rel == "lock" || !e.Type().IsRegular():
			return nil
		}
		return copySparse(filepath.Join(to, rel), path)
	})
}

// copySparse leaves out blocks of zeros: the files are allocated far beyond what they hold.
func copySparse(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	block, zero := make([]byte, 64<<10), make([]byte, 64<<10)
	size := int64(0)
	for err == nil {
		var n int
		n, err = io.ReadFull(in, block)
		if n > 0 && string(block[:n]) != string(zero[:n]) {
			if _, werr := out.WriteAt(block[:n], size); werr != nil {
				err = werr
			}
		}
		size += int64(n)
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil
	}
	return errors.Join(err, out.Truncate(size), out.Close())
}
