package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"regexp"
	"time"

	"github.com/tilld/tilld/agent"
	"github.com/tilld/tilld/agent/health"
	"github.com/tilld/tilld/agent/provider"
	"github.com/tilld/tilld/agent/terminal"
	"github.com/tilld/tilld/biometric"
	"github.com/tilld/tilld/biometric/pad"
	"github.com/tilld/tilld/biometric/palm"
	"github.com/tilld/tilld/cmd/tilld/internal/config"
	"github.com/tilld/tilld/drivers/deskcam"
	"github.com/tilld/tilld/drivers/gpio"
	"github.com/tilld/tilld/drivers/sense"
	"github.com/tilld/tilld/drivers/uevent"
	"github.com/tilld/tilld/drivers/v4l2"
	"github.com/tilld/tilld/internal/secret"
)

// palmPart is paying by palm: the pipeline and the provider behind it.
type palmPart struct {
	pipeline *palm.Pipeline
	provider *provider.Client
}

// makePalm prepares paying by palm, where it is configured. Nothing is opened or asked yet.
func (d *daemon) makePalm() (*palmPart, error) {
	cfg := d.cfg.Palm
	if !cfg.Fitted() {
		return nil, nil
	}
	keys, err := openPalmKeys(d.cfg, d.keys)
	if err != nil {
		return nil, fail("start", "[palm]", err)
	}
	build, err := ownHash()
	if err != nil {
		return nil, fail("start", "[palm]", err)
	}
	d.checkLocking()
	part := &palmPart{}
	if part.provider, err = d.palmProvider(cfg, keys); err != nil {
		return nil, fail("start", "[palm]", err)
	}
	part.pipeline, err = palm.New(palm.Options{Open: palmDevices(cfg, d.tree), Signer: keys.signer, Level: keys.level,
		Build: build, Simulated: cfg.Desk, Light: pad.Config{Balance: float64(cfg.LampBalance) / 100}, Now: d.wall, Audit: d.auditPalm})
	if err != nil {
		return nil, fail("start", "[palm]", err)
	}
	return part, nil
}

// recognisers is how people may pay with their body; none without [palm].
func (p *palmPart) recognisers(cfg *config.Config) []agent.Recogniser {
	if p == nil {
		return nil
	}
	c := cfg.Palm
	return []agent.Recogniser{{Modality: biometric.Palm, Pipeline: p.pipeline, Provider: p.provider, Name: c.Provider, Title: c.Title,
		Merchant: c.Merchant, Terminal: cfg.Terminal.Serial, Claim: regexp.MustCompile(`^(?:` + c.MemberCode + `)$`), OneOfMany: c.OneOfMany}}
}

func (d *daemon) palmProvider(cfg config.Palm, keys palmKeys) (*provider.Client, error) {
	o := provider.Options{Endpoint: cfg.Endpoint, Name: cfg.Provider, Terminal: d.cfg.Terminal.Serial, Signer: keys.signer,
		HPKE: keys.seal, Clock: d.wall, Log: d.log}
	for _, file := range cfg.RootKeys {
		items, err := terminal.ReadPublicItems(file)
		if err != nil {
			return nil, err
		}
		for _, item := range items {
			key, ok := item.Key.(*ecdsa.PublicKey)
			if !ok {
				return nil, &terminal.KeyError{Op: "read the provider's key", File: file, Err: errNotP256}
			}
			o.RootKeys = append(o.RootKeys, key)
		}
	}
	var err error
	if o.Roots, err = rootsOf(cfg.CAFile); err != nil {
		return nil, err
	}
	return provider.New(o)
}

// checkLocking says whether frames could be swapped out: a limit of the process forbids more
// often than not what the pipeline asks for.
func (d *daemon) checkLocking() {
	arena, err := secret.NewArena(palm.Memory)
	if err == nil {
		err = errors.Join(arena.Locked(), arena.Close())
	}
	if err != nil {
		d.health.Set(health.Cause{Code: causeMemory, Severity: health.Warning, Text: "the memory of palms is not locked: " + oneLine(err),
			Hint: "LimitMEMLOCK=16M in the unit, or: ulimit -l 16384"})
	}
}

// auditPalm keeps the terminal's word for a presentation that was not accepted: one line of
// the log that "tilld palm explain" reads.
func (d *daemon) auditPalm(r biometric.Record) {
	text, err := json.Marshal(r)
	if err != nil {
		d.log.Error("keep the record of a presentation", "err", err)
		return
	}
	d.log.Warn("presentation not accepted", "payment", r.Binding.Payment, "record", base64.StdEncoding.EncodeToString(text))
}

// wall is the till's clock, trusted or not: no sale begins while it is not.
func (d *daemon) wall() time.Time {
	now, _ := d.clock.Now()
	return now
}

// ownHash is the SHA-256 of the running program.
func ownHash() (string, error) {
	f, err := os.Open("/proc/self/exe")
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// palmDevices opens the camera and its lamps for one presentation: wherever the camera is
// plugged in now.
func palmDevices(cfg config.Palm, tree *uevent.Tree) func(context.Context) (sense.Camera, sense.Lamp, error) {
	return func(ctx context.Context) (sense.Camera, sense.Lamp, error) {
		if cfg.Desk {
			d, err := deskcam.Open(ctx, cfg.Camera)
			if err != nil {
				return nil, nil, err
			}
			return d, d, nil
		}
		path := cfg.Camera
		if m, ok := cfg.Match(); ok {
			nodes, err := tree.Nodes(ctx)
			if err != nil {
				return nil, nil, err
			}
			node, err := uevent.Find(nodes, m, "video4linux")
			if err != nil {
				return nil, nil, err
			}
			path = node.Path
		}
		cam, err := v4l2.Open(ctx, v4l2.Config{Path: path, Stream: "palm"})
		if err != nil {
			return nil, nil, err
		}
		lamps, err := gpio.OpenLamps(map[sense.Channel]string{"nir850": cfg.LampNIR, "white": cfg.LampWhite}, cfg.LampsActiveLow)
		if err != nil {
			return nil, nil, errors.Join(err, cam.Close())
		}
		return cam, lamps, nil
	}
}

// causeMemory is the code of what is wrong with the memory of palms.
const causeMemory = "memory"

// run keeps the provider's keys fresh until ctx ends.
func (p *palmPart) run(ctx context.Context) {
	p.provider.Run(ctx) // ends with ctx alone
	p.pipeline.Close()
	p.provider.Close()
}
