// Package peer runs foreign client libraries against this project's servers and clients, for
// tests: what two programs of different origin agree on is more than what one agrees on with
// itself. The libraries are npm packages, pinned with their hashes in package-lock.json and
// installed, without running any script of theirs, into the git-ignored folder build/npm at
// the root of the repository.
//
// Where node or npm is missing the test is skipped with a line that says so; with CI=true in
// the environment it fails instead.
package peer

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

//go:embed package.json
var packageJSON []byte

//go:embed package-lock.json
var packageLock []byte

// Node runs a CommonJS script (a path, relative to the test's folder) under node with args
// and returns what it wrote to standard output. The packages of package.json can be
// required by name. The test fails when the script does, with what it wrote to standard
// error, or when it runs longer than a minute.
func Node(t testing.TB, script string, args ...string) []byte {
	t.Helper()
	cmd := Command(t, script, args...)
	var out, diag bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &diag
	if err := cmd.Start(); err != nil {
		t.Fatalf("run %s: %v", script, err)
	}
	late := time.AfterFunc(time.Minute, func() { cmd.Process.Kill() })
	defer late.Stop()
	if err := cmd.Wait(); err != nil {
		t.Fatalf("run %s: %v\n%s%s", script, err, out.Bytes(), diag.Bytes())
	}
	return out.Bytes()
}

// Command prepares the same without starting it: for scripts that keep running, or that
// are talked to. The process is killed when the test ends.
func Command(t testing.TB, script string, args ...string) *exec.Cmd {
	t.Helper()
	node, modules := install(t)
	cmd := exec.CommandContext(t.Context(), node, append([]string{script}, args...)...)
	cmd.Env = append(os.Environ(), "NODE_PATH="+modules)
	return cmd
}

// Modules is the folder with the installed packages.
func Modules(t testing.TB) string {
	t.Helper()
	_, modules := install(t)
	return modules
}

var installOnce = sync.OnceValues(installPackages)

func install(t testing.TB) (node, modules string) {
	t.Helper()
	node, err := exec.LookPath("node")
	if err == nil {
		_, err = exec.LookPath("npm")
	}
	if err != nil {
		missing(t, fmt.Sprintf("the foreign clients need node and npm: %v", err))
	}
	modules, err = installOnce()
	if err != nil {
		missing(t, err.Error())
	}
	return node, modules
}

func missing(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(why)
	}
	t.Skip(why)
}

// installPackages fills build/npm once for each content of package-lock.json. Several test
// programs may come here at the same time: a file lock lets one of them work.
func installPackages() (string, error) {
	root, err := repository()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(root, "build", "npm")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("install npm packages: %w", err)
	}
	unlock, err := lock(filepath.Join(dir, ".lock"))
	if err != nil {
		return "", fmt.Errorf("install npm packages: %w", err)
	}
	defer unlock()

	modules := filepath.Join(dir, "node_modules")
	sum := sha256.Sum256(append(append([]byte(nil), packageJSON...), packageLock...))
	want := hex.EncodeToString(sum[:])
	stamp := filepath.Join(dir, ".installed")
	if have, err := os.ReadFile(stamp); err == nil && string(have) == want {
		return modules, nil
	}
	for name, content := range map[string][]byte{"package.json": packageJSON, "package-lock.json": packageLock} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			return "", fmt.Errorf("install npm packages: %w", err)
		}
	}
	cmd := exec.Command("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("install npm packages into %s: %w\n%s", dir, err, out)
	}
	if err := os.WriteFile(stamp, []byte(want), 0o644); err != nil {
		return "", fmt.Errorf("install npm packages: %w", err)
	}
	return modules, nil
}

// repository is the folder with go.mod: tests run in their package's folder below it.
func repository() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the repository: %w", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", errors.New("find the repository: no go.mod above the working directory")
		}
		dir = up
	}
}
