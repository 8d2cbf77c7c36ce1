package board

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

//go:embed kernel.sh
var kernelScript string

// CacheEnv names the folder where kernels are kept.
const CacheEnv = "TILLD_BOARD_CACHE"

// Arch is one kind of kernel.
type Arch string

const (
	ARM64 Arch = "arm64"
	ARMHF Arch = "armhf" // 32 bits, Debian's armmp
)

// flavour ends the name of the kernel's package.
func (a Arch) flavour() string {
	if a == ARMHF {
		return "armmp"
	}
	return "arm64"
}

// Kernel is an unpacked Debian kernel.
type Kernel struct {
	Arch    Arch
	Release string // as uname -r says it
	Image   string
	dir     string // lib/modules/RELEASE
	tree    string
}

// Cache is where kernels are kept: what CacheEnv names, or build/board.
func Cache() string {
	if dir := os.Getenv(CacheEnv); dir != "" {
		return dir
	}
	return filepath.Join("build", "board")
}

// FindKernel is the newest kernel of the cache, or one fetched from the archive that this
// machine uses. Progress is written to log.
func FindKernel(ctx context.Context, arch Arch, cache string, log io.Writer) (Kernel, error) {
	cache, err := filepath.Abs(cache)
	if err != nil {
		return Kernel{}, err
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return Kernel{}, err
	}
	trees, err := filepath.Glob(filepath.Join(cache, "linux-image-*-"+arch.flavour()))
	if err != nil {
		return Kernel{}, err
	}
	if len(trees) > 0 {
		slices.Sort(trees)
		return readKernel(arch, trees[len(trees)-1])
	}
	fmt.Fprintf(log, "fetching a kernel for %s into %s\n", arch, cache)
	cmd := exec.CommandContext(ctx, "bash", "-s", "--", string(arch), cache)
	cmd.Stdin = strings.NewReader(kernelScript)
	cmd.Stderr = log
	out, err := cmd.Output()
	if err != nil {
		return Kernel{}, fmt.Errorf("fetch a kernel for %s: %w", arch, err)
	}
	lines := strings.Fields(string(out))
	if len(lines) == 0 {
		return Kernel{}, fmt.Errorf("fetch a kernel for %s: nothing came of it", arch)
	}
	return readKernel(arch, lines[len(lines)-1])
}

func readKernel(arch Arch, tree string) (Kernel, error) {
	k := Kernel{Arch: arch, tree: tree}
	images, err := filepath.Glob(filepath.Join(tree, "boot", "vmlinuz-*"))
	if err != nil {
		return k, err
	}
	if len(images) != 1 {
		return k, fmt.Errorf("kernel %s: want one vmlinuz in boot, found %d; remove the folder to have it fetched again", tree, len(images))
	}
	k.Image = images[0]
	k.Release = strings.TrimPrefix(filepath.Base(k.Image), "vmlinuz-")
	for _, lib := range []string{"lib", "usr/lib"} { // before and after the merge of /usr
		dir := filepath.Join(tree, lib, "modules", k.Release)
		if _, err := os.Stat(filepath.Join(dir, "kernel")); err == nil {
			k.dir = dir
		}
	}
	if k.dir == "" {
		return k, fmt.Errorf("kernel %s: no modules of %s", tree, k.Release)
	}
	return k, nil
}

// Module is one loadable part of a kernel.
type Module struct {
	Name string // "usb-common"
	File string // decompressed
}

// Modules are the named modules and what they need, in the order in which they load. Names
// that are built into the kernel are left out; unknown ones are an error. Decompressed copies
// are kept below the kernel, as unpacking them inside the board takes longer than all else.
func (k Kernel) Modules(ctx context.Context, names ...string) ([]Module, error) {
	deps, err := k.dependencies(ctx)
	if err != nil {
		return nil, err
	}
	builtin, err := k.builtin()
	if err != nil {
		return nil, err
	}
	var order []string // paths
	var add func(path string)
	add = func(path string) {
		for _, d := range slices.Backward(deps[path]) { // depmod lists the nearest first
			add(d)
		}
		if !slices.Contains(order, path) {
			order = append(order, path)
		}
	}
	byName := make(map[string]string, len(deps))
	for path := range deps {
		byName[moduleName(path)] = path
	}
	for _, n := range names {
		path, ok := byName[canonical(n)]
		switch {
		case ok:
			add(path)
		case !builtin[canonical(n)]:
			return nil, fmt.Errorf("kernel %s has no module %s", k.Release, n)
		}
	}
	var list []Module
	for _, path := range order {
		file, err := k.unpacked(ctx, path)
		if err != nil {
			return nil, err
		}
		list = append(list, Module{moduleName(path), file})
	}
	return list, nil
}

// canonical is how the kernel names a module: "usb-common" and "usb_common" are one.
func canonical(name string) string { return strings.ReplaceAll(name, "-", "_") }

func moduleName(path string) string {
	name, _, _ := strings.Cut(filepath.Base(path), ".ko")
	return canonical(name)
}

// dependencies reads modules.dep, which the package leaves to be made where it is installed.
func (k Kernel) dependencies(ctx context.Context) (map[string][]string, error) {
	file := filepath.Join(k.dir, "modules.dep")
	if _, err := os.Stat(file); errors.Is(err, os.ErrNotExist) {
		base := strings.TrimSuffix(k.dir, filepath.Join("lib", "modules", k.Release))
		depmod := "depmod"
		if _, err := exec.LookPath(depmod); err != nil {
			depmod = "/sbin/depmod" // not on everybody's path
		}
		if out, err := exec.CommandContext(ctx, depmod, "-b", base, k.Release).CombinedOutput(); err != nil {
			return nil, fmt.Errorf("depmod for %s: %w: %s", k.Release, err, bytes.TrimSpace(out))
		}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	deps := map[string][]string{}
	for line := range strings.Lines(string(text)) {
		path, needs, ok := strings.Cut(line, ":")
		if ok {
			deps[path] = strings.Fields(needs)
		}
	}
	return deps, nil
}

func (k Kernel) builtin() (map[string]bool, error) {
	text, err := os.ReadFile(filepath.Join(k.dir, "modules.builtin"))
	if err != nil {
		return nil, err
	}
	names := map[string]bool{}
	for _, path := range strings.Fields(string(text)) {
		names[moduleName(path)] = true
	}
	return names, nil
}

// unpacked is a decompressed copy of the module at path.
func (k Kernel) unpacked(ctx context.Context, path string) (string, error) {
	from := filepath.Join(k.dir, path)
	name, packed := strings.CutSuffix(filepath.Base(path), ".xz")
	if !packed {
		return from, nil
	}
	to := filepath.Join(k.tree, "unpacked", name)
	if _, err := os.Stat(to); err == nil {
		return to, nil
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return "", err
	}
	data, err := exec.CommandContext(ctx, "xz", "-dc", from).Output()
	if err != nil {
		return "", fmt.Errorf("unpack module %s: %w", path, err)
	}
	return to, replace(to, data)
}

// replace writes a file that others may be reading or writing: two boards start at once.
func replace(name string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(name), ".new-")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}
