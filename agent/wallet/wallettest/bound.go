package wallettest

import (
	"errors"
	"fmt"
	"time"
)

// price is what a bound code pays, and nothing else.
type price struct {
	minor    int64
	currency string
}

// ErrCodeUsed is why a code cannot be taken back.
var ErrCodeUsed = errors.New("it was used")

// NewCodeFor is a code as NewCode gives out, which pays this amount only: what a biometric
// provider answers a match with.
func (w *World) NewCodeFor(wallet string, minor int64, currency string) string {
	code := w.NewCode(wallet)
	if h := w.houses[wallet]; h != nil {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.bound[code] = price{minor, currency}
	}
	return code
}

// VoidCode takes a code back that NewCodeFor gave out: ErrCodeUsed when it was used.
func (w *World) VoidCode(code string) error {
	for _, h := range w.houses {
		h.mu.Lock()
		_, ok := h.bound[code]
		_, used := h.codes[code]
		if ok && !used {
			h.issued[code] = time.Time{} // far too old
		}
		h.mu.Unlock()
		switch {
		case used:
			return fmt.Errorf("take a code back: %w", ErrCodeUsed)
		case ok:
			return nil
		}
	}
	return errors.New("take a code back: nobody gave it out")
}
