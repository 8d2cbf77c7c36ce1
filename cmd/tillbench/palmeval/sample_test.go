package palmeval

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tilld/tilld/biometric/biometrictest/palms"
	"github.com/tilld/tilld/biometric/palm/bocv"
)

// set makes samples of sessions: {"a": {3, 2}} is a subject with 3 and 2 samples.
func set(subjects [][]int, bands ...string) *Set {
	s := &Set{Bands: bands}
	for i, sessions := range subjects {
		s.Subjects = append(s.Subjects, string(rune('a'+i)))
		for session, n := range sessions {
			for range n {
				m := Sample{Subject: i, Session: string(rune('1' + session))}
				for range bands {
					m.Codes = append(m.Codes, new(bocv.Code))
				}
				s.Samples = append(s.Samples, m)
			}
		}
	}
	return s
}

func TestPairsOfSessions(t *testing.T) {
	for _, c := range []struct {
		name                                                  string
		subjects                                              [][]int
		genuine, impostor, genuineThree, impostorThree, cross int
	}{
		// As in the facts: ten palms, ten samples on two occasions.
		{"two sessions", repeat([]int{10, 10}, 10), 1000, 9000, 300, 2700, 10},
		{"one session", repeat([]int{5}, 4), 4 * 10, 4 * 3 * 25, 4 * 2, 4 * 3 * 5, 0},
		{"three sessions", repeat([]int{1, 1, 1}, 3), 6, 12, 0, 0, 3},
		{"mixed", [][]int{{3, 2}, {4}}, 6 + 6, 3*4 + 4*2, 2 + 1, 4 + 2, 1},
	} {
		r := &run{bands: 1, transforms: []transform{{"unprotected", 0, 0}}, groups: set(c.subjects, "").groups(), limit: 1 << 30}
		got, err := r.compare(context.Background(), func() {})
		if err != nil {
			t.Fatal(err)
		}
		count := func(who [][2]int32) (genuine, impostor int) {
			for _, w := range who {
				if w[0] == w[1] {
					genuine++
				} else {
					impostor++
				}
			}
			return
		}
		genuine, impostor := count(got.single)
		genuineThree, impostorThree := count(got.three)
		cross := 0
		for _, g := range r.groups {
			if g.cross {
				cross++
			}
		}
		have, want := [5]int{genuine, impostor, genuineThree, impostorThree, cross}, [5]int{c.genuine, c.impostor, c.genuineThree, c.impostorThree, c.cross}
		if have != want {
			t.Errorf("%s: %v, want %v", c.name, have, want)
		}
		if len(got.by[0][0].single) != len(got.single) || len(got.by[0][0].three) != len(got.three) {
			t.Errorf("%s: a distance is missing", c.name)
		}
	}
}

func repeat(sessions []int, n int) (out [][]int) {
	for range n {
		out = append(out, sessions)
	}
	return out
}

func TestLimit(t *testing.T) {
	r := &run{bands: 1, transforms: []transform{{"unprotected", 0, 0}}, groups: set(repeat([]int{2, 2}, 20), "").groups(), limit: 200}
	got, err := r.compare(context.Background(), func() {})
	if err != nil || !got.sampled {
		t.Fatal(err, got.sampled)
	}
	if n := len(got.single); n != 2*200 {
		t.Errorf("%d pairs, want 2 references for each of 200 probes", n)
	}
	again, _ := r.compare(context.Background(), func() {})
	if diff := cmp.Diff(got.single, again.single); diff != "" {
		t.Error(diff)
	}
}

func TestSetsOfBands(t *testing.T) {
	item := func(subject int, number, band string) Item { return Item{subject, "1", number, band} }
	items := []Item{item(0, "1", NIR), item(0, "1", Green), item(0, "2", NIR), item(0, "2", Green), item(0, "3", NIR), item(0, "4", "")}
	codes := make([]*bocv.Code, len(items))
	for i := range codes {
		codes[i] = new(bocv.Code)
	}
	var l Loaded
	l.sets([]string{"a"}, items, codes)
	if len(l.Sets) != 2 || len(l.Sets[0].Bands) != 2 || len(l.Sets[0].Samples) != 3 || l.Sets[1].Bands[0] != "" || l.Separate {
		t.Errorf("%+v", l)
	}
	apart := []Item{item(0, "1", NIR), item(0, "2", Green), item(0, "3", NIR), item(0, "4", Green)}
	l = Loaded{}
	l.sets([]string{"a"}, apart, codes)
	if len(l.Sets) != 2 || !l.Separate {
		t.Errorf("%+v", l)
	}
}

func TestFuse(t *testing.T) {
	who := [][2]int32{{0, 0}, {0, 1}, {1, 0}}
	got := fuse(who, []float32{0, 1, 3}, []float32{10, 30, 10}) // impostors 2±1, 20±10
	if diff := cmp.Diff([]float32{-3, 0, 0}, got); diff != "" {
		t.Error(diff)
	}
}

func TestParallel(t *testing.T) {
	bad := errors.New("bad")
	err := parallel(context.Background(), 1000, func(i int) error {
		if i == 7 {
			return bad
		}
		return nil
	})
	if !errors.Is(err, bad) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := parallel(ctx, 5, func(int) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestEvaluate looks at the whole of it on few simulated palms.
func TestEvaluate(t *testing.T) {
	src, err := NewSynthetic(11, 3, 3, palms.Plain(), 3)
	if err != nil {
		t.Fatal(err)
	}
	l, err := Load(context.Background(), src, func() {})
	if err != nil || len(l.Sets) != 1 || len(l.Failed) > 0 {
		t.Fatal(err, l)
	}
	o := Options{Shift: -1, Limit: 1000, Seed: 1, Repeats: 10}
	got, err := Evaluate(context.Background(), l.Sets[0], o, func() {})
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Figures) != 3*4 || len(got.Protection) != 2 || len(got.Found) != 2*4 {
		t.Fatalf("%d figures, %d profiles, %d identifications", len(got.Figures), len(got.Protection), len(got.Found))
	}
	f, _ := got.figures(NIR, "standard", 2)
	if f.Three.Genuine != 11*3 || f.Three.EER.Value > 0.1 {
		t.Errorf("standard: %+v", f.Three)
	}
	links := got.Protection[0].Links
	if links[0].Mated != 11*9*3 || links[0].DSys > 0.3 || links[4].DSys < 0.5 || links[3].Salt != saltShard {
		t.Errorf("links: %+v", links)
	}
	o.Brief, got.Protection = true, nil
	again, err := Evaluate(context.Background(), l.Sets[0], o, func() {})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(got, again); diff != "" {
		t.Errorf("the same seed gives something else:\n%s", diff)
	}
}
