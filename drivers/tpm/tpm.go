package tpm

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"sync"

	"github.com/google/go-tpm/tpm2"
	"golang.org/x/sys/unix"

	"github.com/tilld/tilld/drivers"
)

// DefaultDevice is the node behind which the kernel keeps programs apart.
const DefaultDevice = "/dev/tpmrm0"

// TPM is an opened TPM. It is safe for concurrent use: commands take turns. When the device
// fails it is closed, and opened again by the next call; it must then be the same TPM.
type TPM struct {
	path string
	dial func() (io.ReadWriteCloser, error)

	mu     sync.Mutex // held while commands run
	rw     io.ReadWriteCloser
	srk    tpm2.NamedHandle
	srkPub *tpm2.TPMTPublic
	pinned []byte // the SRK's name, once it was seen
	loaded *Key   // the one signing key that is loaded, nil for none
	held   tpm2.NamedHandle
	closed bool
}

// ErrOther: another TPM answers than the one that was used before.
var ErrOther = errors.New("this is another TPM, or its owner's seed was cleared")

// Socket begins the name of a software TPM: "unix:/run/swtpm.sock". It keeps no secret from
// anyone who can read its files.
const Socket = "unix:"

// Open opens a TPM by its node, or a software one behind a socket; empty is DefaultDevice.
func Open(path string) (*TPM, error) {
	if path == "" {
		path = DefaultDevice
	}
	return open(path, func() (io.ReadWriteCloser, error) {
		if sock, is := strings.CutPrefix(path, Socket); is {
			return dialSocket(sock)
		}
		return openNode(path)
	})
}

// Dial opens a TPM that is reached in another way, such as a software TPM behind a socket.
// Name is for messages.
func Dial(name string, dial func() (io.ReadWriteCloser, error)) (*TPM, error) {
	return open(name, dial)
}

func open(path string, dial func() (io.ReadWriteCloser, error)) (*TPM, error) {
	t := &TPM{path: path, dial: dial}
	if err := t.run("open", func(wire) error { return nil }); err != nil {
		return nil, err
	}
	return t, nil
}

// String is the device's node.
func (t *TPM) String() string { return t.path }

// Close lets go of the device. It may be called more than once.
func (t *TPM) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	t.drop()
	return nil
}

// drop closes the device; t.mu is held.
func (t *TPM) drop() {
	if t.rw == nil {
		return
	}
	if t.srk.Handle != 0 {
		t.unload(wire{t.rw})
		// Without a resource manager it would stay in the TPM.
		_, _ = tpm2.FlushContext{FlushHandle: t.srk.Handle}.Execute(wire{t.rw})
	}
	t.rw.Close()
	t.rw, t.srk, t.loaded = nil, tpm2.NamedHandle{}, nil
}

// run opens the device if it is not open, and calls f with it. After a failure of the bus it
// tries once more with the device opened anew.
func (t *TPM) run(op string, f func(w wire) error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	var err error
	for range 2 {
		if err = t.ready(); err == nil {
			err = f(wire{t.rw})
		}
		var bus *busError
		if !errors.As(err, &bus) {
			break
		}
		t.srk.Handle = 0 // nothing to flush: it does not answer
		t.drop()
	}
	if err == nil {
		return nil
	}
	e := &drivers.Error{Op: op, Subject: "TPM " + t.path, Err: err, Hint: hint(err)}
	var inner *drivers.Error
	if errors.As(err, &inner) {
		e.Err, e.Hint = inner.Err, inner.Hint
	}
	return e
}

func hint(err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ENXIO), errors.Is(err, unix.ENODEV):
		return "fit a TPM and load its driver (dtoverlay=tpm-slb9670 on a Raspberry Pi), or use another key store"
	case errors.Is(err, fs.ErrPermission):
		return "add tilld's user to the group tss"
	case errors.Is(err, unix.EBUSY):
		return "another program has the device: use /dev/tpmrm0"
	case errors.Is(err, ErrOther):
		return "put the terminal's own TPM back; keys of another one are of no use here"
	case errors.Is(err, tpm2.TPMRCLockout):
		return "the TPM refuses after too many failures; wait, or reset the lockout"
	}
	return ""
}

// ready opens the device and makes the SRK; t.mu is held.
func (t *TPM) ready() error {
	if t.closed {
		return drivers.ErrClosed
	}
	if t.rw != nil {
		return nil
	}
	rw, err := t.dial()
	if err != nil {
		return err
	}
	t.rw = rw
	if err := t.makeSRK(wire{rw}); err != nil {
		t.drop()
		return fmt.Errorf("make the storage root key: %w", err)
	}
	return nil
}

// srkTemplate is the ECC P-256 template that draft-bottomley-tpm2-keys uses below a hierarchy:
// like the TCG's, with nothing in unique.
func srkTemplate() tpm2.TPMTPublic {
	p := tpm2.ECCSRKTemplate
	p.Unique = tpm2.NewTPMUPublicID(tpm2.TPMAlgECC, &tpm2.TPMSECCPoint{})
	return p
}

func (t *TPM) makeSRK(w wire) error {
	rsp, err := tpm2.CreatePrimary{PrimaryHandle: tpm2.TPMRHOwner, InPublic: tpm2.New2B(srkTemplate())}.Execute(w)
	if err != nil {
		return err
	}
	t.srk.Handle = rsp.ObjectHandle
	pub, err := rsp.OutPublic.Contents()
	if err != nil {
		return err
	}
	// The name is computed here, from the key that sessions are salted to.
	name, err := tpm2.ObjectName(pub)
	if err != nil {
		return err
	}
	if t.pinned == nil {
		t.pinned = bytes.Clone(name.Buffer)
	}
	if !bytes.Equal(t.pinned, name.Buffer) {
		return ErrOther
	}
	t.srk.Name, t.srkPub = *name, pub
	return nil
}

// pin refuses a TPM whose SRK has another name.
func (t *TPM) pin(name []byte) error {
	if !bytes.Equal(t.pinned, name) {
		return ErrOther
	}
	return nil
}

// direction says which first parameters of a command are of the kind that can be encrypted.
type direction int

const (
	plain direction = iota
	inward
	outward
	both
)

// salted are the options of every session: salted to the SRK, and what can be encrypted is.
func (t *TPM) salted(d direction) []tpm2.AuthOption {
	o := []tpm2.AuthOption{tpm2.Salted(t.srk.Handle, *t.srkPub)}
	switch d {
	case inward:
		o = append(o, tpm2.AESEncryption(128, tpm2.EncryptIn))
	case outward:
		o = append(o, tpm2.AESEncryption(128, tpm2.EncryptOut))
	case both:
		o = append(o, tpm2.AESEncryption(128, tpm2.EncryptInOut))
	}
	return o
}

// auth is a handle with an empty password, proven in a salted session.
func (t *TPM) auth(h tpm2.NamedHandle, d direction) tpm2.AuthHandle {
	return tpm2.AuthHandle{Handle: h.Handle, Name: h.Name, Auth: tpm2.HMAC(tpm2.TPMAlgSHA256, 16, t.salted(d)...)}
}

// use loads a signing key. A TPM, and each program behind the kernel's resource manager, has
// room for three objects: the SRK, one key, and one for whatever else is done.
func (t *TPM) use(w wire, k *Key) (h tpm2.NamedHandle, err error) {
	if t.loaded == k {
		return t.held, nil
	}
	t.unload(w)
	if t.held, err = t.load(w, k.file.Public, k.file.Private); err == nil {
		t.loaded = k
	}
	return t.held, err
}

func (t *TPM) unload(w wire) {
	if t.loaded != nil {
		flush(w, t.held.Handle)
		t.loaded = nil
	}
}

func flush(w wire, h tpm2.TPMHandle) {
	_, _ = tpm2.FlushContext{FlushHandle: h}.Execute(w)
}
