package queue

import (
	"bytes"
	"reflect"
	"testing"

	"golang.org/x/crypto/chacha20poly1305"
)

func fullState() state {
	s := state{Version: 1, Environment: "live", Generation: 7, Clean: true, Highest: 99_999_999, Lost: true, Summaries: 3}
	for i := range maxTokens {
		s.Tokens = append(s.Tokens, start{"ABCDEF", uint64(i)})
	}
	for i := range maxDays {
		s.Days = append(s.Days, dayState{Number: uint32(i), Date: 20260301, Seq: 1 << 40, Have: 1, Closed: 1 << 33})
	}
	id := "TERMINALTOKENS0000000110123"
	for range maxDoubt {
		s.Doubt = append(s.Doubt, id)
	}
	for range MaxOrders {
		s.Batch.Orders = append(s.Batch.Orders, id)
	}
	for i := range maxGaps {
		s.Gaps = append(s.Gaps, Gap{"ABCDEF", uint64(i), uint64(i)})
	}
	return s
}

// Fails when a bound is raised without looking at the slot.
func TestFullStateFitsASlot(t *testing.T) {
	s := fullState()
	w, _, _, err := openWitness(t.TempDir()+"/witness", make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	if err := w.write(&s); err != nil {
		t.Fatal(err)
	}
}

func FuzzState(f *testing.F) {
	full := fullState()
	f.Add(full.appendTo(nil))
	f.Add((&state{Version: 1, Environment: "test"}).appendTo(nil))
	f.Add([]byte{})
	f.Add(bytes.Repeat([]byte{255}, 300))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := parseState(b)
		if err != nil {
			return
		}
		again, err := parseState(s.appendTo(nil))
		if err != nil || !reflect.DeepEqual(s, again) {
			t.Fatalf("%v: %+v became %+v", err, s, again)
		}
	})
}

func FuzzItem(f *testing.F) {
	f.Add(item{kind: Payment, key: "k", open: true, payment: 7, summary: []byte("{}"), value: []byte("v")}.appendTo(nil))
	f.Add(item{kind: Reply, key: "k", deleted: true}.appendTo(nil))
	f.Add([]byte{flagSummary, 'p', 1, 1, 'k', 255, 255, 255, 255, 255, 255, 255, 255, 255, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		it, err := parseItem(b)
		if err != nil {
			return
		}
		again, err := parseItem(it.appendTo(nil))
		if err != nil || it.name() != again.name() || it.payment != again.payment || it.open != again.open ||
			it.deleted != again.deleted || !bytes.Equal(it.value, again.value) || !bytes.Equal(it.summary, again.summary) {
			t.Fatalf("%v: %+v became %+v", err, it, again)
		}
	})
}

// Nothing that was not sealed under the same key, day, number and hash is ever a record.
func FuzzRecord(f *testing.F) {
	aead, _ := chacha20poly1305.NewX(make([]byte, 32))
	good, _ := seal(aead, 1, 5, [32]byte{}, item{kind: Payment, key: "k", value: []byte("v")})
	f.Add(good)
	f.Add(good[:recordLeast])
	f.Add([]byte{recordVersion})
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, at := range []struct {
			day uint32
			seq uint64
		}{{1, 5}, {1, 6}, {2, 5}} {
			if _, _, err := unseal(aead, at.day, at.seq, b); err == nil && !(bytes.Equal(b, good) && at.day == 1 && at.seq == 5) {
				t.Fatalf("a forged record opens as %+v", at)
			}
		}
	})
}
