package palmeval

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"

	"github.com/tilld/tilld/biometric/palm/bocv"
	"github.com/tilld/tilld/biometric/palm/roi"
)

// Item is one picture of a source.
type Item struct {
	Subject int
	Session string
	Number  string
	Band    string
}

// Source is where regions come from. Region is called from several goroutines, each with a
// workspace of its own; its errors are counted by their cause.
type Source interface {
	Subjects() []string
	Items() []Item
	Region(i int, w *Workspace) (*roi.Region, error)
	Name(i int) string // of an item, for people
}

// failure is why a picture gave no region.
type failure struct {
	cause string // what failures are counted by
	err   error
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// Workspace is what one goroutine works with.
type Workspace struct {
	extractor *bocv.Extractor
	finders   map[[2]int]*roi.Finder
	region    roi.Region
}

// NewWorkspace makes one.
func NewWorkspace() *Workspace {
	return &Workspace{extractor: bocv.New(), finders: map[[2]int]*roi.Finder{}}
}

// Loaded is the codes of a source.
type Loaded struct {
	Sets     []*Set
	Pictures int            // that were read or tried
	Failed   []Skipped      // that gave no region
	Causes   map[string]int // of them
	Separate bool           // two bands that are not of the same captures
}

// Load computes the codes of all pictures, on all cores.
func Load(ctx context.Context, src Source, tick func()) (*Loaded, error) {
	items := src.Items()
	codes, errs := make([]*bocv.Code, len(items)), make([]error, len(items))
	spaces := sync.Pool{New: func() any { return NewWorkspace() }}
	err := parallel(ctx, len(items), func(i int) error {
		defer tick()
		w := spaces.Get().(*Workspace)
		defer spaces.Put(w)
		region, err := src.Region(i, w)
		if err != nil {
			errs[i] = err
			return nil
		}
		codes[i] = new(bocv.Code)
		w.extractor.Code(codes[i], region)
		return nil
	})
	if err != nil {
		return nil, err
	}
	l := &Loaded{Pictures: len(items), Causes: map[string]int{}}
	for i, err := range errs {
		if err == nil {
			continue
		}
		cause := "cannot be read"
		var f *failure
		if errors.As(err, &f) {
			cause = f.cause
		}
		l.Causes[cause]++
		l.Failed = append(l.Failed, Skipped{src.Name(i), err.Error()})
	}
	l.sets(src.Subjects(), items, codes)
	return l, nil
}

// sets puts the codes together: the two bands of the same captures into one set, if there are
// such, and every other band into a set of its own.
func (l *Loaded) sets(subjects []string, items []Item, codes []*bocv.Code) {
	var bands []string
	count := map[string]int{}
	for i, it := range items {
		if codes[i] == nil {
			continue
		}
		if count[it.Band]++; !slices.Contains(bands, it.Band) {
			bands = append(bands, it.Band)
		}
	}
	slices.SortFunc(bands, func(a, b string) int { return strings.Compare(b, a) }) // nir before green before none
	if count[NIR] > 0 && count[Green] > 0 {
		both := makeSet(subjects, items, codes, []string{NIR, Green})
		complete := 0
		for _, s := range both.Samples {
			if !slices.Contains(s.Codes, nil) {
				complete++
			}
		}
		if l.Separate = 2*complete < min(count[NIR], count[Green]); !l.Separate {
			l.Sets = append(l.Sets, both)
			bands = slices.DeleteFunc(bands, func(b string) bool { return b != "" })
		}
	}
	for _, b := range bands {
		l.Sets = append(l.Sets, makeSet(subjects, items, codes, []string{b}))
	}
}

func makeSet(subjects []string, items []Item, codes []*bocv.Code, bands []string) *Set {
	s := &Set{Bands: bands, Subjects: subjects}
	type key struct {
		subject         int
		session, number string
	}
	at := map[key]int{}
	for i, it := range items {
		band := slices.Index(bands, it.Band)
		if band < 0 || codes[i] == nil {
			continue
		}
		k := key{it.Subject, it.Session, it.Number}
		n, ok := at[k]
		if !ok {
			n = len(s.Samples)
			at[k] = n
			s.Samples = append(s.Samples, Sample{Subject: it.Subject, Session: it.Session, Codes: make([]*bocv.Code, len(bands))})
		}
		s.Samples[n].Codes[band] = codes[i]
	}
	return s
}
