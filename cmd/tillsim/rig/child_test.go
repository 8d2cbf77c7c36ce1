package rig

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// This test binary plays the daemon when it is run with this variable set.
const playing = "TILLSIM_TEST_PLAY"

func TestMain(m *testing.M) {
	switch os.Getenv(playing) {
	case "":
		os.Exit(m.Run())
	case "well":
		stop := make(chan os.Signal, 1)
		signal.Notify(stop, syscall.SIGTERM)
		fmt.Fprintln(os.Stderr, "starting")
		fmt.Println("ready pos=127.0.0.1:1")
		<-stop
		fmt.Println("stopped well")
		os.Exit(0)
	case "broken":
		fmt.Fprintln(os.Stderr, "tilld: open state: no such directory")
		os.Exit(1)
	case "silent":
		never := make(chan os.Signal, 1)
		signal.Notify(never, syscall.SIGUSR1)
		<-never
	}
}

func play(t *testing.T, ctx context.Context, part string) (*child, string, error) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(playing, part)
	log := filepath.Join(t.TempDir(), "tilld.log")
	c, err := startChild(ctx, self, nil, log)
	if err == nil {
		t.Cleanup(c.kill)
	}
	return c, log, err
}

func TestChildStops(t *testing.T) {
	c, log, err := play(t, t.Context(), "well")
	if err != nil {
		t.Fatal(err)
	}
	if err := c.stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
	text, err := os.ReadFile(log)
	if err != nil || !strings.Contains(string(text), "starting\n") || !strings.HasSuffix(string(text), "stopped well\n") {
		t.Errorf("log %q, %v: want all that the child wrote, to the last line", text, err)
	}
	if err := c.stop(); err != nil {
		t.Errorf("stop of what has stopped: %v", err)
	}
}

func TestChildKilled(t *testing.T) {
	c, _, err := play(t, t.Context(), "well")
	if err != nil {
		t.Fatal(err)
	}
	c.kill()
	if c.cmd.ProcessState == nil || c.cmd.ProcessState.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Errorf("ended with %v, want SIGKILL", c.cmd.ProcessState)
	}
}

func TestChildThatDoesNotStart(t *testing.T) {
	if _, _, err := play(t, t.Context(), "broken"); err == nil || !strings.Contains(err.Error(), "no such directory") {
		t.Errorf("error %v, want one that quotes the child's last line", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, _, err := play(t, ctx, "silent"); err == nil || !strings.Contains(err.Error(), "deadline") {
		t.Errorf("error %v, want the deadline", err)
	}
	if _, err := startChild(t.Context(), filepath.Join(t.TempDir(), "absent"), nil, filepath.Join(t.TempDir(), "log")); err == nil {
		t.Error("a program that is not there was started")
	}
}

func TestListenTakesTheNextFreePort(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	ln, err := Listen(taken.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if got, was := ln.Addr().(*net.TCPAddr).Port, taken.Addr().(*net.TCPAddr).Port; got <= was {
		t.Errorf("port %d, want one after %d", got, was)
	}
	for _, bad := range []string{"127.0.0.1", "127.0.0.1:http!", "127.0.0.1:65536"} {
		if ln, err := Listen(bad); err == nil {
			ln.Close()
			t.Errorf("Listen(%q) did not fail", bad)
		}
	}
}

func TestFreePortsDiffer(t *testing.T) {
	got, err := freePorts("127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0")
	if err != nil || len(got) != 3 || got[0] == got[1] || got[1] == got[2] || got[0] == got[2] {
		t.Errorf("%v, %v: want three different addresses", got, err)
	}
}
