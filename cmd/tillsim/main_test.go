package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/cmd/tillsim/verdict"
)

// do runs the command line in this process.
func do(t *testing.T, args ...string) (status int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	status = run(t.Context(), args, strings.NewReader(""), &o, &e)
	return status, o.String(), e.String()
}

func write[T any](t *testing.T, name string, rows ...T) string {
	t.Helper()
	var b bytes.Buffer
	if err := verdict.WriteLines(&b, rows); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestCompareCommand(t *testing.T) {
	id := sale.PaymentID(sale.TerminalCode("1"), "TOKEN0", 1)
	amount := sale.Amount{Minor: 1280, Currency: "CNY", Exponent: 2}
	pos := write(t, "pos.jsonl", verdict.Told{At: time.Unix(1, 0), Kind: verdict.KindPayment, SaleID: "P", POIID: "T-1", ServiceID: "1",
		TransactionID: "B", Amount: amount, Result: verdict.Success, Payment: id, Authorized: &amount})
	held := verdict.Entry{Wallet: "alipay", Order: sale.OrderID(id, 1, 2), Currency: "CNY", Total: 1280, Charges: 1, Charged: 1280}
	good, empty := write(t, "ledger.jsonl", held), write[verdict.Entry](t, "ledger.jsonl")

	if status, out, errs := do(t, "compare", pos, good); status != 0 || !strings.HasSuffix(out, "compare: 1 sales, 0 differences\n") {
		t.Errorf("both agree: status %d\n%s%s", status, out, errs)
	}
	status, out, errs := do(t, "compare", pos, empty)
	if status != 1 || !strings.Contains(out, "difference: lost-sale: ") || errs != "" {
		t.Errorf("a lost sale: status %d\n%s%s", status, out, errs)
	}
	status, out, _ = do(t, "compare", "--json", pos, empty)
	var v verdict.Verdict
	if err := json.Unmarshal([]byte(out), &v); err != nil || status != 1 || len(v.Differences) == 0 || v.Differences[0].Kind != verdict.DiffLost {
		t.Errorf("as JSON: status %d, %v\n%s", status, err, out)
	}
	for _, args := range [][]string{
		{"compare", good, good},         // a ledger is not what a point of sale was told
		{"compare", empty, good},        // nothing told: nothing to judge
		{"compare", pos, pos + ".gone"}, // no such file
	} {
		if status, out, errs := do(t, args...); status != 1 || !strings.HasPrefix(errs, "tillsim: ") {
			t.Errorf("%v: status %d, want 1 and a reason\n%s%s", args, status, out, errs)
		}
	}
}

func TestCommandLine(t *testing.T) {
	for _, args := range [][]string{{"--help"}, {"demo", "--help"}, {"run", "--help"}, {"compare", "--help"}} {
		if status, out, _ := do(t, args...); status != 0 || !strings.Contains(out, "Usage: tillsim") {
			t.Errorf("%v: status %d\n%s", args, status, out)
		}
	}
	for _, args := range [][]string{{"nonsense"}, {"demo", "--break", "meteor"}, {"compare", "one"}} {
		if status, _, errs := do(t, args...); status != 2 || !strings.Contains(errs, "hint: ") {
			t.Errorf("%v: status %d, want 2\n%s", args, status, errs)
		}
	}
	if status, _, errs := do(t, "demo", "--tilld", filepath.Join(t.TempDir(), "tilld")); status != 1 || !strings.Contains(errs, "hint: build it") {
		t.Errorf("without a daemon: status %d\n%s", status, errs)
	}
}

// programs builds tilld and tillsim as they are shipped, and returns their folder.
func programs(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.Command("go", "build", "-o", dir+"/", "github.com/tilld/tilld/cmd/tilld", "github.com/tilld/tilld/cmd/tillsim")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return dir
}

// tillsim runs the program itself.
func tillsim(t *testing.T, within time.Duration, bin string, args ...string) (status int, out string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(bin, "tillsim"), args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 30 * time.Second
	b, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(b)
}

// TestDemo plays the whole demo with the two real programs, and both accidents.
func TestDemo(t *testing.T) {
	if testing.Short() {
		t.Skip("plays for half a minute with real processes")
	}
	bin := programs(t)
	t.Run("no difference", func(t *testing.T) {
		dir := t.TempDir()
		status, out := tillsim(t, 4*time.Minute, bin, "demo", "--dir", dir)
		if status != 0 || !regexp.MustCompile(`(?m)\Ademo: \d+ sales, 0 differences\z`).MatchString(lastLine(out)) {
			t.Fatalf("status %d\n%s", status, out)
		}
		if status, again := tillsim(t, time.Minute, bin, "compare", filepath.Join(dir, "pos.jsonl"), filepath.Join(dir, "ledger.jsonl")); status != 0 {
			t.Errorf("recomputed from the files: status %d\n%s", status, again)
		}
		t.Log(out)
	})
	t.Run("a storm", func(t *testing.T) {
		status, out := tillsim(t, 2*time.Minute, bin, "demo", "--dir", t.TempDir(), "--storm", "12", "--seed", "1", "--scale", "20")
		if status != 0 || !strings.HasSuffix(lastLine(out), "sales, 0 differences") {
			t.Errorf("status %d\n%s", status, out)
		}
	})
	for accident, kind := range map[string]string{"double-charge": verdict.DiffTwice, "lost-sale": verdict.DiffLost, "over-refund": verdict.DiffAmount} {
		t.Run(accident, func(t *testing.T) {
			dir := t.TempDir()
			status, out := tillsim(t, 2*time.Minute, bin, "demo", "--dir", dir, "--break", accident, "--only", "counter")
			if status != 1 {
				t.Fatalf("status %d, want 1\n%s", status, out)
			}
			v, err := compareFiles(filepath.Join(dir, "pos.jsonl"), filepath.Join(dir, "ledger.jsonl"))
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range []string{kind, verdict.DiffSum} {
				if !slices.ContainsFunc(v.Differences, func(d verdict.Difference) bool { return d.Kind == want }) {
					t.Errorf("the files alone do not show a %s:\n%s", want, out)
				}
			}
			for _, d := range v.Differences {
				if d.Kind != verdict.DiffSum && !strings.Contains(d.Text, "accident: ") {
					t.Errorf("a difference that is not the accident's: %s", d.Text)
				}
			}
		})
	}
}

func lastLine(out string) string {
	lines := strings.Split(strings.TrimSpace(out), "\n")
	return lines[len(lines)-1]
}
