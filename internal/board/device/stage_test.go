package device

import (
	"bytes"
	"testing"
)

// painted is a thing whose pictures say what they are: light and number, with room for noise.
func painted() []byte {
	const size = PictureWidth * PictureHeight
	b := make([]byte, 0, StageBytes())
	for l := range stageLights {
		for n := range StagePictures {
			b = append(b, bytes.Repeat([]byte{byte(32*(l+1) + 2*n)}, size)...)
		}
	}
	return b
}

func TestStageFollowsLamps(t *testing.T) {
	light := Unlit
	s := NewStage(func() int { return light })
	empty := bytes.Clone(s.Frame(0))
	if empty[0]&^1 != 6 {
		t.Errorf("an empty stage is %d", empty[0])
	}
	s.Show(painted(), false)
	var before []byte
	for n, l := range []int{Unlit, LitNIR, LitNIR, LitWhite, Unlit, LitWhite, LitNIR} {
		light = l
		f := s.Frame(n)
		if want := byte(32*(l+1) + 2*swing(n)); f[0]&^1 != want || f[len(f)-1]&^1 != want {
			t.Errorf("frame %d is %d, want %d", n, f[0], want)
		}
		if bytes.Equal(f, before) {
			t.Errorf("frame %d is the one before", n)
		}
		before = bytes.Clone(f)
	}
	if s.Frames() != 8 {
		t.Errorf("%d frames", s.Frames())
	}
	s.Show(nil, false)
	if f := s.Frame(9); f[0]&^1 != 6 {
		t.Errorf("what was taken away is %d", f[0])
	}
}

// TestStageReplay: a recording follows the lamps until they begin an order, and then its own.
func TestStageReplay(t *testing.T) {
	light := Unlit
	s := NewStage(func() int { return light })
	s.Show(painted(), true)
	shown := func(l int) int {
		light = l
		return int(s.Frame(0)[0])/32 - 1
	}
	for i, l := range []int{Unlit, Unlit, LitNIR, LitNIR, LitNIR} {
		if got := shown(l); got != l {
			t.Fatalf("frame %d is lit %d, want %d", i, got, l)
		}
	}
	for i, want := range []int{LitWhite, LitWhite, Unlit, Unlit, LitNIR, LitNIR, LitNIR, LitNIR, Unlit, Unlit, LitWhite} {
		if got := shown(Unlit); got != want {
			t.Errorf("frame %d of the recording is lit %d, want %d", i, got, want)
		}
	}
	for range 5 {
		shown(LitNIR)
	}
	if f := s.Frame(0); f[0]&^1 != 6 {
		t.Errorf("after its end it is %d", f[0])
	}
}
