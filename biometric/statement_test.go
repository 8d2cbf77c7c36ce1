package biometric

import (
	"bytes"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestVerdictRoundTrip(t *testing.T) {
	v := verdict()
	v.At = v.At.Add(42 * time.Second)
	v.Cues[0].Low, v.Cues[0].High = math.Inf(-1), math.Inf(1)
	v.Missing, v.Simulated = []string{"depth"}, true
	b, err := EncodeVerdict(v)
	if err != nil {
		t.Fatal(err)
	}
	if v.Cues[0].High != math.Inf(1) {
		t.Error("the caller's verdict was changed")
	}
	got, err := ParseVerdict(b)
	if err != nil {
		t.Fatal(err)
	}
	want := verdict()
	want.Cues[0].Score, want.Cues[0].Low, want.Cues[0].High = .47, -1e9, 1e9
	want.Missing, want.Simulated = v.Missing, true
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	again, err := EncodeVerdict(got)
	if err != nil || !bytes.Equal(again, b) {
		t.Errorf("%s became %s, %v", b, again, err)
	}
}

func TestVerdictRefused(t *testing.T) {
	for name, spoil := range map[string]func(*Verdict){
		"decision":      func(v *Verdict) { v.Decision = "live" },
		"modality":      func(v *Verdict) { v.Modality = "iris" },
		"level":         func(v *Verdict) { v.Level = "" },
		"time":          func(v *Verdict) { v.At = time.Time{} },
		"time of 10000": func(v *Verdict) { v.At = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) },
		"lamps":         func(v *Verdict) { v.Lamps = -1 },
		"reason":        func(v *Verdict) { v.Reason = strings.Repeat("x", 129) },
		"33 cues":       func(v *Verdict) { v.Cues = make([]Cue, 33) },
		"cue's name":    func(v *Verdict) { v.Cues[0].Name = "" },
		"cue's verdict": func(v *Verdict) { v.Cues[0].Decision = "live" },
		"NaN":           func(v *Verdict) { v.Cues[0].Score = math.NaN() },
		"missing":       func(v *Verdict) { v.Missing = []string{""} },
		"too long": func(v *Verdict) {
			v.Cues[0].Name = strings.Repeat("x", 128)
			v.Cues = slices.Repeat(v.Cues, 32)
			v.Missing = slices.Repeat([]string{v.Cues[0].Name}, 32)
		},
	} {
		v := verdict()
		spoil(&v)
		if b, err := EncodeVerdict(v); err == nil {
			t.Errorf("%s: encoded in %d bytes", name, len(b))
		}
	}
	good, err := EncodeVerdict(verdict())
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string][2]string{
		"unknown name":   {`"build"`, `"built"`},
		"twice":          {`"lamp_bits":12`, `"lamp_bits":12,"lamp_bits":13`},
		"twice in a cue": {`"version":1`, `"version":1,"version":2`},
		"not coarse":     {`07:08:00Z`, `07:08:01Z`},
		"huge score":     {`0.47`, `1e300`},
		"deep":           {`"cues":[`, `"cues":[[[[[[`},
		"no UTF-8":       {`"build":"`, "\"build\":\"\xff"},
	} {
		b := bytes.Replace(good, []byte(change[0]), []byte(change[1]), 1)
		if bytes.Equal(b, good) {
			t.Errorf("%s: nothing was changed", name)
		}
		if v, err := ParseVerdict(b); err == nil {
			t.Errorf("%s: taken, %+v", name, v)
		}
	}
}

func TestTwoDigits(t *testing.T) {
	for x, want := range map[float64]float64{
		0: 0, .4711: .47, .385: .39, .0449: .045, .00449: .004, -.4711: -.47, 9.96: 10, 99.6: 100, 1234: 1200, 7: 7,
		math.Inf(1): 1e9, math.Inf(-1): -1e9, .0004: 0, 1: 1, .1: .1, 1000: 1000,
	} {
		got := twoDigits(x)
		if got != want || twoDigits(got) != got {
			t.Errorf("%v became %v and then %v, want %v", x, got, twoDigits(got), want)
		}
	}
	if !math.IsNaN(twoDigits(math.NaN())) {
		t.Error("NaN became a number")
	}
}

func FuzzVerdict(f *testing.F) {
	b, err := EncodeVerdict(verdict())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"decision":"","modality":"face","key_level":"tpm","at":"1970-01-01T00:01:00Z","cues":null}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := ParseVerdict(b)
		if err != nil {
			return
		}
		enc, err := EncodeVerdict(v)
		if err != nil {
			t.Fatalf("%s was taken and cannot be encoded: %v", b, err)
		}
		again, err := ParseVerdict(enc)
		if err != nil {
			t.Fatalf("%s became %s: %v", b, enc, err)
		}
		if enc2, err := EncodeVerdict(again); err != nil || !bytes.Equal(enc2, enc) {
			t.Fatalf("%s became %s, %v", enc, enc2, err)
		}
	})
}
