package gpio

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// likePeriph closes what the start of gpioioctl closes where two nodes lead to one chip: the
// second node's descriptor twice, and 0.
func likePeriph() error {
	fd, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	unix.Close(fd)
	unix.Close(fd)
	return unix.Close(0)
}

// child runs one of this file's tests in a process of its own, whose descriptors the test
// may close.
func child(t *testing.T, name string) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^"+name+"$", "-test.v")
	cmd.Env = append(os.Environ(), "GPIO_TEST_CHILD=1")
	cmd.Stdin = strings.NewReader("standard input")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

func inChild() bool { return os.Getenv("GPIO_TEST_CHILD") != "" }

func TestStandardInputSurvivesPeriph(t *testing.T) {
	if !inChild() {
		child(t, t.Name())
		return
	}
	lost, err := Lost(likePeriph)
	if err != nil || len(lost) != 1 || lost[0] != 0 {
		t.Fatalf("the bare start loses %v, %v; want descriptor 0: the check is worthless", lost, err)
	}
	// Descriptor 0 is free now: the worst case. It is held before periph starts.
	unix.Close(0)
	for range 3 {
		if err := holdStandardInput(likePeriph); err != nil || !fileOf(0).open {
			t.Fatalf("descriptor 0 is closed, %v", err)
		}
		if lost, err := Lost(func() error { return holdStandardInput(likePeriph) }); err != nil || len(lost) != 0 {
			t.Fatalf("lost %v, %v", lost, err)
		}
	}
}

func TestStandardInputIsTheSameAfterwards(t *testing.T) {
	if !inChild() {
		child(t, t.Name())
		return
	}
	before := fileOf(0)
	if err := holdStandardInput(likePeriph); err != nil {
		t.Fatal(err)
	}
	if fileOf(0) != before {
		t.Error("descriptor 0 leads elsewhere")
	}
	text := make([]byte, 40)
	if n, err := unix.Read(0, text); err != nil || string(text[:n]) != "standard input" {
		t.Errorf("read %q, %v", text[:n], err)
	}
}

func TestInit(t *testing.T) {
	for range 2 {
		lost, err := Lost(Init)
		if err != nil || len(lost) != 0 {
			t.Fatalf("lost %v, %v", lost, err)
		}
	}
	if _, err := Find("NO-SUCH-LINE"); err == nil {
		t.Error("found a line that is not there")
	}
}

// The kernel's sizes on every architecture: linux/gpio.h pads for them to be equal.
func TestLayout(t *testing.T) {
	var r lineRequest
	for _, c := range []struct {
		what      string
		got, want uintptr
	}{
		{"gpio_v2_line_request", unsafe.Sizeof(r), 592},
		{"its config", unsafe.Offsetof(r.config), 288},
		{"its attrs", unsafe.Offsetof(r.config.attrs), 32},
		{"its num_lines", unsafe.Offsetof(r.numLines), 560},
		{"its fd", unsafe.Offsetof(r.fd), 588},
		{"gpio_v2_line_values", unsafe.Sizeof(lineValues{}), 16},
		{"gpio_v2_line_config_attribute", unsafe.Sizeof(lineAttribute{}), 24},
	} {
		if c.got != c.want {
			t.Errorf("%s: %d, want %d", c.what, c.got, c.want)
		}
	}
}

// An active-low line is off from the first moment: its level is in the request.
func TestRequestHoldsTheFirstLevel(t *testing.T) {
	for _, low := range []bool{false, true} {
		r := outputRequest(17, low)
		want := uint64(flagOutput)
		if low {
			want |= flagActiveLow
		}
		if r.offsets[0] != 17 || r.numLines != 1 || r.config.flags != want || r.config.numAttrs != 1 ||
			r.config.attrs[0] != (lineAttribute{id: attrValues, mask: 1}) {
			t.Errorf("active low %v: %+v", low, r.config)
		}
	}
}
