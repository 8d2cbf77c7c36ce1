package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

func (r repair) prefix() string { return r.module + "@" + r.version }

// apply copies the module from the cache, checks it, changes the line and checks again. The
// copy appears under its name only when both sums were right.
func (r repair) apply(from, to string) error {
	tmp, err := os.MkdirTemp(filepath.Dir(to), "go32-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	tree := filepath.Join(tmp, "tree")
	if err := copyTree(from, tree); err != nil {
		return fmt.Errorf("copy %s: %w", r.prefix(), err)
	}
	if err := r.check(tree, r.before, "before the repair"); err != nil {
		return err
	}
	if err := r.patch(tree); err != nil {
		return err
	}
	if err := r.check(tree, r.after, "after the repair"); err != nil {
		return err
	}
	if err := os.RemoveAll(to); err != nil {
		return err
	}
	return os.Rename(tree, to)
}

func (r repair) check(tree, want, when string) error {
	got, err := treeSum(tree, r.prefix())
	if err != nil {
		return fmt.Errorf("sum of %s: %w", r.prefix(), err)
	}
	if got != want {
		return fmt.Errorf("%s %s has sum %s, want %s", r.prefix(), when, got, want)
	}
	return nil
}

// patch replaces the line, which must be there exactly once.
func (r repair) patch(tree string) error {
	name := filepath.Join(tree, filepath.FromSlash(r.file))
	src, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	if n := bytes.Count(src, []byte(r.old)); n != 1 {
		return fmt.Errorf("%s of %s holds the line to repair %d times, want once: %q", r.file, r.prefix(), n, r.old)
	}
	return os.WriteFile(name, bytes.Replace(src, []byte(r.old), []byte(r.new), 1), 0o644)
}

// treeSum is go.sum's h1: the SHA-256 of the lines "sha256  prefix/name", sorted by name.
func treeSum(dir, prefix string) (string, error) {
	var names []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		names = append(names, filepath.ToSlash(rel))
		return err
	})
	if err != nil {
		return "", err
	}
	slices.Sort(names)
	all := sha256.New()
	for _, name := range names {
		src, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
		if err != nil {
			return "", err
		}
		fmt.Fprintf(all, "%x  %s/%s\n", sha256.Sum256(src), prefix, name)
	}
	return "h1:" + base64.StdEncoding.EncodeToString(all.Sum(nil)), nil
}

// copyTree copies regular files with writable modes: the module cache is read-only.
func copyTree(from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		dst := filepath.Join(to, rel)
		if d.IsDir() {
			return os.MkdirAll(dst, 0o755)
		}
		src, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(dst, src, 0o644)
	})
}

// writeFile replaces a file only when its content differs, so that nothing is rebuilt
// because of a new date.
func writeFile(name string, content []byte) error {
	if old, err := os.ReadFile(name); err == nil && bytes.Equal(old, content) {
		return nil
	}
	tmp := name + ".new"
	if err := os.WriteFile(tmp, content, 0o644); err != nil {
		return err
	}
	return os.Rename(tmp, name)
}
