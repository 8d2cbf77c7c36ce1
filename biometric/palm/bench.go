package palm

import (
	"errors"
	"fmt"

	"github.com/tilld/tilld/biometric/capture"
	"github.com/tilld/tilld/biometric/internal/feature"
	"github.com/tilld/tilld/biometric/pad"
	"github.com/tilld/tilld/biometric/palm/bocv"
	"github.com/tilld/tilld/biometric/palm/roi"
	"github.com/tilld/tilld/internal/secret"
)

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
	lines   *feature.Code // of the print, of the sample at hand

	kept  *secret.Arena
	codes [MaxSamples]*feature.Code // of the veins, one a sample
}

const regionBytes = roi.Size * roi.Size

func newBench(w, h int, light pad.Config) (made *bench, err error) {
	size, finder := w*h, 0
	count := func(n int) []byte {
		finder += secret.ArenaSize(n)
		return make([]byte, n)
	}
	if _, err := roi.New(w, h, count); err != nil {
		return nil, fmt.Errorf("memory for pictures of %dx%d: %w", w, h, err)
	}
	b := &bench{w: w, h: h, shots: make([]capture.Shot, 0, capture.Phases), panel: pad.New(light)}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("memory for pictures of %dx%d: %w", w, h, err), b.close())
			made = nil
		}
	}()
	// One frame a phase: all of it stays within what an ordinary process may lock.
	n := secret.ArenaSize(size, size, capture.Phases*size, regionBytes, regionBytes, feature.Bytes) + finder + bocv.ArenaSize()
	if b.arena, err = secret.NewArena(n); err != nil {
		return nil, err
	}
	if b.kept, err = secret.NewArena(MaxSamples * secret.ArenaSize(feature.Bytes)); err != nil {
		return nil, err
	}
	b.dark, b.lit, b.luma = b.arena.Bytes(size), b.arena.Bytes(size), b.arena.Bytes(capture.Phases*size)
	b.vein, b.print = (*roi.Region)(b.arena.Bytes(regionBytes)), (*roi.Region)(b.arena.Bytes(regionBytes))
	b.lines, b.extract = feature.In(b.arena.Bytes(feature.Bytes)), bocv.NewIn(b.arena)
	for i := range b.codes {
		b.codes[i] = feature.In(b.kept.Bytes(feature.Bytes))
	}
	b.finder, err = roi.New(w, h, b.arena.Bytes)
	return b, err
}

// close wipes the memory and gives it back.
func (b *bench) close() (err error) {
	for _, a := range []*secret.Arena{b.arena, b.kept} {
		if a != nil {
			err = errors.Join(err, a.Close())
		}
	}
	return err
}

// wipe leaves nothing of the person.
func (b *bench) wipe() {
	b.forget()
	b.kept.Wipe()
}

// forget leaves nothing of a sample but its code.
func (b *bench) forget() {
	b.finder.Wipe()
	b.panel.Wipe()
	b.track.Reset()
	b.arena.Wipe()
	b.shots = b.shots[:0]
}
