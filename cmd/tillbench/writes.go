package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"time"
)

// salesCounted is how many sales the bytes and flushes of one are taken from.
const salesCounted = 60

// writesFigure is what a sale costs the card, and what doing nothing costs it.
var writesFigure = Figure{
	Name:    "writes",
	What:    "commits, flushes and device bytes per paid sale; device bytes of an idle till",
	Target:  "2 commits; ≤ 60 KB; 0 in 10 minutes",
	Measure: measureWrites,
}

func measureWrites(ctx context.Context, b *Bench) (Measured, error) {
	dir, err := b.sub("writes")
	if err != nil {
		return Measured{}, err
	}
	d, err := newDevice(ctx, dir, 512<<20)
	if err != nil {
		return Measured{}, err
	}
	defer d.close()
	s, err := newShop(b, "shop", shopOptions{state: filepath.Join(d.mount, "state")})
	if err != nil {
		return Measured{}, err
	}
	defer s.close()
	if _, err := s.open(ctx); err != nil {
		return Measured{}, err
	}
	sales, err := s.perSale(ctx, b, d)
	if err != nil {
		return Measured{}, err
	}
	idle, err := s.idle(ctx, b, d)
	if err != nil {
		return Measured{}, err
	}
	return Measured{
		Values: append(sales, idle),
		Notes: []string{
			fmt.Sprintf("%d sales, the state directory alone on an ext4 of its own; a commit syncs Badger's log and the witness", salesCounted),
			"bytes and flushes are the block device's own count, the file system's journal included",
		},
	}, nil
}

// perSale counts what a number of sales brings to the device.
func (s *shop) perSale(ctx context.Context, b *Bench, d *device) ([]Value, error) {
	for n := range warmUp {
		if err := s.sell(ctx, s.turn(n), nil).good(); err != nil {
			return nil, err
		}
	}
	if err := d.settle(ctx); err != nil {
		return nil, err
	}
	before, err := d.counters()
	if err != nil {
		return nil, err
	}
	commits, err := s.commits(ctx)
	if err != nil {
		return nil, err
	}
	for n := range salesCounted {
		if err := s.sell(ctx, s.turn(n), nil).good(); err != nil {
			return nil, err
		}
		b.progress("writes: %d of %d sales", n+1, salesCounted)
	}
	commitsAfter, err := s.commits(ctx)
	if err != nil {
		return nil, err
	}
	if err := d.settle(ctx); err != nil {
		return nil, err
	}
	after, err := d.counters()
	if err != nil {
		return nil, err
	}
	c := after.minus(before)
	return []Value{
		atMost("commits per sale", float64(commitsAfter-commits)/salesCounted, "", 2),
		plain("flushes per sale", float64(c.Flushes)/salesCounted, ""),
		atMost("device bytes per sale", float64(c.Bytes)/1e3/salesCounted, "KB", 60),
	}, nil
}

// idle counts what reaches the device while nothing happens.
func (s *shop) idle(ctx context.Context, b *Bench, d *device) (Value, error) {
	if err := d.settle(ctx); err != nil {
		return Value{}, err
	}
	before, err := d.counters()
	if err != nil {
		return Value{}, err
	}
	b.progress("writes: idle for %s", b.Idle)
	over := time.NewTimer(b.Idle)
	defer over.Stop()
	select {
	case <-over.C:
	case <-ctx.Done():
		return Value{}, ctx.Err()
	}
	// What lies in memory only is written now, and counted.
	if err := d.settle(ctx); err != nil {
		return Value{}, err
	}
	after, err := d.counters()
	if err != nil {
		return Value{}, err
	}
	return atMost(fmt.Sprintf("idle for %s", b.Idle), float64(after.minus(before).Bytes), "bytes", 0), nil
}

// commits asks the running tilld how many groups its journal has committed.
func (s *shop) commits(ctx context.Context) (int64, error) {
	out, err := exec.CommandContext(ctx, s.tilld, "status", "--config", s.config, "--json").Output()
	if err != nil {
		return 0, fmt.Errorf("ask tilld for its status: %w", err)
	}
	var status struct {
		Journal struct {
			Commits *int64 `json:"commits"`
		} `json:"journal"`
	}
	if err := json.Unmarshal(out, &status); err != nil {
		return 0, fmt.Errorf("read tilld's status: %w", err)
	}
	if status.Journal.Commits == nil {
		return 0, fmt.Errorf("tilld's status does not count commits")
	}
	return *status.Journal.Commits, nil
}
