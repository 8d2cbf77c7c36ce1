package biometric

import (
	"bytes"
	"crypto/hpke"
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"
)

type hpkeVector struct {
	Name  string
	Input struct {
		KEM    uint16 `json:"kem_id"`
		KDF    uint16 `json:"kdf_id"`
		AEAD   uint16 `json:"aead_id"`
		Info   string
		SkRm   string `json:"skRm"`
		PkRm   string `json:"pkRm"`
		Enc    string
		Open   []struct{ AAD, CT string }
		Export []struct {
			Context string
			Length  int
		}
	}
	Expect struct {
		PT     []*string
		Export []string
	}
}

func fromHex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestHPKEVectors holds crypto/hpke, used as Open uses it, to vectors from outside.
func TestHPKEVectors(t *testing.T) {
	b, err := os.ReadFile("testdata/hpke.json")
	if err != nil {
		t.Fatal(err)
	}
	var all struct{ Vectors []hpkeVector }
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	if len(all.Vectors) != 10 {
		t.Fatalf("%d vectors, want 10", len(all.Vectors))
	}
	for _, v := range all.Vectors {
		t.Run(v.Name, func(t *testing.T) { checkHPKE(t, v) })
	}
}

func checkHPKE(t *testing.T, v hpkeVector) {
	kem, err := hpke.NewKEM(v.Input.KEM)
	if err != nil {
		t.Fatal(err)
	}
	kdf, err := hpke.NewKDF(v.Input.KDF)
	if err != nil {
		t.Fatal(err)
	}
	aead, err := hpke.NewAEAD(v.Input.AEAD)
	if err != nil {
		t.Fatal(err)
	}
	private, err := kem.NewPrivateKey(fromHex(t, v.Input.SkRm))
	if err != nil {
		t.Fatal(err)
	}
	if got := hex.EncodeToString(private.PublicKey().Bytes()); got != v.Input.PkRm {
		t.Errorf("public key is %s", got)
	}
	r, err := hpke.NewRecipient(fromHex(t, v.Input.Enc), private, kdf, aead, fromHex(t, v.Input.Info))
	if err != nil {
		t.Fatal(err)
	}
	for i, o := range v.Input.Open {
		plain, err := r.Open(fromHex(t, o.AAD), fromHex(t, o.CT))
		switch want := v.Expect.PT[i]; {
		case want == nil && err == nil:
			t.Errorf("message %d was opened", i)
		case want != nil && (err != nil || !bytes.Equal(plain, fromHex(t, *want))):
			t.Errorf("message %d is %x, %v, want %s", i, plain, err, *want)
		}
	}
	for i, e := range v.Input.Export {
		got, err := r.Export(string(fromHex(t, e.Context)), e.Length)
		if err != nil || hex.EncodeToString(got) != v.Expect.Export[i] {
			t.Errorf("export %d is %x, %v, want %s", i, got, err, v.Expect.Export[i])
		}
	}
}
