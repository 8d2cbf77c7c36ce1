//go:build linux

package main

import (
	"sync"

	"github.com/tilld/tilld/internal/board/hands"
)

// sight is what a device was told, report by report. Safe for concurrent use.
type sight struct {
	mu  sync.Mutex
	saw hands.Sight
}

// mostTold bounds what is kept of it.
const mostTold = 4 << 10

func (s *sight) told(report []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.saw.Written++
	if len(s.saw.Told)+len(report) <= mostTold {
		s.saw.Told = append(s.saw.Told, report...)
	}
}

func (s *sight) scanned(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.saw.Scans += n
}

// take is what was seen since the last time.
func (s *sight) take() hands.Sight {
	s.mu.Lock()
	defer s.mu.Unlock()
	saw := s.saw
	s.saw = hands.Sight{}
	return saw
}
