package config

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"errors"
	"io/fs"

	"github.com/tilld/tilld/agent/terminal"
)

// palm looks at the files of [palm].
func (f *files) palm() {
	c := f.c.Palm
	if !c.Fitted() {
		return
	}
	s := f.section("palm")
	var own crypto.PublicKey
	if c.KeyFile != "" {
		key, err := f.signingKey(s, c.KeyFile)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			s.mistake("key_file", `"tilld palm register" makes it`, "%s does not exist", c.KeyFile)
		case err != nil:
			f.fail(s, "key_file", err)
		case !isP256(key):
			s.mistake("key_file", `"tilld palm register" makes one; in a TPM: "tilld key new --kind p-256"`, "%s is not an ECDSA key on P-256", c.KeyFile)
		}
		own = key
	}
	for _, file := range c.RootKeys {
		items, err := terminal.ReadPublicItems(file)
		if err != nil {
			f.fail(s, "root_keys", err)
		}
		for _, it := range items {
			if !isP256(it.Key) {
				s.mistake("root_keys", "ask the provider for its root key", "%s is not an ECDSA key on P-256", file)
			}
			if own != nil && samePublic(own, it.Key) {
				s.mistake("root_keys", "ask the provider for its root key", "%s is our own key", file)
			}
		}
	}
	if c.CAFile != "" {
		items, err := terminal.ReadPublicItems(c.CAFile)
		if err != nil {
			f.fail(s, "ca_file", err)
		}
		for _, it := range items {
			f.dates(s, "ca_file", c.CAFile, it.Cert, Mistake, "ask for the new one")
		}
	}
}

func isP256(k crypto.PublicKey) bool {
	pub, ok := k.(*ecdsa.PublicKey)
	return ok && pub.Curve == elliptic.P256()
}
