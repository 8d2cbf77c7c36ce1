package sale

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var (
	modelDefine = regexp.MustCompile(`(?m)^#define (?:.*\\\n)*.*\n`)
	modelMove   = regexp.MustCompile(`\bMOVE\((\w+), (\w+), (\w+), ([01])\)`)
	modelBegin  = regexp.MustCompile(`\bBEGIN\((\w+)\)`)
	modelSet    = regexp.MustCompile(`\bst\[[^\]]*\]\s*=[^=]`)
)

// TestModelHasTheTable compares the moves of the Promela model with the table, both ways.
func TestModelHasTheTable(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("model", "till.pml"))
	if err != nil {
		t.Fatal(err)
	}
	body := strings.Replace(modelDefine.ReplaceAllString(string(text), ""), "mtype st[N] = NIL;", "", 1)
	got, want := map[string]bool{}, map[string]bool{}
	for _, m := range modelMove.FindAllStringSubmatch(body, -1) {
		got[strings.Join([]string{m[1], m[2], strings.ReplaceAll(m[3], "_", "-"), m[4]}, " ")] = true
	}
	for e, rule := range moves {
		needsUndo := "0"
		if rule.needsUndo {
			needsUndo = "1"
		}
		want[strings.Join([]string{e.from.String(), e.to.String(), string(e.why), needsUndo}, " ")] = true
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("from, to, event, needs undo: - the table has it alone, + the model has it alone\n%s", diff)
	}
	begun := map[string]bool{}
	for _, m := range modelBegin.FindAllStringSubmatch(body, -1) {
		begun[m[1]] = true
	}
	if diff := cmp.Diff(map[string]bool{Sending.String(): true, Offered.String(): true}, begun); diff != "" {
		t.Errorf("states that an attempt begins in: %s", diff)
	}
	if other := modelSet.FindString(body); other != "" {
		t.Errorf("the model changes a state by %q, not by MOVE", other)
	}
	for line := range strings.Lines(body) {
		if strings.Contains(line, "ILLEGAL(") && !strings.Contains(line, "BUG(") {
			t.Errorf("a move that no table allows, in the model without a bug: %s", line)
		}
	}
}
