package wire

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/tilld/tilld/internal/secret"
)

// full is one of each message with every field set.
func full() []any {
	at := time.Date(2026, 11, 23, 4, 5, 6, 0, time.UTC)
	return []any{
		&Status{"palm.example", 7, at},
		&Keys{[]byte("{}"), []ListSignature{{"00ff", []byte{1}}}, []SealedTransform{{1, []byte{2}, []byte{3}}}},
		&KeyList{"palm.example", 7, at, at, []SealKey{{"s", []byte{1}, at, at}}, []AnswerKey{{"a", []byte{1}, at, at}},
			[]Epoch{{4294967295, "private", []byte{9}}}, Policy{Identification{300, 9.5e-6}, "1", 14, []string{"tpm", "file"}}},
		&ChallengeRequest{"enrol", "palm", `M"1`, "T", "P", 9223372036854775807, "CNY", secret.Copy([]byte("tail:1234")),
			&Consent{"ab", "1", "zh", "p", at, 14, true, true}},
		&Challenge{[]byte{1}, 60000, 1, "standard", "s", secret.Copy([]byte("AAAA")), 3, 1},
		&Presented{Raw(`{"a":[1,{"b":"]}"}]}`)},
		&Identified{"matched", "王*", secret.Copy([]byte("130061098828009406")), 1, 2},
		&Enrolled{"enrolled", "W***", true, 1},
		&RevokeRequest{secret.Copy([]byte("123"))},
		&Revoked{true},
		&VoidRequest{[]byte{1, 2}, "P"},
		&Voided{false},
		&Problem{"busy", "later\n", 3},
	}
}

func TestMessagesComeBack(t *testing.T) {
	for _, m := range full() {
		text, err := Encode(m)
		if err != nil {
			t.Fatalf("%T: %v", m, err)
		}
		if !json.Valid(text) {
			t.Fatalf("%T: not JSON: %s", m, text)
		}
		var loose bytes.Buffer
		if err := json.Indent(&loose, text, " ", "\t"); err != nil {
			t.Fatal(err)
		}
		for _, text := range [][]byte{text, append(loose.Bytes(), '\n')} {
			back := reflect.New(reflect.TypeOf(m).Elem())
			if err := Decode(text, back.Interface()); err != nil {
				t.Fatalf("%T: %v", m, err)
			}
			if p, is := m.(*Presented); is {
				var want, got bytes.Buffer
				json.Compact(&want, p.Sealed)
				json.Compact(&got, back.Interface().(*Presented).Sealed)
				if want.String() != got.String() {
					t.Errorf("%s", got.String())
				}
				continue
			}
			if !reflect.DeepEqual(back.Interface(), m) {
				t.Errorf("%T: %+v came back as %+v", m, m, back.Interface())
			}
		}
	}
}

func TestOptionalFieldsMayBeMissing(t *testing.T) {
	text, err := Encode(Identified{Outcome: "not-matched"})
	if err != nil || string(text) != `{"outcome":"not-matched"}` {
		t.Fatalf("%s, %v", text, err)
	}
	var back Identified
	if err := Decode(text, &back); err != nil || back.Credential != nil {
		t.Errorf("%+v, %v", back, err)
	}
}

func TestDecodeRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		into any
	}{
		"nothing":             {``, &Voided{}},
		"no JSON":             {`{"voided":true`, &Voided{}},
		"two values":          {`{"voided":true}{}`, &Voided{}},
		"not UTF-8":           {"{\"code\":\"a\",\"detail\":\"\xff\"}", &Problem{}},
		"a lone surrogate":    {`{"code":"a","detail":"\ud800"}`, &Problem{}},
		"an unknown name":     {`{"voided":true,"x":1}`, &Voided{}},
		"a name twice":        {`{"voided":true,"voided":true}`, &Voided{}},
		"another case":        {`{"Voided":true}`, &Voided{}},
		"a name with escapes": {`{"void\u0065d":true}`, &Voided{}},
		"a missing name":      {`{}`, &Voided{}},
		"null":                {`{"voided":null}`, &Voided{}},
		"null for a message":  {`null`, &Voided{}},
		"a list":              {`[]`, &Voided{}},
		"null for a secret":   {`{"code":null}`, &RevokeRequest{}},
		"a secret of spaces":  {`{"code":"1 2"}`, &RevokeRequest{}},
		"a secret escaped":    {`{"code":"\u0031"}`, &RevokeRequest{}},
		"a number for text":   {`{"code":1,"detail":""}`, &Problem{}},
		"text for a number":   {`{"code":"a","detail":"","retry_ms":"1"}`, &Problem{}},
		"a fraction":          {`{"code":"a","detail":"","retry_ms":1.5}`, &Problem{}},
		"an exponent":         {`{"code":"a","detail":"","retry_ms":1e3}`, &Problem{}},
		"too large":           {`{"code":"a","detail":"","retry_ms":9223372036854775808}`, &Problem{}},
		"text for a flag":     {`{"voided":"true"}`, &Voided{}},
		"base64 with a break": {`{"nonce":"AA\n==","payment":"P"}`, &VoidRequest{}},
		"loose base64":        {`{"nonce":"AB==","payment":"P"}`, &VoidRequest{}},
		"base64 of URLs":      {`{"nonce":"-_-_","payment":"P"}`, &VoidRequest{}},
		"base64 unpadded":     {`{"nonce":"AA","payment":"P"}`, &VoidRequest{}},
		"a time elsewhere":    {`{"provider":"p","serial":1,"time":"2026-11-23T04:05:06+00:00"}`, &Status{}},
		"no time":             {`{"provider":"p","serial":1,"time":"2026-13-23T04:05:06Z"}`, &Status{}},
		"a negative epoch":    {`{"epoch":-1,"enc":"","ciphertext":""}`, &SealedTransform{}},
		"a list too long":     {`{"list":"","signatures":[],"transforms":[` + strings.Repeat(`{"epoch":1,"enc":"","ciphertext":""},`, 64) + `{"epoch":1,"enc":"","ciphertext":""}]}`, &Keys{}},
		"no list":             {`{"list":"","signatures":{},"transforms":[]}`, &Keys{}},
	} {
		if err := Decode([]byte(c.text), c.into); err == nil {
			t.Errorf("%s was read: %s", name, c.text)
		}
	}
}

// TestErrorsQuoteNoValue has a code in each place that an error may be about.
func TestErrorsQuoteNoValue(t *testing.T) {
	const code = "130061098828009406"
	for _, text := range []string{`{"` + code + `":1}`, `{"code":"\u0031` + code + `"}`, `{"code":[` + code + `]}`, `{"code":` + code + `}`} {
		err := Decode([]byte(text), &RevokeRequest{})
		if err == nil || strings.Contains(err.Error(), code) {
			t.Errorf("%s: %v", text, err)
		}
	}
	if _, err := Encode(RevokeRequest{secret.Copy([]byte(code + `"`))}); err == nil || strings.Contains(err.Error(), code) {
		t.Errorf("%v", err)
	}
}

// FuzzDecode reads anything as every message. What is read comes back the same, and
// encoding/json sees the same in it.
func FuzzDecode(f *testing.F) {
	for _, m := range full() {
		text, err := Encode(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte(`{"sealed": [ {} , "\\\"" ] }`))
	f.Add([]byte(`{"voided" : true }`))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, m := range full() {
			typ := reflect.TypeOf(m).Elem()
			first := reflect.New(typ)
			if Decode(data, first.Interface()) != nil {
				continue
			}
			if !json.Valid(data) {
				t.Fatalf("%s: read what is not JSON", typ)
			}
			text, err := Encode(first.Interface())
			if err != nil {
				t.Fatalf("%s: what was read cannot be written: %v", typ, err)
			}
			second := reflect.New(typ)
			if err := Decode(text, second.Interface()); err != nil {
				t.Fatalf("%s: what was written is not read: %v", typ, err)
			}
			if !reflect.DeepEqual(first.Interface(), second.Interface()) {
				t.Fatalf("%s: %+v came back as %+v", typ, first, second)
			}
		}
	})
}
