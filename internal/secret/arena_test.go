package secret

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"unsafe"
)

func newArena(t testing.TB, size int) *Arena {
	t.Helper()
	a, err := NewArena(size)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return a
}

func TestArenaParts(t *testing.T) {
	a := newArena(t, ArenaSize(1, 100, 3*8, 0))
	one, many, words := a.Bytes(1), a.Bytes(100), Slice[uint64](a, 3)
	for name, p := range map[string]unsafe.Pointer{"one": unsafe.Pointer(&one[0]), "many": unsafe.Pointer(&many[0]), "words": unsafe.Pointer(&words[0])} {
		if uintptr(p)%64 != 0 {
			t.Errorf("%s begins at %p", name, p)
		}
	}
	if len(one) != 1 || cap(one) != 1 || len(many) != 100 || len(words) != 3 || len(a.Bytes(0)) != 0 {
		t.Fatal("lengths are wrong")
	}
	one[0], many[99], words[2] = 1, 2, 3
	a.Wipe()
	if one[0] != 0 || many[99] != 0 || words[2] != 0 {
		t.Fatal("not wiped")
	}
	if !bytes.Equal(many, make([]byte, 100)) {
		t.Fatal("not zeroed")
	}
}

func TestArenaShowsNothing(t *testing.T) {
	a := newArena(t, 64)
	copy(a.Bytes(64), bytes.Repeat([]byte("canary"), 8))
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		for _, shown := range []string{fmt.Sprintf(verb, a), fmt.Sprintf(verb, *a)} {
			if !strings.HasPrefix(shown, "arena of ") || len(shown) > 60 {
				t.Errorf("%s shows %.80s", verb, shown)
			}
		}
	}
}

func TestArenaUsedUp(t *testing.T) {
	a := newArena(t, 64)
	a.Bytes(len(a.mem))
	defer func() {
		if recover() == nil {
			t.Fatal("gave more than there is")
		}
	}()
	a.Bytes(1)
}

func TestArenaClosed(t *testing.T) {
	a := newArena(t, 1000)
	a.Bytes(10)
	for range 2 {
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
	}
	defer func() {
		if recover() == nil {
			t.Fatal("a closed arena gave memory")
		}
	}()
	a.Bytes(1)
}

func TestArenaOfNothing(t *testing.T) {
	if a := newArena(t, 0); len(a.Bytes(0)) != 0 {
		t.Fatal("bytes of nothing")
	}
	if _, err := NewArena(-1); err == nil {
		t.Fatal("an arena of -1 bytes")
	}
}
