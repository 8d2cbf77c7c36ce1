package main

import (
	"os"
	"regexp"
	"testing"

	"github.com/tilld/tilld/cmd/tilld/internal/config"
)

// The example holds for the real tables, also with everything that is commented out in it.
func TestExampleIsWellFormed(t *testing.T) {
	text, err := os.ReadFile("example.toml")
	if err != nil {
		t.Fatal(err)
	}
	all := regexp.MustCompile(`(?m)^# ([a-z_]+ = |\[)`).ReplaceAll(text, []byte("$1"))
	for name, file := range map[string][]byte{"as it is": text, "all of it": all} {
		if _, problems := config.Parse(file, "/", known()); problems.Count(config.Mistake) != 0 {
			t.Errorf("%s: %v", name, problems)
		}
	}
}
