package palmeval

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/tilld/tilld/biometric/biometrictest/palms"
	"github.com/tilld/tilld/biometric/palm/roi"
	"github.com/tilld/tilld/cmd/tillbench/picture"
)

// longest is the longest side in pixels that a hand is looked for in: larger pictures are
// made smaller first. A palm is then still wider than a region.
const longest = 1024

// Pictures is a folder as a source.
type Pictures struct {
	folder   *Folder
	regions  bool // the pictures are regions already
	subjects []string
	items    []Item
}

// NewPictures is a folder whose pictures are regions, or whole hands.
func NewPictures(f *Folder, regions bool) *Pictures {
	p := &Pictures{folder: f, regions: regions}
	for _, file := range f.Files {
		if n := len(p.subjects); n == 0 || p.subjects[n-1] != file.Subject {
			p.subjects = append(p.subjects, file.Subject)
		}
		p.items = append(p.items, Item{len(p.subjects) - 1, file.Session, file.Number, file.Band})
	}
	return p
}

func (p *Pictures) Subjects() []string { return p.subjects }
func (p *Pictures) Items() []Item      { return p.items }

func (p *Pictures) Name(i int) string {
	rel, err := filepath.Rel(p.folder.Dir, p.folder.Files[i].Path)
	if err != nil {
		return p.folder.Files[i].Path
	}
	return rel
}

// Region reads a picture and cuts its region.
func (p *Pictures) Region(i int, w *Workspace) (*roi.Region, error) {
	g, err := picture.Read(p.folder.Files[i].Path)
	if err != nil {
		return nil, &failure{"the picture cannot be read", errors.Unwrap(err)} // without the path
	}
	if p.regions {
		square, err := g.Square(roi.Size)
		if err != nil {
			return nil, &failure{"the region is not square", err}
		}
		return (*roi.Region)(square), nil
	}
	return w.find(g)
}

// find looks for a hand in one picture.
func (w *Workspace) find(g *picture.Grey) (*roi.Region, error) {
	g = g.Shrink((max(g.Width, g.Height) + longest - 1) / longest)
	size := [2]int{g.Width, g.Height}
	f := w.finders[size]
	if f == nil {
		var err error
		if f, err = roi.New(g.Width, g.Height, nil); err != nil {
			return nil, &failure{"the picture's size", err}
		}
		if len(w.finders) > 8 { // a folder of many sizes
			clear(w.finders)
		}
		w.finders[size] = f
	}
	hand, err := f.Find(g.Pix, nil)
	if err != nil {
		return nil, &failure{strings.TrimPrefix(err.Error(), "find the palm: "), err}
	}
	if err := f.Region(&w.region, g.Pix, hand); err != nil {
		return nil, &failure{"the region cannot be cut", err}
	}
	return &w.region, nil
}

// Synthetic is simulated palms as a source, in both bands: captures of two sessions.
type Synthetic struct {
	Variation palms.Variation
	First     int // captures of the first session
	Second    int
	seed      uint64
	subjects  []string
	palms     []*palms.Identity
	items     []Item
	bands     int
}

// NewSynthetic is palms of n identities, in both bands where none are named.
func NewSynthetic(n, first, second int, v palms.Variation, seed uint64, bands ...string) (*Synthetic, error) {
	if n < 2 || first < 1 || second < 0 || n > 1<<16 {
		return nil, errors.New("make palms: want 2 identities or more, with a capture or more")
	}
	if len(bands) == 0 {
		bands = []string{Green, NIR}
	}
	s := &Synthetic{Variation: v, First: first, Second: second, seed: seed, bands: len(bands)}
	for i := range n {
		s.subjects = append(s.subjects, fmt.Sprintf("simulated-%03d", i+1))
		s.palms = append(s.palms, palms.New(seed*1_000_003+uint64(i)))
		for session, captures := range [2]int{first, second} {
			for c := range captures {
				for _, band := range bands {
					s.items = append(s.items, Item{i, strconv.Itoa(session + 1), strconv.Itoa(c + 1), band})
				}
			}
		}
	}
	return s, nil
}

func (s *Synthetic) Subjects() []string { return s.subjects }
func (s *Synthetic) Items() []Item      { return s.items }

// Name is the name of the file that an item would be.
func (s *Synthetic) Name(i int) string {
	it := s.items[i]
	return filepath.Join(s.subjects[it.Subject], it.Session+"-"+it.Number+"-"+it.Band+".png")
}

// Region makes a capture. Both bands of one are the same moment.
func (s *Synthetic) Region(i int, _ *Workspace) (*roi.Region, error) {
	it := s.items[i]
	band := palms.Print
	if it.Band == NIR {
		band = palms.Vein
	}
	moment := uint64(i/s.bands) + s.seed<<32
	return (*roi.Region)(s.palms[it.Subject].Capture(moment, s.Variation, band)), nil
}

// Sizes says where regions are not of the size that codes are made of.
func (p *Pictures) Sizes() []string {
	if len(p.folder.Files) == 0 {
		return nil
	}
	g, err := picture.Read(p.folder.Files[0].Path)
	if err != nil || g.Width == roi.Size && g.Height == roi.Size {
		return nil
	}
	return []string{fmt.Sprintf("the regions are %d x %d pixels, not %d x %d: they are resampled", g.Width, g.Height, roi.Size, roi.Size)}
}
