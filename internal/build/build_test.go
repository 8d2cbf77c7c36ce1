package build

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// makeN is what make would run, from the module's root.
func makeN(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.Command("make", append([]string{"--no-print-directory", "-n", "VERSION=v0"}, args...)...)
	cmd.Dir = filepath.Join("..", "..")
	// Variables of a make or a cross build that runs this test are not meant for that make.
	for _, v := range os.Environ() {
		name, _, _ := strings.Cut(v, "=")
		switch name {
		case "MAKEFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "MFLAGS", "GOARCH", "GOOS", "GOARM", "VERSION", "BREAK", "ARGS":
		default:
			cmd.Env = append(cmd.Env, v)
		}
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("make %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

func TestMakefile(t *testing.T) {
	static := []string{"CGO_ENABLED=0", "-trimpath", "-buildvcs=false", "-s -w -buildid= -X main.version=v0",
		"./cmd/tilld ./cmd/tillsim ./cmd/tillbench"}
	repaired := []string{"internal/build/go32", "-modfile=build/go32.mod"}
	for _, c := range []struct {
		args []string
		want []string
		not  []string
	}{
		{[]string{"build"}, append(static, "-o bin/ "), []string{"linux-"}},
		{[]string{"build", "GOARCH=arm64"}, append(static, "GOARCH=arm64", "-o bin/linux-arm64/ "), repaired},
		{[]string{"build", "GOARCH=amd64"}, append(static, "GOARCH=amd64", "-o bin/linux-amd64/ "), repaired},
		{[]string{"build", "GOARCH=arm"}, append(append(static, repaired...), "GOARCH=arm ", "GOARM=7", "-o bin/linux-arm/ "), nil},
		{[]string{"build", "GOARCH=386"}, append(append(static, repaired...), "-o bin/linux-386/ "), nil},
		{[]string{"demo"}, []string{"bin/tillsim demo"}, []string{"--break"}},
		{[]string{"demo", "BREAK=lost-sale"}, []string{"bin/tillsim demo --break lost-sale"}, nil},
		{[]string{"bench"}, []string{"--json build/bench.json"}, nil},
	} {
		out := makeN(t, c.args...)
		for _, w := range c.want {
			if !strings.Contains(out, w) {
				t.Errorf("make %s: no %q in\n%s", strings.Join(c.args, " "), w, out)
			}
		}
		for _, n := range c.not {
			if strings.Contains(out, n) {
				t.Errorf("make %s: %q in\n%s", strings.Join(c.args, " "), n, out)
			}
		}
	}
}

// TestInstallNamesPackages runs the script as an ordinary user to whom nothing is installed.
func TestInstallNamesPackages(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "id"), []byte("#!"+bash+"\necho 1000\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(bash, "install.sh")
	cmd.Env = []string{"PATH=" + bin}
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState.ExitCode() != 1 {
		t.Errorf("exit %v, want 1", err)
	}
	for _, p := range []string{"gcc", "libc6-dev", "nodejs", "npm", "chromium", "qemu-user-static", "hint: sudo apt-get install"} {
		if !strings.Contains(string(out), p) {
			t.Errorf("no %q in\n%s", p, out)
		}
	}
}

// TestSectionFails checks that a failing command ends a script that is made of sections.
func TestSectionFails(t *testing.T) {
	cmd := exec.Command("bash", "-c", `set -euo pipefail; . ./section.sh; section good true; section bad false; echo on we go`)
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "bad: FAILED") || !strings.Contains(string(out), "good: ok") || strings.Contains(string(out), "on we go") {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestFormatIsChecked plants a file that gofmt would change.
func TestFormatIsChecked(t *testing.T) {
	script, err := filepath.Abs("fmt.sh")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	check := func() error {
		cmd := exec.Command("sh", script)
		cmd.Dir = dir
		return cmd.Run()
	}
	write := func(name, text string) {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("a.go", "package a\n")
	write("build/other.go", "package  other\n")
	if err := check(); err != nil {
		t.Errorf("a formatted file: %v", err)
	}
	write("b/b.go", "package  b\n")
	if err := check(); err == nil {
		t.Error("an unformatted file was not noticed")
	}
}
