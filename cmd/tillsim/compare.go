package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/tilld/tilld/cmd/tillsim/verdict"
)

type compareCmd struct {
	POS    string `arg:"" name:"pos" help:"What the points of sale were told: pos.jsonl of a demo."`
	Ledger string `arg:"" help:"What the wallets hold: ledger.jsonl of a demo."`
	JSON   bool   `name:"json" help:"Write the verdict as JSON."`
}

func (compareCmd) Help() string {
	return `The verdict comes from the two files alone. Exit status 0: no difference. 1: each
difference is one line that says what is wrong, or a file cannot be read.

  tillsim compare build/demo/pos.jsonl build/demo/ledger.jsonl`
}

func (c compareCmd) Run(s streams) error {
	v, err := compareFiles(c.POS, c.Ledger)
	if err != nil {
		return err
	}
	return report(s.out, "compare", v, c.JSON)
}

// compareFiles recomputes the verdict from two files. A file without a single payment is
// an error: nothing must not look like nothing wrong.
func compareFiles(pos, ledger string) (verdict.Verdict, error) {
	told, err := readFile(pos, verdict.ReadTold)
	if err != nil {
		return verdict.Verdict{}, err
	}
	if len(told) == 0 {
		return verdict.Verdict{}, hinted{fmt.Errorf("compare: no payment in %s", pos), "give the file that \"tillsim demo --dir DIR\" wrote as DIR/pos.jsonl"}
	}
	entries, err := readFile(ledger, verdict.ReadLedger)
	if err != nil {
		return verdict.Verdict{}, err
	}
	return verdict.Compare(told, entries), nil
}

func readFile[T any](path string, read func(io.Reader) ([]T, error)) ([]T, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("compare: %w", err)
	}
	defer f.Close()
	rows, err := read(f)
	if err != nil {
		return nil, fmt.Errorf("compare: %s: %w", path, err)
	}
	return rows, nil
}

// report prints the verdict, its summary last, and makes any difference the exit status.
func report(out io.Writer, name string, v verdict.Verdict, asJSON bool) error {
	if asJSON {
		enc := json.NewEncoder(out)
		enc.SetIndent("", "  ")
		if err := enc.Encode(v); err != nil {
			return err
		}
	} else {
		if err := v.Print(out); err != nil {
			return err
		}
		if _, err := fmt.Fprintf(out, "%s: %s\n", name, v.Summary()); err != nil {
			return err
		}
	}
	if len(v.Differences) > 0 {
		return errDifferences
	}
	return nil
}
