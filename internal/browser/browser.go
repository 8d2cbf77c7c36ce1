// Package browser drives a headless Chromium over the DevTools protocol, so that tests see
// what people see: https://chromedevtools.github.io/devtools-protocol/. It uses the
// standard library alone and is not linked into any program that is shipped.
package browser

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// ErrMissing says that no Chromium is installed.
var ErrMissing = errors.New("no chromium or google-chrome on this machine")

// commandWithin bounds one DevTools command: a loaded machine is slow, a hung page is a bug.
const commandWithin = 30 * time.Second

// Browser is a running Chromium with a profile of its own. It is safe for concurrent use.
type Browser struct {
	cmd     *exec.Cmd
	profile string
	ws      *socket
	exited  chan struct{}

	mu      sync.Mutex
	next    int
	waiting map[int]chan reply
	broken  error
}

type reply struct {
	ID     int             `json:"id"`
	Result json.RawMessage `json:"result"`
	Error  *struct {
		Message string `json:"message"`
	} `json:"error"`
}

// Find is the path of a Chromium, or ErrMissing.
func Find() (string, error) {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome-stable", "google-chrome"} {
		if p, err := exec.LookPath(name); err == nil {
			return p, nil
		}
	}
	return "", ErrMissing
}

// Launch starts a Chromium; Close ends it and removes its profile.
func Launch(ctx context.Context) (*Browser, error) {
	program, err := Find()
	if err != nil {
		return nil, err
	}
	profile, err := os.MkdirTemp("", "tilld-browser-")
	if err != nil {
		return nil, fmt.Errorf("launch browser: %w", err)
	}
	b := &Browser{profile: profile, exited: make(chan struct{}), waiting: map[int]chan reply{}}
	b.cmd = exec.Command(program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
		"--no-proxy-server", "--hide-scrollbars", "--user-data-dir="+profile, "--remote-debugging-port=0", "about:blank")
	// Chromium's children go with it: they are one process group, and end with this process.
	b.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := b.cmd.Start(); err != nil {
		os.RemoveAll(profile)
		return nil, fmt.Errorf("launch browser: %w", err)
	}
	go func() { b.cmd.Wait(); close(b.exited) }()
	if err := b.connect(ctx); err != nil {
		b.Close()
		return nil, fmt.Errorf("launch browser: %w", err)
	}
	return b, nil
}

// connect waits for the file in which Chromium names its debugging port.
func (b *Browser) connect(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, commandWithin)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		text, err := os.ReadFile(filepath.Join(b.profile, "DevToolsActivePort"))
		if port, path, ok := strings.Cut(strings.TrimSpace(string(text)), "\n"); err == nil && ok {
			b.ws, err = dialSocket("ws://127.0.0.1:" + port + path)
			if err != nil {
				return err
			}
			go b.receive()
			return nil
		}
		select {
		case <-tick.C:
		case <-b.exited:
			return errors.New("it exited at once")
		case <-ctx.Done():
			return fmt.Errorf("it names no debugging port: %w", ctx.Err())
		}
	}
}

// Close ends the browser.
func (b *Browser) Close() error {
	syscall.Kill(-b.cmd.Process.Pid, syscall.SIGKILL)
	<-b.exited
	if b.ws != nil {
		b.ws.conn.Close()
	}
	return os.RemoveAll(b.profile)
}

func (b *Browser) receive() {
	for {
		message, err := b.ws.read()
		if err != nil {
			b.mu.Lock()
			b.broken = fmt.Errorf("browser is gone: %w", err)
			for id, c := range b.waiting {
				close(c)
				delete(b.waiting, id)
			}
			b.mu.Unlock()
			return
		}
		var r reply
		if json.Unmarshal(message, &r) != nil || r.ID == 0 {
			continue // an event; nobody has asked for any
		}
		b.mu.Lock()
		if c, ok := b.waiting[r.ID]; ok {
			c <- r
			delete(b.waiting, r.ID)
		}
		b.mu.Unlock()
	}
}

// call sends one command and decodes its result into out, which may be nil.
func (b *Browser) call(session, method string, params, out any) error {
	b.mu.Lock()
	if b.broken != nil {
		b.mu.Unlock()
		return b.broken
	}
	b.next++
	id := b.next
	answer := make(chan reply, 1)
	b.waiting[id] = answer
	b.mu.Unlock()

	message := map[string]any{"id": id, "method": method, "params": params}
	if session != "" {
		message["sessionId"] = session
	}
	var text bytes.Buffer
	if err := json.NewEncoder(&text).Encode(message); err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	if err := b.ws.write(opText, text.Bytes()); err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	timer := time.NewTimer(commandWithin)
	defer timer.Stop()
	select {
	case r, ok := <-answer:
		if !ok {
			return fmt.Errorf("%s: %w", method, b.gone())
		}
		if r.Error != nil {
			return fmt.Errorf("%s: %s", method, r.Error.Message)
		}
		if out == nil {
			return nil
		}
		return json.Unmarshal(r.Result, out)
	case <-timer.C:
		return fmt.Errorf("%s: no answer in %s", method, commandWithin)
	}
}

func (b *Browser) gone() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.broken
}
