package wire

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Requests and answers are signed as RFC 9421 says, with one label, one algorithm and one
// list of components each, so that there is nothing to choose and nothing to leave out. An
// answer's signature covers the request's, which holds its nonce: it answers no other one.
const (
	requestLabel = "till"
	answerLabel  = "provider"
	tag          = "tilld-provider-v1"
	algorithm    = "ecdsa-p256-sha256"

	requestComponents = `("@method" "@authority" "@path" "content-digest")`
	answerComponents  = `("@status" "content-digest" "@method";req "@authority";req "@path";req "content-digest";req "signature";req;key="till")`
)

const (
	headerDigest    = "Content-Digest"
	headerInput     = "Signature-Input"
	headerSignature = "Signature"
)

// Skew is how far the clocks of the two ends may be apart.
const Skew = 90 * time.Second

// Request is what of an HTTP request is signed.
type Request struct {
	Method, Authority, Path string
	Body                    []byte
}

// RequestSignature is what a signed request says of itself.
type RequestSignature struct {
	Terminal string // the serial number
	Nonce    string
	Created  time.Time // to the second
	base     string
	value    []byte
}

// Digest is the value of Content-Digest.
func Digest(body []byte) string {
	sum := sha256.Sum256(body)
	return "sha-256=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":"
}

// SignRequest adds the headers of a signed request. terminal must be a name.
func SignRequest(h http.Header, r Request, key crypto.Signer, terminal string, at time.Time, nonce []byte) error {
	if !IsName(terminal) {
		return fmt.Errorf("sign a request as terminal %.64q: not a name", terminal)
	}
	params := requestComponents + fmt.Sprintf(`;created=%d;nonce="%s";alg="%s";keyid="%s";tag="%s"`,
		at.Unix(), base64.RawURLEncoding.EncodeToString(nonce), algorithm, terminal, tag)
	digest := Digest(r.Body)
	value, err := signRaw(key, []byte(requestBase(r, digest, params)))
	if err != nil {
		return fmt.Errorf("sign a request: %w", err)
	}
	h.Set(headerDigest, digest)
	h.Set(headerInput, requestLabel+"="+params)
	h.Set(headerSignature, requestLabel+"="+sequence(value))
	return nil
}

// requestParams is what Signature-Input must look like.
var requestParams = regexp.MustCompile(`^till=(\("@method" "@authority" "@path" "content-digest"\);created=([0-9]{1,11});nonce="([A-Za-z0-9_-]{22,43})";alg="ecdsa-p256-sha256";keyid="([A-Za-z0-9._:-]{1,64})";tag="tilld-provider-v1")$`)

// ParseRequest reads the signature of a request and checks the body's digest, and nothing
// else: the caller finds the terminal's key and calls Verify.
func ParseRequest(h http.Header, r Request) (RequestSignature, error) {
	digest, input, text, err := signed(h)
	if err != nil {
		return RequestSignature{}, err
	}
	m := requestParams.FindStringSubmatch(input)
	if m == nil {
		return RequestSignature{}, errors.New("the Signature-Input is not that of this protocol")
	}
	value, err := unsequence(text, requestLabel)
	if err != nil {
		return RequestSignature{}, err
	}
	if digest != Digest(r.Body) {
		return RequestSignature{}, errors.New("the Content-Digest is not that of the body")
	}
	created, _ := strconv.ParseInt(m[2], 10, 64)
	return RequestSignature{Terminal: m[4], Nonce: m[3], Created: time.Unix(created, 0),
		base: requestBase(r, digest, m[1]), value: value}, nil
}

// Verify reports whether the terminal's key made the signature.
func (s RequestSignature) Verify(key *ecdsa.PublicKey) bool {
	return verifyRaw(key, []byte(s.base), s.value)
}

func requestBase(r Request, digest, params string) string {
	return base([][2]string{
		{`"@method"`, r.Method}, {`"@authority"`, Authority(r.Authority)}, {`"@path"`, r.Path}, {`"content-digest"`, digest},
	}, params)
}

// SignAnswer adds the headers of a signed answer to the request whose headers are asked.
func SignAnswer(h http.Header, status int, body []byte, r Request, asked http.Header, key crypto.Signer, id string, at time.Time) error {
	params := answerComponents + fmt.Sprintf(`;created=%d;alg="%s";keyid="%s";tag="%s"`, at.Unix(), algorithm, id, tag)
	digest := Digest(body)
	value, err := signRaw(key, []byte(answerBase(status, digest, r, asked, params)))
	if err != nil {
		return fmt.Errorf("sign an answer: %w", err)
	}
	h.Set(headerDigest, digest)
	h.Set(headerInput, answerLabel+"="+params)
	h.Set(headerSignature, answerLabel+"="+sequence(value))
	return nil
}

// ErrUnknownKey is the error for an answer whose key is not in the list, or not valid now.
var ErrUnknownKey = errors.New("signed with a key that is not in the key list or not valid now")

var answerParams = regexp.MustCompile(`^provider=(\("@status" "content-digest" "@method";req "@authority";req "@path";req "content-digest";req "signature";req;key="till"\);created=([0-9]{1,11});alg="ecdsa-p256-sha256";keyid="([A-Za-z0-9._:-]{1,64})";tag="tilld-provider-v1")$`)

// VerifyAnswer checks an answer against the request that was sent with the headers asked.
// find gives the key of that name, or nil.
func VerifyAnswer(h http.Header, status int, body []byte, r Request, asked http.Header, find func(id string) *ecdsa.PublicKey) error {
	digest, input, text, err := signed(h)
	if err != nil {
		return err
	}
	m := answerParams.FindStringSubmatch(input)
	if m == nil {
		return errors.New("the Signature-Input is not that of this protocol")
	}
	value, err := unsequence(text, answerLabel)
	if err != nil {
		return err
	}
	if digest != Digest(body) {
		return errors.New("the Content-Digest is not that of the body")
	}
	key := find(m[3])
	if key == nil {
		return fmt.Errorf("%w: %.64q", ErrUnknownKey, m[3])
	}
	if !verifyRaw(key, []byte(answerBase(status, digest, r, asked, m[1])), value) {
		return errors.New("the signature is wrong, or of the answer to another request")
	}
	return nil
}

func answerBase(status int, digest string, r Request, asked http.Header, params string) string {
	return base([][2]string{
		{`"@status"`, strconv.Itoa(status)}, {`"content-digest"`, digest},
		{`"@method";req`, r.Method}, {`"@authority";req`, Authority(r.Authority)}, {`"@path";req`, r.Path},
		{`"content-digest";req`, asked.Get(headerDigest)},
		{`"signature";req;key="till"`, strings.TrimPrefix(asked.Get(headerSignature), requestLabel+"=")},
	}, params)
}

// base is the signature base of RFC 9421, section 2.5.
func base(components [][2]string, params string) string {
	var b strings.Builder
	for _, c := range components {
		b.WriteString(c[0] + ": " + c[1] + "\n")
	}
	b.WriteString(`"@signature-params": ` + params)
	return b.String()
}

// signed returns the three headers, each of which must be there once.
func signed(h http.Header) (digest, input, signature string, err error) {
	get := func(name string) string {
		v := h.Values(name)
		if len(v) != 1 && err == nil {
			err = fmt.Errorf("%s is missing or there twice", name)
		}
		return strings.Join(v, ",")
	}
	return get(headerDigest), get(headerInput), get(headerSignature), err
}

// Authority is a host as RFC 9421 normalises it: lower case, without the port of https.
func Authority(host string) string {
	return strings.TrimSuffix(strings.ToLower(host), ":443")
}

// sequence is a byte sequence of RFC 8941.
func sequence(b []byte) string { return ":" + base64.StdEncoding.EncodeToString(b) + ":" }

func unsequence(text, label string) ([]byte, error) {
	text, found := strings.CutPrefix(text, label+"=:")
	text, ends := strings.CutSuffix(text, ":")
	b, err := base64.StdEncoding.Strict().DecodeString(text)
	if !found || !ends || err != nil || len(text) != base64.StdEncoding.EncodedLen(2*size) {
		return nil, errors.New("the Signature is not that of this protocol")
	}
	return b, nil
}

// IsName reports whether s can name a terminal, a merchant, a payment or a key.
func IsName(s string) bool {
	if len(s) < 1 || len(s) > 64 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if !(c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || strings.IndexByte("._:-", c) >= 0) {
			return false
		}
	}
	return true
}
