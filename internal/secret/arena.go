package secret

import (
	"fmt"
	"unsafe"
)

// arenaAlign is a cache line, and enough for every vector load.
const arenaAlign = 64

// Arena is working memory for what must never reach a disk: frames, features, keys in use.
// It lies outside of Go's heap, so the collector neither copies it nor leaves old copies
// behind; it is locked against swapping, left out of core dumps, empty in a forked child,
// and has a page on either side that faults when touched. Whatever is missing of that is
// said by Locked.
//
// Parts are taken once, at start, and used over and over: there is no freeing of one. An
// Arena is not safe for concurrent use; its parts are ordinary slices.
type Arena struct {
	mapped []byte // what the system gave, guard pages included
	mem    []byte
	used   int
	locked error
}

// NewArena makes an arena of at least size bytes, zeroed. It fails only where there is no
// memory; memory that could not be locked is used all the same and says so in Locked.
func NewArena(size int) (*Arena, error) {
	if size < 0 {
		return nil, fmt.Errorf("make locked memory: %d bytes", size)
	}
	a := &Arena{}
	if err := a.open(max(size, 1)); err != nil {
		return nil, fmt.Errorf("make locked memory of %d bytes: %w", size, err)
	}
	return a, nil
}

// ArenaSize is how large an arena must be to hold parts of these many bytes.
func ArenaSize(parts ...int) int {
	sum := 0
	for _, n := range parts {
		sum += alignUp(n)
	}
	return sum
}

// Bytes takes n zeroed bytes that begin at a multiple of 64. They are valid until Close. It
// panics when the arena is used up or closed: its owner computed the size wrongly.
func (a *Arena) Bytes(n int) []byte {
	if n < 0 || n > len(a.mem)-a.used {
		panic(fmt.Sprintf("secret: %d bytes of an arena that has %d left", n, len(a.mem)-a.used))
	}
	b := a.mem[a.used : a.used+n : a.used+n]
	a.used = min(a.used+alignUp(n), len(a.mem))
	return b
}

// Number is what a Slice can be made of: types without pointers, which the collector need
// not see.
type Number interface {
	~uint8 | ~uint16 | ~uint32 | ~uint64 | ~int8 | ~int16 | ~int32 | ~int64 | ~float32 | ~float64
}

// Slice takes n zeroed numbers from a, like Arena.Bytes.
func Slice[T Number](a *Arena, n int) []T {
	var one T
	b := a.Bytes(n * int(unsafe.Sizeof(one)))
	if len(b) == 0 {
		return nil
	}
	return unsafe.Slice((*T)(unsafe.Pointer(&b[0])), n)
}

// Wipe overwrites all parts with zeros. They may be used again.
func (a *Arena) Wipe() { Zero(a.mem) }

// Close wipes the arena and gives its memory back: who touches a part afterwards faults. It
// may be called more than once.
func (a *Arena) Close() error {
	a.Wipe()
	a.mem, a.used = nil, 0
	mapped := a.mapped
	a.mapped = nil
	if err := unmap(mapped); err != nil {
		return fmt.Errorf("give locked memory back: %w", err)
	}
	return nil
}

// Locked is nil if the arena can be neither swapped out nor dumped, else why it can. A
// usual cause is RLIMIT_MEMLOCK: LimitMEMLOCK= of a systemd unit, "ulimit -l" of a shell.
func (a *Arena) Locked() error { return a.locked }

func (a Arena) String() string { return fmt.Sprintf("arena of %d bytes, %d used", len(a.mem), a.used) }

// Format shows no byte of the memory, whatever the verb.
func (a Arena) Format(f fmt.State, _ rune) { fmt.Fprint(f, a.String()) }

func alignUp(n int) int { return (n + arenaAlign - 1) &^ (arenaAlign - 1) }
