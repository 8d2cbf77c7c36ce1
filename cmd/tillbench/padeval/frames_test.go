package padeval

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseFrames(t *testing.T) {
	const list = `[{"file":"a.png","ms":0,"lamps":["nir"]},{"file":"b.png","ms":33.3,"lamps":"nir850"},
		{"file":"c.png","ms":66,"lamps":""},{"file":"d.png","ms":99,"lamps":[]},{"file":"e.png","ms":99,"lamps":"White"},
		{"file":"f.png","ms":133,"lamps":"white+nir"},{"file":"g.png","ms":166,"lamps":["white","nir"],"note":1},
		{"file":"h.png","ms":199,"lamps":"dark","settled":true},{"file":"i.png","ms":233,"lamps":["dark"],"settled":false}]`
	for _, text := range []string{list, `{"frames":` + list + `}`, "\xef\xbb\xbf" + list} {
		frames, err := parseFrames([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, f := range frames {
			s := f.Light.String()
			if f.Mixed {
				s = "both"
			}
			if !f.Settled {
				s += "?"
			}
			got = append(got, s)
		}
		want := []string{"nir?", "nir", "dark?", "dark", "white", "both?", "both", "dark", "dark?"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
	for text, want := range map[string]string{
		``:                                  "unexpected end",
		`{}`:                                "0 frames",
		`[]`:                                "0 frames",
		`[{"file":"a.png","lamps":"nir"}]`:  "no ms",
		`[{"file":"a.png","ms":0}]`:         "no lamps",
		`[{"file":"../a","ms":0}]`:          "not beside it",
		`[{"file":"/a","ms":0}]`:            "not beside it",
		`[{"ms":0,"lamps":""}]`:             "not beside it",
		`[{"file":"a","ms":0,"lamps":7}]`:   "neither a list nor a text",
		`[{"file":"a","ms":0,"lamps":"x"}]`: `lamp "x" is not known`,
		`[{"file":"a","ms":5,"lamps":""},{"file":"b","ms":4,"lamps":""}]`: "after one of 5 ms",
	} {
		if _, err := parseFrames([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

func FuzzParseFrames(f *testing.F) {
	f.Add([]byte(`[{"file":"a.png","ms":0,"lamps":["nir"]},{"file":"b.png","ms":33,"lamps":"white+nir","settled":true}]`))
	f.Add([]byte(`{"frames":[{"file":"a.png","ms":1e300,"lamps":""}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		frames, err := parseFrames(data)
		if err != nil {
			return
		}
		for i, fr := range frames {
			if !filepath.IsLocal(fr.File) || i > 0 && fr.MS < frames[i-1].MS {
				t.Errorf("frame %d of %q: %+v", i, data, fr)
			}
		}
	})
}

func TestOpenFolder(t *testing.T) {
	dir := t.TempDir()
	if _, err := OpenFolder(dir); err == nil {
		t.Error("opened an empty folder")
	}
	for _, name := range []string{"Bona-Fide/1/frames.json", "live/2/frames.json", "laser print/a ü/frames.json", "laser print/empty/x", ".git/1/frames.json"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f, err := OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for i := range f.Len() {
		got = append(got, f.Kind(i)+"/"+f.Try(i))
		if _, err := f.Take(i); err == nil {
			t.Errorf("%s was read", f.Try(i))
		}
	}
	if diff := cmp.Diff([]string{"bonafide/1", "laser print/a ü", "bonafide/2"}, got); diff != "" {
		t.Error(diff)
	}
}
