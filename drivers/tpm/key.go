package tpm

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
	"math/big"

	"github.com/google/go-tpm/tpm2"
	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// Kind is a kind of signing key.
type Kind string

const (
	RSA2048 Kind = "rsa-2048"
	P256    Kind = "p-256"
)

// NewKey makes a signing key in the TPM. It can never leave it; the file is what loads it.
// An RSA key may take a minute.
func (t *TPM) NewKey(kind Kind) (file KeyFile, err error) {
	public := tpm2.TPMTPublic{NameAlg: tpm2.TPMAlgSHA256, ObjectAttributes: tpm2.TPMAObject{FixedTPM: true, FixedParent: true,
		SensitiveDataOrigin: true, UserWithAuth: true, NoDA: true, SignEncrypt: true}}
	switch kind {
	case RSA2048:
		public.Type = tpm2.TPMAlgRSA
		public.Parameters = tpm2.NewTPMUPublicParms(tpm2.TPMAlgRSA, &tpm2.TPMSRSAParms{KeyBits: 2048})
	case P256:
		public.Type = tpm2.TPMAlgECC
		public.Parameters = tpm2.NewTPMUPublicParms(tpm2.TPMAlgECC, &tpm2.TPMSECCParms{CurveID: tpm2.TPMECCNistP256})
	default:
		return KeyFile{}, fmt.Errorf("make a TPM key: %q is neither %s nor %s", kind, RSA2048, P256)
	}
	err = t.run("make a key in", func(w wire) error {
		rsp, err := tpm2.Create{ParentHandle: t.auth(t.srk, both), InPublic: tpm2.New2B(public)}.Execute(w)
		if err != nil {
			return err
		}
		file = KeyFile{Public: tpm2.Marshal(rsp.OutPublic), Private: tpm2.Marshal(rsp.OutPrivate)}
		return nil
	})
	return file, err
}

// Key is a signing key. It is loaded when it signs, in place of the one that signed before. It implements crypto.Signer and is safe for concurrent use.
type Key struct {
	t      *TPM
	file   KeyFile
	public crypto.PublicKey
}

var _ crypto.Signer = (*Key)(nil)

// LoadKey loads a key. It fails when the key is another TPM's.
func (t *TPM) LoadKey(file KeyFile) (*Key, error) {
	public, err := file.PublicKey()
	if err != nil {
		return nil, err
	}
	k := &Key{t: t, file: file, public: public}
	err = t.run("load a key into", func(w wire) error {
		_, err := t.use(w, k)
		return err
	})
	if err != nil {
		return nil, err
	}
	return k, nil
}

// Public implements crypto.Signer.
func (k *Key) Public() crypto.PublicKey { return k.public }

// Extractable reports whether a copy of the key may exist outside the TPM.
func (k *Key) Extractable() bool { return k.file.Extractable() }

// Sign implements crypto.Signer: PKCS #1 v1.5, PSS or ECDSA in ASN.1, over SHA-256, SHA-384
// or SHA-512. The random source is the TPM's own. A signature is verified before it is given
// out; that also refuses PSS from a TPM whose salt has another length than was asked for.
func (k *Key) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) (sig []byte, err error) {
	hash, err := hashOf(opts, digest)
	if err != nil {
		return nil, fmt.Errorf("sign with TPM key: %w", err)
	}
	scheme := tpm2.TPMTSigScheme{Scheme: tpm2.TPMAlgRSASSA}
	pss, isPSS := opts.(*rsa.PSSOptions)
	if _, is := k.public.(*ecdsa.PublicKey); is {
		scheme.Scheme = tpm2.TPMAlgECDSA
	} else if isPSS {
		scheme.Scheme = tpm2.TPMAlgRSAPSS
	}
	scheme.Details = tpm2.NewTPMUSigScheme(scheme.Scheme, &tpm2.TPMSSchemeHash{HashAlg: hash})
	err = k.t.run("sign with", func(w wire) error {
		h, err := k.t.use(w, k)
		if err != nil {
			return err
		}
		rsp, err := tpm2.Sign{KeyHandle: k.t.auth(h, inward), Digest: tpm2.TPM2BDigest{Buffer: digest}, InScheme: scheme,
			Validation: tpm2.TPMTTKHashCheck{Tag: tpm2.TPMSTHashCheck, Hierarchy: tpm2.TPMRHNull}}.Execute(w)
		if err != nil {
			return err
		}
		sig, err = wireSignature(rsp.Signature)
		return err
	})
	if err == nil && !verifies(k.public, opts.HashFunc(), digest, sig, pss) {
		return nil, errors.New("sign with TPM key: the TPM's signature is not one of its key")
	}
	return sig, err
}

func hashOf(opts crypto.SignerOpts, digest []byte) (tpm2.TPMIAlgHash, error) {
	if opts == nil || opts.HashFunc() == 0 || opts.HashFunc().Size() != len(digest) {
		return 0, errors.New("it signs digests alone")
	}
	switch opts.HashFunc() {
	case crypto.SHA256:
		return tpm2.TPMAlgSHA256, nil
	case crypto.SHA384:
		return tpm2.TPMAlgSHA384, nil
	case crypto.SHA512:
		return tpm2.TPMAlgSHA512, nil
	}
	return 0, fmt.Errorf("no signatures over %v", opts.HashFunc())
}

// wireSignature is a TPM's signature in the form that crypto.Signer has.
func wireSignature(s tpm2.TPMTSignature) ([]byte, error) {
	switch s.SigAlg {
	case tpm2.TPMAlgRSASSA:
		r, err := s.Signature.RSASSA()
		if err != nil {
			return nil, err
		}
		return r.Sig.Buffer, nil
	case tpm2.TPMAlgRSAPSS:
		r, err := s.Signature.RSAPSS()
		if err != nil {
			return nil, err
		}
		return r.Sig.Buffer, nil
	}
	e, err := s.Signature.ECDSA()
	if err != nil {
		return nil, err
	}
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1BigInt(new(big.Int).SetBytes(e.SignatureR.Buffer))
		b.AddASN1BigInt(new(big.Int).SetBytes(e.SignatureS.Buffer))
	})
	return b.Bytes()
}

func verifies(key crypto.PublicKey, hash crypto.Hash, digest, sig []byte, pss *rsa.PSSOptions) bool {
	switch k := key.(type) {
	case *ecdsa.PublicKey:
		return ecdsa.VerifyASN1(k, digest, sig)
	case *rsa.PublicKey:
		if pss != nil {
			return rsa.VerifyPSS(k, hash, digest, sig, pss) == nil
		}
		return rsa.VerifyPKCS1v15(k, hash, digest, sig) == nil
	}
	return false
}
