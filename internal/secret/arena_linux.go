package secret

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

func (a *Arena) open(size int) error {
	page := os.Getpagesize()
	size = (size + page - 1) &^ (page - 1)
	mapped, err := unix.Mmap(-1, 0, size+2*page, unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return fmt.Errorf("mmap: %w", err)
	}
	mem := mapped[page : page+size : page+size]
	if err := unix.Mprotect(mem, unix.PROT_READ|unix.PROT_WRITE); err != nil {
		return errors.Join(fmt.Errorf("mprotect: %w", err), unix.Munmap(mapped))
	}
	a.mapped, a.mem, a.locked = mapped, mem, lock(mem)
	return nil
}

func lock(mem []byte) error {
	var lacks []error
	if err := unix.Mlock(mem); err != nil {
		lacks = append(lacks, fmt.Errorf("lock %d bytes against swapping: mlock: %w", len(mem), err))
	}
	if err := unix.Madvise(mem, unix.MADV_DONTDUMP); err != nil {
		lacks = append(lacks, fmt.Errorf("keep memory out of core dumps: madvise: %w", err))
	}
	// Linux 4.14. A child of ours runs another program at once, so this is a second fence.
	if err := unix.Madvise(mem, unix.MADV_WIPEONFORK); err != nil {
		if err := unix.Madvise(mem, unix.MADV_DONTFORK); err != nil {
			lacks = append(lacks, fmt.Errorf("keep memory from forked children: madvise: %w", err))
		}
	}
	return errors.Join(lacks...)
}

func unmap(mapped []byte) error {
	if mapped == nil {
		return nil
	}
	if err := unix.Munmap(mapped); err != nil {
		return fmt.Errorf("munmap: %w", err)
	}
	return nil
}
