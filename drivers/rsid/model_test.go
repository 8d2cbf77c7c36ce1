package rsid

import (
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tilld/tilld/internal/board/device"
	"github.com/tilld/tilld/scanner"
)

// TestWithModule takes faceprints from a module without enrolling anybody.
func TestWithModule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := device.NewRSID()
		host, module := net.Pipe()
		done := make(chan error, 1)
		go func() { done <- m.Serve(t.Context(), module) }()
		got := make(chan map[string]any, 100)
		go func() {
			c := New()
			for buf := make([]byte, 100); ; {
				n, err := host.Read(buf)
				if err != nil {
					return
				}
				c.Feed(buf[:n], time.Now(), func(r scanner.Result) {
					if r.Event == nil {
						t.Errorf("%+v", r)
						return
					}
					got <- r.Event.Fields()
				})
			}
		}()
		defer func() { host.Close(); <-done }()
		send := func(p []byte, err error) {
			t.Helper()
			if err == nil {
				_, err = host.Write(append([]byte(FaceAPI), p...))
			}
			if err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		heard := func() string {
			synctest.Wait()
			var s []string
			for {
				select {
				case f := <-got:
					text := f["msg"].(string)
					if status, ok := f["status"].(string); ok {
						text += status
					}
					s = append(s, text)
				default:
					return strings.Join(s, " ")
				}
			}
		}
		want := func(w string) {
			t.Helper()
			if got := heard(); got != w {
				t.Errorf("heard %q, want %q", got, w)
			}
		}
		send(Append(nil, StartSession, 0, nil))
		want("o")
		send(AppendFA(nil, ExtractPrints, 1, "", 0))
		m.Present("tilld", true)
		want("g f R0 Y0")
		send(AppendFA(nil, ExtractPrints, 2, "", 0))
		m.Present("tilld", false)
		want("g R@ Y@")
		send(AppendFA(nil, SpoofCheck, 3, "", 0))
		m.Present("", true)
		want("R1 Y1")
		send(AppendFA(nil, Authenticate, 4, "", 0))
		if _, err := host.Write([]byte(Cancel)); err != nil {
			t.Fatal(err)
		}
		want("YA")
		if m.Present("tilld", true) {
			t.Error("it is still looking")
		}
		if f := m.Faults(); len(f) > 0 {
			t.Errorf("the module complains: %q", f)
		}
		send(AppendFA(nil, Authenticate, 4, "", 0)) // a replay
		bad, _ := AppendFA(nil, Authenticate, 5, "", 0)
		bad[40] ^= 1
		send(bad, nil)
		send(packet('e', 5, nil), nil)
		want("YA YA")
		if f := m.Faults(); len(f) != 3 {
			t.Errorf("%q", f)
		}
	})
}
