package biometric

import (
	"bytes"
	"encoding/hex"
	"testing"
)

// TestKnownAnswers pins every byte that another implementation must agree with. They were
// computed apart, in another language, from the words of the documentation.
func TestKnownAnswers(t *testing.T) {
	v, err := EncodeVerdict(verdict())
	if err != nil {
		t.Fatal(err)
	}
	const statement = `{"decision":"bona-fide","modality":"palm","cues":[{"name":"nir-reflectance","version":1,"score":0.47,"low":0.1,"high":0.9,"doubt_low":0.05,"doubt_high":0.95,"decision":"bona-fide"}],"lamp_bits":12,"key_level":"file","build":"00ff","at":"2026-05-06T07:08:00Z","payment_grade":true}`
	if string(v) != statement {
		t.Errorf("verdict is %s", v)
	}
	s := Sealed{Binding: payBinding(), Epoch: 3, KeyID: "k-1", Verdict: v, Ciphertext: bytes.Repeat([]byte{7}, 48)}
	for i := range 1024 {
		s.Enc = append(s.Enc, byte(i))
	}
	s.Enc = append(s.Enc, make([]byte, 96)...)
	binding := s.Binding.Digest(at(), v)
	digest, err := s.Digest()
	if err != nil {
		t.Fatal(err)
	}
	head, err := header(true).AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		got  []byte
		want string
	}{
		{"binding", binding[:], "2f36725f3b9a3d8def1ff70d22c3748c3eb7beeb1378056a5ad2218b12906fad"},
		{"payload", s.Record().Payload, "38954477d2804839489dfc1198be3739eb8365a2a5417805820b7dd68d924775"},
		{"what is signed", digest[:], "2aa093891c2461f350dd3da1254a38d8f9c0ab795c4b78234fb01bf0e3b1c861"},
		{"info", s.info(), "0000000d74696c6c642f68706b652f76310000001070726f76696465722e6578616d706c65000000036b2d310000000400000003"},
		{"header", head, "505431000102020108000302000000034b0100010000019dfc1d6c80e3be1ae5"},
	} {
		if got := hex.EncodeToString(c.got); got != c.want {
			t.Errorf("%s is %s, want %s", c.name, got, c.want)
		}
	}
}
