package driverstest

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestPtyCarriesBytesUnchangedAndIsReplacedUnderItsLink(t *testing.T) {
	link := filepath.Join(t.TempDir(), "dev", "scanner")
	p, err := OpenPty(link)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	tty, err := os.OpenFile(p.Path(), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer tty.Close()
	want := "\x03\x04\x11\x13]Q1123\r\n\x00\xff"
	if _, err := p.Write([]byte(want)); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 64)
	n, err := tty.Read(got)
	if err != nil || string(got[:n]) != want {
		t.Fatalf("got %q %v, want %q", got[:n], err, want)
	}
	if _, err := tty.Write([]byte("trigger\n")); err != nil {
		t.Fatal(err)
	}
	if err := p.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if n, err = p.Read(got); err != nil || string(got[:n]) != "trigger\n" {
		t.Fatalf("device got %q %v", got[:n], err)
	}

	if err := p.Hangup(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(link); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("link after the plug was pulled: %v", err)
	}
	if n, err := tty.Read(got); n != 0 || err == nil {
		t.Fatalf("read after hang-up: %d %v", n, err)
	}
	if _, err := p.Write([]byte("x")); !errors.Is(err, ErrUnplugged) {
		t.Fatalf("write while unplugged: %v", err)
	}
	if err := p.Replug(); err != nil {
		t.Fatal(err)
	}
	again, err := os.OpenFile(link, os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if _, err := p.Write([]byte("back")); err != nil {
		t.Fatal(err)
	}
	if n, err := again.Read(got); err != nil || string(got[:n]) != "back" {
		t.Fatalf("got %q %v", got[:n], err)
	}
	if err := errors.Join(p.Close(), p.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestPtyDoesNotReplaceAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if p, err := OpenPty(file); err == nil {
		p.Close()
		t.Fatal("replaced a plain file by a link")
	}
}
