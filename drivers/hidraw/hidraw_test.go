package hidraw

import (
	"context"
	"errors"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tilld/tilld/drivers"
	"github.com/tilld/tilld/drivers/driverstest"
	"github.com/tilld/tilld/drivers/internal/chardev"
	"github.com/tilld/tilld/internal/board/device"
	"github.com/tilld/tilld/scanner"
	"github.com/tilld/tilld/scanner/hidpos"
	"github.com/tilld/tilld/scanner/menu"
)

// fake is the kernel's side of a HID device, with a model behind it.
type fake struct {
	vendor uint16
	model  *device.HIDPOS
	err    error // of the feature report
}

func (f fake) info() (Info, error) {
	return Info{Bus: 3, Vendor: f.vendor, Product: 0x0B01, Name: "model", Uniq: "T0001", Descriptor: f.model.Descriptor()}, nil
}

func (f fake) setFeature(report []byte) error {
	if f.err == nil {
		f.model.Feature(report)
	}
	return f.err
}

// plug joins a model to a Device by a socket that keeps reports whole. unplug pulls the plug.
func plug(t testing.TB, model *device.HIDPOS, vendor uint16) (d *Device, unplug func()) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	host, wire := os.NewFile(uintptr(fds[0]), "host"), os.NewFile(uintptr(fds[1]), "wire")
	f, err := chardev.New(host, "/dev/hidraw0")
	if err != nil {
		t.Fatal(err)
	}
	if d, err = begin(f, fake{vendor: vendor, model: model}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wait sync.WaitGroup
	wait.Go(func() {
		for {
			r, err := model.Next(ctx)
			if err != nil {
				return
			}
			if _, err := wire.Write(r); err != nil {
				return
			}
		}
	})
	wait.Go(func() {
		for b := make([]byte, 256); ; {
			n, err := wire.Read(b)
			if err != nil {
				return
			}
			model.Output(b[:n])
		}
	})
	unplug = sync.OnceFunc(func() { cancel(); wire.Close(); wait.Wait() })
	t.Cleanup(func() { unplug(); d.Close() })
	return d, unplug
}

func TestReports(t *testing.T) {
	model := device.NewHIDPOS(device.HIDPOSOptions{})
	d, unplug := plug(t, model, 0x1234)
	if i := d.Info(); i.Vendor != 0x1234 || i.Uniq != "T0001" || !hidpos.IsScanner(i.Descriptor) {
		t.Errorf("%+v", i)
	}
	if err := model.Scan("qr", strings.Repeat("1", 60)); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 4096)
	for _, more := range []byte{1, 0} {
		n, err := d.Read(t.Context(), b)
		if n != 64 || err != nil || b[63] != more {
			t.Errorf("%d %v", n, err)
		}
	}
	if d.LastByte().IsZero() || d.String() != "/dev/hidraw0" {
		t.Error(d, d.LastByte())
	}
	if err := d.SetFeature(t.Context(), nil); err == nil {
		t.Error("an empty feature report")
	}
	unplug()
	if _, err := d.Read(t.Context(), b); !errors.Is(err, drivers.ErrGone) {
		t.Error(err)
	}
	var e *drivers.Error
	if _, err := d.Write(t.Context(), b[:64]); !errors.Is(err, unix.EPIPE) || !errors.As(err, &e) || e.Hint == "" {
		t.Error(err)
	}
}

// TestOverrun: as many reports wait as the kernel keeps. Some may be lost, so the device is
// given up before a code is joined across the gap.
func TestOverrun(t *testing.T) {
	model := device.NewHIDPOS(device.HIDPOSOptions{})
	d, _ := plug(t, model, 0x1234)
	b := make([]byte, 64)
	read := func(n int) error {
		for range n {
			if _, err := d.Read(t.Context(), b); err != nil {
				return err
			}
		}
		return nil
	}
	// wait has the model send, and returns once the socket holds it.
	wait := func(n int) {
		for range n {
			model.Send(model.Reports("]Q1", "code")...)
		}
		eventually(t, func() bool { return model.Queued() == 0 })
	}
	// In small portions, with a wait before each, any number is fine.
	for range 5 {
		go wait(1)
		if err := read(1); err != nil {
			t.Fatal(err)
		}
		wait(30)
		if err := read(30); err != nil {
			t.Fatal(err)
		}
		if err := d.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	wait(queue + 20)
	err := read(queue)
	var e *drivers.Error
	if !errors.Is(err, errOverrun) || !errors.As(err, &e) || e.Hint == "" || strings.Trim(string(b), "\x00") != "" {
		t.Errorf("%v, %q", err, b)
	}
}

func TestScannerLayout(t *testing.T) {
	pos := device.NewHIDPOS(device.HIDPOSOptions{}).Descriptor()
	keyboard := device.NewHIDPOS(device.HIDPOSOptions{Keyboard: true}).Descriptor()
	refuses := unix.EPIPE
	for _, c := range []struct {
		name    string
		i       Info
		feature error
		told    int
		want    error
	}{
		{"scanner", Info{Vendor: 0x1234, Descriptor: pos}, nil, 0, nil},
		{"Honeywell", Info{Vendor: 0x0C2E, Descriptor: pos}, nil, 1, nil},
		{"Youjie, already told", Info{Vendor: 0x23D0, Descriptor: pos}, refuses, 1, nil},
		{"Honeywell as keyboard", Info{Vendor: 0x0C2E, Descriptor: keyboard}, nil, 1, errSwitched},
		{"Honeywell as keyboard, refuses", Info{Vendor: 0x0C2E, Descriptor: keyboard}, refuses, 1, refuses},
		{"keyboard", Info{Vendor: 0x1234, Descriptor: keyboard}, nil, 0, hidpos.ErrNotScanner},
		{"Zebra without descriptor", Info{Vendor: 0x05E0}, nil, 0, nil},
	} {
		told := 0
		_, err := scannerLayout(c.i, func(r []byte) error {
			if string(r) != "\xfe\x01" {
				t.Errorf("feature report % x", r)
			}
			told++
			return c.feature
		})
		if !errors.Is(err, c.want) || told != c.told {
			t.Errorf("%s: %v, told %d times", c.name, err, told)
		}
	}
	if !errors.Is(errSwitched, drivers.ErrGone) || scannerHint(errSwitched) == "" || scannerHint(hidpos.ErrNotScanner) == "" {
		t.Error("errSwitched")
	}
}

// TestNotAHIDDevice opens what answers none of the questions.
func TestNotAHIDDevice(t *testing.T) {
	pty, err := driverstest.OpenPty("")
	if err != nil {
		t.Fatal(err)
	}
	defer pty.Close()
	codec, err := hidpos.New(hidpos.Config{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = OpenScanner(t.Context(), Config{Path: pty.Path(), LockDir: t.TempDir()}, codec)
	var e *drivers.Error
	if !errors.Is(err, unix.ENOTTY) || !errors.As(err, &e) || e.Hint == "" {
		t.Error(err)
	}
}

// TestNumbers compares the ioctls with those of the kernel's headers, which are the same on
// all architectures we build for.
func TestNumbers(t *testing.T) {
	for name, n := range map[string][2]uint32{
		"HIDIOCGRDESCSIZE": {unix.HIDIOCGRDESCSIZE, 0x80044801},
		"HIDIOCGRDESC":     {unix.HIDIOCGRDESC, 0x90044802},
		"HIDIOCGRAWINFO":   {unix.HIDIOCGRAWINFO, 0x80084803},
		"HIDIOCSFEATURE 2": {featureRequest(2), 0xC0024806},
	} {
		if n[0] != n[1] {
			t.Errorf("%s is %#x, want %#x", name, n[0], n[1])
		}
	}
}

// TestReplug pulls the plug between codes and in the middle of them, a thousand times: each
// whole code comes once, of the others nothing.
func TestReplug(t *testing.T) {
	cycles := 1000
	if testing.Short() {
		cycles = 100
	}
	codec, err := hidpos.New(hidpos.Config{Dialect: menu.Honeywell})
	if err != nil {
		t.Fatal(err)
	}
	model := device.NewHIDPOS(device.HIDPOSOptions{})
	b := make([]byte, 4096)
	want, got := 0, 0
	for i := range cycles {
		d, unplug := plug(t, model, 0x1234)
		text := strings.Repeat(string(rune('a'+i%26)), 150)
		reports := model.Reports("]Q1", text)
		whole := i%4 == 0
		if whole {
			want++
		} else {
			reports = reports[:i%3]
		}
		model.Send(reports...)
		codec.Restart()
		codec.Do(scanner.BeepGood)
		for read := 0; ; read++ {
			if read == len(reports) {
				unplug()
			}
			n, err := d.Read(t.Context(), b)
			if errors.Is(err, drivers.ErrGone) {
				break
			}
			if err != nil {
				t.Fatalf("cycle %d: %v", i, err)
			}
			codec.Feed(b[:n], time.Now(), func(r scanner.Result) {
				switch {
				case len(r.Reply) > 0:
					if _, err := d.Write(t.Context(), r.Reply); err != nil {
						t.Errorf("cycle %d: %v", i, err)
					}
				case string(r.Text) == text && whole:
					got++
				default:
					t.Errorf("cycle %d: %+v", i, r)
				}
			})
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if got != want {
		t.Errorf("%d scans of %d", got, want)
	}
	if f := model.Faults(); len(f) > 0 {
		t.Errorf("the model found %q", f)
	}
}

// TestSales arms and disarms a till's scanner that is set up and triggered over the wire, and
// pulls its plug in between.
func TestSales(t *testing.T) {
	cycles := 20
	if testing.Short() {
		cycles = 4
	}
	codec, err := hidpos.New(hidpos.Config{Dialect: menu.Honeywell, Triggered: true})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	plugs, wake, states := make(chan *Device, 1), make(chan struct{}, 1), make(chan drivers.State, 64)
	reader := scanner.NewReader(scanner.Config{Name: "pos1", Codec: codec, Trigger: true, Wake: wake,
		Open: func(context.Context) (drivers.Transport, error) {
			select {
			case d := <-plugs:
				return d, codec.SetLayout(hidpos.Published())
			default:
				return nil, drivers.ErrGone
			}
		},
		Report: func(s drivers.Status) { states <- s.State }})
	hub := scanner.NewHub(reader)
	done := make(chan error, 1)
	go func() { done <- hub.Run(ctx) }()
	until := func(want drivers.State) {
		for s := range states {
			if s == want {
				return
			}
		}
	}
	model := device.NewHIDPOS(device.HIDPOSOptions{})
	for i := range cycles {
		d, unplug := plug(t, model, 0x1234)
		plugs <- d
		wake <- struct{}{}
		until(drivers.Open)
		before := model.Menu().Counts().Triggers
		if err := hub.Arm(ctx); err != nil {
			t.Fatal(err)
		}
		eventually(t, func() bool { return model.Menu().Counts().Triggers > before })
		text := strings.Repeat(string(rune('a'+i)), 100)
		if err := model.Scan("qr", text); err != nil {
			t.Fatal(err)
		}
		select {
		case s := <-hub.Scans():
			if string(s.Text.Reveal()) != text || s.AIM != "]Q1" {
				t.Fatalf("cycle %d: %q", i, s.Text.Reveal())
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("cycle %d: nothing; %+v", i, hub.Devices())
		}
		hub.Disarm()
		unplug()
		until(drivers.Absent)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if s := hub.Devices()[0]; s.Scans != cycles || s.Opens != cycles {
		t.Errorf("%+v", s)
	}
	if f := model.Faults(); len(f) > 0 {
		t.Errorf("the model found %q", f)
	}
}

func eventually(t *testing.T, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatal("not in time")
		}
	}
}
