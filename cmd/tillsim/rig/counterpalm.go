package rig

import (
	"errors"
	"fmt"
	"strings"

	"github.com/tilld/tilld/agent/provider/providertest"
	"github.com/tilld/tilld/biometric/biometrictest/stage"
	"github.com/tilld/tilld/cmd/tillsim/counter"
)

// Palms implements counter.Rig.
func (c *Counter) Palms() []counter.PalmChoice {
	if c.rig.Palm == nil {
		return nil
	}
	var held, codes, app []counter.PalmChoice
	add := func(list *[]counter.PalmChoice, kind counter.PalmKind, who, key string) {
		*list = append(*list, counter.PalmChoice{Name: string(kind) + ":" + key, Kind: kind, Who: who})
	}
	add(&held, counter.PalmNobody, "", "")
	for _, m := range Members() {
		add(&held, counter.PalmHand, m.Name, m.ID)
		add(&codes, counter.PalmMember, m.Name, m.ID)
		add(&codes, counter.PalmAccount, m.Name, m.ID)
		add(&app, counter.PalmWithdraw, m.Name, m.ID)
	}
	add(&held, counter.PalmStranger, "", "")
	for _, name := range stage.Instruments() {
		add(&held, counter.PalmFake, name, name)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range held {
		held[i].On = held[i].Name == c.held || c.held == "" && held[i].Kind == counter.PalmNobody
	}
	return append(append(held, codes...), app...)
}

// Lit implements counter.Rig.
func (c *Counter) Lit() bool { return c.rig.Palm != nil && c.rig.Palm.Lit() }

// Palm implements counter.Rig.
func (c *Counter) Palm(name string) error {
	p := c.rig.Palm
	if p == nil {
		return errors.New("there is no palm reader")
	}
	kind, key, _ := strings.Cut(name, ":")
	switch counter.PalmKind(kind) {
	case counter.PalmNobody:
		p.Take()
		return c.holds("", "nothing")
	case counter.PalmStranger:
		p.Hold(Stranger)
		return c.holds(name, "a stranger's hand")
	case counter.PalmFake:
		if err := p.HoldFake(key, Members()[0].Person); err != nil {
			return err
		}
		return c.holds(name, key)
	}
	for _, m := range Members() {
		if m.ID != key {
			continue
		}
		switch counter.PalmKind(kind) {
		case counter.PalmHand:
			p.Hold(m.Person)
			return c.holds(name, "the hand of "+m.Name)
		case counter.PalmMember:
			return c.Scan(m.ID)
		case counter.PalmAccount:
			code, err := p.Provider.AccountCode(m.ID)
			if err != nil {
				return err
			}
			return c.Scan(code)
		case counter.PalmWithdraw:
			if !p.Provider.Withdraw(m.ID) {
				return fmt.Errorf("%s is not enrolled", m.Name)
			}
			c.tell(counter.Event{Source: "customer", Kind: "app", Text: m.Name + " withdrew in the simulated app"})
			return nil
		}
	}
	return fmt.Errorf("no choice %.40q", name)
}

// holds notes what is held over the camera.
func (c *Counter) holds(name, what string) error {
	c.mu.Lock()
	c.held = name
	c.mu.Unlock()
	c.tell(counter.Event{Source: "customer", Kind: "palm", Text: "held over the simulated camera: " + what})
	return nil
}

// palmFaults are the switches of the provider.
var palmFaults = []struct {
	name  string
	fault providertest.Fault
}{
	{counter.FaultPalmDown, providertest.Fault{Kind: providertest.Down}},
	{counter.FaultPalmSlow, providertest.Fault{Kind: providertest.Slow, Delay: slowBy}},
}

// plantPalm gives the provider the faults whose switches are on, and no other. The caller
// holds mu.
func (c *Counter) plantPalm() error {
	if err := c.rig.Palm.Provider.Clear(); err != nil {
		return err
	}
	for _, f := range palmFaults {
		if c.on[f.name] {
			if err := c.rig.Palm.Provider.Inject(f.fault, -1); err != nil {
				return err
			}
		}
	}
	return nil
}
