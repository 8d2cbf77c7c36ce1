package palmeval

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Bands that a file's name may end with. A file without one is of the band "".
const (
	Green = "green"
	NIR   = "nir"
)

// File is one picture of a folder.
type File struct {
	Subject string
	Session string
	Number  string
	Band    string // "", Green or NIR
	Path    string
}

// Skipped is a picture that was not used, and why.
type Skipped struct {
	Path string `json:"path"` // from the folder on
	Why  string `json:"why"`
}

// Folder is what DIR/<subject>/<session>-<n>[-green|-nir].{png,bmp,pgm} holds.
type Folder struct {
	Dir     string
	Files   []File // by subject, session, number, band
	Skipped []Skipped
	Others  int // files that are no pictures by their names
}

// folderError is an error of a folder with a hint.
type folderError struct {
	err  error
	hint string
}

func (e *folderError) Error() string    { return e.err.Error() }
func (e *folderError) Unwrap() error    { return e.err }
func (e *folderError) HintText() string { return e.hint }

const nameHint = "name the pictures DIR/<subject>/<session>-<n>.png, .bmp or .pgm, with -green or -nir before the dot where there are two bands"

// OpenFolder lists a folder. A name that does not fit is skipped; folders within a subject's
// folder are an error, because a subject is one hand.
func OpenFolder(dir string) (*Folder, error) {
	f := &Folder{Dir: dir}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, &folderError{fmt.Errorf("read the data: %w", err), nameHint}
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if hidden(e.Name()) {
			continue
		}
		st, err := os.Stat(path) // of what a link leads to
		switch {
		case err != nil:
			f.skip(path, fmt.Errorf("cannot be read: %w", bare(err)))
		case st.IsDir():
			if err := f.subject(e.Name(), path); err != nil {
				return nil, err
			}
		case pictureName(e.Name()):
			f.skip(path, errors.New("it is in no subject's folder"))
		default:
			f.Others++
		}
	}
	if len(f.Files) == 0 {
		return nil, &folderError{fmt.Errorf("read the data: no picture in %s has a name that fits%s", dir, f.first()), nameHint}
	}
	slices.SortStableFunc(f.Files, func(a, b File) int {
		return cmp.Or(natural(a.Subject, b.Subject), natural(a.Session, b.Session), natural(a.Number, b.Number), cmp.Compare(a.Band, b.Band))
	})
	f.twins()
	return f, nil
}

// twins skips all but the first of files that stand for the same picture: "1-1.png" and
// "1-1.bmp".
func (f *Folder) twins() {
	f.Files = slices.CompactFunc(f.Files, func(a, b File) bool {
		same := a.Subject == b.Subject && a.Session == b.Session && a.Number == b.Number && a.Band == b.Band
		if same {
			f.skip(b.Path, fmt.Errorf("it is the same sample as %s", filepath.Base(a.Path)))
		}
		return same
	})
}

func (f *Folder) subject(name, path string) error {
	entries, err := os.ReadDir(path)
	if err != nil {
		f.skip(path, fmt.Errorf("cannot be read: %w", bare(err)))
		return nil
	}
	var folders []string
	for _, e := range entries {
		inner := filepath.Join(path, e.Name())
		if hidden(e.Name()) {
			continue
		}
		if st, err := os.Stat(inner); err == nil && st.IsDir() {
			folders = append(folders, strconv.Quote(e.Name()))
			continue
		}
		if !pictureName(e.Name()) {
			f.Others++
			continue
		}
		file, err := parseName(e.Name())
		if err != nil {
			f.skip(inner, err)
			continue
		}
		file.Subject, file.Path = name, inner
		f.Files = append(f.Files, file)
	}
	if len(folders) > 0 {
		if len(folders) > 3 {
			folders = append(folders[:3], "...")
		}
		return &folderError{
			fmt.Errorf("read the data: the folder of subject %q holds folders (%s)", name, strings.Join(folders, ", ")),
			"a subject is one hand, with its pictures directly in its folder: DIR/" + name + "-left/1-1.png, DIR/" + name + "-right/1-1.png",
		}
	}
	return nil
}

func (f *Folder) skip(path string, why error) {
	rel, err := filepath.Rel(f.Dir, path)
	if err != nil {
		rel = path
	}
	f.Skipped = append(f.Skipped, Skipped{rel, why.Error()})
}

// first is the first thing that was skipped, for an error.
func (f *Folder) first() string {
	if len(f.Skipped) == 0 {
		return ""
	}
	return fmt.Sprintf(" (%s: %s)", f.Skipped[0].Path, f.Skipped[0].Why)
}

func hidden(name string) bool { return strings.HasPrefix(name, ".") || name == "__MACOSX" }

func pictureName(name string) bool {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".png", ".bmp", ".pgm":
		return true
	}
	return false
}

// parseName reads "<session>-<n>[-green|-nir].<ext>". A session may hold hyphens itself.
func parseName(name string) (File, error) {
	var f File
	stem := strings.TrimSuffix(name, filepath.Ext(name))
	if cut := strings.LastIndexByte(stem, '-'); cut >= 0 {
		if band := strings.ToLower(stem[cut+1:]); band == Green || band == NIR {
			f.Band, stem = band, stem[:cut]
		}
	}
	cut := strings.LastIndexByte(stem, '-')
	if cut <= 0 || cut == len(stem)-1 {
		return f, errors.New("its name is not <session>-<n>[-green|-nir]")
	}
	f.Session, f.Number = stem[:cut], stem[cut+1:]
	return f, nil
}

// natural compares names so that 2 is before 10, and no two names are the same.
func natural(a, b string) int { return cmp.Or(byNumbers(a, b), cmp.Compare(a, b)) }

func byNumbers(a, b string) int {
	for a != "" && b != "" {
		x, restA := leading(a)
		y, restB := leading(b)
		if x != "" && y != "" {
			x, y = strings.TrimLeft(x, "0"), strings.TrimLeft(y, "0")
			if c := cmp.Or(cmp.Compare(len(x), len(y)), cmp.Compare(x, y)); c != 0 {
				return c
			}
			a, b = restA, restB
			continue
		}
		if a[0] != b[0] {
			return cmp.Compare(a[0], b[0])
		}
		a, b = a[1:], b[1:]
	}
	return cmp.Compare(len(a), len(b))
}

// leading cuts the digits that s begins with.
func leading(s string) (digits, rest string) {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return s[:n], s[n:]
}

// bare is an error of the file system without the path, which is said already.
func bare(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
