package archtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Module is the path of this module.
const Module = "github.com/tilld/tilld"

// Package is what go list says about one package, without its tests.
type Package struct {
	ImportPath string
	Dir        string
	Standard   bool
	GoFiles    []string
	Imports    []string // what its files import
	Deps       []string // everything linked with it
}

// Own reports whether the package belongs to this module.
func (p Package) Own() bool { return own(p.ImportPath) }

func own(path string) bool { return path == Module || strings.HasPrefix(path, Module+"/") }

// rel is the path of a package of ours below the module: "agent/sale".
func rel(path string) string { return strings.TrimPrefix(path, Module+"/") }

// under reports whether path, relative to the module, is dir or lies below it.
func under(path, dir string) bool { return path == dir || strings.HasPrefix(path, dir+"/") }

// below reports whether path, relative to the module, lies below dir and is not dir itself.
func below(path, dir string) bool { return strings.HasPrefix(path, dir+"/") }

// Root is the folder of go.mod, seen from a test of this package.
func Root() (string, error) { return filepath.Abs(filepath.Join("..", "..")) }

// List runs go list -deps on patterns, for linux/amd64 without cgo: what ships.
func List(patterns ...string) ([]Package, error) {
	root, err := Root()
	if err != nil {
		return nil, err
	}
	args := append([]string{"list", "-deps", "-json=ImportPath,Dir,Standard,GoFiles,Imports,Deps"}, patterns...)
	cmd := exec.Command("go", args...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=0", "GOFLAGS=")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list %s: %w\n%s", strings.Join(patterns, " "), err, stderr.Bytes())
	}
	var list []Package
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p Package
		if err := dec.Decode(&p); err == io.EOF {
			return list, nil
		} else if err != nil {
			return nil, fmt.Errorf("go list %s: %w", strings.Join(patterns, " "), err)
		}
		list = append(list, p)
	}
}
