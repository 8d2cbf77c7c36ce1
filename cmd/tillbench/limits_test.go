package main

import "testing"

func TestSign(t *testing.T) {
	s, err := newSigner()
	if err != nil {
		t.Fatal(err)
	}
	if d, err := s.sign(); err != nil || d <= 0 {
		t.Errorf("one signature took %v, %v", d, err)
	}
}
