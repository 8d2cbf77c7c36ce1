package board

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
)

// The GPIO controller of QEMU's virt machine is a PL061 at this address (ARM DDI 0190): data
// register with all lines unmasked, direction register.
const (
	pl061          = 0x9030000
	pl061Data      = pl061 + 0x3FC
	pl061Direction = pl061 + 0x400
)

// Pins is the outside of the board's GPIO lines, 0 to 7. Safe for concurrent use.
type Pins struct {
	mu   sync.Mutex
	conn net.Conn // QEMU's qtest protocol: docs/devel/testing/qtest.rst
	in   *bufio.Scanner
	path string // of the controller among QEMU's objects
	qmp  net.Conn
}

func findPins(w *wires) (p *Pins, err error) {
	p = &Pins{}
	defer func() {
		if err != nil {
			p.close()
			p = nil
		}
	}()
	if p.conn, err = w.accept("qtest"); err != nil {
		return p, err
	}
	p.in = bufio.NewScanner(p.conn)
	if p.qmp, err = w.accept("qmp"); err != nil {
		return p, err
	}
	p.path, err = findObject(p.qmp, "child<pl061>")
	return p, err
}

// findObject is the path of the first unattached object of a type, as QMP lists them.
func findObject(qmp io.ReadWriter, kind string) (string, error) {
	in := json.NewDecoder(qmp)
	var greeting json.RawMessage
	if err := in.Decode(&greeting); err != nil {
		return "", err
	}
	call := func(text string, into any) error {
		if _, err := io.WriteString(qmp, text); err != nil {
			return err
		}
		for {
			var answer struct {
				Return json.RawMessage
				Error  json.RawMessage
			}
			if err := in.Decode(&answer); err != nil {
				return err
			}
			if answer.Error != nil {
				return fmt.Errorf("QEMU refuses %s: %s", text, answer.Error)
			}
			if answer.Return != nil {
				return json.Unmarshal(answer.Return, into)
			}
		}
	}
	var none any
	if err := call(`{"execute":"qmp_capabilities"}`, &none); err != nil {
		return "", err
	}
	var list []struct{ Name, Type string }
	if err := call(`{"execute":"qom-list","arguments":{"path":"/machine/unattached"}}`, &list); err != nil {
		return "", err
	}
	for _, o := range list {
		if o.Type == kind {
			return "/machine/unattached/" + o.Name, nil
		}
	}
	return "", fmt.Errorf("the machine has no %s", kind)
}

// Set drives a line from outside.
func (p *Pins) Set(line int, high bool) error {
	if line < 0 || line > 7 {
		return fmt.Errorf("set GPIO line %d: there are 0 to 7", line)
	}
	level := 0
	if high {
		level = 1
	}
	_, err := p.call(fmt.Sprintf("set_irq_in %s unnamed-gpio-in %d %d", p.path, line, level))
	return err
}

// Driven is the levels of the lines that the board drives: bit n is line n. Lines that it does
// not drive are 0.
func (p *Pins) Driven() (uint64, error) {
	data, err := p.read(pl061Data)
	if err != nil {
		return 0, err
	}
	direction, err := p.read(pl061Direction)
	return data & direction & 0xFF, err
}

func (p *Pins) read(address uint64) (uint64, error) {
	answer, err := p.call(fmt.Sprintf("readl 0x%x", address))
	if err != nil {
		return 0, err
	}
	return strconv.ParseUint(strings.TrimPrefix(answer, "0x"), 16, 64)
}

func (p *Pins) call(command string) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, err := fmt.Fprintln(p.conn, command); err != nil {
		return "", err
	}
	for p.in.Scan() {
		if strings.HasPrefix(p.in.Text(), "IRQ") { // told unasked
			continue
		}
		answer, ok := strings.CutPrefix(p.in.Text(), "OK")
		if !ok {
			return "", fmt.Errorf("QEMU refuses %s: %s", command, p.in.Text())
		}
		return strings.TrimSpace(answer), nil
	}
	return "", errors.Join(p.in.Err(), io.ErrUnexpectedEOF)
}

func (p *Pins) close() {
	for _, c := range []net.Conn{p.conn, p.qmp} {
		if c != nil {
			c.Close()
		}
	}
}
