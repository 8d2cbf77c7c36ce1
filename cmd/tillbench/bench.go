package main

import (
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// Bench is what the figures share: the options, a folder on the disk to be measured, and
// where progress goes.
type Bench struct {
	Options
	folder string // removed at the end
	stderr io.Writer
	tty    bool
}

func newBench(o Options, stderr io.Writer) (*Bench, error) {
	if o.Dir == "" {
		o.Dir = "build"
	}
	if o.Tilld == "" {
		self, err := os.Executable()
		if err != nil {
			return nil, fmt.Errorf("find tilld: %w", err)
		}
		o.Tilld = filepath.Join(filepath.Dir(self), "tilld")
	}
	if err := os.MkdirAll(o.Dir, 0o755); err != nil {
		return nil, fmt.Errorf("make a place to measure in: %w", err)
	}
	folder, err := os.MkdirTemp(o.Dir, "bench-")
	if err != nil {
		return nil, fmt.Errorf("make a place to measure in: %w", err)
	}
	if folder, err = filepath.Abs(folder); err != nil {
		return nil, err
	}
	b := &Bench{Options: o, folder: folder, stderr: stderr}
	if f, ok := stderr.(*os.File); ok {
		st, err := f.Stat()
		b.tty = err == nil && st.Mode()&os.ModeCharDevice != 0
	}
	return b, nil
}

func (b *Bench) close() { os.RemoveAll(b.folder) }

// sub makes a folder for one figure.
func (b *Bench) sub(name string) (string, error) { return os.MkdirTemp(b.folder, name+"-") }

// progress shows one line on a terminal, and nothing in a pipe. An empty text clears it.
func (b *Bench) progress(format string, args ...any) {
	if b.tty {
		fmt.Fprintf(b.stderr, "\r\x1b[K"+format, args...)
	}
}

// Machine is where a report was made.
type Machine struct {
	Version string `json:"tillbench"`
	Go      string `json:"go"`
	Arch    string `json:"arch"`
	CPU     string `json:"cpu"`
	Cores   int    `json:"cores"`
	Kernel  string `json:"kernel"`
	Disk    string `json:"disk"` // file system of the folder measured in
}

func (m Machine) String() string {
	return fmt.Sprintf("tillbench %s, %s %s, %d x %s, Linux %s, %s", m.Version, m.Go, m.Arch, m.Cores, m.CPU, m.Kernel, m.Disk)
}

func (b *Bench) machine() Machine {
	m := Machine{Version: version, Go: runtime.Version(), Arch: runtime.GOARCH, Cores: runtime.NumCPU()}
	m.CPU = field("/proc/cpuinfo", "model name")
	if release, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		m.Kernel = strings.TrimSpace(string(release))
	}
	m.Disk = fileSystem(b.folder)
	return m
}

// field is the value of the first "name : value" line of a file of /proc.
func field(path, name string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return "unknown"
	}
	for line := range strings.Lines(string(data)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

// fileSystem is the type of the file system that holds path, as /proc/mounts names it.
func fileSystem(path string) string {
	mounts, err := os.ReadFile("/proc/mounts")
	if err != nil {
		return "unknown"
	}
	best, kind := "", "unknown"
	for line := range strings.Lines(string(mounts)) {
		f := strings.Fields(line)
		if len(f) < 3 {
			continue
		}
		at := strings.TrimSuffix(f[1], "/")
		if (path == at || strings.HasPrefix(path, at+"/")) && len(at) >= len(best) {
			best, kind = at, f[2]
		}
	}
	return kind
}

// quantile is the q-th quantile (nearest rank) of durations, which it sorts.
func quantile(d []time.Duration, q float64) time.Duration {
	if len(d) == 0 {
		return 0
	}
	slices.Sort(d)
	rank := int(math.Ceil(q * float64(len(d))))
	return d[max(rank, 1)-1]
}

// median sorts and returns the middle one.
func median(f []float64) float64 {
	if len(f) == 0 {
		return 0
	}
	slices.Sort(f)
	return f[len(f)/2]
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// command runs a program to its end and quotes its last words if it fails.
func command(cmd *exec.Cmd) error {
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, out)
	}
	return nil
}
