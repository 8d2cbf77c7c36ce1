package tpm

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"
	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/tilld/tilld/drivers"
)

// Approval is an authority's word that a state of the boot may open what is sealed.
type Approval struct {
	Note      string `json:"note,omitempty"` // which release it is
	PCRs      []int  `json:"pcrs"`
	Policy    []byte `json:"policy"`    // the digest of TPM2_PolicyPCR for that state
	Signature []byte `json:"signature"` // ASN.1 ECDSA, or PKCS #1 v1.5, over SHA-256
}

// policyRef says what is approved, so that the authority's signatures of other things are of
// no use here.
const policyRef = "tilld record key 1"

// ErrNotApproved: the boot is in a state that nobody has approved.
var ErrNotApproved = errors.New("the state of this boot is not approved")

// ParseApprovals reads a JSON array of approvals.
func ParseApprovals(text []byte) (list []Approval, err error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&list); err != nil {
		return nil, fmt.Errorf("not a list of approvals: %w", err)
	}
	for i, a := range list {
		if len(a.Policy) != sha256.Size || len(a.Signature) == 0 || len(a.PCRs) == 0 {
			return nil, fmt.Errorf("approval %d is not complete", i+1)
		}
	}
	return list, nil
}

// approvedHash is what an authority signs: the policy and what it is for.
func approvedHash(policy []byte) []byte {
	h := sha256.New()
	h.Write(policy)
	h.Write([]byte(policyRef))
	return h.Sum(nil)
}

// Approve signs a state with the authority's private key, P-256 or RSA of 2048 bits.
func Approve(state State, note string, authority crypto.Signer) (Approval, error) {
	if _, err := external(authority.Public()); err != nil {
		return Approval{}, err
	}
	sig, err := authority.Sign(rand.Reader, approvedHash(state.Policy), crypto.SHA256)
	return Approval{Note: note, PCRs: state.PCRs, Policy: state.Policy, Signature: sig}, err
}

// State is a state of the boot as a policy sees it.
type State struct {
	PCRs   []int
	Policy []byte // the digest of TPM2_PolicyPCR
}

// Boot reads the present state of some PCRs of the SHA-256 bank.
func (t *TPM) Boot(pcrs []int) (state State, err error) {
	err = t.run("read the PCRs of", func(w wire) error {
		sel, err := selection(pcrs)
		if err != nil {
			return err
		}
		s, done, err := tpm2.PolicySession(w, tpm2.TPMAlgSHA256, 16, tpm2.Trial())
		if err != nil {
			return err
		}
		defer done()
		if _, err := (tpm2.PolicyPCR{PolicySession: s.Handle(), Pcrs: sel}).Execute(w); err != nil {
			return err
		}
		rsp, err := tpm2.PolicyGetDigest{PolicySession: s.Handle()}.Execute(w)
		if err != nil {
			return err
		}
		state = State{PCRs: slices.Clone(pcrs), Policy: rsp.PolicyDigest.Buffer}
		return nil
	})
	return state, err
}

func selection(pcrs []int) (tpm2.TPMLPCRSelection, error) {
	var list []uint
	for _, p := range pcrs {
		if p < 0 || p > 23 {
			return tpm2.TPMLPCRSelection{}, fmt.Errorf("PCR %d: there are 0 to 23", p)
		}
		list = append(list, uint(p))
	}
	if len(list) == 0 {
		return tpm2.TPMLPCRSelection{}, errors.New("no PCR")
	}
	return tpm2.TPMLPCRSelection{PCRSelections: []tpm2.TPMSPCRSelection{{Hash: tpm2.TPMAlgSHA256,
		PCRSelect: tpm2.PCClientCompatible.PCRs(list...)}}}, nil
}

// digest is the authority in PKIX form, and the policy of a seal that it rules over.
func (p Policy) digest() (authority, policy []byte, err error) {
	if _, err := selection(p.PCRs); err != nil {
		return nil, nil, err
	}
	if authority, err = x509.MarshalPKIXPublicKey(p.Authority); err != nil {
		return nil, nil, fmt.Errorf("authority: %w", err)
	}
	pub, err := external(p.Authority)
	if err != nil {
		return nil, nil, err
	}
	name, err := tpm2.ObjectName(pub)
	if err != nil {
		return nil, nil, err
	}
	calc, err := tpm2.NewPolicyCalculator(tpm2.TPMAlgSHA256)
	if err != nil {
		return nil, nil, err
	}
	if err := (tpm2.PolicyAuthorize{KeySign: *name, PolicyRef: tpm2.TPM2BDigest{Buffer: []byte(policyRef)}}).Update(calc); err != nil {
		return nil, nil, err
	}
	return authority, calc.Hash().Digest, nil
}

// prove satisfies the policy of a seal: the PCRs, and an approval of their state.
func (s Sealed) prove(w wire, approvals []Approval) tpm2.PolicyCallback {
	return func(_ transport.TPM, session tpm2.TPMISHPolicy, _ tpm2.TPM2BNonce) error {
		sel, err := selection(s.PCRs)
		if err != nil {
			return err
		}
		if _, err := (tpm2.PolicyPCR{PolicySession: session, Pcrs: sel}).Execute(w); err != nil {
			return err
		}
		now, err := tpm2.PolicyGetDigest{PolicySession: session}.Execute(w)
		if err != nil {
			return err
		}
		authority, err := x509.ParsePKIXPublicKey(s.Authority)
		if err != nil {
			return fmt.Errorf("authority: %w", err)
		}
		for _, a := range approvals {
			if bytes.Equal(a.Policy, now.PolicyDigest.Buffer) {
				return authorize(w, session, authority, a)
			}
		}
		return &drivers.Error{Err: ErrNotApproved, Hint: `after an update of the system: let the authority approve it, "tilld key approve", and add that to the approvals`}
	}
}

// authorize lets the TPM check the authority's signature, and replaces the session's policy
// by "approved".
func authorize(w wire, session tpm2.TPMISHPolicy, authority crypto.PublicKey, a Approval) error {
	pub, err := external(authority)
	if err != nil {
		return err
	}
	sig, err := signature(authority, a.Signature)
	if err != nil {
		return err
	}
	key, err := tpm2.LoadExternal{InPublic: tpm2.New2B(*pub), Hierarchy: tpm2.TPMRHOwner}.Execute(w)
	if err != nil {
		return fmt.Errorf("load the authority's key: %w", err)
	}
	defer flush(w, key.ObjectHandle)
	ticket, err := tpm2.VerifySignature{KeyHandle: key.ObjectHandle, Digest: tpm2.TPM2BDigest{Buffer: approvedHash(a.Policy)},
		Signature: sig}.Execute(w)
	if err != nil {
		return fmt.Errorf("the approval is not signed by the authority: %w", err)
	}
	_, err = tpm2.PolicyAuthorize{PolicySession: session, ApprovedPolicy: tpm2.TPM2BDigest{Buffer: a.Policy},
		PolicyRef: tpm2.TPM2BDigest{Buffer: []byte(policyRef)}, KeySign: key.Name, CheckTicket: ticket.Validation}.Execute(w)
	return err
}

// external is an authority's key as a TPM names it.
func external(key crypto.PublicKey) (*tpm2.TPMTPublic, error) {
	pub := &tpm2.TPMTPublic{NameAlg: tpm2.TPMAlgSHA256,
		ObjectAttributes: tpm2.TPMAObject{SignEncrypt: true, UserWithAuth: true}}
	switch k := key.(type) {
	case *ecdsa.PublicKey:
		point, err := k.Bytes()
		if err != nil || k.Curve != elliptic.P256() {
			return nil, errors.New("the authority's key must be P-256 or RSA of 2048 bits")
		}
		pub.Type = tpm2.TPMAlgECC
		pub.Parameters = tpm2.NewTPMUPublicParms(tpm2.TPMAlgECC, &tpm2.TPMSECCParms{CurveID: tpm2.TPMECCNistP256,
			Scheme: tpm2.TPMTECCScheme{Scheme: tpm2.TPMAlgECDSA, Details: tpm2.NewTPMUAsymScheme(tpm2.TPMAlgECDSA, &tpm2.TPMSSigSchemeECDSA{HashAlg: tpm2.TPMAlgSHA256})}})
		pub.Unique = tpm2.NewTPMUPublicID(tpm2.TPMAlgECC, &tpm2.TPMSECCPoint{
			X: tpm2.TPM2BECCParameter{Buffer: point[1:33]}, Y: tpm2.TPM2BECCParameter{Buffer: point[33:]}})
	case *rsa.PublicKey:
		if k.N.BitLen() != 2048 || k.E != 65537 {
			return nil, errors.New("the authority's key must be P-256 or RSA of 2048 bits")
		}
		pub.Type = tpm2.TPMAlgRSA
		pub.Parameters = tpm2.NewTPMUPublicParms(tpm2.TPMAlgRSA, &tpm2.TPMSRSAParms{KeyBits: 2048,
			Scheme: tpm2.TPMTRSAScheme{Scheme: tpm2.TPMAlgRSASSA, Details: tpm2.NewTPMUAsymScheme(tpm2.TPMAlgRSASSA, &tpm2.TPMSSigSchemeRSASSA{HashAlg: tpm2.TPMAlgSHA256})}})
		pub.Unique = tpm2.NewTPMUPublicID(tpm2.TPMAlgRSA, &tpm2.TPM2BPublicKeyRSA{Buffer: k.N.Bytes()})
	default:
		return nil, fmt.Errorf("an authority cannot be a %T", key)
	}
	return pub, nil
}

// signature is an authority's signature as a TPM reads it.
func signature(key crypto.PublicKey, sig []byte) (tpm2.TPMTSignature, error) {
	if _, is := key.(*rsa.PublicKey); is {
		return tpm2.TPMTSignature{SigAlg: tpm2.TPMAlgRSASSA, Signature: tpm2.NewTPMUSignature(tpm2.TPMAlgRSASSA,
			&tpm2.TPMSSignatureRSA{Hash: tpm2.TPMAlgSHA256, Sig: tpm2.TPM2BPublicKeyRSA{Buffer: sig}})}, nil
	}
	var r, s big.Int
	in := cryptobyte.String(sig)
	var inner cryptobyte.String
	if !in.ReadASN1(&inner, asn1.SEQUENCE) || !inner.ReadASN1Integer(&r) || !inner.ReadASN1Integer(&s) || !inner.Empty() ||
		r.Sign() <= 0 || s.Sign() <= 0 || r.BitLen() > 256 || s.BitLen() > 256 {
		return tpm2.TPMTSignature{}, errors.New("the approval's signature is not one")
	}
	return tpm2.TPMTSignature{SigAlg: tpm2.TPMAlgECDSA, Signature: tpm2.NewTPMUSignature(tpm2.TPMAlgECDSA,
		&tpm2.TPMSSignatureECC{Hash: tpm2.TPMAlgSHA256, SignatureR: tpm2.TPM2BECCParameter{Buffer: r.FillBytes(make([]byte, 32))},
			SignatureS: tpm2.TPM2BECCParameter{Buffer: s.FillBytes(make([]byte, 32))}})}, nil
}
