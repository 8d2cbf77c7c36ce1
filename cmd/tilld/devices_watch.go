package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/tilld/tilld/drivers"
	"github.com/tilld/tilld/drivers/uevent"
)

// watched is one line of devices --watch --json.
type watched struct {
	At        time.Time `json:"at"`
	Event     string    `json:"event"` // "present", "added", "removed", "resync", "polling"
	Node      string    `json:"node,omitempty"`
	Subsystem string    `json:"subsystem,omitempty"`
	Device    string    `json:"device,omitempty"` // everything that is known of it
	Name      string    `json:"name,omitempty"`
	Kind      string    `json:"kind,omitempty"`
	Why       string    `json:"why,omitempty"`
}

// watch shows what is there, and then every change, until the context ends.
func (c devicesCmd) watch(e *env) error {
	ctx, cancel := context.WithCancel(e.ctx)
	defer cancel()
	polling := make(chan error, 1)
	look := uevent.Config{Root: filepath.Join(c.Root, "sys"), Report: func(why error) {
		select {
		case polling <- why:
		default:
		}
	}}
	if c.Root != "/" {
		look.Listen = func() (uevent.Source, error) { return nil, errors.New("the kernel does not tell of " + look.Root) }
	}
	tree := uevent.NewTree(look)
	events := tree.Watch(ctx)
	done := make(chan error, 1)
	go func() { done <- tree.Run(ctx) }()
	there, err := tree.Nodes(ctx)
	if err != nil {
		return fail("list devices", "", err)
	}
	now := time.Now()
	for _, n := range there {
		e.saw(watched{At: now, Event: "present", Node: n.Path, Subsystem: n.Subsystem, Device: n.ID.String(), Name: n.Name, Kind: string(n.Kind)})
	}
	for {
		select {
		case why := <-polling:
			if why != nil {
				e.saw(watched{At: time.Now(), Event: "polling", Why: oneLine(why)})
			}
		case ev, ok := <-events:
			if !ok {
				return <-done
			}
			e.saw(c.event(ctx, tree, ev))
		}
	}
}

// event is a change, with the name of a device that is still there.
func (devicesCmd) event(ctx context.Context, tree *uevent.Tree, ev drivers.Event) watched {
	w := watched{At: ev.At, Event: string(ev.Op), Node: ev.Node, Subsystem: ev.Subsystem}
	if ev.Op == drivers.Resync {
		return w
	}
	w.Device = ev.ID.String()
	if there, err := tree.Nodes(ctx); err == nil {
		for _, n := range there {
			if n.Path == ev.Node && n.ID == ev.ID {
				w.Name, w.Kind = n.Name, string(n.Kind)
			}
		}
	}
	return w
}

func (e *env) saw(w watched) {
	if e.json {
		b, err := json.Marshal(w)
		if err == nil {
			fmt.Fprintf(e.stdout, "%s\n", b)
		}
		return
	}
	at := w.At.Local().Format("15:04:05.000")
	switch w.Event {
	case "resync":
		e.printf("%s resync   messages of the kernel were lost; what is other now follows\n", at)
	case "polling":
		e.printf("%s polling  looking every second: %s\n", at, w.Why)
	default:
		name := w.Name
		if w.Kind != "" {
			name += " (" + w.Kind + ")"
		}
		e.printf("%s %-8s %-18s %s  %s\n", at, w.Event, w.Node, w.Device, name)
	}
}
