package hands

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"sync"
)

// Person is hands that read: each order is put into words, and Enter says that it is done.
// What a person cannot do is ErrCannot.
type Person struct {
	mu      sync.Mutex
	in      *bufio.Reader
	out     io.Writer
	devices []Device
}

// NewPerson asks on out and waits for a line of in. Devices is what is attached to the machine.
func NewPerson(in io.Reader, out io.Writer, devices []Device) *Person {
	return &Person{in: bufio.NewReader(in), out: out, devices: devices}
}

// ReadDevices reads a list of devices, a JSON array, as a real board's owner writes it.
func ReadDevices(r io.Reader) (list []Device, err error) {
	dec := json.NewDecoder(r)
	dec.DisallowUnknownFields()
	if err := dec.Decode(&list); err != nil {
		return nil, fmt.Errorf("read the list of devices: %w", err)
	}
	return list, nil
}

// Do asks the person.
func (p *Person) Do(ctx context.Context, o Order) (Answer, error) {
	words := ""
	switch o.Do {
	case List:
		return Answer{Devices: p.devices}, nil
	case Plug:
		words = "plug in " + o.Device
		if o.Port > 0 {
			words += fmt.Sprintf(", at port %d", o.Port)
		}
	case Unplug:
		words = "unplug " + o.Device
	case Scan:
		if o.Cut > 0 {
			return Answer{}, ErrCannot
		}
		words = fmt.Sprintf("show to %s the %s code %q", o.Device, o.Symbology, o.Text)
	case Level:
		words = fmt.Sprintf("connect line %d of %s to ground", o.Line, o.Device)
		if o.High {
			words = fmt.Sprintf("connect line %d of %s to 3.3 V", o.Line, o.Device)
		}
	default:
		return Answer{}, ErrCannot
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	err := o.Repeat(ctx, func() error {
		fmt.Fprintf(p.out, "please %s, then press Enter ", words)
		_, err := p.in.ReadString('\n')
		return err
	})
	if err != nil {
		return Answer{}, fmt.Errorf("%s %s: nobody answered: %w", o.Do, o.Device, err)
	}
	return Answer{At: Now()}, nil
}
