package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/tilld/tilld/agent/terminal/authority"
)

type certCmd struct {
	Authority certAuthorityCmd `cmd:"" help:"Make a shop's authority. Not on a till: its key must not be there."`
	Issue     certIssueCmd     `cmd:"" help:"Make a till's certificate and key, signed by the authority."`
}

func (certCmd) Help() string {
	return `The points of sale are given authority.crt; the till gets its certificate and key.

Examples:
  tilld cert authority --dir shop-ca --shop "Corner shop"
  tilld cert issue --dir shop-ca --model TILLD --serial 000158000000000 --env live --ip 192.0.2.7 --out till`
}

type certAuthorityCmd struct {
	Dir  string `help:"Folder of the authority; it is made." required:"" placeholder:"DIR"`
	Shop string `help:"The shop's name." required:"" placeholder:"NAME"`
	Days int    `help:"How long it is valid." default:"3650"`
}

func (certAuthorityCmd) Help() string {
	return `Examples:
  tilld cert authority --dir shop-ca --shop "Corner shop"`
}

func (c certAuthorityCmd) Run(e *env) error {
	if c.Days < 1 || c.Days > 36500 {
		return &failure{what: "make an authority", subject: "--days", err: errors.New("must be from 1 to 36500"), code: exitUsage}
	}
	if err := authority.Create(c.Dir, authority.Options{Shop: c.Shop, Valid: time.Duration(c.Days) * 24 * time.Hour}); err != nil {
		return fail("make an authority", c.Dir, err)
	}
	cert, key := filepath.Join(c.Dir, authority.CertFile), filepath.Join(c.Dir, authority.KeyFile)
	if e.json {
		e.encode(map[string]string{"certificate": cert, "key": key})
		return nil
	}
	e.printf("%s: give it to the points of sale\n%s: keep it away from tills\n", cert, key)
	return nil
}

type certIssueCmd struct {
	Dir    string   `help:"Folder of the authority." required:"" placeholder:"DIR"`
	Model  string   `help:"The terminal's model, as in the configuration." required:"" placeholder:"NAME"`
	Serial string   `help:"The terminal's serial number: 9 to 15 digits." required:"" placeholder:"DIGITS"`
	Env    string   `help:"test or live." required:"" placeholder:"ENV"`
	Host   []string `help:"Host name under which points of sale reach it." placeholder:"NAME"`
	IP     []string `help:"Address under which points of sale reach it." name:"ip" placeholder:"ADDRESS"`
	Days   int      `help:"How long it is valid." default:"730"`
	Out    string   `help:"Files to write: OUT.crt and OUT.key." default:"pos" placeholder:"OUT"`
}

func (certIssueCmd) Help() string {
	return `Examples:
  tilld cert issue --dir shop-ca --model TILLD --serial 000158000000000 --env test
  tilld cert issue --dir shop-ca --model TILLD --serial 000158000000000 --env live --ip 192.0.2.7 --out till`
}

func (c certIssueCmd) Run(e *env) error {
	const what = "make a till's certificate"
	leaf := authority.Leaf{Model: c.Model, Serial: c.Serial, Environment: c.Env, Hosts: c.Host, Valid: time.Duration(c.Days) * 24 * time.Hour}
	for _, text := range c.IP {
		ip := net.ParseIP(text)
		if ip == nil {
			return &failure{what: what, subject: "--ip", err: fmt.Errorf("%q is not an address", clip(text)), code: exitUsage}
		}
		leaf.IPs = append(leaf.IPs, ip)
	}
	if c.Days < 1 || c.Days > 3650 {
		return &failure{what: what, subject: "--days", err: errors.New("must be from 1 to 3650"), code: exitUsage}
	}
	cert, key, err := authority.Issue(c.Dir, leaf)
	if err != nil {
		return fail(what, c.Dir, err)
	}
	// The key first: a certificate without one is of no use and would stand in the way.
	for _, f := range []struct {
		file    string
		content []byte
		mode    os.FileMode
	}{{c.Out + ".key", key, 0o600}, {c.Out + ".crt", cert, 0o644}} {
		if err := authority.WriteNew(f.file, f.content, f.mode); err != nil {
			return fail(what, "", err).withHint("an existing file is never replaced: choose another --out, or move it away")
		}
	}
	if e.json {
		e.encode(map[string]string{"certificate": c.Out + ".crt", "key": c.Out + ".key"})
		return nil
	}
	e.printf("%s.crt and %s.key: name them in [pos] certificate and key\n", c.Out, c.Out)
	return nil
}
