// Package deskcamtest plays a camera and lamps for a deskcam.Device.
package deskcamtest

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"

	"github.com/tilld/tilld/drivers/deskcam"
	"github.com/tilld/tilld/drivers/sense"
)

// Serve answers connections on ln with what cam sees and lamp does, one at a time, until ctx
// ends; then it closes ln.
func Serve(ctx context.Context, ln net.Listener, cam sense.Camera, lamp sense.Lamp) error {
	stop := context.AfterFunc(ctx, func() { ln.Close() })
	defer stop()
	for {
		conn, err := ln.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("play a camera: %w", err)
		}
		serve(ctx, conn, cam, lamp)
	}
}

// player is one connection.
type player struct {
	cam  sense.Camera
	lamp sense.Lamp

	writing sync.Mutex
	conn    net.Conn
	stop    func() // ends the stream; nil while there is none
}

func serve(ctx context.Context, conn net.Conn, cam sense.Camera, lamp sense.Lamp) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer conn.Close()
	context.AfterFunc(ctx, func() { conn.Close() })
	p := &player{cam: cam, lamp: lamp, conn: conn}
	defer p.dark(context.WithoutCancel(ctx))
	defer p.halt(context.WithoutCancel(ctx))
	modes, err := cam.Modes(ctx)
	if err != nil {
		return
	}
	var body []byte
	for _, m := range modes {
		body = deskcam.AppendMode(body, m)
	}
	if p.write(deskcam.KindModes, body) != nil {
		return
	}
	r := bufio.NewReader(conn)
	for {
		kind, n, err := deskcam.ReadHead(r)
		if err != nil || n > 1024 {
			return
		}
		body := make([]byte, n)
		if _, err := io.ReadFull(r, body); err != nil {
			return
		}
		kind, body, err = p.do(ctx, kind, body)
		if err != nil {
			kind, body = deskcam.KindRefused, []byte(err.Error())
		}
		if p.write(kind, body) != nil {
			return
		}
	}
}

func (p *player) write(kind byte, body []byte) error {
	p.writing.Lock()
	defer p.writing.Unlock()
	return deskcam.WriteMessage(p.conn, kind, body)
}

func (p *player) do(ctx context.Context, kind byte, body []byte) (byte, []byte, error) {
	switch kind {
	case deskcam.KindStart:
		modes, err := deskcam.ParseModes(body)
		if err != nil || len(modes) != 1 {
			return 0, nil, errors.New("not a mode")
		}
		granted, err := p.start(ctx, modes[0])
		return deskcam.KindGranted, deskcam.AppendMode(nil, granted), err
	case deskcam.KindStop:
		return deskcam.KindDone, nil, p.halt(ctx)
	case deskcam.KindLock:
		want, err := deskcam.ParseExposure(body)
		if err != nil {
			return 0, nil, err
		}
		held, err := p.cam.Lock(ctx, want)
		return deskcam.KindHeld, deskcam.AppendHeld(nil, held), err
	case deskcam.KindSwitch:
		if len(body) < 2 {
			return 0, nil, errors.New("not a lamp")
		}
		step, err := p.lamp.Switch(ctx, sense.Channel(body[1:]), body[0] == 1)
		return deskcam.KindSwitched, binary.BigEndian.AppendUint64(nil, uint64(step.At)), err
	}
	return 0, nil, fmt.Errorf("no request %q", kind)
}

func (p *player) start(ctx context.Context, m sense.Mode) (sense.Mode, error) {
	if err := p.halt(ctx); err != nil {
		return m, err
	}
	granted, err := p.cam.Start(ctx, m)
	if err != nil {
		return m, err
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	p.stop = func() { cancel(); <-ended }
	go func() {
		defer close(ended)
		p.pass(ctx)
	}()
	return granted, nil
}

// pass sends frames until the stream ends.
func (p *player) pass(ctx context.Context) {
	var buf []byte
	for {
		f, err := p.cam.Next(ctx)
		if err != nil {
			return
		}
		buf = deskcam.AppendFrame(buf[:0], f.Header, f.Data())
		f.Release()
		if p.write(deskcam.KindFrame, buf) != nil {
			return
		}
	}
}

// halt ends the stream, if there is one.
func (p *player) halt(ctx context.Context) error {
	if p.stop == nil {
		return nil
	}
	p.stop()
	p.stop = nil
	return p.cam.Stop(ctx)
}

// dark puts the lamps out: whoever switched them is gone.
func (p *player) dark(ctx context.Context) {
	for _, c := range p.lamp.Channels() {
		p.lamp.Switch(ctx, c, false) // nobody is left to be told
	}
}
