package tpm

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/google/go-tpm/tpm2"
)

// DefaultCounter is the NV index of the terminal's counter, in the range that owners may
// define.
const DefaultCounter = 0x01800E71

// Counter is a counter in the TPM that only goes up, and survives everything but the owner's
// clearing of the TPM.
type Counter struct {
	t     *TPM
	index tpm2.TPMHandle
}

// Monotonic uses the counter at an NV index, 0 for DefaultCounter, and defines it when it is
// not there. Every increment is a write to the TPM's memory: do not count often.
func (t *TPM) Monotonic(index uint32) (*Counter, error) {
	if index == 0 {
		index = DefaultCounter
	}
	c := &Counter{t, tpm2.TPMHandle(index)}
	err := t.run("define a counter in", func(w wire) error {
		_, err := c.named(w)
		if !errors.Is(err, tpm2.TPMRCHandle) {
			return err
		}
		_, err = tpm2.NVDefineSpace{AuthHandle: t.auth(tpm2.NamedHandle{Handle: tpm2.TPMRHOwner, Name: tpm2.HandleName(tpm2.TPMRHOwner)}, inward),
			PublicInfo: tpm2.New2B(tpm2.TPMSNVPublic{NVIndex: c.index, NameAlg: tpm2.TPMAlgSHA256, DataSize: 8,
				Attributes: tpm2.TPMANV{AuthRead: true, AuthWrite: true, NoDA: true, NT: tpm2.TPMNTCounter}})}.Execute(w)
		if err != nil {
			return err
		}
		return c.up(w) // before it the counter has no value
	})
	if err != nil {
		return nil, err
	}
	return c, nil
}

// named is the index with its present name.
func (c *Counter) named(w wire) (tpm2.NamedHandle, error) {
	rsp, err := tpm2.NVReadPublic{NVIndex: c.index}.Execute(w)
	if err != nil {
		return tpm2.NamedHandle{}, err
	}
	pub, err := rsp.NVPublic.Contents()
	if err != nil {
		return tpm2.NamedHandle{}, err
	}
	if pub.Attributes.NT != tpm2.TPMNTCounter {
		return tpm2.NamedHandle{}, fmt.Errorf("NV index %#x is no counter", uint32(c.index))
	}
	name, err := tpm2.NVName(pub)
	if err != nil {
		return tpm2.NamedHandle{}, err
	}
	return tpm2.NamedHandle{Handle: c.index, Name: *name}, nil
}

func (c *Counter) up(w wire) error {
	h, err := c.named(w)
	if err == nil {
		_, err = tpm2.NVIncrement{AuthHandle: c.t.auth(h, plain), NVIndex: h}.Execute(w)
	}
	return err
}

func (c *Counter) read(w wire) (uint64, error) {
	h, err := c.named(w)
	if err != nil {
		return 0, err
	}
	rsp, err := tpm2.NVRead{AuthHandle: c.t.auth(h, outward), NVIndex: h, Size: 8}.Execute(w)
	if err != nil {
		return 0, err
	}
	if len(rsp.Data.Buffer) != 8 {
		return 0, fmt.Errorf("the counter has %d bytes", len(rsp.Data.Buffer))
	}
	return binary.BigEndian.Uint64(rsp.Data.Buffer), nil
}

// Count reads the counter.
func (c *Counter) Count(context.Context) (n uint64, err error) {
	err = c.t.run("read a counter of", func(w wire) error { n, err = c.read(w); return err })
	return n, err
}

// Increment counts up and returns the new count. After an error the count may have gone up or
// not; a failure of the bus can make it go up by two.
func (c *Counter) Increment(context.Context) (n uint64, err error) {
	err = c.t.run("count up in", func(w wire) error {
		if err := c.up(w); err != nil {
			return err
		}
		n, err = c.read(w)
		return err
	})
	return n, err
}
