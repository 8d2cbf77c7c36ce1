//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tilld/tilld/internal/board/hands"
)

const (
	notifySocket = "/run/notify"
	tilldPath    = "/bin/tilld"
	readyWithin  = 60 * time.Second
	stopWithin   = 20 * time.Second
)

// supervisor runs tilld as systemd would: it hears READY=1 and WATCHDOG=1, and feeds the
// board's watchdog only as long as they come. Without a tilld it feeds by itself.
type supervisor struct {
	kids    *children
	dog     *os.File // nil: no watchdog is armed
	timeout time.Duration

	one     sync.Mutex // serialises orders
	mu      sync.Mutex
	process *os.Process
	ended   chan struct{}
	err     error // valid after ended
	ready   chan struct{}
}

// newSupervisor listens for notifications, and arms the watchdog if seconds are given.
func newSupervisor(ctx context.Context, kids *children, seconds string) (*supervisor, error) {
	s := &supervisor{kids: kids}
	if seconds != "" {
		n, err := strconv.Atoi(seconds)
		if err != nil {
			return nil, fmt.Errorf("board.watchdog: %w", err)
		}
		if err := s.arm(n); err != nil {
			return nil, err
		}
	}
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: notifySocket})
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, func() { conn.Close() })
	go s.hear(conn)
	if s.dog != nil {
		go s.feedWhileAlone(ctx)
	}
	return s, nil
}

// arm opens the watchdog: Documentation/watchdog/watchdog-api.rst.
func (s *supervisor) arm(seconds int) (err error) {
	if s.dog, err = openBlocking("/dev/watchdog", os.O_WRONLY); err != nil {
		return err
	}
	if err := unix.IoctlSetPointerInt(int(s.dog.Fd()), unix.WDIOC_SETTIMEOUT, seconds); err != nil {
		return fmt.Errorf("arm the watchdog: %w", err)
	}
	s.timeout = time.Duration(seconds) * time.Second
	say("watchdog armed, %d s", seconds)
	return nil
}

func (s *supervisor) feed() {
	if s.dog != nil {
		s.dog.Write([]byte{0}) // a watchdog that takes no food resets the board
	}
}

// feedWhileAlone feeds as long as there is no tilld whose life could be watched.
func (s *supervisor) feedWhileAlone(ctx context.Context) {
	tick := time.NewTicker(s.timeout / 4)
	defer tick.Stop()
	for {
		s.mu.Lock()
		alone := s.process == nil || s.ready != nil // systemd, too, counts from READY=1
		s.mu.Unlock()
		if alone {
			s.feed()
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// hear takes notifications: sd_notify(3).
func (s *supervisor) hear(conn *net.UnixConn) {
	for buf := make([]byte, 4096); ; {
		n, err := conn.Read(buf)
		if err != nil {
			return // closed at the end
		}
		for line := range strings.Lines(string(buf[:n])) {
			switch strings.TrimSpace(line) {
			case "WATCHDOG=1":
				s.feed()
			case "READY=1":
				s.mu.Lock()
				if s.ready != nil {
					close(s.ready)
					s.ready = nil
				}
				s.mu.Unlock()
			}
		}
	}
}

// Do starts, stops and freezes tilld.
func (s *supervisor) Do(ctx context.Context, o hands.Order) (hands.Answer, error) {
	s.one.Lock()
	defer s.one.Unlock()
	if o.Do == hands.Start {
		return s.start(ctx, o.Args)
	}
	s.mu.Lock()
	p, ended := s.process, s.ended
	s.mu.Unlock()
	if p == nil {
		return hands.Answer{}, errors.New("no tilld is running")
	}
	at := hands.Now()
	switch o.Do {
	case hands.Stop:
		if err := p.Signal(unix.SIGTERM); err != nil {
			return hands.Answer{}, err
		}
		select {
		case <-ended:
		case <-time.After(stopWithin):
			p.Kill()
			<-ended
			return hands.Answer{}, fmt.Errorf("tilld was still there %s after SIGTERM", stopWithin)
		}
		return hands.Answer{At: at}, s.err
	case hands.Kill:
		if err := p.Kill(); err != nil {
			return hands.Answer{}, err
		}
		<-ended
		return hands.Answer{At: at}, nil
	case hands.Freeze:
		return hands.Answer{At: at, Process: p.Pid}, p.Signal(unix.SIGSTOP)
	}
	return hands.Answer{}, cannot(o)
}

func (s *supervisor) start(ctx context.Context, args []string) (hands.Answer, error) {
	s.mu.Lock()
	running := s.process != nil
	s.mu.Unlock()
	if running {
		return hands.Answer{}, errors.New("tilld is running already")
	}
	cmd := exec.Command(tilldPath, args...)
	cmd.Env = append(environment(), "NOTIFY_SOCKET="+notifySocket)
	if s.dog != nil {
		cmd.Env = append(cmd.Env, fmt.Sprintf("WATCHDOG_USEC=%d", (s.timeout/2).Microseconds()))
	}
	ready, ended := make(chan struct{}), make(chan struct{})
	s.mu.Lock()
	s.ready = ready
	s.mu.Unlock()
	at := hands.Now()
	wait, err := s.kids.start(cmd, passOn)
	s.mu.Lock()
	if err != nil {
		s.ready = nil
		s.mu.Unlock()
		return hands.Answer{}, err
	}
	s.process, s.ended = cmd.Process, ended
	s.mu.Unlock()
	go func() {
		err := wait()
		s.mu.Lock()
		s.process, s.ready, s.err = nil, nil, err
		s.mu.Unlock()
		close(ended)
	}()
	patience := time.NewTimer(readyWithin)
	defer patience.Stop()
	select {
	case <-ready:
		return hands.Answer{At: at, Process: cmd.Process.Pid}, nil
	case <-ended:
		return hands.Answer{}, fmt.Errorf("tilld ended before it was ready: %w", errors.Join(s.err, io.ErrUnexpectedEOF))
	case <-patience.C:
		cmd.Process.Kill()
		return hands.Answer{}, fmt.Errorf("tilld is not ready after %s", readyWithin)
	case <-ctx.Done():
		return hands.Answer{}, ctx.Err()
	}
}
