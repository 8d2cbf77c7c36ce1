package palm

import (
	"fmt"

	"github.com/tilld/tilld/biometric/capture"
	"github.com/tilld/tilld/biometric/internal/feature"
	"github.com/tilld/tilld/biometric/pad"
	"github.com/tilld/tilld/biometric/palm/bocv"
	"github.com/tilld/tilld/biometric/palm/roi"
	"github.com/tilld/tilld/internal/secret"
)

// Frames of one order: two a phase.
const mostShots = 2 * capture.Phases

// MaxSamples is how many presentations one challenge may take.
const MaxSamples = 3

// bench is the memory that a presentation works in, for pictures of one size. It is made
// once and holds nothing between presentations.
type bench struct {
	w, h   int
	arena  *secret.Arena
	dark   []byte // what was seen before the lamp went on
	lit    []byte
	luma   []byte // of the shots
	shots  []capture.Shot
	finder *roi.Finder
	track  roi.Track
	vein   *roi.Region
	print  *roi.Region

	extract *bocv.Extractor
	panel   *pad.Panel
	codes   [MaxSamples]feature.Code // of the veins, one a sample
	lines   feature.Code             // of the print, of the sample at hand
}

// finderShare is how many bytes a finder may take for one pixel.
const finderShare = 16

func newBench(w, h int, light pad.Config) (*bench, error) {
	size := w * h
	arena, err := secret.NewArena(secret.ArenaSize(size, size, mostShots*size, roi.Size*roi.Size, roi.Size*roi.Size) + finderShare*size + bocv.ArenaSize())
	if err != nil {
		return nil, fmt.Errorf("memory for pictures of %dx%d: %w", w, h, err)
	}
	b := &bench{w: w, h: h, arena: arena, shots: make([]capture.Shot, 0, mostShots), extract: bocv.NewIn(arena), panel: pad.New(light)}
	b.dark, b.lit, b.luma = arena.Bytes(size), arena.Bytes(size), arena.Bytes(mostShots*size)
	b.vein = (*roi.Region)(arena.Bytes(roi.Size * roi.Size))
	b.print = (*roi.Region)(arena.Bytes(roi.Size * roi.Size))
	if b.finder, err = roi.New(w, h, arena.Bytes); err != nil {
		return nil, fmt.Errorf("memory for pictures of %dx%d: %w", w, h, err)
	}
	return b, nil
}

// wipe leaves nothing of the person.
func (b *bench) wipe() {
	b.forget()
	for i := range b.codes {
		b.codes[i].Wipe()
	}
}

// forget leaves nothing of a sample but its code.
func (b *bench) forget() {
	b.finder.Wipe()
	b.extract.Wipe()
	b.panel.Wipe()
	b.lines.Wipe()
	b.track.Reset()
	b.arena.Wipe()
	b.shots = b.shots[:0]
}
