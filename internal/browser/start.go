package browser

import (
	"errors"
	"os"
	"testing"
)

// Start launches a browser that ends with the test. Where none is installed the test is
// skipped, unless CI=true: there it fails.
func Start(t testing.TB) *Browser {
	t.Helper()
	b, err := Launch(t.Context())
	if errors.Is(err, ErrMissing) {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%v\nhint: install chromium", err)
		}
		t.Skipf("%v: what people see is not tested here", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}
