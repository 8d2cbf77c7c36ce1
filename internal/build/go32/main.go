// Command go32 prepares a build for a 32-bit target.
//
// Badger's allocator, in the module github.com/dgraph-io/ristretto/v2, shifts an int by 32
// bits. Where int has 32 bits the result is zero, the second buffer of a table builder
// overwrites the first, and a closed and reopened database has lost its records without any
// error. One line repairs it. No third-party code is kept in this repository, so the
// repaired module is made here, from the module cache, each time it is missing:
//
//	go mod verify                       the cache holds what go.sum names
//	build/ristretto-VERSION/            a copy, its tree compared with a sum before the patch
//	z/allocator.go                      one line replaced, the tree compared with a second sum
//	build/go32.mod, build/go32.sum      go.mod and go.sum with a replace to the copy
//
// The build then runs with -modfile=build/go32.mod. Another version, another tree or
// another line is refused: somebody has to look whether the fault is still there.
//
// Usage, in the module's root: go run ./internal/build/go32
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// repair names one line of one file of one version of a module. The sums are those of
// go.sum (h1), over the names module@version/file.
type repair struct {
	module, version string
	before, after   string // sum of the tree without and with the repair
	file, old, new  string
}

var ristretto = repair{
	module:  "github.com/dgraph-io/ristretto/v2",
	version: "v2.2.0",
	before:  "h1:bkY3XzJcXoMuELV8F+vS8kzNgicwQFAaGINAEJdWGOM=",
	after:   "h1:HajTqTqB7guH2+vp0ixNKLkYEQ5n08IU3TqX/h+gnhc=",
	file:    "z/allocator.go",
	old:     "\t\t\tatomic.StoreUint64(&a.compIdx, uint64((bufIdx+1)<<32))\n",
	new:     "\t\t\tatomic.StoreUint64(&a.compIdx, uint64(bufIdx+1)<<32)\n",
}

func main() {
	if err := run("build"); err != nil {
		fmt.Fprintln(os.Stderr, "go32:", err)
		os.Exit(1)
	}
}

// run makes dir/ristretto-VERSION, dir/go32.mod and dir/go32.sum.
func run(dir string) error {
	r := ristretto
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	from, version, err := locate(r.module)
	if err != nil {
		return err
	}
	if version != r.version {
		return fmt.Errorf("go.mod selects %s %s, the 32-bit repair is known for %s\n"+
			"hint: look at %s of the new version; if the shift is still made in int, compute the sums anew in internal/build/go32",
			r.module, version, r.version, r.file)
	}
	copied := filepath.Join(dir, "ristretto-"+r.version)
	if sum, err := treeSum(copied, r.prefix()); err != nil || sum != r.after {
		if out, err := exec.Command("go", "mod", "verify").CombinedOutput(); err != nil {
			return fmt.Errorf("go mod verify: %w\n%s", err, out)
		}
		if err := r.apply(from, copied); err != nil {
			return err
		}
	}
	return writeModfile(dir, r, copied)
}

// locate asks the go command where the module's selected version lies, and has it fetched
// if need be.
func locate(module string) (dir, version string, err error) {
	cmd := exec.Command("go", "mod", "download", "-json", module)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	var m struct{ Dir, Version, Error string }
	if jsonErr := json.Unmarshal(out, &m); jsonErr != nil && err == nil {
		err = jsonErr
	}
	if m.Error != "" {
		err = fmt.Errorf("%s", m.Error)
	}
	if err != nil {
		return "", "", fmt.Errorf("go mod download %s: %w", module, err)
	}
	return m.Dir, m.Version, nil
}

// writeModfile writes go.mod with the replace, and go.sum beside it under the name that the
// go command derives.
func writeModfile(dir string, r repair, copied string) error {
	mod, err := os.ReadFile("go.mod")
	if err != nil {
		return err
	}
	sum, err := os.ReadFile("go.sum")
	if err != nil {
		return err
	}
	mod = fmt.Appendf(mod, "\nreplace %s %s => ./%s\n", r.module, r.version, filepath.ToSlash(copied))
	if err := writeFile(filepath.Join(dir, "go32.mod"), mod); err != nil {
		return err
	}
	return writeFile(filepath.Join(dir, "go32.sum"), sum)
}
