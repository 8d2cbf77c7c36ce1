package capture

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/iotest"

	mathrand "math/rand/v2"
)

func TestOrders(t *testing.T) {
	n := 0
	seen := map[Order]bool{}
	for v := range 6561 {
		o := sequence(v)
		if seen[o] {
			t.Fatalf("%v comes twice", o)
		}
		seen[o] = true
		if o.Valid() {
			n++
		}
	}
	if n != Orders || OrderBits() != 12 {
		t.Errorf("%d orders, %d bits", n, OrderBits())
	}
	if (Order{Dark, NIR, White, 3}).Valid() {
		t.Error("a light that does not exist is valid")
	}
}

// Every order is as likely as every other: chi-square over all of them, at 4 sigma.
func TestDrawOrderIsEven(t *testing.T) {
	random := mathrand.NewChaCha8([32]byte{9})
	count := map[Order]int{}
	const draws = 20 * Orders
	for range draws {
		o, err := DrawOrder(random)
		if err != nil || !o.Valid() {
			t.Fatal(o, err)
		}
		count[o]++
	}
	sum := 0.0
	for v := range 6561 {
		if o := sequence(v); o.Valid() {
			d := float64(count[o]) - 20
			sum += d * d / 20
		}
	}
	const free, sigma = Orders - 1, 107.7 // sqrt(2*free)
	if sum < free-4*sigma || sum > free+4*sigma {
		t.Errorf("chi-square %.0f of %d", sum, free)
	}
}

func TestDrawOrderFails(t *testing.T) {
	if _, err := DrawOrder(iotest.ErrReader(errRig)); !errors.Is(err, errRig) {
		t.Error(err)
	}
	for _, b := range []byte{0, 0xFF} { // all dark; always rejected
		if o, err := DrawOrder(bytes.NewReader(bytes.Repeat([]byte{b}, 1000))); err == nil {
			t.Errorf("an order %v from a stuck source", o)
		}
	}
	if _, err := DrawOrder(rand.Reader); err != nil {
		t.Error(err)
	}
}

func TestShotsAreNotShown(t *testing.T) {
	s := Shot{Luma: []byte("canary")}
	if out := fmt.Sprintf("%v %+v %#v %s %x", s, s, &s, []Shot{s}, s); strings.Contains(out, "canary") || strings.Contains(out, "99") || strings.Contains(out, "63616e") {
		t.Error(out)
	}
	s.Wipe()
	if s.Luma[0] != 0 {
		t.Error("not wiped")
	}
}
