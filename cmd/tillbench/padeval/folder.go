package padeval

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tilld/tilld/biometric/capture"
	"github.com/tilld/tilld/biometric/pad"
	"github.com/tilld/tilld/cmd/tillbench/picture"
	"github.com/tilld/tilld/drivers/sense"
)

// BonaFide is the folder of live hands.
const BonaFide = "bonafide"

// Take is the shots of one presentation with their order.
type Take struct {
	Shots []capture.Shot
	Order []capture.Light
}

// Source is where presentations come from. Take is called from several goroutines.
type Source interface {
	Len() int
	Kind(i int) string // BonaFide, or the instrument
	Try(i int) string
	Take(i int) (Take, error)
}

// Folder is DIR/bonafide|<instrument>/<try>/frames.json with the pictures beside it.
type Folder struct {
	dir   string
	tries []try
}

type try struct{ kind, name, path string }

// folderError is an error of a folder with a hint.
type folderError struct{ err error }

func (e *folderError) Error() string { return e.err.Error() }
func (e *folderError) Unwrap() error { return e.err }
func (e *folderError) HintText() string {
	return "put each presentation into DIR/bonafide/<try>/ or DIR/<instrument>/<try>/, with its frames.json and its pictures; tillbench palm-pad --help says what frames.json holds"
}

// OpenFolder lists a folder.
func OpenFolder(dir string) (*Folder, error) {
	f := &Folder{dir: dir}
	kinds, err := folders(dir)
	if err != nil {
		return nil, &folderError{fmt.Errorf("read the presentations: %w", err)}
	}
	for _, kind := range kinds {
		tries, err := folders(filepath.Join(dir, kind))
		if err != nil {
			return nil, fmt.Errorf("read the presentations: %w", err)
		}
		for _, t := range tries {
			path := filepath.Join(dir, kind, t)
			if _, err := os.Stat(filepath.Join(path, "frames.json")); err == nil || !errors.Is(err, os.ErrNotExist) {
				f.tries = append(f.tries, try{canonical(kind), t, path})
			}
		}
	}
	if len(f.tries) == 0 {
		return nil, &folderError{fmt.Errorf("read the presentations: no frames.json in %s/<kind>/<try>/", dir)}
	}
	return f, nil
}

// canonical is the name of a folder; live hands go by several.
func canonical(kind string) string {
	switch strings.ToLower(strings.NewReplacer("-", "", "_", "", " ", "").Replace(kind)) {
	case "bonafide", "live", "genuine":
		return BonaFide
	}
	return kind
}

// folders are the names of those in dir that are not hidden.
func folders(dir string) (names []string, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			continue
		}
		if st, err := os.Stat(filepath.Join(dir, e.Name())); err == nil && st.IsDir() {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names, nil
}

func (f *Folder) Len() int          { return len(f.tries) }
func (f *Folder) Kind(i int) string { return f.tries[i].kind }
func (f *Folder) Try(i int) string  { return f.tries[i].name }

// longest is the longest side in pixels that frames are judged at; larger ones are made
// smaller first.
const longest = 1024

// maxPixels bounds the frames of one try.
const maxPixels = 1 << 28

// Take reads the frames of a try.
func (f *Folder) Take(i int) (Take, error) {
	dir := f.tries[i].path
	data, err := os.ReadFile(filepath.Join(dir, "frames.json"))
	if err != nil {
		return Take{}, err
	}
	frames, err := parseFrames(data)
	if err != nil {
		return Take{}, err
	}
	var t Take
	pixels := 0
	for n, frame := range frames {
		if frame.Mixed {
			continue
		}
		g, err := picture.Read(filepath.Join(dir, frame.File))
		if err != nil {
			return Take{}, fmt.Errorf("frame %d: %w", n, err)
		}
		g = g.Shrink((max(g.Width, g.Height) + longest - 1) / longest)
		if len(t.Shots) > 0 && (g.Width != t.Shots[0].Width || g.Height != t.Shots[0].Height) {
			return Take{}, fmt.Errorf("frame %d is %d x %d pixels, the first is %d x %d", n, g.Width, g.Height, t.Shots[0].Width, t.Shots[0].Height)
		}
		if pixels += len(g.Pix); pixels > maxPixels {
			return Take{}, errors.New("the frames are too many or too large")
		}
		t.Shots = append(t.Shots, capture.Shot{Light: frame.Light, Settled: frame.Settled,
			At: sense.Time(frame.MS * 1e6), Width: g.Width, Height: g.Height, Luma: g.Pix})
	}
	if len(t.Shots) == 0 {
		return Take{}, errors.New("both lamps shine in every frame")
	}
	t.Order = pad.Number(t.Shots)
	return t, nil
}
