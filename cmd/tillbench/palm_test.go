package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tilld/tilld/cmd/tillbench/palmeval"
)

func tillbench(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out, progress bytes.Buffer
	err := run(context.Background(), args, &out, &progress)
	if progress.Len() > 0 {
		t.Errorf("tillbench %s shows progress in a pipe: %q", args[0], progress.String())
	}
	return out.String(), err
}

func report(t *testing.T, args ...string) palmeval.Report {
	t.Helper()
	out, err := tillbench(t, append([]string{"palm", "--json"}, args...)...)
	if err != nil {
		t.Fatal(err)
	}
	// Rates are written and not read again: the rest is compared as it is written.
	var r palmeval.Report
	var raw struct {
		Sets json.RawMessage `json:"sets"`
	}
	if err := json.Unmarshal([]byte(out), &raw); err != nil {
		t.Fatal(err)
	}
	r.Notes = []string{string(raw.Sets)}
	return r
}

// TestFolderIsLikeItsSource: what is written as a folder gives the figures of what it was
// made of, to the last digit.
func TestFolderIsLikeItsSource(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "palms")
	if _, err := tillbench(t, "palm-make", "--subjects", "8", dir); err != nil {
		t.Fatal(err)
	}
	made := report(t, "--synthetic", "8", "--repeats", "20", "--brief")
	read := report(t, "--data", dir, "--roi", "--repeats", "20", "--brief")
	if diff := cmp.Diff(made, read); diff != "" {
		t.Error(diff)
	}
	if _, err := tillbench(t, "palm-make", dir); err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("wrote over a folder: %v", err)
	}
}

func TestPalmTable(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "palms")
	if _, err := tillbench(t, "palm-make", "--subjects", "12", "--first", "2", "--second", "1", dir); err != nil {
		t.Fatal(err)
	}
	broken := map[string]string{
		"simulated-001/1-9-nir.png": "not a picture", "simulated-001/odd.png": "", "readme.txt": "", "simulated-002/1-8-GREEN.BMP": "",
	}
	for name, content := range broken {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, err := tillbench(t, "palm", "--data", dir, "--roi", "--repeats", "10")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"74 pictures, 72 codes", "failure to acquire: < 4.06 % (2 of 74", `"simulated-001/1-9-nir.png"`, "neither PNG nor BMP nor PGM",
		"skipped 1 files", `"simulated-001/odd.png": its name is not`, "1 other files",
		"12 subjects with two sessions", "12 subjects have too few samples for a template of three",
		"needs 11 subjects with a template, there are 0", "needs 3000 impostor comparisons, there are 264",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("the table lacks %q", want)
		}
	}
	if t.Failed() {
		t.Log(out)
	}
}

func TestPalmErrors(t *testing.T) {
	empty := t.TempDir()
	hands := t.TempDir()
	if err := os.MkdirAll(filepath.Join(hands, "A B,ü", "left"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args       []string
		want, hint string
	}{
		{[]string{"--data", empty}, "no picture in", "name the pictures DIR/<subject>/"},
		{[]string{"--data", empty + "/none"}, "no such file", "name the pictures"},
		{[]string{"--data", hands}, `subject "A B,ü" holds folders ("left")`, "a subject is one hand"},
		{[]string{"--synthetic", "1"}, "2 identities or more", ""},
		{[]string{"--synthetic", "2", "--shift", "9"}, "--shift is 0 to 8", ""},
		{nil, "--data", ""},
		{[]string{"--data", empty, "--synthetic", "2"}, "can't be used together", ""},
	} {
		_, err := tillbench(t, append([]string{"palm"}, c.args...)...)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("palm %v: %v, want %q", c.args, err, c.want)
			continue
		}
		var h interface{ HintText() string }
		if c.hint != "" && (!errors.As(err, &h) || !strings.Contains(h.HintText(), c.hint)) {
			t.Errorf("palm %v: no hint %q", c.args, c.hint)
		}
	}
	out, err := tillbench(t, "palm", "--help")
	if err != nil || !strings.Contains(out, "--data=DIR") {
		t.Errorf("help: %v, %s", err, out)
	}
}
