package attach

import (
	"io"
	"net"
	"testing"

	"github.com/tilld/tilld/internal/board/hands"
)

func attached(t *testing.T) (s *Stream, far net.Conn) {
	near, far := net.Pipe()
	s = NewStream(Makes(), "line")
	s.Pull = func() { near.Close() }
	s.Attach(t.Context(), near)
	t.Cleanup(func() { near.Close(); far.Close() })
	return s, far
}

func TestScanAndCut(t *testing.T) {
	s, far := attached(t)
	done := make(chan error, 1)
	scan := func(cut int) {
		_, err := s.Do(t.Context(), hands.Order{Do: hands.Scan, Symbology: "qr", Text: "1345", Cut: cut})
		done <- err
	}
	go scan(0)
	got := make([]byte, 9)
	if _, err := io.ReadFull(far, got); err != nil || string(got) != "]Q11345\r\n" {
		t.Errorf("%q, %v", got, err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	go scan(5)
	if rest, err := io.ReadAll(far); err != nil || string(rest) != "]Q113" {
		t.Errorf("%q, %v: want five bytes, then the plug out", rest, err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if a, err := s.Do(t.Context(), hands.Order{Do: hands.Saw}); err != nil || a.Saw.Scans != 1 {
		t.Errorf("%+v, %v: want one whole scan", a.Saw, err)
	}
	go scan(0)
	if err := <-done; err == nil {
		t.Error("a scanner without a wire scanned")
	}
}

func TestBecome(t *testing.T) {
	s, far := attached(t)
	if err := s.Become("morse"); err == nil {
		t.Error("became what there is not")
	}
	if err := s.Become("honeywell"); err != nil {
		t.Fatal(err)
	}
	if _, err := far.Write([]byte("\x16M\rTRGMOD?.")); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 6)
	if _, err := io.ReadFull(far, got); err != nil || string(got) != "TRGMOD" {
		t.Errorf("%q, %v: want the echo of a menu command", got, err)
	}
}

func TestReattach(t *testing.T) {
	s, far := attached(t)
	far.Close()
	near, far := net.Pipe()
	s.Detach()
	s.Attach(t.Context(), near)
	defer near.Close()
	go s.Do(t.Context(), hands.Order{Do: hands.Scan, Symbology: "ean13", Text: "4"})
	got := make([]byte, 6)
	if _, err := io.ReadFull(far, got); err != nil || string(got) != "]E04\r\n" {
		t.Errorf("%q, %v", got, err)
	}
}
