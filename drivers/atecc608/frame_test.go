package atecc608

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"reflect"
	"testing"
	"time"

	"github.com/tilld/tilld/scanner"
)

type vector struct {
	Name, Dir, Hex string
	Expect         map[string]string
}

func vectors(t testing.TB) (list []vector) {
	data, err := os.ReadFile("testdata/vectors.json")
	if err == nil {
		err = json.Unmarshal(data, &list)
	}
	if err != nil || len(list) < 7 {
		t.Fatalf("%d vectors, %v", len(list), err)
	}
	return list
}

func TestVectors(t *testing.T) {
	commands := map[string]Command{
		"info":                {Op: OpInfo},
		"random":              {Op: OpRandom},
		"genkey-public-slot0": {Op: OpGenKey},
		"counter0-increment":  {Op: OpCounter, P1: counterIncrement},
	}
	for _, v := range vectors(t) {
		wire, err := hex.DecodeString(v.Hex)
		if err != nil {
			t.Fatal(err)
		}
		switch v.Dir {
		case "out":
			c, ok := commands[v.Expect["command"]]
			if got := c.Append(nil); !ok || !bytes.Equal(got, wire) {
				t.Errorf("%s: %x, want %x", v.Name, got, wire)
			}
		case "in":
			r, err := Parse(wire)
			if err != nil || r.Fields()["status"] != v.Expect["status"] || len(r.Fields()) != len(v.Expect) {
				t.Errorf("%s: %v, %v", v.Name, r.Fields(), err)
			}
			for cut := range len(wire) {
				if _, err := Parse(wire[:cut]); !errors.Is(err, ErrPartial) {
					t.Errorf("%s cut at %d: %v", v.Name, cut, err)
				}
			}
			for bit := range len(wire) * 8 {
				bad := bytes.Clone(wire)
				bad[bit/8] ^= 1 << (bit % 8)
				if r, err := Parse(bad); err == nil {
					t.Errorf("%s with bit %d turned: %v", v.Name, bit, r)
				}
			}
		}
	}
}

func TestStatusNames(t *testing.T) {
	for s, want := range map[Status]string{OK: "ok", Miscompare: "miscompare", ParseError: "parse_error", ECCFault: "ecc_fault",
		SelfTest: "self_test_error", Health: "health_test_error", ExecError: "exec_error", Awake: "awake",
		Watchdog: "watchdog", CRCError: "crc_error", 0x42: "status_42"} {
		if s.String() != want {
			t.Errorf("%02X: %s", byte(s), s)
		}
	}
}

// decode feeds a stream in parts and returns what came out of it.
func decode(parts [][]byte) (events []map[string]any, drops []scanner.DropReason) {
	d, now := NewDecoder(), time.Unix(0, 0)
	emit := func(r scanner.Result) {
		if r.Drop != "" {
			drops = append(drops, r.Drop)
		}
		if r.Event != nil {
			events = append(events, r.Event.Fields())
		}
	}
	for _, p := range parts {
		d.Feed(p, now, emit)
		now = now.Add(time.Millisecond)
	}
	d.Tick(now.Add(time.Second), emit)
	if d.Pending() {
		panic("pending after silence")
	}
	return events, drops
}

func TestDecoder(t *testing.T) {
	awake, _ := hex.DecodeString("04113343")
	random := Response{Data: bytes.Repeat([]byte{7}, 32)}
	frame := append([]byte{35}, random.Data...)
	crc := crc16(frame)
	frame = append(frame, byte(crc), byte(crc>>8))
	stream := append(bytes.Clone(awake), frame...)
	want := []map[string]any{{"status": "awake"}, random.Fields()}
	for cut := range stream {
		if events, drops := decode([][]byte{stream[:cut], stream[cut:]}); len(drops) != 0 || !reflect.DeepEqual(events, want) {
			t.Fatalf("split at %d: %v, %v", cut, events, drops)
		}
	}
	for cut := 5; cut < len(stream); cut++ {
		if events, drops := decode([][]byte{stream[:cut]}); len(events) != 1 || len(drops) != 1 || drops[0] != scanner.DropPartial {
			t.Fatalf("truncated at %d: %v, %v", cut, events, drops)
		}
	}
	if events, drops := decode([][]byte{{0xFF, 0xFF}, awake}); len(events) != 0 || len(drops) != 1 || drops[0] != scanner.DropMalformed {
		t.Errorf("noise: %v, %v", events, drops)
	}
	bad := bytes.Clone(awake)
	bad[2] ^= 1
	if events, drops := decode([][]byte{bad}); len(events) != 0 || len(drops) != 1 || drops[0] != scanner.DropChecksum {
		t.Errorf("bad checksum: %v, %v", events, drops)
	}
	var events int
	d, now := NewDecoder(), time.Unix(0, 0)
	emit := func(r scanner.Result) {
		if r.Event != nil {
			events++
		}
	}
	d.Feed([]byte{0xFF}, now, emit)
	d.Feed(awake, now.Add(time.Second), emit)
	d.Feed(awake[:2], now.Add(time.Second), emit)
	d.Reset()
	d.Feed(awake[2:], now.Add(time.Second), emit)
	d.Restart()
	d.Feed(awake, now.Add(time.Second), emit)
	if events != 2 {
		t.Errorf("%d answers after silence, Reset and Restart; want 2", events)
	}
}

func FuzzParse(f *testing.F) {
	for _, v := range vectors(f) {
		wire, _ := hex.DecodeString(v.Hex)
		f.Add(wire)
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		r, err := Parse(p)
		if err == nil && (int(p[0]) > len(p) || len(r.Data) != 0 && len(r.Data)+3 != int(p[0])) {
			t.Errorf("%x: %v", p, r)
		}
		whole, wholeDrops := decode([][]byte{p})
		var bytewise [][]byte
		for i := range p {
			bytewise = append(bytewise, p[i:i+1])
		}
		single, singleDrops := decode(bytewise)
		if !reflect.DeepEqual(whole, single) || !reflect.DeepEqual(wholeDrops, singleDrops) {
			t.Errorf("%x: %v %v at once, %v %v byte by byte", p, whole, wholeDrops, single, singleDrops)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	frame := append([]byte{67}, make([]byte, 64)...)
	crc := crc16(frame)
	frame = append(frame, byte(crc), byte(crc>>8))
	b.SetBytes(int64(len(frame)))
	for b.Loop() {
		if _, err := Parse(frame); err != nil {
			b.Fatal(err)
		}
	}
}
