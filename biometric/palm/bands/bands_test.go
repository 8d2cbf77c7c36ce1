package bands

import (
	"errors"
	"testing"

	"github.com/tilld/tilld/biometric/capture"
	"github.com/tilld/tilld/biometric/palm/roi"
	"github.com/tilld/tilld/drivers/sense"
)

func shots(lights ...capture.Light) (list []capture.Shot) {
	for i, l := range lights {
		list = append(list, capture.Shot{Light: l, Settled: true, At: sense.Time(100 * i), Width: 64, Height: 64, Luma: make([]byte, 64*64)})
	}
	return list
}

// Pairs come nearest first, each once.
func TestNext(t *testing.T) {
	list := shots(capture.White, capture.Dark, capture.NIR, capture.White, capture.Dark, capture.NIR)
	list = append(list, capture.Shot{Light: capture.White, At: 501}) // not settled
	var got [][2]int
	var least int64 = -1
	var last [2]int
	for {
		i, j, ok := next(list, least, last)
		if !ok {
			break
		}
		least, last = apart(&list[i], &list[j]), [2]int{i, j}
		got = append(got, last)
	}
	want := [][2]int{{2, 3}, {2, 0}, {5, 3}, {5, 0}}
	if len(got) != len(want) {
		t.Fatalf("%v", got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("pair %d is %v, want %v", i, got[i], want[i])
		}
	}
}

func TestCutWithout(t *testing.T) {
	f, err := roi.New(64, 64, nil)
	if err != nil {
		t.Fatal(err)
	}
	var vein, print roi.Region
	for _, c := range []struct {
		shots []capture.Shot
		want  error
	}{
		{nil, ErrNoNIR},
		{shots(capture.Dark, capture.White), ErrNoNIR},
		{shots(capture.Dark, capture.NIR), ErrNoWhite},
		{shots(capture.White, capture.NIR), ErrNoDark},
		{shots(capture.White, capture.NIR, capture.Dark), roi.ErrNone},
	} {
		if _, err := Cut(f, c.shots, &vein, &print); !errors.Is(err, c.want) {
			t.Errorf("%d shots: %v, want %v", len(c.shots), err, c.want)
		}
	}
}
