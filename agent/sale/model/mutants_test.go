package model

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// verifier is one program that searches the model with any bug: compiling one for each would
// cost more than the searches.
type verifier struct {
	pan string
	m   mode
}

// Where the mutant and the number of attempts get their values in the program that Spin
// writes, and what they get instead: the word of the environment.
var variables = map[string]string{
	"now.mutant = 101;":   `now.mutant = atoi(getenv("MUTANT"));`,
	"now.attempts = 102;": `now.attempts = atoi(getenv("ATTEMPTS"));`,
}

// newVerifier compiles it. t is the test that outlives all its users.
func newVerifier(t *testing.T, m mode) *verifier {
	t.Helper()
	p := newProof(t, "all bugs", "-DVARIABLE", "-DMUTANT=101", "-DATTEMPTS=102")
	p.generate(t)
	source := filepath.Join(p.dir, "pan.c")
	text, err := os.ReadFile(source)
	if err != nil {
		t.Fatal(err)
	}
	for constant, word := range variables {
		if n := bytes.Count(text, []byte(constant)); n != 1 {
			t.Fatalf("%q stands %d times in what Spin wrote, want once", constant, n)
		}
		text = bytes.Replace(text, []byte(constant), []byte(word), 1)
	}
	if err := os.WriteFile(source, text, 0o600); err != nil {
		t.Fatal(err)
	}
	p.compile(t, m)
	return &verifier{filepath.Join(p.dir, "pan"), m}
}

// check searches a way to what a bug breaks.
func (v *verifier) check(t *testing.T, name string, mutant, attempts int) *proof {
	t.Helper()
	values := []string{fmt.Sprintf("MUTANT=%d", mutant), fmt.Sprintf("ATTEMPTS=%d", attempts)}
	p := newProof(t, name, "-DVARIABLE", "-D"+values[0], "-D"+values[1])
	p.env = values
	p.search(t, v.pan, v.m)
	return p
}
