package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tilld/tilld/internal/board"
)

// kind is a kernel with the programs that run on it.
type kind struct {
	name   string
	kernel board.Arch
	goarch string // of the programs
}

var kinds = []kind{
	{"arm64", board.ARM64, "arm64"},
	{"v7", board.ARM64, "arm"}, // the 32-bit programs on the 64-bit kernel
	{"armmp", board.ARMHF, "arm"},
}

// part is one boot of a board.
type part struct {
	name string
	on   []string // kinds; nil is all
	make func(p *plan, j *job)
}

var parts = []part{
	{"suite", nil, func(p *plan, j *job) {
		args := []string{"tillbench", "hw", "--board"}
		if p.checks != "" {
			args = append(args, "--only="+p.checks)
		}
		j.machine.Append = append(j.machine.Append, "board.run="+strings.Join(args, "|"), "board.disk=/dev/vda")
		j.disk, j.machine.TPM = true, true
	}},
	{"clock", []string{"arm64"}, func(p *plan, j *job) {
		j.machine.Append = append(j.machine.Append, "board.run=tillbench|hw|--board|--only=clock", "board.disk=/dev/vda")
		j.machine.RTC = "1970-01-01"
		j.disk = true
	}},
	{"plugs", []string{"arm64"}, func(p *plan, j *job) {
		j.machine.Append = append(j.machine.Append, "board.run=tillbench|hw|--board|--only=plugs", "board.disk=/dev/vda")
		j.disk = true
	}},
	{"palm", []string{"arm64"}, func(p *plan, j *job) {
		j.machine.Append = append(j.machine.Append, "board.run=tillbench|hw|--board|--only=palm")
	}},
	{"watchdog", []string{"arm64", "armmp"}, func(p *plan, j *job) {
		j.machine.Append = append(j.machine.Append, "board.run=tillbench|hw|--board|--only=watchdog", "board.watchdog=8", "board.disk=/dev/vda")
		j.resets = true
		j.disk = true
	}},
}

// plan is what to run.
type plan struct {
	jobs    []*job
	checks  string
	verbose bool
	out     io.Writer
	log     io.Writer

	mu     sync.Mutex // serialises what is printed
	failed int
	passed int
}

// job is one boot.
type job struct {
	kind    kind
	part    part
	machine board.Machine
	disk    bool
	resets  bool // the board is to end by a reset
}

// choose makes the plan of the named kinds and parts, all where none is named.
func choose(arch, only []string, checks string) (*plan, error) {
	p := &plan{checks: checks}
	var names []string
	for _, k := range kinds {
		names = append(names, k.name)
		if len(arch) > 0 && !slices.Contains(arch, k.name) {
			continue
		}
		for _, t := range parts {
			if len(only) > 0 && !slices.Contains(only, t.name) || t.on != nil && !slices.Contains(t.on, k.name) {
				continue
			}
			p.jobs = append(p.jobs, &job{kind: k, part: t})
		}
	}
	if len(p.jobs) == 0 {
		return nil, fmt.Errorf("nothing to run for -arch=%s -only=%s; boards are %s", strings.Join(arch, ","), strings.Join(only, ","), strings.Join(names, ", "))
	}
	// The longest first: armmp's suite takes most, and what is short fills the end.
	slices.SortStableFunc(p.jobs, func(a, b *job) int {
		return cmp.Or(cmp.Compare(slices.IndexFunc(parts, a.of), slices.IndexFunc(parts, b.of)),
			cmp.Compare(slices.Index(kinds, b.kind), slices.Index(kinds, a.kind)))
	})
	return p, nil
}

// of reports whether a part is the job's.
func (j *job) of(t part) bool { return t.name == j.part.name }

// modules are the kernel modules of a board.
var modules = []string{
	"usbhid", "hid_generic", "cdc_acm", "vhci_hcd", "uvcvideo", "hid_cp2112", "i2c_dev", "evdev", "uhid", "uinput",
	"softdog", "tpm_vtpm_proxy", "virtio_blk", "ext4", "crc32c_generic", // ext4 asks for crc32c by name, at the mount
}

// run prepares the boards, then runs two at a time: this is as many as CI has processors.
func (p *plan) run(ctx context.Context) error {
	begun := time.Now()
	dir, err := os.MkdirTemp("", "boards-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := p.prepare(ctx, dir); err != nil {
		return err
	}
	fmt.Fprintf(p.log, "prepared %d boots in %.1f s\n", len(p.jobs), time.Since(begun).Seconds())
	var wg sync.WaitGroup
	next := make(chan *job)
	for range 2 {
		wg.Go(func() {
			for j := range next {
				p.boot(ctx, j)
			}
		})
	}
	for _, j := range p.jobs {
		next <- j
	}
	close(next)
	wg.Wait()
	fmt.Fprintf(p.out, "board: %d of %d checks passed, %d boots in %.0f s\n", p.passed, p.passed+p.failed, len(p.jobs), time.Since(begun).Seconds())
	if err := ctx.Err(); err != nil {
		return err
	}
	if p.failed > 0 {
		return errFailed
	}
	return nil
}

// prepare builds what ships, finds the kernels, and writes one initramfs a kind.
func (p *plan) prepare(ctx context.Context, dir string) error {
	initramfs := map[string]string{}
	kernels := map[board.Arch]board.Kernel{}
	stage := filepath.Join(dir, "stage")
	if err := draw(ctx, stage); err != nil {
		return err
	}
	for i, j := range p.jobs {
		k, ok := kernels[j.kind.kernel]
		if !ok {
			var err error
			if k, err = board.FindKernel(ctx, j.kind.kernel, board.Cache(), p.log); err != nil {
				return err
			}
			kernels[j.kind.kernel] = k
		}
		file := initramfs[j.kind.name]
		if file == "" {
			file = filepath.Join(dir, j.kind.name+".cpio")
			if err := p.write(ctx, file, stage, k, j.kind); err != nil {
				return err
			}
			initramfs[j.kind.name] = file
		}
		j.machine.Kernel, j.machine.Initramfs = k, file
		j.part.make(p, j)
		if j.disk {
			j.machine.Disk = filepath.Join(dir, fmt.Sprintf("disk%d", i))
			if err := board.MakeDisk(ctx, j.machine.Disk, 192); err != nil {
				return err
			}
		}
	}
	return nil
}

// draw has the pictures made that the palm camera is shown: here, where that takes no time of
// the board's.
func draw(ctx context.Context, dir string) error {
	cmd := exec.CommandContext(ctx, "go", "run", "./cmd/tillbench", "hw", "--stage", dir)
	cmd.Env = append(os.Environ(), "GOOS=", "GOARCH=", "MAKEFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(cmd.Args, " "), err, out)
	}
	return nil
}

// write makes the initramfs of a kind: the programs as make builds them to be shipped.
func (p *plan) write(ctx context.Context, file, stage string, k board.Kernel, of kind) error {
	list, err := k.Modules(ctx, modules...)
	if err != nil {
		return err
	}
	bin := filepath.Join("bin", "linux-"+of.goarch)
	guest := filepath.Join(bin, "guest")
	for _, cmd := range []*exec.Cmd{
		exec.CommandContext(ctx, "make", "--no-print-directory", "-s", "build", "GOARCH="+of.goarch),
		exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", guest, "./internal/board/guest"),
		exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", filepath.Join(bin, "empty"), "./internal/board/guest/empty"),
	} {
		// What our own make was told is for the boards, not for another make.
		cmd.Env = append(os.Environ(), "MAKEFLAGS=", "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+of.goarch, "GOARM=7", "GOFLAGS=")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", strings.Join(cmd.Args, " "), err, out)
		}
	}
	return board.WriteInitramfs(file, guest, list,
		board.File{Name: "/bin/tilld", From: filepath.Join(bin, "tilld"), Mode: 0o755},
		board.File{Name: "/bin/tillbench", From: filepath.Join(bin, "tillbench"), Mode: 0o755},
		board.File{Name: "/lib/stage/live", From: filepath.Join(stage, "live"), Mode: 0o644},
		board.File{Name: "/lib/stage/print", From: filepath.Join(stage, "print"), Mode: 0o644},
		board.File{Name: "/etc/present", Text: time.Now().UTC().Format(time.RFC3339), Mode: 0o644},
		board.File{Name: "/bin/empty", From: filepath.Join(bin, "empty"), Mode: 0o755})
}

// errNoEnd is a board that went silent.
var errNoEnd = errors.New("the board ended before its work was done")
