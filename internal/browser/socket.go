package browser

import (
	"bufio"
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// mostMessage bounds a message: a screenshot of a large page in base64 stays below it.
const mostMessage = 64 << 20

// socket is the client's end of a WebSocket (RFC 6455), text messages only, as much of it
// as a browser's debugging port needs.
type socket struct {
	conn net.Conn
	r    *bufio.Reader
	mu   sync.Mutex // serialises writes; reads go on meanwhile
}

// acceptKey is what a server must answer to a handshake key (RFC 6455 section 1.3).
func acceptKey(key string) string {
	h := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(h[:])
}

func dialSocket(address string) (*socket, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("dial websocket: %w", err)
	}
	conn, err := net.DialTimeout("tcp", u.Host, 5*time.Second)
	if err != nil {
		return nil, fmt.Errorf("dial websocket: %w", err)
	}
	s := &socket{conn: conn, r: bufio.NewReaderSize(conn, 64<<10)}
	if err := s.handshake(u); err != nil {
		conn.Close()
		return nil, fmt.Errorf("dial websocket %s: %w", u.Host, err)
	}
	return s, nil
}

func (s *socket) handshake(u *url.URL) error {
	var nonce [16]byte
	rand.Read(nonce[:])
	key := base64.StdEncoding.EncodeToString(nonce[:])
	_, err := fmt.Fprintf(s.conn, "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\n\r\n", u.RequestURI(), u.Host, key)
	if err != nil {
		return err
	}
	res, err := http.ReadResponse(s.r, nil)
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusSwitchingProtocols || res.Header.Get("Sec-WebSocket-Accept") != acceptKey(key) {
		return fmt.Errorf("no websocket there: %s", res.Status)
	}
	return nil
}

const (
	opContinue = 0x0
	opText     = 0x1
	opClose    = 0x8
	opPing     = 0x9
	opPong     = 0xA
)

// write sends one unfragmented frame, masked as a client must.
func (s *socket) write(op byte, data []byte) error {
	head := []byte{0x80 | op}
	switch n := len(data); {
	case n < 126:
		head = append(head, 0x80|byte(n))
	case n <= 0xFFFF:
		head = binary.BigEndian.AppendUint16(append(head, 0x80|126), uint16(n))
	default:
		head = binary.BigEndian.AppendUint64(append(head, 0x80|127), uint64(n))
	}
	var mask [4]byte
	rand.Read(mask[:])
	frame := append(head, mask[:]...)
	for i, b := range data {
		frame = append(frame, b^mask[i%4])
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err := s.conn.Write(frame)
	return err
}

// read returns the next whole message; pings are answered on the way.
func (s *socket) read() ([]byte, error) {
	var message []byte
	for {
		op, last, data, err := readFrame(s.r, mostMessage-len(message))
		if err != nil {
			return nil, err
		}
		switch op {
		case opPing:
			if err := s.write(opPong, data); err != nil {
				return nil, err
			}
		case opPong:
		case opClose:
			return nil, io.EOF
		case opText, opContinue:
			message = append(message, data...)
			if last {
				return message, nil
			}
		default:
			return nil, fmt.Errorf("read websocket: frame of kind %#x", op)
		}
	}
}

// readFrame reads one frame of a server: unmasked, at most most bytes.
func readFrame(r io.Reader, most int) (op byte, last bool, data []byte, err error) {
	var head [2]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, false, nil, err
	}
	if head[0]&0x70 != 0 || head[1]&0x80 != 0 {
		return 0, false, nil, errors.New("read websocket: reserved bits or a masked frame from a server")
	}
	n := uint64(head[1])
	if n >= 126 {
		size := make([]byte, 2+6*(n-126))
		if _, err := io.ReadFull(r, size); err != nil {
			return 0, false, nil, err
		}
		n = 0
		for _, b := range size {
			n = n<<8 | uint64(b)
		}
	}
	if n > uint64(max(most, 0)) {
		return 0, false, nil, fmt.Errorf("read websocket: a frame of %d bytes is too large", n)
	}
	// ReadAll grows with what arrives: a length alone costs no memory.
	data, err = io.ReadAll(io.LimitReader(r, int64(n)))
	if err == nil && uint64(len(data)) < n {
		err = io.ErrUnexpectedEOF
	}
	return head[0] & 0x0F, head[0]&0x80 != 0, data, err
}
