package hands

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// longest bounds a line of the wire.
const longest = 1 << 20

// Client gives orders over a connection.
type Client struct {
	mu   sync.Mutex // serialises orders: one is under way at a time
	conn io.ReadWriteCloser
	in   *bufio.Scanner
	err  error // the connection is of no further use
}

// Dial connects to hands that listen on a Unix socket, usually the one that Env names.
func Dial(ctx context.Context, path string) (*Client, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("reach the hands: %w", err)
	}
	return NewClient(c), nil
}

// NewClient gives orders over conn, which it owns.
func NewClient(conn io.ReadWriteCloser) *Client {
	in := bufio.NewScanner(conn)
	in.Buffer(nil, longest)
	return &Client{conn: conn, in: in}
}

// Do sends an order and waits for its answer. When ctx ends first the connection is closed:
// an answer that comes too late must not be taken for the next one's.
func (c *Client) Do(ctx context.Context, o Order) (Answer, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return Answer{}, c.err
	}
	stop := context.AfterFunc(ctx, func() { c.conn.Close() })
	a, err := c.exchange(o)
	if !stop() && ctx.Err() != nil {
		err = ctx.Err()
	}
	if err != nil {
		c.err = fmt.Errorf("%s %s: %w", o.Do, o.Device, err)
		c.conn.Close()
		return Answer{}, c.err
	}
	if a.Error != "" {
		text := a.Error
		a.Error = ""
		return a, fmt.Errorf("%s %s: %s", o.Do, o.Device, text)
	}
	return a, nil
}

func (c *Client) exchange(o Order) (a Answer, err error) {
	line, err := json.Marshal(o)
	if err != nil {
		return a, err
	}
	if _, err := c.conn.Write(append(line, '\n')); err != nil {
		return a, err
	}
	if !c.in.Scan() {
		if err := c.in.Err(); err != nil {
			return a, err
		}
		return a, io.ErrUnexpectedEOF
	}
	return a, json.Unmarshal(c.in.Bytes(), &a)
}

// Close ends the connection.
func (c *Client) Close() error { return c.conn.Close() }

// Serve carries out the orders that arrive on conn until it ends, and closes it.
func Serve(ctx context.Context, conn io.ReadWriteCloser, h Hands) error {
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	in := bufio.NewScanner(conn)
	in.Buffer(nil, longest)
	for in.Scan() {
		var o Order
		var a Answer
		err := json.Unmarshal(in.Bytes(), &o)
		if err == nil {
			a, err = h.Do(ctx, o)
		}
		if err != nil {
			a.Error = err.Error()
		} else if a.At == 0 {
			a.At = Now()
		}
		line, err := json.Marshal(a)
		if err != nil {
			return err
		}
		if _, err := conn.Write(append(line, '\n')); err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return in.Err()
}

// Listen carries out the orders of everyone who connects to l, until ctx ends.
func Listen(ctx context.Context, l net.Listener, h Hands) error {
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	var all sync.WaitGroup
	defer all.Wait()
	for {
		conn, err := l.Accept()
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return ctx.Err()
			}
			return err
		}
		all.Go(func() { Serve(ctx, conn, h) }) // a client that went away is no fault of ours
	}
}

// Repeat calls f for each presentation an order asks for, Every apart.
func (o Order) Repeat(ctx context.Context, f func() error) error {
	for i := range max(o.Times, 1) {
		if i > 0 && o.Every > 0 {
			pause := time.NewTimer(o.Every)
			select {
			case <-pause.C:
			case <-ctx.Done():
				pause.Stop()
				return ctx.Err()
			}
		}
		if err := f(); err != nil {
			return err
		}
	}
	return nil
}
