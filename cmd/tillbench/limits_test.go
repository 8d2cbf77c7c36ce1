package main

import (
	"sync"
	"testing"
)

func TestPreallocatedCommitsEveryRecord(t *testing.T) {
	p, err := newPreallocated(t.TempDir(), 64<<10)
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 20 {
				if err := p.commit(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if p.busy || len(p.wait) > 0 {
		t.Errorf("busy %v with %d waiting after the last commit", p.busy, len(p.wait))
	}
	p.f.Close()
	if err := p.commit(); err == nil {
		t.Error("a commit to a closed file succeeded")
	}
}

func TestSign(t *testing.T) {
	s, err := newSigner()
	if err != nil {
		t.Fatal(err)
	}
	if d, err := s.sign(); err != nil || d <= 0 {
		t.Errorf("one signature took %v, %v", d, err)
	}
}
