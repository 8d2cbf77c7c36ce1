package archtest

import (
	"bytes"
	"encoding/json"
	"flag"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the list of linked packages anew")

// TestLinkedPackages compares what is linked into tilld with the committed list, so that a
// review sees a package come or go. Packages internal to the standard library change with
// the Go release and are left out.
func TestLinkedPackages(t *testing.T) {
	list, err := List("./cmd/tilld")
	if err != nil {
		t.Fatal(err)
	}
	var linked []string
	for _, p := range list {
		if !p.Standard || !internalPath(p.ImportPath) {
			linked = append(linked, p.ImportPath)
		}
	}
	slices.Sort(linked)
	got := []byte(strings.Join(linked, "\n") + "\n")
	if *update {
		if err := os.WriteFile("tilld.deps", got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("tilld.deps")
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(got, want) {
		return
	}
	before := strings.Split(strings.TrimSpace(string(want)), "\n")
	for _, p := range linked {
		if !slices.Contains(before, p) {
			t.Errorf("new: %s", p)
		}
	}
	for _, p := range before {
		if !slices.Contains(linked, p) {
			t.Errorf("gone: %s", p)
		}
	}
	t.Error("tilld links other packages than internal/archtest/tilld.deps says; if that is meant: make deps")
}

func internalPath(path string) bool {
	return slices.ContainsFunc(strings.Split(path, "/"), func(e string) bool { return e == "internal" || e == "vendor" })
}

// goMod is what go mod edit -json prints.
type goMod struct {
	Require []struct {
		Path     string
		Indirect bool
	}
	Replace, Exclude []any
	Toolchain        string
}

func (m goMod) breaches() (found []string) {
	direct := 0
	for _, r := range m.Require {
		if !r.Indirect {
			direct++
		}
	}
	if direct > 13 {
		found = append(found, "more than 13 direct modules")
	}
	if len(m.Replace) > 0 {
		found = append(found, "a replace")
	}
	if len(m.Exclude) > 0 {
		found = append(found, "an exclude")
	}
	return found
}

func readGoMod(t *testing.T, dir string) goMod {
	t.Helper()
	cmd := exec.Command("go", "mod", "edit", "-json")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOFLAGS=", "GOWORK=off")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var m goMod
	if err := json.Unmarshal(out, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestGoMod(t *testing.T) {
	root, err := Root()
	if err != nil {
		t.Fatal(err)
	}
	m := readGoMod(t, root)
	if len(m.Require) == 0 {
		t.Error("go.mod requires nothing: it was not read")
	}
	for _, b := range m.breaches() {
		t.Errorf("go.mod has %s", b)
	}
}

func TestGoModBreachesAreNoticed(t *testing.T) {
	many := "module m\ngo 1.26.0\nreplace example.org/a => ./a\nexclude example.org/b v1.0.0\n"
	for c := range strings.SplitSeq("abcdefghijklmn", "") {
		many += "require example.org/" + c + " v1.0.0\n"
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte(many), 0o644); err != nil {
		t.Fatal(err)
	}
	want := []string{"more than 13 direct modules", "a replace", "an exclude"}
	if got := readGoMod(t, dir).breaches(); !slices.Equal(got, want) {
		t.Errorf("found %q, want %q", got, want)
	}
}

// TestText reads every tracked file; in a copy without git, every file that a build does
// not make.
func TestText(t *testing.T) {
	root, err := Root()
	if err != nil {
		t.Fatal(err)
	}
	names := tracked(t, root)
	if len(names) < 20 {
		t.Fatalf("only %d files", len(names))
	}
	for _, name := range names {
		content, err := os.ReadFile(filepath.Join(root, name))
		if os.IsNotExist(err) {
			continue // deleted and not yet committed
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range TextBreaches(name, content) {
			t.Error(b)
		}
	}
}

func tracked(t *testing.T, root string) []string {
	t.Helper()
	cmd := exec.Command("git", "ls-files", "-z")
	cmd.Dir = root
	if out, err := cmd.Output(); err == nil {
		return strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
	}
	var names []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(root, path)
		if d.IsDir() {
			if slices.Contains([]string{"bin", "build", ".git", "node_modules"}, d.Name()) && name != "internal/build" {
				return filepath.SkipDir
			}
			return nil
		}
		names = append(names, name)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestTextBreachesAreNoticed(t *testing.T) {
	for text, want := range map[string]int{
		"see /wo" + "rk/notes":             1,
		"HOME=/ro" + "ot/x":                1,
		"// TO" + "DO: later":              1,
		"// FIX" + "ME":                    1,
		"https://registry.npm" + "js.org/": 1,
		"/ro" + "ot/ and TO" + "DO":        2,
		"net/wo" + "rk/x":                  0,
		"the root / work of it":            0,
		"TODOS":                            0,
		"\x00 /ro" + "ot/":                 0,
	} {
		if got := TextBreaches("f", []byte(text)); len(got) != want {
			t.Errorf("%q: found %q, want %d", text, got, want)
		}
	}
}
