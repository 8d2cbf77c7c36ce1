package config

import (
	"crypto"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/tilld/tilld/agent/terminal"
	"github.com/tilld/tilld/drivers/tpm"
	"github.com/tilld/tilld/internal/secret"
)

// TPMKeys is [terminal.tpm]: a root key that is sealed to a TPM, in the file that keys names.
type TPMKeys struct {
	Device string
	// PCRs the key is sealed to, the authority's public key that approves their states, and
	// the file of approvals; empty for a key that does not depend on the boot.
	PCRs      []int
	Authority string
	Approvals string
}

// ATECCKeys is [terminal.atecc608]: a root key in a secure element.
type ATECCKeys struct {
	Bus      string
	Address  int
	RootSlot int
	SignSlot int
	Counter  int
}

// keyStore reads where the root key is. It is a part of terminal.
func (p *parser) keyStore(s *reader) {
	t := &p.c.Terminal
	t.KeyStore = s.oneOf("key_store", "file", "tpm", "atecc608")
	hint := `keys = "/etc/tilld/keys.toml"; "tilld run" makes it on the first start`
	if t.KeyStore == "tpm" {
		hint = `keys = "/etc/tilld/keys.sealed"; "tilld run" makes it on the first start`
	}
	t.Keys = p.path(s, "keys", t.KeyStore != "atecc608", hint)
	if t.KeyStore == "atecc608" && t.Keys != "" {
		s.mistake("keys", "delete it", "the root key is in the secure element, there is no file of it")
	}
	for _, store := range []string{"tpm", "atecc608"} {
		if s.table.table[store] != nil && t.KeyStore != store {
			s.report(Warning, store, `write key_store = "`+store+`", or delete the section`, "is not used: the root key is not there")
		}
	}
	if tab, present := s.section("tpm"); t.KeyStore == "tpm" || present {
		p.tpmKeys(tab)
	}
	tab, present := s.section("atecc608")
	if t.KeyStore == "atecc608" && !present {
		s.missing("atecc608", "add [terminal.atecc608] with its bus")
	}
	if present {
		p.ateccKeys(tab)
	}
}

func (p *parser) tpmKeys(s *reader) {
	k := &p.c.Terminal.TPM
	k.Device = s.str("device", false, "")
	if k.Device == "" {
		k.Device = tpm.DefaultDevice
	}
	if strings.HasPrefix(k.Device, tpm.Socket) {
		p.testOnly(s, "device", `write device = "`+tpm.DefaultDevice+`": a software TPM keeps no secret`)
	}
	k.PCRs = s.numbers("pcrs", 0, 23)
	k.Authority = p.path(s, "authority", len(k.PCRs) > 0, "the public key of who approves systems, PEM: without one the first update would lock this till")
	k.Approvals = p.path(s, "approvals", len(k.PCRs) > 0, `approvals = "/etc/tilld/approvals.json"; "tilld key approve" makes what stands in it`)
	if len(k.PCRs) == 0 && (k.Authority != "" || k.Approvals != "") {
		s.mistake("pcrs", "pcrs = [7, 11], or delete authority and approvals", "is empty: there is nothing to approve")
	}
	s.done()
}

func (p *parser) ateccKeys(s *reader) {
	k := &p.c.Terminal.ATECC608
	k.Bus = s.str("bus", true, `bus = "/dev/i2c-1"`)
	k.Address = int(s.number("address", 0x08, 0x77, 0x60))
	k.RootSlot = int(s.number("root_slot", 0, 15, 9))
	k.SignSlot = int(s.number("sign_slot", 0, 15, 0))
	k.Counter = int(s.number("counter", 0, 1, 0))
	if k.RootSlot == k.SignSlot {
		s.mistake("root_slot", "a slot holds one key: root_slot = 9, sign_slot = 0", "is sign_slot too")
	}
	s.done()
}

// sealedKeys looks at the files of a root key that a TPM holds, not at the TPM.
func (f *files) sealedKeys(s *reader, file string) {
	t := f.c.Terminal.TPM
	const op = "read sealed key"
	text, err := terminal.ReadSecretFile(op, file)
	switch {
	case file == "":
	case errors.Is(err, fs.ErrNotExist) && canMake(file):
		s.report(Note, "keys", "", "%s does not exist: the first start makes it, sealed to the TPM", file)
	case errors.Is(err, fs.ErrNotExist):
		s.mistake("keys", "the folder must be writable on the first start", "%s does not exist and cannot be made", file)
	case err != nil:
		f.fail(s, "keys", err)
	default:
		sealed, err := tpm.ParseSealed(text)
		if err != nil {
			s.mistake("keys", `name another file; "tilld key seal" seals the key of a keys file`, "%s: %v", file, err)
		} else if !slices.Equal(sealed.PCRs, t.PCRs) {
			s.mistake("keys", `write pcrs as they were, or seal anew with "tilld key seal"`, "%s is sealed to PCRs %v, [terminal.tpm] says %v", file, sealed.PCRs, t.PCRs)
		}
		secret.Zero(text)
	}
	in, _ := s.section("tpm")
	if t.Authority != "" {
		if _, err := terminal.ReadPublicItems(t.Authority); err != nil {
			f.fail(in, "authority", err)
		}
	}
	if t.Approvals != "" {
		text, err := os.ReadFile(t.Approvals)
		if err == nil {
			_, err = tpm.ParseApprovals(text)
		}
		if err != nil {
			in.mistake("approvals", `"tilld key approve" makes what stands in it`, "%v", err)
		}
	}
}

// signingKey is the public half of a private key's file, which may be a TPM's.
func (f *files) signingKey(s *reader, file string) (crypto.PublicKey, error) {
	text, err := terminal.ReadSecretFile("read private key", file)
	if err != nil {
		return nil, err
	}
	defer secret.Zero(text)
	held, err := tpm.ParseKeyFile(text)
	if errors.Is(err, tpm.ErrNotTPMKey) {
		key, err := terminal.ReadPrivateKey(file)
		if err != nil {
			return nil, err
		}
		return key.Public(), nil
	}
	if err == nil && f.c.Terminal.KeyStore != "tpm" {
		return nil, &terminal.KeyError{Op: "read private key", File: file, Err: errors.New("a TPM holds this key"),
			Hint: `write key_store = "tpm" in [terminal]`}
	}
	if err != nil {
		return nil, &terminal.KeyError{Op: "read private key", File: file, Err: err, Hint: `"tilld key new" makes one`}
	}
	if held.Extractable() {
		s.report(Note, "key_file", "", "%s was made outside the TPM, or may leave it: a copy may exist", file)
	}
	return held.PublicKey()
}

// numbers reads an array of whole numbers between lo and hi, each at most once.
func (r *reader) numbers(key string, lo, hi int64) (out []int) {
	n := r.find(key)
	if n == nil || !r.want(key, n, kArray) {
		return nil
	}
	for i, v := range n.list {
		num, err := int64(0), error(nil)
		if v.kind == kInt {
			num, err = integer(v.text)
		}
		switch {
		case v.kind != kInt || err != nil || num < lo || num > hi:
			r.mistake(key, "write "+key+" = [7, 11]", "item %d is not a number from %d to %d", i+1, lo, hi)
		case slices.Contains(out, int(num)):
			r.mistake(key, "delete one of them", "%d stands twice", num)
		default:
			out = append(out, int(num))
		}
	}
	return out
}
