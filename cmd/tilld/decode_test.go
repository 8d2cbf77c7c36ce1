package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tilld/tilld/scanner"
)

// wireVector is one vector of testdata/scanners.json, whose head explains itself.
type wireVector struct {
	decodeLine
	ReplyHex *string        `json:"reply_hex"`
	Expect   map[string]any `json:"expect"`
}

type wireVectors struct {
	Profiles map[string]string
	Vectors  []wireVector
}

func readWireVectors(t *testing.T) wireVectors {
	t.Helper()
	b, err := os.ReadFile("testdata/scanners.json")
	if err != nil {
		t.Fatal(err)
	}
	var v wireVectors
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// TestDecodeVectors gives every line of the vectors that comes from a device to the program.
func TestDecodeVectors(t *testing.T) {
	all := readWireVectors(t)
	var in bytes.Buffer
	var asked []wireVector
	for _, v := range all.Vectors {
		if v.Dir == "in" {
			asked = append(asked, v)
			json.NewEncoder(&in).Encode(v.decodeLine)
		}
	}
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"decode", "--jsonl"}, &in, &out, &errs); code != exitDone {
		t.Errorf("exit code %d: %s", code, errs.String())
	}
	answers := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(answers) != len(asked) {
		t.Fatalf("%d answers to %d lines", len(answers), len(asked))
	}
	for i, v := range asked {
		var got map[string]any
		if err := json.Unmarshal([]byte(answers[i]), &got); err != nil {
			t.Fatal(err)
		}
		want := v.Expect
		want["name"] = v.Name
		if _, ok := want["scans"]; !ok {
			want["scans"] = []any{}
		}
		want["reply_hex"] = got["reply_hex"]
		if v.ReplyHex != nil {
			want["reply_hex"] = *v.ReplyHex
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", v.Name, d)
		}
	}
}

func TestDecodeKnowsEveryProfile(t *testing.T) {
	for name := range readWireVectors(t).Profiles {
		if _, err := profileNamed(name); err != nil {
			t.Error(err)
		}
	}
}

// recordSize is the length of the records of a profile that has them.
func recordSize(profile string, n int) int {
	switch profile {
	case "hidpos":
		return 64
	case "evdev-arm64":
		return 24
	case "evdev-arm":
		return 16
	case "uevent":
		return max(n, 1)
	}
	return 1
}

// presentations are the scans of an answer.
func presentations(t *testing.T, profile, given string, pieces [][]byte) (got []string) {
	t.Helper()
	row, err := profileNamed(profile)
	if err != nil {
		t.Fatal(err)
	}
	codec, err := row.make()
	if err != nil {
		t.Fatal(err)
	}
	p := player{make: row.make, codec: codec, now: time.Unix(1_000_000_000, 0), emit: func(_ time.Time, r scanner.Result) {
		if r.Drop == "" && len(r.Text) > 0 {
			got = append(got, fmt.Sprint(r.Symbology, r.AIM, string(r.Text)))
		}
	}}
	if strings.HasSuffix(given, "outstanding") {
		if err := p.given(given); err != nil {
			t.Fatal(err)
		}
	}
	for _, piece := range pieces {
		p.received(piece)
	}
	p.until(p.now.Add(time.Second))
	return got
}

// TestDecodeNeverMakesAnotherScan damages every vector: split at each byte, noise before it,
// its end cut off; records are left out or change places. What comes is what was presented,
// or nothing.
func TestDecodeNeverMakesAnotherScan(t *testing.T) {
	dice := rand.New(rand.NewPCG(1, 2))
	for _, v := range readWireVectors(t).Vectors {
		data, err := hex.DecodeString(v.Hex)
		if err != nil || v.Dir != "in" {
			continue
		}
		if v.Profile == "serial-plain" {
			continue // without an identifier a rest cannot be told from a code: see scanner/line
		}
		size := recordSize(v.Profile, len(data))
		presented := presentations(t, v.Profile, v.Given, [][]byte{data})
		check := func(what string, pieces ...[]byte) {
			t.Helper()
			for _, s := range presentations(t, v.Profile, v.Given, pieces) {
				if !slices.Contains(presented, s) {
					t.Errorf("%s, %s: %q", v.Name, what, s)
				}
			}
		}
		for at := size; at < len(data); at += size {
			whole := presentations(t, v.Profile, v.Given, [][]byte{slices.Clone(data[:at]), slices.Clone(data[at:])})
			if !slices.Equal(whole, presented) {
				t.Errorf("%s, split at %d: %q, want %q", v.Name, at, whole, presented)
			}
			check(fmt.Sprint("cut at ", at), slices.Clone(data[:at]))
			if size > 1 {
				check(fmt.Sprint("without the record at ", at), slices.Clone(data[:at]), slices.Clone(data[at+size:]))
			}
		}
		if size > 1 {
			continue
		}
		for n := 1; n <= 64; n++ {
			noise := make([]byte, n)
			for i := range noise {
				noise[i] = byte(dice.Uint32())
			}
			check(fmt.Sprintf("after noise %x", noise), noise, slices.Clone(data))
		}
	}
}

// TestDecodeTells holds the answers to lines of which the vectors have none.
func TestDecodeTells(t *testing.T) {
	foreign := strings.Repeat("00", 63)
	for line, want := range map[string]string{
		`{"profile":"ssi","hex":"05f30000fffe09"}`:                                `{"no_read":true,"reply_hex":"04d00400ff28","scans":[]}`,
		`{"profile":"gm65","hex":"03000001003331","given":"command-outstanding"}`: `{"data":"00","reply":"ok","reply_hex":"","scans":[]}`,
		`{"profile":"gm65","hex":"5d513141020000010033310d"}`:                     `{"reply_hex":"","scans":[{"sym":"qr","aim":"]Q1","text":"A\u0002\u0000\u0000\u0001\u000031"}]}`,
		`{"profile":"hidpos","hex":"03` + foreign + `"}`:                          `{"ignored":true,"reply_hex":"","scans":[]}`,
		`{"profile":"evdev-arm","hex":"000000000000000001001c0001000000"}`:        `{"events":[[1,28,1]],"reply_hex":"","scans":[]}`,
		`{"profile":"atecc608","hex":"0700006002b5fc"}`:                           `{"error":"checksum","reply_hex":"","scans":[]}`,
		`{"profile":"atecc608","hex":"07000060028038ffff"}`:                       `{"data":"00006002","reply_hex":"","scans":[]}`,
		`{"profile":"uevent","hex":"6c696275646576000a"}`:                         `{"ignored":true,"reply_hex":"","scans":[]}`,
	} {
		var out, errs bytes.Buffer
		code := run(t.Context(), []string{"decode", "--jsonl"}, strings.NewReader(line+"\n"), &out, &errs)
		if got := strings.TrimSpace(out.String()); code != exitDone || got != want {
			t.Errorf("%s: exit %d, %s%s, want %s", line, code, got, errs.String(), want)
		}
	}
}

// TestDecodeDump plays the dump of the README.
func TestDecodeDump(t *testing.T) {
	var out, errs bytes.Buffer
	code := run(t.Context(), []string{"decode", "--profile", "ssi", "testdata/ssi.dump"}, strings.NewReader(""), &out, &errs)
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	if code != exitNotDone || out.Len() == 0 || !strings.Contains(string(readme), out.String()) {
		t.Errorf("exit %d; not as the README shows it:\n%s%s", code, out.String(), errs.String())
	}
}
