package main

import (
	"bytes"
	"crypto/rand"
	"io"
	"net"
	"testing"
	"time"
)

// echo is a server that sends back what it gets.
func echo(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				io.Copy(c, c)
			}()
		}
	}()
	return ln.Addr().String()
}

// through sends data through a relay and returns what came back, and how long it took.
func through(t *testing.T, r *relay, data []byte) ([]byte, time.Duration) {
	t.Helper()
	begun := time.Now()
	c, err := net.Dial("tcp", r.addr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	go func() {
		c.Write(data)
		c.(*net.TCPConn).CloseWrite()
	}()
	back, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	return back, time.Since(begun)
}

func TestRelayPassesEverything(t *testing.T) {
	data := make([]byte, 300<<10)
	rand.Read(data)
	seen := 0
	r, err := newRelay(echo(t), 0, 1, func(_ time.Time, n int) { seen += n })
	if err != nil {
		t.Fatal(err)
	}
	back, _ := through(t, r, data)
	r.close()
	if !bytes.Equal(back, data) {
		t.Errorf("%d bytes came back of %d, or others", len(back), len(data))
	}
	if seen != len(data) {
		t.Errorf("%d bytes were seen, want %d", seen, len(data))
	}
}

// TestRelayLosesPackets checks that losses are as frequent as asked for, that they cost
// time, and that nothing but time is lost.
func TestRelayLosesPackets(t *testing.T) {
	r, err := newRelay(echo(t), 0.01, 7, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.close()
	for range 100_000 {
		r.delay(0)
	}
	if n := r.losses(); n < 800 || n > 1300 {
		t.Errorf("%d of 100000 packets were lost, want about 1010", n)
	}

	// A quarter of the packets, each way and in the handshake: some are lost for sure.
	late := 0
	for seed := range uint64(3) {
		r, err := newRelay(echo(t), 0.25, seed, nil)
		if err != nil {
			t.Fatal(err)
		}
		back, took := through(t, r, []byte("pay"))
		r.close()
		if string(back) != "pay" {
			t.Errorf("%q came back", back)
		}
		if r.losses() > 0 {
			late++
			if took < firstRetransmit {
				t.Errorf("%d losses cost %v, less than one retransmission", r.losses(), took)
			}
		}
	}
	if late == 0 {
		t.Error("nothing was lost: the seeds are useless")
	}
}
