package wire

import (
	"net/http"
	"time"

	"github.com/tilld/tilld/internal/secret"
)

// Paths of version 1.
const (
	PathStatus    = "/v1/status"
	PathKeys      = "/v1/keys"
	PathChallenge = "/v1/challenge"
	PathIdentify  = "/v1/identify"
	PathEnrol     = "/v1/enrol"
	PathRevoke    = "/v1/revoke"
	PathVoid      = "/v1/void"
)

// Bounds of messages, in bytes.
const (
	MaxRequest = 40 << 10
	MaxAnswer  = 64 << 10
)

// MaxLife is the longest that a nonce may live.
const MaxLife = 60 * time.Second

// Fields are in the order they are written in. omitempty marks what may be missing; every
// other field must be there. Bytes are base64 with padding, times RFC 3339 in UTC.

// Status is the answer of GET /v1/status.
type Status struct {
	Provider string    `json:"provider"`
	Serial   int64     `json:"serial"` // of the key list in force
	Time     time.Time `json:"time"`
}

// Keys is the answer of GET /v1/keys.
type Keys struct {
	List       []byte            `json:"list"` // a KeyList as it was signed
	Signatures []ListSignature   `json:"signatures"`
	Transforms []SealedTransform `json:"transforms"` // for the terminal that asks
}

// ListSignature is one root key's over the list: ECDSA P-256 with SHA-256, ASN.1.
type ListSignature struct {
	Key       string `json:"key"` // KeyID of the root key
	Signature []byte `json:"signature"`
}

// SealedTransform is an epoch's K, sealed to one terminal.
type SealedTransform struct {
	Epoch      uint32 `json:"epoch"`
	Enc        []byte `json:"enc"`
	Ciphertext []byte `json:"ciphertext"`
}

// KeyList is the same for all terminals.
type KeyList struct {
	Provider   string      `json:"provider"`
	Serial     int64       `json:"serial"`
	Issued     time.Time   `json:"issued"`
	Expires    time.Time   `json:"expires"`
	SealKeys   []SealKey   `json:"seal_keys"`
	AnswerKeys []AnswerKey `json:"answer_keys"`
	Epochs     []Epoch     `json:"epochs"`
	Policy     Policy      `json:"policy"`
}

// SealKey is what templates are sealed to.
type SealKey struct {
	ID        string    `json:"id"`
	Public    []byte    `json:"public"` // X-Wing, 1216 bytes
	NotBefore time.Time `json:"not_before"`
	NotAfter  time.Time `json:"not_after"`
}

// AnswerKey is what answers are signed with.
type AnswerKey struct {
	ID        string    `json:"id"`
	Public    []byte    `json:"public"` // ECDSA P-256, SubjectPublicKeyInfo
	NotBefore time.Time `json:"not_before"`
	NotAfter  time.Time `json:"not_after"`
}

// Epoch is one transform key's time, which a provider ends by naming the epoch no more.
type Epoch struct {
	Epoch   uint32 `json:"epoch"`
	Profile string `json:"profile"`
	// KeyDigest commits to K: what comes sealed must be the K that was signed.
	KeyDigest []byte `json:"key_digest"`
}

// Policy is what the provider asks of terminals and says of itself.
type Policy struct {
	Identification Identification `json:"identification"`
	ConsentVersion string         `json:"consent_version"`
	MinAge         int64          `json:"min_age"`
	KeyLevels      []string       `json:"key_levels"`
}

// Identification is what was measured about telling one of n.
type Identification struct {
	N           int64   `json:"n"`
	FPIRUpper95 float64 `json:"fpir_upper95"`
}

// ChallengeRequest is the body of POST /v1/challenge.
type ChallengeRequest struct {
	Purpose  string        `json:"purpose"`
	Modality string        `json:"modality"`
	Merchant string        `json:"merchant"`
	Terminal string        `json:"terminal"`
	Payment  string        `json:"payment"`
	Minor    int64         `json:"minor"`
	Currency string        `json:"currency"`
	Claim    *secret.Bytes `json:"claim"`
	Consent  *Consent      `json:"consent,omitempty"`
}

// Consent is what the person agreed to.
type Consent struct {
	Text      string    `json:"text"` // SHA-256, lower-case hex
	Version   string    `json:"version"`
	Language  string    `json:"language"`
	Provider  string    `json:"provider"`
	At        time.Time `json:"at"`
	Age       int64     `json:"age_at_least"`
	Biometric bool      `json:"biometric"`
	Transfer  bool      `json:"transfer"`
}

// Challenge is its answer.
type Challenge struct {
	Nonce   []byte        `json:"nonce"`
	LifeMS  int64         `json:"life_ms"` // from the answer on, at most 60000
	Epoch   uint32        `json:"epoch"`
	Profile string        `json:"profile"`
	SealKey string        `json:"seal_key"`
	Salt    *secret.Bytes `json:"salt"` // 16 bytes in base64
	Samples int64         `json:"samples"`
	Gallery int64         `json:"gallery"` // how many people are searched; 1 where one is claimed
}

// Presented is the body of POST /v1/identify and /v1/enrol.
type Presented struct {
	Sealed Raw `json:"sealed"` // biometric.Sealed
}

// Identified is the answer of identify.
type Identified struct {
	Outcome    string        `json:"outcome"`
	Name       string        `json:"name,omitempty"`
	Credential *secret.Bytes `json:"credential,omitempty"` // printable ASCII, no quote, no backslash
	LifeMS     int64         `json:"life_ms,omitempty"`    // of the credential
	RetryMS    int64         `json:"retry_ms,omitempty"`
}

// Enrolled is the answer of enrol.
type Enrolled struct {
	Outcome  string `json:"outcome"`
	Name     string `json:"name,omitempty"`
	Replaced bool   `json:"replaced,omitempty"`
	RetryMS  int64  `json:"retry_ms,omitempty"`
}

// RevokeRequest is the body of POST /v1/revoke.
type RevokeRequest struct {
	Code *secret.Bytes `json:"code"`
}

// Revoked is its answer.
type Revoked struct {
	Revoked bool `json:"revoked"` // false: there was nothing left to revoke
}

// VoidRequest is the body of POST /v1/void.
type VoidRequest struct {
	Nonce   []byte `json:"nonce"`
	Payment string `json:"payment"`
}

// Voided is its answer.
type Voided struct {
	Voided bool `json:"voided"` // false: no credential was given for this nonce
}

// Problem is the body of every answer that is not 200.
type Problem struct {
	Code    string `json:"code"`
	Detail  string `json:"detail"`
	RetryMS int64  `json:"retry_ms,omitempty"`
}

// Codes of a Problem.
const (
	CodeRequest      = "bad-request"   // not what the protocol says
	CodeSignature    = "signature"     // the request's signature is missing or wrong
	CodeClock        = "clock"         // signed too long ago, or in the future
	CodeTerminal     = "terminal"      // not registered, blocked, or not of this merchant
	CodeNotFound     = "not-found"     // no such path or method
	CodeReplayed     = "replayed"      // this signed request came before
	CodeSpent        = "spent"         // the credential was used and cannot be given back
	CodeTooLarge     = "too-large"     //
	CodeClaim        = "claim"         // the code is unknown, used or too old
	CodeConsent      = "consent"       // missing, not complete, or to another text
	CodeSecondFactor = "second-factor" // one of so many is not told; ask for a member code
	CodeLockedOut    = "locked-out"    // too many failures
	CodeBusy         = "busy"          // try again
)

// Statuses is the HTTP status that carries each code.
var Statuses = map[string]int{
	CodeRequest:      http.StatusBadRequest,
	CodeSignature:    http.StatusUnauthorized,
	CodeClock:        http.StatusUnauthorized,
	CodeTerminal:     http.StatusForbidden,
	CodeNotFound:     http.StatusNotFound,
	CodeReplayed:     http.StatusConflict,
	CodeSpent:        http.StatusConflict,
	CodeTooLarge:     http.StatusRequestEntityTooLarge,
	CodeClaim:        http.StatusUnprocessableEntity,
	CodeConsent:      http.StatusUnprocessableEntity,
	CodeSecondFactor: http.StatusUnprocessableEntity,
	CodeLockedOut:    http.StatusTooManyRequests,
	CodeBusy:         http.StatusServiceUnavailable,
}
