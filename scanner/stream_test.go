package scanner_test

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tilld/tilld/drivers"
	"github.com/tilld/tilld/drivers/driverstest"
	"github.com/tilld/tilld/scanner"
	"github.com/tilld/tilld/scanner/line"
)

// hazards makes the script of one device: codes sent whole, slowly, with pauses inside,
// with noise around, cut off, or with the plug pulled in the middle. It returns what was
// sent; nothing else may ever come out.
func hazards(rng *rand.Rand, c line.Config, steps int) (script []driverstest.Step, sent map[string]bool) {
	sent = map[string]bool{}
	pause := func(limit time.Duration) driverstest.Step {
		return driverstest.Silence(time.Duration(rng.Int64N(int64(limit))))
	}
	script = append(script, driverstest.Silence(300*time.Millisecond))
	for range steps {
		text := fmt.Sprintf("1%017d", rng.Int64N(1e17))
		frame := text + []string{"\r", "\n", "\r\n"}[rng.IntN(3)]
		if c.AIM {
			frame = "]Q1" + frame
		}
		cut := 1 + rng.IntN(len(frame)-1)
		sent[text] = true
		switch rng.IntN(8) {
		case 0:
			script = append(script, driverstest.Short(frame, 1+rng.IntN(5)))
		case 1:
			script = append(script, driverstest.Slow(frame, time.Duration(rng.Int64N(int64(60*time.Millisecond)))))
		case 2:
			script = append(script, driverstest.Bytes(frame[:cut]), pause(3*time.Second), driverstest.Bytes(frame[cut:]))
		case 3:
			script = append(script, driverstest.Bytes(frame[:cut]), driverstest.Silence(scanner.Quiet), pause(300*time.Millisecond))
		case 4:
			if c.AIM {
				script = append(script, driverstest.Garbage(1+rng.IntN(64), rng.Uint64()), pause(200*time.Millisecond))
			}
			script = append(script, driverstest.Bytes(frame))
		case 5:
			script = append(script, driverstest.Bytes(frame[:cut]), driverstest.HangUp())
			return script, sent
		case 6:
			script = append(script, driverstest.Fail(drivers.ErrTimeout), driverstest.Bytes(frame))
		case 7:
			script = append(script, driverstest.Bytes(frame[:cut]), driverstest.Fail(unix.EIO))
			return script, sent
		}
		if !c.AIM {
			// Two codes without identifiers that run into each other are one text.
			script = append(script, pause(200*time.Millisecond), driverstest.Bytes("\r"))
		}
		script = append(script, pause(700*time.Millisecond))
	}
	return script, sent
}

// TestHazardsNeverMakeAnotherScan drives a Hub through such scripts in virtual time, with a
// till that arms and disarms at random moments.
func TestHazardsNeverMakeAnotherScan(t *testing.T) {
	rounds := 300
	if testing.Short() {
		rounds = 60
	}
	delivered := 0
	for seed := range rounds {
		synctest.Test(t, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(uint64(seed), 11))
			c := line.Config{AIM: seed%2 == 0}
			codec, err := line.New(c)
			if err != nil {
				t.Fatal(err)
			}
			sent, opened := map[string]bool{}, 0
			r := scanner.NewReader(scanner.Config{Name: "counter", Codec: codec, Open: func(context.Context) (drivers.Transport, error) {
				if opened++; opened%3 == 2 {
					return nil, &drivers.Error{Op: "open", Subject: "faulty device", Err: fs.ErrNotExist}
				}
				script, codes := hazards(rng, c, 6)
				for code := range codes {
					sent[code] = true
				}
				return driverstest.NewFaulty(script...), nil
			}})
			hub := scanner.NewHub(r)
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { done <- hub.Run(ctx) }()
			till := rand.New(rand.NewPCG(uint64(seed), 12))
			var got []string
			for range 30 {
				synctest.Wait()
				if hub.Arm(ctx) != nil {
					time.Sleep(time.Duration(till.Int64N(int64(time.Second))))
					continue
				}
				limit := time.NewTimer(time.Duration(till.Int64N(int64(3 * time.Second))))
				select {
				case s := <-hub.Scans():
					got = append(got, string(s.Text.Reveal()))
					s.Text.Wipe()
				case <-limit.C:
				}
				hub.Disarm()
				select {
				case <-hub.Scans():
					t.Error("a scan after Disarm")
				default:
				}
			}
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
			seen := map[string]bool{}
			for _, text := range got {
				if !sent[text] {
					t.Errorf("seed %d: another scan %q", seed, text)
				}
				if seen[text] {
					t.Errorf("seed %d: %q delivered twice", seed, text)
				}
				seen[text] = true
			}
			delivered += len(got)
		})
	}
	t.Logf("%d scans delivered", delivered)
	if delivered < rounds {
		t.Errorf("only %d scans delivered in %d rounds: the test shows nothing", delivered, rounds)
	}
}

// TestNothingShowsACode prints everything that an operator can be shown.
func TestNothingShowsACode(t *testing.T) {
	b := newBench(t, 1, aim)
	b.arm()
	b.send("]Q1" + code + "\r")
	s := b.want(code)
	b.send("]Q1" + code[:12])
	b.until("the bytes", func() bool { return b.hub.Devices()[0].Bytes >= 15 })
	var out strings.Builder
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "scan", s, "devices", b.hub.Devices())
	for _, v := range []any{s, &s, b.hub.Devices()} {
		fmt.Fprintf(&out, "%v %+v %#v", v, v, v)
	}
	if text := out.String(); strings.Contains(text, code[:12]) || !strings.Contains(text, "counter") && !strings.Contains(text, "s0") {
		t.Error("a code is shown, or nothing is")
	}
}
