package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// Error says why the daemon could not be asked, or what it refused.
type Error struct {
	Subject string // the socket's path; empty when the daemon itself answered
	Hint    string
	Err     error
}

func (e *Error) Error() string {
	if e.Subject == "" {
		return e.Err.Error()
	}
	return e.Subject + ": " + e.Err.Error()
}
func (e *Error) Unwrap() error    { return e.Err }
func (e *Error) HintText() string { return e.Hint }

// ErrNoDaemon: nobody listens on the socket.
var ErrNoDaemon = errors.New("no daemon is running")

// Listen opens the socket with mode 0600. A socket that a dead daemon left behind is
// replaced; a living one is an error.
func Listen(path string) (net.Listener, error) {
	fail := func(err error, hint string) (net.Listener, error) {
		return nil, &Error{Subject: path, Err: err, Hint: hint}
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fail(bare(err), "the folder must exist: RuntimeDirectory=tilld in the unit, or mkdir")
	}
	if info, err := os.Lstat(path); err == nil {
		if info.Mode()&fs.ModeSocket == 0 {
			return fail(errors.New("something that is no socket stands there"), "remove it, or choose another path for [control] socket")
		}
		if c, err := net.DialTimeout("unix", path, time.Second); err == nil {
			c.Close()
			return fail(syscall.EADDRINUSE, "another tilld runs with this socket; stop it first")
		}
		if err := os.Remove(path); err != nil {
			return fail(bare(err), "remove the old socket")
		}
	}
	// Bound under another name and moved into place once it is closed to others: at no
	// moment can another user open it. The name stays within what a socket's path may hold.
	tmp := fmt.Sprintf("%s.%d", filepath.Join(filepath.Dir(path), ".s"), os.Getpid())
	os.Remove(tmp)
	l, err := net.Listen("unix", tmp)
	if err != nil {
		return fail(bare(err), "the folder must be writable for the user that tilld runs as")
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	if err = os.Chmod(tmp, 0o600); err == nil {
		err = os.Rename(tmp, path)
	}
	if err != nil {
		l.Close()
		os.Remove(tmp)
		return fail(bare(err), "")
	}
	return &unlinking{l, path}, nil
}

// unlinking removes the socket when it is closed.
type unlinking struct {
	net.Listener
	path string
}

func (u *unlinking) Close() error {
	os.Remove(u.path)
	return u.Listener.Close()
}

func bare(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	var se *os.SyscallError
	if errors.As(err, &se) {
		return se.Err
	}
	return err
}

// Client asks a running daemon.
type Client struct {
	path string
	http http.Client
}

// NewClient makes a client for the socket at path.
func NewClient(path string) *Client {
	c := &Client{path: path}
	c.http.Transport = &http.Transport{DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, "unix", path)
		}}
	return c
}

// maxAnswer bounds what is read of an answer: a list of ten thousand payments is about 10 MB.
const maxAnswer = 64 << 20

// Do asks, with a body when in is not nil, and reads the answer into out.
func (c *Client) Do(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		j, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(j)
	}
	r, err := http.NewRequestWithContext(ctx, method, "http://tilld"+path, body)
	if err != nil {
		return err
	}
	a, err := c.http.Do(r)
	if err != nil {
		return c.unreachable(err)
	}
	defer a.Body.Close()
	data, err := io.ReadAll(io.LimitReader(a.Body, maxAnswer))
	if err != nil {
		return c.unreachable(err)
	}
	if a.StatusCode/100 != 2 {
		return refusal(a.Status, data)
	}
	if err := json.Unmarshal(data, out); err != nil {
		return &Error{Subject: c.path, Err: fmt.Errorf("read the daemon's answer: %w", err), Hint: "daemon and command line must be of one version"}
	}
	return nil
}

// Lines asks and hands every line of the answer, a JSON object each, to f.
func (c *Client) Lines(ctx context.Context, path string, in any, f func(line json.RawMessage) error) error {
	j, err := json.Marshal(in)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, "POST", "http://tilld"+path, bytes.NewReader(j))
	if err != nil {
		return err
	}
	a, err := c.http.Do(r)
	if err != nil {
		return c.unreachable(err)
	}
	defer a.Body.Close()
	if a.StatusCode/100 != 2 {
		data, err := io.ReadAll(io.LimitReader(a.Body, maxAnswer))
		if err != nil {
			return c.unreachable(err)
		}
		return refusal(a.Status, data)
	}
	for d := json.NewDecoder(io.LimitReader(a.Body, maxAnswer)); ; {
		var line json.RawMessage
		if err := d.Decode(&line); err == io.EOF {
			return nil
		} else if err != nil {
			return c.unreachable(err)
		}
		if err := f(line); err != nil {
			return err
		}
	}
}

// refusal reads what the daemon said instead of an answer.
func refusal(status string, data []byte) error {
	var f Fault
	if json.Unmarshal(data, &f) != nil || f.Error == "" {
		f.Error = "the daemon answered " + status
		f.Hint = "daemon and command line must be of one version"
	}
	return &Error{Err: errors.New(f.Error), Hint: f.Hint}
}

func (c *Client) unreachable(err error) error {
	e := &Error{Subject: c.path, Err: err}
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		e.Err, e.Hint = ErrNoDaemon, "start it with \"tilld run -config FILE\", or name its socket with --socket"
	case errors.Is(err, fs.ErrPermission):
		e.Err, e.Hint = fs.ErrPermission, "use the user that tilld runs as, or root"
	case errors.Is(err, context.Canceled):
		e.Err = context.Canceled
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, io.ErrUnexpectedEOF):
		e.Err, e.Hint = errors.New("the daemon went away before it answered"), "the payment goes on when it starts again: \"tilld status\" tells"
	}
	return e
}
