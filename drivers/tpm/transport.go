package tpm

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// longest is how long a TPM may take for one command: making an RSA key takes some of them
// a minute and more.
const longest = 3 * time.Minute

// node is an opened /dev/tpmrm0 or /dev/tpm0.
type node struct{ fd int }

func openNode(path string) (io.ReadWriteCloser, error) {
	// Not os.OpenFile: it sets O_NONBLOCK.
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	return &node{fd}, nil
}

// dialSocket connects to a software TPM, with the time that a TPM may take.
func dialSocket(path string) (io.ReadWriteCloser, error) {
	c, err := net.DialTimeout("unix", path, 10*time.Second)
	if err != nil {
		return nil, err
	}
	return &socket{c}, nil
}

type socket struct{ net.Conn }

func (s *socket) Read(p []byte) (int, error) {
	if err := s.SetReadDeadline(time.Now().Add(longest)); err != nil {
		return 0, err
	}
	return s.Conn.Read(p)
}

func (n *node) Write(p []byte) (int, error) {
	for {
		w, err := unix.Write(n.fd, p)
		if !errors.Is(err, unix.EINTR) {
			return w, err
		}
	}
}

func (n *node) Read(p []byte) (int, error) {
	until := time.Now().Add(longest)
	for {
		left := time.Until(until)
		if left <= 0 {
			return 0, errors.New("the TPM does not answer")
		}
		set := []unix.PollFd{{Fd: int32(n.fd), Events: unix.POLLIN}}
		k, err := unix.Poll(set, int(left.Milliseconds())+1)
		if errors.Is(err, unix.EINTR) || err == nil && k == 0 {
			continue
		}
		if err != nil {
			return 0, err
		}
		r, err := unix.Read(n.fd, p)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err == nil && r == 0 {
			return 0, io.ErrUnexpectedEOF
		}
		return r, err
	}
}

func (n *node) Close() error { return unix.Close(n.fd) }

// wire sends commands over a stream or a node: it implements go-tpm's transport.TPM.
type wire struct{ rw io.ReadWriter }

// Sizes in bytes: the head of a response (tag, size, code), and the largest that any TPM
// sends.
const (
	head        = 10
	maxResponse = 4096
)

func (w wire) Send(command []byte) ([]byte, error) {
	if n, err := w.rw.Write(command); err != nil || n != len(command) {
		return nil, &busError{errors.Join(err, fmt.Errorf("wrote %d of %d bytes to the TPM", n, len(command)))}
	}
	buf := make([]byte, maxResponse)
	n := 0
	for want := head; n < want; {
		k, err := w.rw.Read(buf[n:])
		if err != nil {
			return nil, &busError{fmt.Errorf("read from the TPM: %w", err)}
		}
		if n += k; n >= head {
			want = int(binary.BigEndian.Uint32(buf[2:]))
			if want < head || want > maxResponse {
				return nil, &busError{fmt.Errorf("the TPM announces a response of %d bytes", want)}
			}
			if n > want {
				return nil, &busError{fmt.Errorf("%d bytes follow the TPM's response", n-want)}
			}
		}
	}
	return buf[:n], nil
}

// busError is a failure below the TPM: it did not answer, and must be opened anew.
type busError struct{ err error }

func (e *busError) Error() string { return e.err.Error() }
func (e *busError) Unwrap() error { return e.err }
