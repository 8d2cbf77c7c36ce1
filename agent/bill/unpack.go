package bill

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
)

// Unzip reads the first file of a ZIP archive that want accepts, as a stream: nothing is kept
// and no end of the archive is needed first. Sizes and checksums are compared, and the archive
// must go on to its directory after the last file. Names come as they are, in whatever
// encoding. Stored files need their size in front; encrypted ones are refused.
func Unzip(r io.Reader, want func(name []byte) bool) io.Reader {
	return &unzip{br: bufio.NewReaderSize(r, 32<<10), want: want}
}

type unzip struct {
	br    *bufio.Reader
	want  func([]byte) bool
	entry io.Reader // the file being read; nil between files
	head  zipHead
	crc   uint32
	size  uint64
	err   error
}

// zipHead is a local file header (APPNOTE 4.3.7).
type zipHead struct {
	flags, method uint16
	crc           uint32
	packed, size  uint64
	wide          bool // sizes behind the file take eight bytes
}

const (
	sigLocal     = 0x04034b50
	sigDirectory = 0x02014b50
	sigEnd       = 0x06054b50
	sigBehind    = 0x08074b50

	zipEncrypted = 1 << 0
	zipBehind    = 1 << 3 // sizes and checksum stand behind the file
	maxZipFiles  = 16
)

func (z *unzip) Read(p []byte) (int, error) {
	if z.err != nil {
		return 0, z.err
	}
	if z.entry == nil {
		if z.err = z.open(); z.err != nil {
			return 0, z.err
		}
	}
	n, err := z.entry.Read(p)
	z.crc = crc32.Update(z.crc, crc32.IEEETable, p[:n])
	z.size += uint64(n)
	if errors.Is(err, io.EOF) {
		if err = z.behind(); err == nil {
			err = z.drain()
		}
		if err == nil {
			err = io.EOF
		}
	}
	z.err = err
	return n, err
}

// open goes to the file that is wanted, past others.
func (z *unzip) open() error {
	for range maxZipFiles {
		name, more, err := z.next()
		switch {
		case err != nil:
			return err
		case !more:
			return &Error{Text: "the archive holds no bill", Hint: hintAgain}
		case z.want(name):
			return nil
		}
		if err := z.skip(); err != nil {
			return err
		}
	}
	return &Error{Text: "the archive holds more files than a bill has", Hint: hintAgain}
}

// drain reads what follows the file that was wanted, to the end of the archive.
func (z *unzip) drain() error {
	for range maxZipFiles {
		_, more, err := z.next()
		if err != nil {
			return err
		}
		if !more {
			return z.directory()
		}
		if err := z.skip(); err != nil {
			return err
		}
	}
	return &Error{Text: "the archive holds more files than a bill has", Hint: hintAgain}
}

// directory makes sure that the archive goes on to its very end.
func (z *unzip) directory() error {
	tail := make([]byte, 0, 64<<10)
	buf := make([]byte, 8<<10)
	for {
		n, err := z.br.Read(buf)
		tail = append(tail, buf[:n]...)
		if over := len(tail) - 32<<10; over > 0 {
			tail = append(tail[:0], tail[over:]...)
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
	}
	end := binary.LittleEndian.AppendUint32(nil, sigEnd)
	if i := bytes.LastIndex(tail, end); i < 0 || len(tail)-i < 22 {
		return io.ErrUnexpectedEOF
	}
	return nil
}

// next reads a local file header, or reports that the directory begins.
func (z *unzip) next() (name []byte, more bool, err error) {
	sig, err := z.br.Peek(4)
	if err != nil {
		return nil, false, unexpected(err)
	}
	switch binary.LittleEndian.Uint32(sig) {
	case sigDirectory, sigEnd:
		return nil, false, nil
	case sigLocal:
	default:
		return nil, false, &Error{Text: "this is no ZIP archive, or a damaged one", Hint: hintAgain}
	}
	var b [30]byte
	if _, err := io.ReadFull(z.br, b[:]); err != nil {
		return nil, false, unexpected(err)
	}
	le := binary.LittleEndian
	z.head = zipHead{flags: le.Uint16(b[6:]), method: le.Uint16(b[8:]), crc: le.Uint32(b[14:]),
		packed: uint64(le.Uint32(b[18:])), size: uint64(le.Uint32(b[22:]))}
	rest := make([]byte, int(le.Uint16(b[26:]))+int(le.Uint16(b[28:])))
	if _, err := io.ReadFull(z.br, rest); err != nil {
		return nil, false, unexpected(err)
	}
	name, extra := rest[:le.Uint16(b[26:])], rest[le.Uint16(b[26:]):]
	z.wideSizes(extra)
	return name, true, z.begin()
}

// wideSizes reads the ZIP64 field of a header.
func (z *unzip) wideSizes(extra []byte) {
	le := binary.LittleEndian
	for len(extra) >= 4 {
		id, n := le.Uint16(extra), int(le.Uint16(extra[2:]))
		if extra = extra[4:]; n > len(extra) {
			return
		}
		if id == 1 {
			z.head.wide = true
			if n >= 16 {
				z.head.size, z.head.packed = le.Uint64(extra), le.Uint64(extra[8:])
			}
		}
		extra = extra[n:]
	}
}

// begin opens the file whose header was read.
func (z *unzip) begin() error {
	z.crc, z.size = 0, 0
	switch h := z.head; {
	case h.flags&zipEncrypted != 0:
		return &Error{Text: "the archive is encrypted", Hint: "unpack it with its password and give the file inside"}
	case h.method == 8:
		// It reads no byte too many from a reader that can give single bytes.
		z.entry = flate.NewReader(z.br)
	case h.method == 0 && h.flags&zipBehind == 0:
		z.entry = io.LimitReader(z.br, int64(h.packed))
	default:
		return &Error{Text: "the archive is packed in a way that is not known", Hint: "unpack it and give the file inside"}
	}
	return nil
}

// skip reads over a file that is not wanted; it too must be whole.
func (z *unzip) skip() error {
	buf := make([]byte, 8<<10)
	for {
		n, err := z.entry.Read(buf)
		z.crc = crc32.Update(z.crc, crc32.IEEETable, buf[:n])
		z.size += uint64(n)
		if z.size > maxBytes {
			return &Error{Text: "the archive holds a file that is too large", Hint: hintAgain}
		}
		if errors.Is(err, io.EOF) {
			return z.behind()
		}
		if err != nil {
			return err
		}
	}
}

// behind reads what may stand behind a file, and compares.
func (z *unzip) behind() error {
	z.entry = nil
	if z.head.flags&zipBehind != 0 {
		if err := z.descriptor(); err != nil {
			return err
		}
	}
	if z.crc != z.head.crc || z.size != z.head.size {
		return &Error{Text: "the archive is damaged: checksum or size of a file is not what it says", Hint: hintAgain}
	}
	return nil
}

func (z *unzip) descriptor() error {
	n := 12
	if z.head.wide {
		n = 20
	}
	if sig, err := z.br.Peek(4); err == nil && binary.LittleEndian.Uint32(sig) == sigBehind {
		n += 4
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(z.br, b); err != nil {
		return unexpected(err)
	}
	le := binary.LittleEndian
	if z.head.wide {
		z.head.crc, z.head.size = le.Uint32(b[n-20:]), le.Uint64(b[n-8:])
	} else {
		z.head.crc, z.head.size = le.Uint32(b[n-12:]), uint64(le.Uint32(b[n-4:]))
	}
	return nil
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// Gunzip reads r, unpacked if it is packed with gzip.
func Gunzip(r io.Reader) (io.Reader, error) {
	br := bufio.NewReaderSize(r, 32<<10)
	if head, err := br.Peek(2); err != nil || head[0] != 0x1f || head[1] != 0x8b {
		return br, nil
	}
	z, err := gzip.NewReader(br)
	if err != nil {
		return nil, &Error{Text: "the file begins like one packed with gzip and is none", Hint: hintAgain}
	}
	return z, nil
}
