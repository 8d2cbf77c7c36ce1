package e2e

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/tilld/tilld/agent"
	"github.com/tilld/tilld/agent/wallet/wallettest"
	"github.com/tilld/tilld/biometric"
	"github.com/tilld/tilld/cmd/tillsim/rig"
	"github.com/tilld/tilld/drivers/sense"
)

// paintedCamera paints a pattern into every frame, where no hand is: at the beginning of the
// first row and at the end of the last one.
type paintedCamera struct {
	sense.Camera
	pattern []byte
	painted func()
}

func (c paintedCamera) Next(ctx context.Context) (*sense.Frame, error) {
	f, err := c.Camera.Next(ctx)
	if err == nil {
		d := f.Data()
		copy(d, c.pattern)
		copy(d[len(d)-len(c.pattern):], c.pattern)
		c.painted()
	}
	return f, err
}

// palmCanaries is what must not be found, and what was seen of it where it belongs.
type palmCanaries struct {
	mu        sync.Mutex
	frames    int
	templates []needle
}

// opened keeps pieces of a protected template: of its first sample, and of the last one.
func (c *palmCanaries) opened(template []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := len(c.templates)
	const header, piece = 32, 48
	c.templates = append(c.templates,
		needle{fmt.Sprintf("template %d, beginning", n), bytes.Clone(template[header : header+piece])},
		needle{fmt.Sprintf("template %d, end", n), bytes.Clone(template[len(template)-piece:])})
}

// TestPalmCanaries enrols and pays by palm, with a pattern in every frame, and searches all
// that can be seen from outside for it, for protected templates, and for the codes that
// people claimed to be somebody with. Nobody has bits of an unprotected code to search for:
// they leave no package.
func TestPalmCanaries(t *testing.T) {
	seen := &palmCanaries{}
	pattern := make([]byte, 48)
	rand.Read(pattern)
	var wire *tap
	l := &palmTill{till: open(t, rig.Options{Palm: true, Scale: 10, Opened: seen.opened, Camera: func(c sense.Camera) sense.Camera {
		return paintedCamera{c, pattern, func() { seen.mu.Lock(); seen.frames++; seen.mu.Unlock() }}
	}}, func(r *rig.Rig, text string) string {
		address := regexp.MustCompile(`(?s)\[palm\].*?endpoint = "https://([^"]+)"`).FindStringSubmatch(text)[1]
		wire = listenTap(t, address)
		return strings.ReplaceAll(text, address, wire.address())
	})}
	events, said := &stream{}, places{}
	events.follow(t, l.till)
	stop := l.Palm.Record()

	var codes []needle
	m := rig.Members()[0]
	l.enrol(m, func() string {
		code, err := l.Palm.Provider.AccountCode(m.ID)
		if err != nil {
			t.Fatal(err)
		}
		codes = append(codes, needle{"account code", []byte(code)})
		return code
	})
	paid := 0
	for range palms() {
		done, s := l.present(m, fmt.Sprintf("%d.50", 10+paid%90))
		if s.Kind == agent.ScreenAgree {
			l.touch(s, agent.DeedYes, nil)
			paid++
		} else {
			l.armed(l.mark)
			l.show(l.World.NewCode(wallettest.Alipay))
		}
		l.want(done, "Success")
	}
	if os.Geteuid() == 0 {
		l.framesWhileOn(t, m, pattern)
	}
	last := l.good("9.90")
	codes = append(codes, needle{"member code", []byte(m.ID)})
	for _, r := range stop() {
		if r.Path == "/v1/identify" {
			var q struct{ Sealed biometric.Sealed }
			if err := json.Unmarshal(r.Body, &q); err != nil {
				t.Fatal(err)
			}
			codes = append(codes, needle{"sealed template", bytes.Clone(q.Sealed.Ciphertext[:64])})
		}
	}

	seen.mu.Lock()
	needles := append(append([]needle{{"pattern of the frames", pattern}}, seen.templates...), codes...)
	t.Logf("%d palms were presented, %d frames painted, %d templates opened, %d of %d paid", l.shown, seen.frames, len(seen.templates)/2, paid, palms())
	if seen.frames < 50 || len(seen.templates) < 4 || paid == 0 {
		t.Error("too little was presented")
	}
	seen.mu.Unlock()
	h := spell(needles)

	said.command(l.till, "status", "--json")
	said.command(l.till, "devices", "--json")
	said.command(l.till, "queue", "ls", "--all", "--json")
	said.page(t, l.till, "/payments")
	said.page(t, l.till, "/screen")
	said["display /events"] = events.bytes()
	if os.Geteuid() == 0 {
		l.framesInMemory(t, pattern, seen.templates)
	} else {
		t.Log("the memory of the daemon is left out: only root may read it")
	}
	dir := filepath.Dir(l.Config())
	said.files(t, "the state directory while it runs", filepath.Join(dir, "state"), func(string) bool { return false })
	l.Kill()
	said.files(t, "the folder after kill -9", dir, regexp.MustCompile(`(\.key|keys\.toml)$`).MatchString)
	log, err := os.ReadFile(l.Log())
	if err != nil {
		t.Fatal(err)
	}
	said["the log"] = log
	payment := last.answer.POITransactionID
	for _, name := range []string{"the log", "display /events", "display /payments", "tilld queue ls", "the folder after kill -9"} {
		said.found(t, name, payment)
	}
	said.clean(t, h)

	flows := places{}
	total := 0
	for i, b := range wire.recorded() {
		n, pure := records(b)
		if total += n; !pure {
			t.Errorf("flow %d to the provider: %d bytes that are not all TLS records", i, len(b))
		}
		flows[fmt.Sprintf("the wire to the provider, flow %d", i)] = b
	}
	if total < 10 {
		t.Errorf("%d TLS records went to the provider", total)
	}
	flows.clean(t, h)
}

// framesWhileOn is the control: while the till looks for a palm, frames are found.
func (l *palmTill) framesWhileOn(t *testing.T, m rig.Member, pattern []byte) {
	t.Helper()
	l.look = l.Watch.Mark()
	done := l.sell("8.80")
	l.eventually("the button for palms", func() bool { s := l.Watch.Screen(); return s.Palm && s.Amount == "8.80" })
	if err := l.ChoosePalm(l.ctx, l.Watch.Screen().Payment); err != nil {
		t.Fatal(err)
	}
	l.screen(agent.ScreenClaim)
	l.show(m.ID)
	l.seen("the till to look for a palm", func() {}, func(s agent.Screen) bool {
		return s.Kind == agent.ScreenPresent && s.Guide == biometric.SensorReady
	})
	h := spell([]needle{{"pattern of the frames", pattern}})
	l.eventually("the search finds a frame while the camera is on", func() bool {
		hits, _ := searchMemory(t, l.PID(), h)
		return len(hits) > 0
	})
	l.show(l.World.NewCode(wallettest.Alipay))
	l.want(done, "Success")
}

// framesInMemory searches the daemon's memory, which is all that a core dump could hold, once
// nobody is before the camera.
func (l *palmTill) framesInMemory(t *testing.T, pattern []byte, templates []needle) {
	t.Helper()
	hits, size := searchMemory(t, l.PID(), spell(append([]needle{{"pattern of the frames", pattern}}, templates...)))
	known := 0
	for _, h := range hits {
		if inSavedRegisters(h) || aloneInRegister(h) {
			known++
			continue
		}
		t.Errorf("the memory holds %s", h)
	}
	t.Logf("%d MB of memory were searched for frames and templates; %d times in saved registers", size>>20, known)
	if control, _ := searchMemory(t, l.PID(), spell([]needle{{"control", []byte(l.POIID())}})); len(control) == 0 {
		t.Error("the search of the memory does not find the terminal's own name")
	}
}
