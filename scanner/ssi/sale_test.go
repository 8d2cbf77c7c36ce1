package ssi_test

import (
	"context"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tilld/tilld/drivers"
	"github.com/tilld/tilld/internal/board/device"
	"github.com/tilld/tilld/scanner"
	"github.com/tilld/tilld/scanner/ssi"
)

// port is a serial port with a decoder at its other end.
type port struct {
	in, out chan []byte
	done    chan struct{}
	rest    []byte // of in
	unread  []byte // of out
}

func (p *port) Read(ctx context.Context, b []byte) (int, error) {
	if len(p.rest) == 0 {
		select {
		case p.rest = <-p.in:
		case <-p.done:
			return 0, drivers.ErrClosed
		case <-ctx.Done():
			return 0, drivers.ErrTimeout
		}
	}
	n := copy(b, p.rest)
	p.rest = p.rest[n:]
	return n, nil
}

func (p *port) Write(_ context.Context, b []byte) (int, error) {
	p.out <- append([]byte(nil), b...)
	return len(b), nil
}

func (p *port) Flush() error {
	p.rest = nil
	for len(p.in) > 0 {
		<-p.in
	}
	return nil
}

func (p *port) Close() error {
	close(p.done)
	return nil
}

func (p *port) String() string { return "port" }

// far is the decoder's end.
type far struct{ *port }

func (p far) Read(b []byte) (int, error) {
	if len(p.unread) == 0 {
		select {
		case p.unread = <-p.out:
		case <-p.done:
			return 0, io.EOF
		}
	}
	n := copy(b, p.unread)
	p.unread = p.unread[n:]
	return n, nil
}

func (p far) Write(b []byte) (int, error) {
	p.in <- append([]byte(nil), b...)
	return len(b), nil
}

// TestSales arms and scans as a till does: each sale gets what is presented in it, whatever
// became of the acknowledgement of the one before.
func TestSales(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		decoder := device.NewSSI(device.SSIConfig{})
		codec, err := ssi.New(ssi.Config{Triggered: true})
		if err != nil {
			t.Fatal(err)
		}
		served := make(chan error, 1)
		open := func(context.Context) (drivers.Transport, error) {
			p := &port{in: make(chan []byte, 100), out: make(chan []byte, 100), done: make(chan struct{})}
			go func() { served <- decoder.Serve(context.Background(), far{p}) }()
			return p, nil
		}
		hub := scanner.NewHub(scanner.NewReader(scanner.Config{Name: "ssi", Codec: codec, Open: open, Trigger: true}))
		ran := make(chan error, 1)
		go func() { ran <- hub.Run(ctx) }()
		time.Sleep(time.Second)
		present := func(text string) {
			synctest.Wait()
			if err := decoder.Scan("qr", text); err != nil {
				t.Fatal(err)
			}
			time.Sleep(100 * time.Millisecond)
		}
		arm := func() {
			if err := hub.Arm(ctx); err != nil {
				t.Fatal(err)
			}
			time.Sleep(10 * time.Millisecond) // the decoder is told to look
		}
		want := func(text string) {
			t.Helper()
			synctest.Wait()
			select {
			case s := <-hub.Scans():
				if string(s.Text.Reveal()) != text {
					t.Errorf("scanned %q, want %q", s.Text.Reveal(), text)
				}
			default:
				if text != "" {
					t.Errorf("nothing was scanned, want %q", text)
				}
			}
		}
		present("too early")
		want("")
		arm()
		present("first")
		want("first")
		hub.Disarm()

		// The acknowledgement is lost, and the next sale begins before the decoder tries again.
		arm()
		decoder.Deafen(1)
		present("second")
		want("second")
		hub.Disarm()
		arm()
		time.Sleep(5 * time.Second)
		want("")
		present("third")
		want("third")

		// Its first copy is damaged.
		hub.Disarm()
		arm()
		decoder.Corrupt(1)
		present("fourth")
		want("fourth")
		hub.Disarm()
		if n := decoder.Counts(); n.Unread != 1 || n.Lost != 0 || n.FlashWrites != 0 || len(decoder.Faults()) > 0 {
			t.Errorf("%+v, %q", n, decoder.Faults())
		}
		cancel()
		<-ran
		<-served
	})
}
