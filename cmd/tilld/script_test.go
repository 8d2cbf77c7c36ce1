package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/tilld/tilld/agent/wallet/wallettest"
	"github.com/tilld/tilld/drivers/driverstest"
)

// The scripts find good.toml, a configuration without mistakes, in their folder, the shop's
// authority in ca, and in $WALLETS and $PROTOCOLS the names of the wallets and of what a serial
// scanner may speak, as hints list them.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			world, err := wallettest.NewWorld(wallettest.Options{})
			if err != nil {
				return err
			}
			defer world.Close()
			contracts, err := world.Write(e.WorkDir)
			if err != nil {
				return err
			}
			var names []string
			for _, w := range wallets() {
				names = append(names, strconv.Quote(w.Name))
			}
			e.Setenv("WALLETS", strings.Join(names, ", "))
			var protocols []string
			for _, name := range driverNames()[0].Protocols {
				protocols = append(protocols, strconv.Quote(name))
			}
			e.Setenv("PROTOCOLS", strings.Join(protocols, ", "))
			writeShop(t, e.WorkDir)
			text := shopText(e.WorkDir, 1, contracts)
			// The folders of scripts have long names, and a socket must not.
			text = strings.Replace(text, e.WorkDir+"/tilld.sock", "/nonexistent/tilld.sock", 1)
			return os.WriteFile(filepath.Join(e.WorkDir, "good.toml"), []byte(text), 0o600)
		},
		Cmds:          map[string]func(*testscript.TestScript, bool, []string){"sysfs": sysfs},
		UpdateScripts: os.Getenv("TILLD_UPDATE_SCRIPTS") != "",
	})
}

// sysfs adds what files describe to a directory that looks like /sys, or with an exclamation
// mark takes directories out of it: "sysfs root/sys counter.txt".
func sysfs(ts *testscript.TestScript, remove bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: sysfs DIR FILE...")
	}
	s, err := driverstest.NewSysfs(ts.MkAbs(args[0]))
	ts.Check(err)
	for _, name := range args[1:] {
		if remove {
			ts.Check(s.Remove(name))
			continue
		}
		f, err := os.Open(ts.MkAbs(name))
		ts.Check(err)
		ts.Check(s.Add(f))
		ts.Check(f.Close())
	}
}
