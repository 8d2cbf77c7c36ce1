package padeval

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tilld/tilld/biometric/capture"
)

// Frame is one entry of a frames.json.
type Frame struct {
	File  string
	MS    float64 // when its exposure began
	Light capture.Light
	// Mixed: both lamps shone. Such a frame is not looked at.
	Mixed bool
	// Settled is false where a lamp may have been switched during its exposure.
	Settled bool
}

// FramesHelp is the form of the file, for people.
const FramesHelp = `frames.json lists the frames of one try in the order of their times:

  [{"file":"000.png","ms":0,"lamps":["nir"]}, {"file":"001.png","ms":33,"lamps":["nir"]}, ...]

or {"frames":[...]} around it. file is a PNG, BMP or PGM beside it; ms is when its exposure
began; lamps is a list of the lamps that shone, or a text: "nir" (or "nir850"), "white", ""
or "dark", "white+nir" (such a frame is not looked at). "settled": false marks a frame during
which a lamp was switched, true one during which none was; where it is not said, the first
frame after a change of lamps is passed over if there are more of the same light.`

// maxFrames bounds what one try may hold.
const maxFrames = 1000

// parseFrames reads a frames.json.
func parseFrames(data []byte) ([]Frame, error) {
	type entry struct {
		File    string          `json:"file"`
		MS      *float64        `json:"ms"`
		Lamps   json.RawMessage `json:"lamps"`
		Settled *bool           `json:"settled"`
	}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	var list []entry
	if err := json.Unmarshal(data, &list); err != nil {
		var around struct {
			Frames []entry `json:"frames"`
		}
		if err2 := json.Unmarshal(data, &around); err2 != nil {
			return nil, fmt.Errorf("frames.json: %w", err)
		}
		list = around.Frames
	}
	if len(list) == 0 || len(list) > maxFrames {
		return nil, fmt.Errorf("frames.json: %d frames, want 1 to %d", len(list), maxFrames)
	}
	frames := make([]Frame, len(list))
	said := make([]bool, len(list))
	for i, e := range list {
		f := &frames[i]
		if !filepath.IsLocal(e.File) {
			return nil, fmt.Errorf("frames.json: frame %d: file %q is not beside it", i, e.File)
		}
		if e.MS == nil || math.IsNaN(*e.MS) || math.Abs(*e.MS) > 1e15 {
			return nil, fmt.Errorf("frames.json: frame %d: it has no ms", i)
		}
		lamps, err := parseLamps(e.Lamps)
		if err != nil {
			return nil, fmt.Errorf("frames.json: frame %d: %w", i, err)
		}
		f.File, f.MS, f.Settled = e.File, *e.MS, true
		f.Light, f.Mixed = lamps.light()
		if e.Settled != nil {
			f.Settled, said[i] = *e.Settled, true
		}
		if i > 0 && f.MS < frames[i-1].MS {
			return nil, fmt.Errorf("frames.json: frame %d is of %g ms, after one of %g ms", i, f.MS, frames[i-1].MS)
		}
	}
	settle(frames, said)
	return frames, nil
}

// settle passes over the first frame of a run of several in one light.
func settle(frames []Frame, said []bool) {
	same := func(i, j int) bool { return frames[i].Light == frames[j].Light && frames[i].Mixed == frames[j].Mixed }
	for i := range frames {
		first := i == 0 || !same(i, i-1)
		if more := i+1 < len(frames) && same(i, i+1); first && more && !said[i] {
			frames[i].Settled = false
		}
	}
}

// lamps are those that shine.
type lamps struct{ nir, white bool }

func (l lamps) light() (capture.Light, bool) {
	switch {
	case l.nir && l.white:
		return capture.Dark, true
	case l.nir:
		return capture.NIR, false
	case l.white:
		return capture.White, false
	}
	return capture.Dark, false
}

// parseLamps reads a list of names, or a text with names between "+", "," or blanks.
func parseLamps(data json.RawMessage) (l lamps, err error) {
	var names []string
	if len(data) > 0 && json.Unmarshal(data, &names) != nil {
		var text string
		if json.Unmarshal(data, &text) != nil {
			return l, errors.New("lamps is neither a list nor a text")
		}
		names = []string{text}
	} else if len(data) == 0 {
		return l, errors.New("it has no lamps")
	}
	for _, n := range names {
		for name := range strings.FieldsFuncSeq(strings.ToLower(n), func(r rune) bool { return strings.ContainsRune("+,;|/& \t", r) }) {
			switch {
			case slices.Contains([]string{"nir", "nir850", "nir-850", "ir", "850", "850nm"}, name):
				l.nir = true
			case slices.Contains([]string{"white", "vis", "visible"}, name):
				l.white = true
			case slices.Contains([]string{"dark", "off", "none"}, name):
			default:
				return l, fmt.Errorf("lamp %q is not known, only nir, white and dark are", name)
			}
		}
	}
	return l, nil
}
