package provider_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"log/slog"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/tilld/tilld/agent/provider"
	"github.com/tilld/tilld/biometric"
)

// holds reports whether anything that can be reached from v holds the pattern, as words or as
// bytes.
func holds(v reflect.Value, pattern []uint64, seen map[uintptr]bool) bool {
	switch v.Kind() {
	case reflect.Pointer, reflect.Map:
		if v.IsNil() || seen[v.Pointer()] {
			return false
		}
		seen[v.Pointer()] = true
		if v.Kind() == reflect.Pointer {
			return holds(v.Elem(), pattern, seen)
		}
		for it := v.MapRange(); it.Next(); {
			if holds(it.Key(), pattern, seen) || holds(it.Value(), pattern, seen) {
				return true
			}
		}
	case reflect.Interface:
		return !v.IsNil() && holds(v.Elem(), pattern, seen)
	case reflect.Struct:
		for i := range v.NumField() {
			if holds(v.Field(i), pattern, seen) {
				return true
			}
		}
	case reflect.String:
		return strings.Contains(v.String(), string(bytesOf(pattern)))
	case reflect.Slice, reflect.Array:
		return holdsList(v, pattern, seen)
	}
	return false
}

func holdsList(v reflect.Value, pattern []uint64, seen map[uintptr]bool) bool {
	switch v.Type().Elem().Kind() {
	case reflect.Uint8:
		b := make([]byte, v.Len())
		for i := range b {
			b[i] = byte(v.Index(i).Uint())
		}
		return bytes.Contains(b, bytesOf(pattern))
	case reflect.Uint64:
		whole := v
		if v.Kind() == reflect.Slice {
			whole = v.Slice(0, v.Cap()) // what was cut off is still there
		}
		for i := range whole.Len() - len(pattern) + 1 {
			if slices.ContainsFunc([]int{i}, func(i int) bool { return same(whole, i, pattern) }) {
				return true
			}
		}
		return false
	}
	for i := range v.Len() {
		if holds(v.Index(i), pattern, seen) {
			return true
		}
	}
	return false
}

func same(v reflect.Value, at int, pattern []uint64) bool {
	for i, w := range pattern {
		if v.Index(at+i).Uint() != w {
			return false
		}
	}
	return true
}

func bytesOf(words []uint64) []byte {
	var b []byte
	for _, w := range words {
		b = binary.LittleEndian.AppendUint64(b, w)
	}
	return b
}

const mask = 0xa5a5a5a5a5a5a5a5

// masked is four words of a template so that this copy is not what is looked for.
func masked(p *biometric.Protected) []uint64 {
	words := slices.Clone(p.Sample(p.Samples() / 2)[8:12])
	for i := range words {
		words[i] ^= mask
	}
	return words
}

func unmask(words []uint64) []uint64 {
	out := slices.Clone(words)
	for i := range out {
		out[i] ^= mask
	}
	return out
}

func (d *desk) stored(words []uint64) bool {
	return holds(reflect.ValueOf(d.provider), unmask(words), map[uintptr]bool{})
}

// TestProbesAreDeleted looks through everything that the provider keeps, after a match, after
// strangers and after refusals. References are there, until consent is withdrawn.
func TestProbesAreDeleted(t *testing.T) {
	if testing.Short() {
		t.Skip("reads all memory; under the race detector, which is run with -short, there is too much of it")
	}
	d := newDesk(t, nil)
	ch := d.challenge(d.enrolment(d.code(wang)))
	p := d.template(ch, "wang", nil)
	reference := masked(p)
	if e, err := d.client.Enrol(d.ctx(), d.sealWith(ch, p, d.verdict())); err != nil || e.Outcome != provider.Enrolled {
		t.Fatalf("%+v, %v", e, err)
	}
	var probes [][]uint64
	for _, c := range []struct {
		claim, person string
		grade         bool
		want          provider.Outcome
	}{{wang, "wang", true, provider.Matched}, {wang, "stranger", true, provider.NotMatched}, {li, "li", true, provider.NotEnrolled}, {wang, "wang", false, provider.Refused}} {
		ch := d.challenge(payment(c.claim))
		p, v := d.template(ch, c.person, nil), d.verdict()
		v.PaymentGrade = c.grade
		probe := masked(p)
		if a := d.identify(d.sealWith(ch, p, v)); a.Outcome != c.want {
			t.Errorf("%s: %s", c.person, a.Outcome)
		}
		if n := inMemory(t, probe); n > 0 {
			t.Errorf("the probe of %s is in memory %d times after %s", c.person, n, c.want)
		}
		probes = append(probes, probe)
	}
	if n := inMemory(t, reference); n == 0 {
		t.Error("the reference is not found in memory: this test sees nothing")
	}
	d.provider.Withdraw(wang)
	if n := inMemory(t, reference); n > 0 {
		t.Errorf("the reference is in memory %d times after consent was withdrawn", n)
	}
	// From here on the patterns themselves are in memory. Nothing is under way at the provider.
	for i, probe := range append(probes, reference) {
		if d.stored(probe) {
			t.Errorf("probe %d can be reached", i)
		}
	}
	d.enrol(wang, "wang")
	ch = d.challenge(d.enrolment(d.code(wang)))
	p = d.template(ch, "wang", nil)
	reference = masked(p)
	_, err := d.client.Enrol(d.ctx(), d.sealWith(ch, p, d.verdict()))
	d.must(err)
	if !d.stored(reference) {
		t.Error("the reference cannot be reached: this test sees nothing")
	}
}

// inMemory counts how often the words stand in this process, wherever: on the heap, freed or
// not, and on stacks.
func inMemory(t *testing.T, words []uint64) int {
	t.Helper()
	maps, err := os.Open("/proc/self/maps")
	if err != nil {
		t.Skip("no /proc")
	}
	defer maps.Close()
	mem, err := os.Open("/proc/self/mem")
	if err != nil {
		t.Skip("no /proc")
	}
	defer mem.Close()
	found := 0
	buf := make([]byte, 1<<20)
	for s := bufio.NewScanner(maps); s.Scan(); {
		var from, to uint64
		var mode string
		if _, err := fmt.Sscanf(s.Text(), "%x-%x %s", &from, &to, &mode); err != nil || !strings.HasPrefix(mode, "rw") || to-from > 1<<30 {
			continue
		}
		for at := from; at < to; at += uint64(len(buf)) - 64 {
			clear(buf)
			n, err := mem.ReadAt(buf[:min(uint64(len(buf)), to-at)], int64(at))
			if err != nil && n == 0 {
				break
			}
			found += count(buf[:n], words)
		}
	}
	return found
}

// count finds the words without having them unmasked in one place.
func count(b []byte, words []uint64) (found int) {
	for i := 0; i+8*len(words) <= len(b); i += 8 {
		ok := true
		for j, w := range words {
			if binary.LittleEndian.Uint64(b[i+8*j:]) != w^mask {
				ok = false
				break
			}
		}
		if ok {
			found++
		}
	}
	return found
}

// TestNothingIsShown prints and logs everything that holds a secret.
func TestNothingIsShown(t *testing.T) {
	var log bytes.Buffer
	d := newDesk(t, nil)
	o := d.options
	o.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	d.client = d.open(o)
	d.enrol(wang, "wang")
	ask := payment(wang)
	ch := d.challenge(ask)
	a := d.identify(d.seal(ch, "wang"))
	_, err := d.client.Identify(d.ctx(), d.seal(ch, "wang"))
	shown := log.String() + fmt.Sprintf("%v %+v %v %+v %#v %v %v", ask, ask, a, a, a, ch.Transform.Key, err)
	for name, hidden := range map[string][]byte{"credential": a.Credential.Reveal(), "claim": ask.Claim.Reveal(), "K": ch.Transform.Key.Reveal()} {
		for _, form := range []string{string(hidden), fmt.Sprintf("%x", hidden), fmt.Sprint(hidden)} {
			if strings.Contains(shown, form) {
				t.Errorf("the %s is shown", name)
			}
		}
	}
	if !strings.Contains(log.String(), "keys") {
		t.Error("nothing was logged")
	}
}
