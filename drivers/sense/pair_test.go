package sense

import (
	"testing"
	"time"
)

// taken makes a frame and counts its release.
func taken(at time.Duration, released *int) *Frame {
	return NewFrame(Header{At: Time(at), Timed: true}, []byte{1}, func([]byte) { *released++ })
}

func TestPairer(t *testing.T) {
	const ms = time.Millisecond
	p := Pairer{Window: 5 * ms}
	released := 0
	add := func(stream int, at time.Duration) (a, b *Frame) { return p.Add(stream, taken(at, &released)) }
	pair := func(a, b *Frame, wantA, wantB time.Duration) {
		t.Helper()
		if a == nil || b == nil || a.At != Time(wantA) || b.At != Time(wantB) {
			t.Fatalf("%v %v", a, b)
		}
		a.Release()
		b.Release()
	}
	if a, b := add(0, 100*ms); a != nil || b != nil {
		t.Fatal("a pair of one")
	}
	a, b := add(1, 103*ms)
	pair(a, b, 100*ms, 103*ms)

	// Infrared lags: the colour frame between has no partner.
	add(0, 133*ms)
	add(0, 166*ms)
	a, b = add(1, 168*ms)
	pair(a, b, 166*ms, 168*ms)
	if released != 5 {
		t.Errorf("%d released; the older frame waits for nothing", released)
	}

	// The nearest of two.
	add(1, 200*ms)
	add(1, 204*ms)
	a, b = add(0, 203*ms)
	pair(a, b, 203*ms, 204*ms)

	// One stream alone is bounded.
	released = 0
	for i := range 100 {
		add(0, time.Second+time.Duration(i)*33*ms)
	}
	if released != 100-pairDepth {
		t.Errorf("%d of 100 released", released)
	}
	p.Reset()
	if released != 100 {
		t.Errorf("%d of 100 released at the end", released)
	}

	// Damaged frames and frames without a time pair with nothing.
	released = 0
	bad := taken(0, &released)
	bad.Damaged = true
	p.Add(0, bad)
	untimed := taken(0, &released)
	untimed.Timed = false
	p.Add(1, untimed)
	if released != 2 {
		t.Errorf("%d released", released)
	}
}
