package tpm

import (
	"bytes"
	"crypto"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/go-tpm/tpm2"

	"github.com/tilld/tilld/internal/secret"
)

// Sealed is a secret that one TPM alone can open. It is no secret itself.
type Sealed struct {
	About   string `json:"about"`
	Version int    `json:"version"` // 1
	SRK     []byte `json:"srk"`     // the name of the storage root key
	Public  []byte `json:"public"`  // TPM2B_PUBLIC
	Private []byte `json:"private"` // TPM2B_PRIVATE, encrypted by the TPM
	// PCRs of the SHA-256 bank, and the public key (PKIX) that approves their states; empty
	// for a secret that does not depend on the boot.
	PCRs      []int  `json:"pcrs,omitempty"`
	Authority []byte `json:"authority,omitempty"`
}

const aboutSealed = "tilld root key, sealed to this terminal's TPM: of no use without it. Without this file the journal cannot be read."

// ParseSealed reads the JSON form.
func ParseSealed(text []byte) (Sealed, error) {
	var s Sealed
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		return Sealed{}, fmt.Errorf("not a sealed key: %w", err)
	}
	if s.Version != 1 || len(s.SRK) == 0 || len(s.Public) == 0 || len(s.Private) == 0 || (len(s.PCRs) > 0) != (len(s.Authority) > 0) {
		return Sealed{}, errors.New("not a sealed key of version 1")
	}
	return s, nil
}

// Text is the JSON form.
func (s Sealed) Text() []byte {
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		panic(err) // strings, numbers and bytes always have a form
	}
	return append(text, '\n')
}

// Policy ties a seal to the state of the boot. The zero Policy does not.
type Policy struct {
	PCRs      []int            // 0 to 23, of the SHA-256 bank
	Authority crypto.PublicKey // P-256 or RSA of 2048 bits
}

// Seal seals up to 128 bytes. With a Policy the secret opens only in a state that the
// authority has approved.
func (t *TPM) Seal(data []byte, p Policy) (s Sealed, err error) {
	public := tpm2.TPMTPublic{Type: tpm2.TPMAlgKeyedHash, NameAlg: tpm2.TPMAlgSHA256,
		ObjectAttributes: tpm2.TPMAObject{FixedTPM: true, FixedParent: true, NoDA: true, UserWithAuth: len(p.PCRs) == 0}}
	s = Sealed{About: aboutSealed, Version: 1, PCRs: p.PCRs}
	err = t.run("seal a secret to", func(w wire) error {
		if len(p.PCRs) > 0 {
			if s.Authority, public.AuthPolicy.Buffer, err = p.digest(); err != nil {
				return err
			}
		}
		own := bytes.Clone(data) // go-tpm encrypts parameters in a copy; this one is wiped
		defer secret.Zero(own)
		rsp, err := tpm2.Create{ParentHandle: t.auth(t.srk, both), InPublic: tpm2.New2B(public),
			InSensitive: tpm2.TPM2BSensitiveCreate{Sensitive: &tpm2.TPMSSensitiveCreate{
				Data: tpm2.NewTPMUSensitiveCreate(&tpm2.TPM2BSensitiveData{Buffer: own})}},
		}.Execute(w)
		if err != nil {
			return err
		}
		s.SRK = bytes.Clone(t.pinned)
		s.Public, s.Private = tpm2.Marshal(rsp.OutPublic), tpm2.Marshal(rsp.OutPrivate)
		return nil
	})
	return s, err
}

// Unseal opens a secret. Approvals are needed when it is tied to the boot. The caller wipes
// the result.
func (t *TPM) Unseal(s Sealed, approvals []Approval) (data []byte, err error) {
	err = t.run("unseal a secret with", func(w wire) error {
		if err := t.pin(s.SRK); err != nil {
			return err
		}
		t.unload(w) // an approval needs the room
		h, err := t.load(w, s.Public, s.Private)
		if err != nil {
			return err
		}
		defer flush(w, h.Handle)
		item := t.auth(h, outward)
		if len(s.PCRs) > 0 {
			item.Auth = tpm2.Policy(tpm2.TPMAlgSHA256, 16, s.prove(w, approvals), t.salted(outward)...)
		}
		rsp, err := tpm2.Unseal{ItemHandle: item}.Execute(w)
		if err != nil {
			return err
		}
		data = rsp.OutData.Buffer
		return nil
	})
	return data, err
}

// load brings an object below the SRK into the TPM.
func (t *TPM) load(w wire, public, private []byte) (tpm2.NamedHandle, error) {
	pub, err := tpm2.Unmarshal[tpm2.TPM2BPublic](public)
	if err != nil {
		return tpm2.NamedHandle{}, fmt.Errorf("public part: %w", err)
	}
	priv, err := tpm2.Unmarshal[tpm2.TPM2BPrivate](private)
	if err != nil {
		return tpm2.NamedHandle{}, fmt.Errorf("private part: %w", err)
	}
	rsp, err := tpm2.Load{ParentHandle: t.auth(t.srk, both), InPrivate: *priv, InPublic: *pub}.Execute(w)
	if err != nil {
		return tpm2.NamedHandle{}, fmt.Errorf("load: %w", err)
	}
	return tpm2.NamedHandle{Handle: rsp.ObjectHandle, Name: rsp.Name}, nil
}
