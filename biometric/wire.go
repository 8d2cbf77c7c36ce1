package biometric

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// MaxSealedJSON is the longest JSON form of a Sealed in bytes.
const MaxSealedJSON = 32 << 10

const maxSignature = 72 // two numbers of 33 bytes in ASN.1

// blob is bytes in standard base64, spelled in one way only.
type blob []byte

func (b blob) MarshalJSON() ([]byte, error) {
	return json.Marshal(base64.StdEncoding.EncodeToString(b))
}

func (b *blob) UnmarshalJSON(data []byte) error {
	var s string
	if err := json.Unmarshal(data, &s); err != nil {
		return err
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(s)
	if err != nil {
		return err
	}
	if base64.StdEncoding.EncodeToString(raw) != s {
		return errors.New("base64 with line breaks")
	}
	*b = raw
	return nil
}

type sealedJSON struct {
	Binding    bindingJSON `json:"binding"`
	Epoch      uint32      `json:"epoch"`
	KeyID      string      `json:"key_id"`
	Enc        blob        `json:"enc"`
	Ciphertext blob        `json:"ciphertext"`
	Verdict    blob        `json:"verdict"`
	Signature  blob        `json:"signature"`
}

type bindingJSON struct {
	Purpose  Purpose  `json:"purpose"`
	Modality Modality `json:"modality"`
	Provider string   `json:"provider"`
	Merchant string   `json:"merchant"`
	Terminal string   `json:"terminal"`
	Payment  string   `json:"payment"`
	Minor    int64    `json:"minor"`
	Currency string   `json:"currency"`
	Claim    string   `json:"claim"`
	Nonce    blob     `json:"nonce"`
}

// MarshalJSON is the form of s on the wire. The verdict is bytes in it, like the ciphertext:
// it was signed as bytes.
func (s Sealed) MarshalJSON() ([]byte, error) {
	b := s.Binding
	return json.Marshal(sealedJSON{
		Binding: bindingJSON{
			Purpose: b.Purpose, Modality: b.Modality, Provider: b.Provider, Merchant: b.Merchant, Terminal: b.Terminal,
			Payment: b.Payment, Minor: b.Minor, Currency: b.Currency, Claim: b.Claim, Nonce: b.Nonce,
		},
		Epoch: s.Epoch, KeyID: s.KeyID, Enc: s.Enc, Ciphertext: s.Ciphertext, Verdict: s.Verdict, Signature: s.Signature,
	})
}

// UnmarshalJSON takes only what MarshalJSON could have made: every name once and no others,
// lengths within their bounds, and a verdict that can be read. It verifies nothing.
func (s *Sealed) UnmarshalJSON(data []byte) error {
	var w sealedJSON
	if err := decodeStrict(data, MaxSealedJSON, &w); err != nil {
		return fmt.Errorf("parse sealed template: %w", err)
	}
	b := w.Binding
	got := Sealed{
		Binding: Binding{
			Purpose: b.Purpose, Modality: b.Modality, Provider: b.Provider, Merchant: b.Merchant, Terminal: b.Terminal,
			Payment: b.Payment, Minor: b.Minor, Currency: b.Currency, Claim: b.Claim, Nonce: b.Nonce,
		},
		Epoch: w.Epoch, KeyID: w.KeyID, Enc: w.Enc, Ciphertext: w.Ciphertext, Verdict: w.Verdict, Signature: w.Signature,
	}
	if _, err := got.check(); err != nil {
		return fmt.Errorf("parse sealed template: %w", err)
	}
	if len(got.Signature) == 0 || len(got.Signature) > maxSignature {
		return fmt.Errorf("parse sealed template: signature of %d bytes, want 1 to %d", len(got.Signature), maxSignature)
	}
	*s = got
	return nil
}

// decodeStrict reads one JSON value of at most limit bytes. encoding/json alone would take
// names twice, the last one wins, and in any case of letters: two readers could then see two
// different things in the same bytes.
func decodeStrict(data []byte, limit int, into any) error {
	if len(data) > limit {
		return fmt.Errorf("%d bytes, want at most %d", len(data), limit)
	}
	if !utf8.Valid(data) {
		return errors.New("not UTF-8")
	}
	if err := checkNames(data); err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	return d.Decode(into)
}

// checkNames refuses names that stand twice in an object or hold anything but a-z and _, and
// whatever follows the value.
func checkNames(data []byte) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if err := checkValue(d, 4); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the JSON value")
	}
	return nil
}

func checkValue(d *json.Decoder, depth int) error {
	t, err := d.Token()
	if err != nil {
		return err
	}
	delim, ok := t.(json.Delim)
	if !ok {
		return nil
	}
	if depth == 0 {
		return errors.New("nested too deeply")
	}
	seen := map[string]bool{}
	for d.More() {
		if delim == '{' {
			t, err := d.Token()
			if err != nil {
				return err
			}
			name, _ := t.(string)
			if seen[name] || !isName(name) {
				return fmt.Errorf("name %q stands twice or is not known", name)
			}
			seen[name] = true
		}
		if err := checkValue(d, depth-1); err != nil {
			return err
		}
	}
	_, err = d.Token()
	return err
}

func isName(s string) bool {
	for i := range len(s) {
		if s[i] != '_' && (s[i] < 'a' || s[i] > 'z') {
			return false
		}
	}
	return s != ""
}
