package tpm

import (
	"crypto"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/google/go-tpm/tpm2"
	"golang.org/x/crypto/cryptobyte"
	basn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// PEMType heads the file of a key that a TPM holds: draft-bottomley-tpm2-keys, as OpenSSL's
// TPM providers write it.
const PEMType = "TSS2 PRIVATE KEY"

// loadableKey is the type of a key that is loaded below its parent: id-loadablekey.
func loadableKey() asn1.ObjectIdentifier { return asn1.ObjectIdentifier{2, 23, 133, 10, 1, 3} }

// KeyFile is a key that one TPM alone can use. It is no secret itself.
type KeyFile struct {
	Public, Private []byte // TPM2B_PUBLIC, TPM2B_PRIVATE
}

// ErrNotTPMKey: the text holds no key of a TPM.
var ErrNotTPMKey = errors.New("no TSS2 PRIVATE KEY in PEM")

// ParseKeyFile reads the first key of a PEM text. A key must lie below the owner's primary
// key and must need no password and no policy.
func ParseKeyFile(text []byte) (KeyFile, error) {
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == PEMType {
			return parseKey(block.Bytes)
		}
	}
	return KeyFile{}, ErrNotTPMKey
}

func parseKey(der []byte) (k KeyFile, err error) {
	bad := func(why string) (KeyFile, error) { return KeyFile{}, errors.New("TPM key: " + why) }
	in := cryptobyte.String(der)
	var seq, wrapped, public, private cryptobyte.String
	var oid asn1.ObjectIdentifier
	if !in.ReadASN1(&seq, basn1.SEQUENCE) || !in.Empty() || !seq.ReadASN1ObjectIdentifier(&oid) {
		return bad("not ASN.1 of its kind")
	}
	if !oid.Equal(loadableKey()) {
		return bad("not a loadable key")
	}
	empty, hasEmpty := true, false
	if !seq.ReadOptionalASN1(&wrapped, &hasEmpty, basn1.Tag(0).ContextSpecific().Constructed()) ||
		hasEmpty && !wrapped.ReadASN1Boolean(&empty) {
		return bad("not ASN.1 of its kind")
	}
	if !empty {
		return bad("it has a password, which a till has nobody to ask for")
	}
	if seq.PeekASN1Tag(basn1.Tag(1).ContextSpecific().Constructed()) || seq.PeekASN1Tag(basn1.Tag(3).ContextSpecific().Constructed()) {
		return bad("it has a policy")
	}
	var parent int64
	if !seq.ReadASN1Integer(&parent) || !seq.ReadASN1(&public, basn1.OCTET_STRING) || !seq.ReadASN1(&private, basn1.OCTET_STRING) {
		return bad("not ASN.1 of its kind")
	}
	if parent != int64(tpm2.TPMRHOwner) {
		return bad(fmt.Sprintf("its parent is %#x, not the owner (0x40000001)", parent))
	}
	k = KeyFile{Public: public, Private: private}
	if _, err := k.contents(); err != nil {
		return KeyFile{}, err
	}
	return k, nil
}

// Text is the PEM form.
func (k KeyFile) Text() []byte {
	var b cryptobyte.Builder
	b.AddASN1(basn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(loadableKey())
		b.AddASN1(basn1.Tag(0).ContextSpecific().Constructed(), func(b *cryptobyte.Builder) { b.AddASN1Boolean(true) })
		b.AddASN1Int64(int64(tpm2.TPMRHOwner))
		b.AddASN1OctetString(k.Public)
		b.AddASN1OctetString(k.Private)
	})
	return pem.EncodeToMemory(&pem.Block{Type: PEMType, Bytes: b.BytesOrPanic()})
}

func (k KeyFile) contents() (*tpm2.TPMTPublic, error) {
	outer, err := tpm2.Unmarshal[tpm2.TPM2BPublic](k.Public)
	if err != nil {
		return nil, fmt.Errorf("TPM key: public part: %w", err)
	}
	pub, err := outer.Contents()
	if err != nil {
		return nil, fmt.Errorf("TPM key: public part: %w", err)
	}
	return pub, nil
}

// PublicKey is the public half: *rsa.PublicKey or *ecdsa.PublicKey.
func (k KeyFile) PublicKey() (key crypto.PublicKey, err error) {
	pub, err := k.contents()
	if err != nil {
		return nil, err
	}
	if key, err = tpm2.Pub(*pub); err != nil {
		return nil, fmt.Errorf("TPM key: %w", err)
	}
	return key, nil
}

// Extractable reports whether the key was made outside the TPM, or may be moved to another:
// then a copy of it may exist.
func (k KeyFile) Extractable() bool {
	pub, err := k.contents()
	return err != nil || !pub.ObjectAttributes.FixedTPM || !pub.ObjectAttributes.FixedParent || !pub.ObjectAttributes.SensitiveDataOrigin
}
