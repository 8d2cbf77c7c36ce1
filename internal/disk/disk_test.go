package disk

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// Fails when Allocate or Reserve only change the length.
func TestAllocateGivesBlocks(t *testing.T) {
	for _, tc := range []struct {
		name   string
		do     func(*os.File, int64) error
		length int64
	}{
		{"Allocate", Allocate, 1 << 20},
		{"Reserve", Reserve, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f, err := os.Create(filepath.Join(t.TempDir(), "f"))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if err := tc.do(f, 1<<20); err != nil {
				t.Fatal(err)
			}
			info, _ := f.Stat()
			got, err := Allocated(f.Name())
			if err != nil || got < 1<<20 || info.Size() != tc.length {
				t.Fatalf("blocks %d, length %d, %v; want at least 1 MiB, %d", got, info.Size(), err, tc.length)
			}
			// Whoever extends the file afterwards keeps the blocks.
			if err := f.Truncate(1 << 20); err != nil {
				t.Fatal(err)
			}
			if got, _ := Allocated(f.Name()); got < 1<<20 {
				t.Fatalf("blocks %d after extending", got)
			}
		})
	}
}

// Fails when Lock does not exclude.
func TestLockExcludes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	a, err := Lock(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Lock(path); !errors.Is(err, ErrLocked) {
		t.Fatalf("second lock: %v", err)
	}
	a.Close()
	b, err := Lock(path)
	if err != nil {
		t.Fatal(err)
	}
	b.Close()
}

func TestWriteFileAndShred(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	for _, want := range []string{"first", "second, longer"} {
		if err := WriteFile(path, []byte(want)); err != nil {
			t.Fatal(err)
		}
		if got, _ := os.ReadFile(path); !bytes.Equal(got, []byte(want)) {
			t.Fatalf("read %q", got)
		}
	}
	other := path + ".link"
	if err := os.Link(path, other); err != nil {
		t.Fatal(err)
	}
	if err := Shred(path); err != nil {
		t.Fatal(err)
	}
	// The second name shows what the blocks hold now: fails when Shred only unlinks.
	if got, _ := os.ReadFile(other); !bytes.Equal(got, make([]byte, len("second, longer"))) {
		t.Fatalf("the blocks still hold %q", got)
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Fatal("still there")
	}
	if free, err := Free(filepath.Dir(path)); err != nil || free <= 0 {
		t.Fatalf("free %d, %v", free, err)
	}
}
