package main

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
)

func TestStartProcess(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	p, err := startProcess(context.Background(), log, "/bin/sh", "-c", "echo starting; echo ready here; exec sleep 60")
	if err != nil {
		t.Fatal(err)
	}
	if p.ready <= 0 {
		t.Errorf("ready after %v", p.ready)
	}
	if n, err := p.resident(); err != nil || n <= 0 {
		t.Errorf("resident memory %d, %v", n, err)
	}
	if err := p.stop(); err == nil || !strings.Contains(err.Error(), "terminated") {
		t.Errorf("stop: %v, want the signal that ended it", err)
	}
}

func TestStartProcessThatFails(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	_, err := startProcess(context.Background(), log, "/bin/sh", "-c", "echo no disk >&2; exit 3")
	if err == nil || !strings.Contains(err.Error(), "no disk") || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("a program that ends at once: %v", err)
	}
	if _, err := startProcess(context.Background(), log, filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a program that is not there was started")
	}
}
