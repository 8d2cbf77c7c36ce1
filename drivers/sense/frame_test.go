package sense

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
)

const canary = "canary-of-a-person"

func TestNeverShown(t *testing.T) {
	frame := NewFrame(Header{Stream: "nir"}, []byte(canary), nil)
	print := NewFaceprint("module", 9, []byte(canary))
	type shown struct {
		Frame  *Frame
		Print  *Faceprint
		hidden *Frame
		value  Frame
		printv Faceprint
	}
	holder := shown{frame, print, frame, *frame, *print}
	var log bytes.Buffer
	for _, h := range []slog.Handler{slog.NewJSONHandler(&log, nil), slog.NewTextHandler(&log, nil)} {
		slog.New(h).Info("x", "frame", frame, "print", print, "frames", []*Frame{frame}, "holder", holder, "value", *frame)
	}
	out := log.String()
	for _, v := range []any{frame, print, holder, &holder, []any{frame, print}, map[string]*Frame{"x": frame}, *frame, *print} {
		j, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		out += string(j)
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
			out += fmt.Sprintf(verb, v)
		}
	}
	hex := fmt.Sprintf("%x", canary)
	decimal := strings.Trim(fmt.Sprint([]byte(canary)), "[]")
	for _, leak := range []string{canary, hex, strings.ToUpper(hex), decimal, "Y2FuYXJ5"} {
		if strings.Contains(out, leak) {
			t.Errorf("shown: %s", out)
		}
	}
	if !strings.Contains(out, "[redacted]") {
		t.Error("nothing was shown at all")
	}
}

func TestReleaseWipesOnce(t *testing.T) {
	mem := []byte(canary)
	freed := 0
	f := NewFrame(Header{}, mem, func(b []byte) {
		freed++
		if &b[0] != &mem[0] || cap(b) != cap(mem) {
			t.Error("other memory came back")
		}
	})
	data := f.Data()
	if string(data) != canary || cap(data) != len(data) {
		t.Fatalf("%d bytes of %d", len(data), cap(data))
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(f.Release)
	}
	all.Wait()
	if freed != 1 || !bytes.Equal(data, make([]byte, len(canary))) || f.Data() != nil {
		t.Errorf("freed %d times, %q left", freed, data)
	}
}

func TestFaceprint(t *testing.T) {
	mem := []byte(canary)
	p := NewFaceprint("module", 9, mem)
	if string(p.Reveal()) != canary {
		t.Error("not what it was made of")
	}
	p.Wipe()
	p.Wipe()
	if !bytes.Equal(mem, make([]byte, len(canary))) || p.Reveal() != nil {
		t.Error("not wiped")
	}
}

func TestPixelFormatNames(t *testing.T) {
	for f, want := range map[PixelFormat]string{
		GREY: "GREY", Y10: "Y10", Y16: "Y16", Y8I: "Y8I", Y12I: "Y12I",
		YUYV: "YUYV", UYVY: "UYVY", NV12: "NV12", MJPEG: "MJPG", 0: "????", 0x01020341: "A???",
	} {
		if got := f.String(); got != want {
			t.Errorf("%08x is %q, want %q", uint32(f), got, want)
		}
	}
}
