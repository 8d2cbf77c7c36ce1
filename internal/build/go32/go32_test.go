package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const goodLine = "\tx := uint64((i+1)<<32)\n"

// fake is a module of two files with a repair whose sums are right.
func fake(t *testing.T) (repair, string) {
	t.Helper()
	from := t.TempDir()
	write(t, from, "z/a.go", "package z\n"+goodLine)
	write(t, from, "LICENSE", "text\n")
	r := repair{module: "example.org/m", version: "v1.0.0", file: "z/a.go",
		old: goodLine, new: "\tx := uint64(i+1)<<32\n"}
	r.before = sum(t, from, r)
	repaired := t.TempDir()
	write(t, repaired, "z/a.go", "package z\n"+r.new)
	write(t, repaired, "LICENSE", "text\n")
	r.after = sum(t, repaired, r)
	return r, from
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func sum(t *testing.T, dir string, r repair) string {
	t.Helper()
	s, err := treeSum(dir, r.prefix())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestApply(t *testing.T) {
	r, from := fake(t)
	to := filepath.Join(t.TempDir(), "copy")
	if err := r.apply(from, to); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(to, "z", "a.go"))
	if err != nil || string(got) != "package z\n"+r.new {
		t.Errorf("repaired file: %q, %v", got, err)
	}
	// A copy that was tampered with is made anew.
	write(t, to, "z/a.go", "package z\n")
	if err := r.apply(from, to); err != nil {
		t.Fatal(err)
	}
	if s := sum(t, to, r); s != r.after {
		t.Errorf("sum after a second apply: %s, want %s", s, r.after)
	}
}

func TestApplyRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		change func(t *testing.T, r *repair, from string)
		want   string
	}{
		"a changed file":    {func(t *testing.T, r *repair, from string) { write(t, from, "LICENSE", "other\n") }, "before the repair has sum"},
		"a file too many":   {func(t *testing.T, r *repair, from string) { write(t, from, "z/b.go", "package z\n") }, "before the repair has sum"},
		"the line is gone":  {changeLine("\tx := uint64(i+1)<<32\n"), "0 times, want once"},
		"the line is twice": {changeLine(goodLine + goodLine), "2 times, want once"},
		"another repair":    {func(t *testing.T, r *repair, from string) { r.new = "\tx := 0\n" }, "after the repair has sum"},
	} {
		t.Run(name, func(t *testing.T) {
			r, from := fake(t)
			c.change(t, &r, from)
			to := filepath.Join(t.TempDir(), "copy")
			err := r.apply(from, to)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("apply: %v, want an error with %q", err, c.want)
			}
			if _, err := os.Stat(to); !os.IsNotExist(err) {
				t.Errorf("a copy was left behind: %v", err)
			}
		})
	}
}

// changeLine is an upstream change that somebody took over into the sum without a look at
// the line.
func changeLine(line string) func(*testing.T, *repair, string) {
	return func(t *testing.T, r *repair, from string) {
		write(t, from, "z/a.go", "package z\n"+line)
		r.before = sum(t, from, *r)
	}
}

// TestSelectedVersion fails when go.mod moves to a version that the repair does not know.
func TestSelectedVersion(t *testing.T) {
	sums, err := os.ReadFile(filepath.Join("..", "..", "..", "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	want := ristretto.module + " " + ristretto.version + " " + ristretto.before + "\n"
	if !strings.Contains(string(sums), want) {
		t.Errorf("go.sum has no line %q", want)
	}
	mod, err := os.ReadFile(filepath.Join("..", "..", "..", "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(mod), ristretto.module+" "+ristretto.version) {
		t.Errorf("go.mod does not select %s %s", ristretto.module, ristretto.version)
	}
}
