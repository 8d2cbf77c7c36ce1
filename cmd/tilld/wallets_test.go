package main

import (
	"os"
	"regexp"
	"testing"

	"github.com/tilld/tilld/agent/sale"
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

// A wallet that can show codes says how long they live: the daemon does not start without.
func TestShownCodesHaveAnEnd(t *testing.T) {
	for _, w := range wallets() {
		if life := w.clock().OfferLife; w.Offers && (life <= 0 || life > sale.MaxOfferLife) {
			t.Errorf("%s: a code of ours lives %s, want more than nothing and at most %s", w.Name, life, sale.MaxOfferLife)
		}
	}
}
