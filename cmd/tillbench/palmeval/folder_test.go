package palmeval

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseName(t *testing.T) {
	for name, want := range map[string]File{
		"1-2.png":               {Session: "1", Number: "2"},
		"1-2-green.png":         {Session: "1", Number: "2", Band: Green},
		"s 1-02-NIR.BMP":        {Session: "s 1", Number: "02", Band: NIR},
		"2024-05-01-3.pgm":      {Session: "2024-05-01", Number: "3"},
		"a.b-c.d-nir.png":       {Session: "a.b", Number: "c.d", Band: NIR},
		"morning-green-nir.png": {Session: "morning", Number: "green", Band: NIR},
	} {
		got, err := parseName(name)
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	for _, bad := range []string{"1.png", "-1.png", "1-.png", "1-nir.png", "-nir.png", ".png", "nir.png"} {
		if got, err := parseName(bad); err == nil {
			t.Errorf("%s: %+v", bad, got)
		}
	}
}

func FuzzParseName(f *testing.F) {
	f.Add("1-2-green.png")
	f.Add("--.pgm")
	f.Fuzz(func(t *testing.T, name string) {
		got, err := parseName(name)
		if err == nil && (got.Session == "" || got.Number == "") {
			t.Errorf("%q: %+v", name, got)
		}
	})
}

func TestNatural(t *testing.T) {
	names := []string{"10", "2", "s10", "s2", "002", "1-b", "1-a", "", "s"}
	slices.SortFunc(names, natural)
	if diff := cmp.Diff([]string{"", "1-a", "1-b", "002", "2", "10", "s", "s2", "s10"}, names); diff != "" {
		t.Error(diff)
	}
}

func TestOpenFolder(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{
		"b/2-1.PNG", "b/1-10.png", "b/1-2.png", "b/1-2.bmp", "b/x.png", "b/notes.txt", "b/.hidden.png",
		"a ü,'\"/1-1-nir.pgm", "loose.png", ".cache/1-1.png", "01/1-1.png", "1/1-1.png", "01/1-2.png", "1/1-2.png",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("nowhere", filepath.Join(dir, "gone")); err != nil {
		t.Fatal(err)
	}
	f, err := OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, file := range f.Files {
		got = append(got, file.Subject+"/"+filepath.Base(file.Path))
	}
	want := []string{"01/1-1.png", "01/1-2.png", "1/1-1.png", "1/1-2.png", "a ü,'\"/1-1-nir.pgm", "b/1-2.bmp", "b/1-10.png", "b/2-1.PNG"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if len(f.Skipped) != 4 || f.Others != 1 {
		t.Errorf("skipped %v, %d others", f.Skipped, f.Others)
	}
	if n := len(NewPictures(f, true).Subjects()); n != 4 {
		t.Errorf("%d subjects", n)
	}
}
