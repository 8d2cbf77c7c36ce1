//go:build linux

package main

import (
	"context"
	"fmt"
	"sync"

	"github.com/tilld/tilld/internal/board/hands"
	"github.com/tilld/tilld/internal/board/usb"
)

// plugged is a USB device and the hand that holds its plug.
type plugged struct {
	about hands.Device
	dev   *usb.Device
	ctx   context.Context // the board's life
	// inside and outside are called when the plug is in, and when it is out.
	inside, outside func()
	// act does what concerns the device itself.
	act func(ctx context.Context, o hands.Order) (hands.Answer, error)

	mu   sync.Mutex // guards what follows; not held while act runs
	plug *usb.Plug
	port int // where it is, or was last
}

func (p *plugged) describe() hands.Device {
	p.mu.Lock()
	defer p.mu.Unlock()
	d := p.about
	d.Ports = usb.Ports
	for n := range usb.Ports {
		if place, err := usb.Place(n + 1); err == nil {
			d.Places = append(d.Places, place)
		}
	}
	if p.plug != nil {
		d.Port = p.port
	}
	d.Deeds = append([]hands.Deed{hands.Plug, hands.Unplug}, d.Deeds...)
	return d
}

// Do moves the plug, or has the device act.
func (p *plugged) Do(ctx context.Context, o hands.Order) (hands.Answer, error) {
	switch o.Do {
	case hands.Plug:
		return p.in(o.Port)
	case hands.Unplug:
		return p.out(), nil
	}
	return p.act(ctx, o)
}

func (p *plugged) in(port int) (hands.Answer, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if port == 0 {
		port = p.port
	}
	if port < 1 || port > usb.Ports {
		return hands.Answer{}, fmt.Errorf("USB port %d: there are 1 to %d", port, usb.Ports)
	}
	if p.plug != nil {
		if port == p.port {
			return hands.Answer{}, nil
		}
		return hands.Answer{}, fmt.Errorf("it is plugged into port %d", p.port)
	}
	at := hands.Now()
	plug, err := usb.PlugIn(p.ctx, p.dev, port)
	if err != nil {
		return hands.Answer{}, err
	}
	p.plug, p.port = plug, port
	p.inside()
	return hands.Answer{At: at}, nil
}

// out may be called from within act.
func (p *plugged) out() hands.Answer {
	p.mu.Lock()
	plug := p.plug
	p.plug = nil
	p.mu.Unlock()
	at := hands.Now()
	if plug != nil {
		plug.Pull()
		p.outside()
	}
	return hands.Answer{At: at}
}

// isIn reports whether the plug is in.
func (p *plugged) isIn() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.plug != nil
}
