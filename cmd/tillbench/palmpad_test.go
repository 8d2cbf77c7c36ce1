package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tilld/tilld/cmd/tillbench/padeval"
	"github.com/tilld/tilld/cmd/tillbench/picture"
)

func judged(t *testing.T, args ...string) []padeval.Judged {
	t.Helper()
	out, err := tillbench(t, append([]string{"palm-pad", "--json"}, args...)...)
	if err != nil {
		t.Fatal(err)
	}
	var r struct {
		Judged []padeval.Judged `json:"judged"`
	}
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatal(err)
	}
	for i := range r.Judged {
		r.Judged[i].MS = 0
	}
	return r.Judged
}

// TestPresentationsAreLikeTheirSource: recorded as a folder and read again, each presentation
// is judged as it was.
func TestPresentationsAreLikeTheirSource(t *testing.T) {
	if testing.Short() {
		t.Skip("renders presentations")
	}
	dir := filepath.Join(t.TempDir(), "tries")
	if _, err := tillbench(t, "palm-make", "--what", "presentations", "--subjects", "1", "--kinds", "bonafide,laser-print", dir); err != nil {
		t.Fatal(err)
	}
	made, read := judged(t, "--synthetic", "1", "--kinds", "bonafide,laser-print"), judged(t, "--data", dir)
	if diff := cmp.Diff(byKind(made), byKind(read)); diff != "" {
		t.Error(diff)
	}
	if err := os.WriteFile(filepath.Join(dir, "laser-print", "001", "frames.json"), []byte("[]"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := tillbench(t, "palm-pad", "--data", dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"1 presentations", "not read, and counted nowhere: 1", `"laser-print/001": frames.json: 0 frames`, "BPCER n.a. (n = 1)", "ACER (worst APCER and BPCER): n.a."} {
		if !strings.Contains(out, want) {
			t.Errorf("the table lacks %q:\n%s", want, out)
		}
	}
}

func byKind(list []padeval.Judged) map[string]padeval.Judged {
	out := map[string]padeval.Judged{}
	for _, j := range list {
		out[j.Kind] = j
	}
	return out
}

func TestPadErrors(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--data", t.TempDir()}, "no frames.json in"},
		{[]string{"--data", "/nowhere"}, "no such file"},
		{[]string{"--synthetic=-1"}, "1 or more"},
		{[]string{"--synthetic", "1", "--kinds", "jpeg"}, `there is no instrument "jpeg"`},
		{nil, "--data"},
	} {
		if _, err := tillbench(t, append([]string{"palm-pad"}, c.args...)...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("palm-pad %v: %v, want %q", c.args, err, c.want)
		}
	}
	if out, err := tillbench(t, "palm-pad", "--help"); err != nil || !strings.Contains(out, `"lamps":["nir"]`) {
		t.Errorf("help: %v, %s", err, out)
	}
}

// TestHands: whole hands are found in pictures without a dark one, whichever way they point.
func TestHands(t *testing.T) {
	if testing.Short() {
		t.Skip("renders hands")
	}
	dir := filepath.Join(t.TempDir(), "hands")
	if _, err := tillbench(t, "palm-make", "--what", "hands", "--subjects", "3", "--first", "1", "--second", "1", dir); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*", "2-1-nir.png"))
	if err != nil || len(files) != 3 {
		t.Fatal(err, files)
	}
	for _, name := range files { // the second session lies on its side
		g, err := picture.Read(name)
		if err != nil {
			t.Fatal(err)
		}
		turned := make([]byte, len(g.Pix))
		for i, v := range g.Pix {
			turned[i%g.Width*g.Height+g.Height-1-i/g.Width] = v
		}
		if err := writeGrey(name, g.Height, g.Width, turned); err != nil {
			t.Fatal(err)
		}
	}
	out, err := tillbench(t, "palm", "--data", dir, "--brief", "--repeats", "5")
	if err != nil || !strings.Contains(out, "6 pictures, 6 codes") {
		t.Errorf("%v: %s", err, out)
	}
}
