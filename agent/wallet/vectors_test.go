package wallet_test

import (
	"testing"

	"github.com/tilld/tilld/agent/wallet"
	"github.com/tilld/tilld/agent/wallet/internal/vectors"
)

// The RSA of the kit signs and verifies like everybody else's: every request vector, byte
// for byte.
func TestSignatureVectors(t *testing.T) {
	set := vectors.Load(t, "testdata/signatures.json")
	n := 0
	for _, v := range set.Vectors {
		text, want := v.Expect.String, v.Expect.Signature
		switch v.Input.Kind {
		case "wechat-v3-request":
		case "alipay-request":
			want = v.Expect.Sign
		case "unionpay-request":
			text = v.Expect.SHA256
		default:
			continue
		}
		n++
		sig, err := wallet.AppendSignature(nil, set.Key, []byte(text))
		if err != nil || string(sig) != want {
			t.Errorf("%s: signature differs (%v)", v.Name, err)
		}
		keys := []wallet.WalletKey{{ID: "a", Public: set.Key.Public()}}
		if err := wallet.Verify(keys, "A", []byte(text), want); err != nil {
			t.Errorf("%s: %v", v.Name, err)
		}
		if wallet.Verify(keys, "A", []byte(text+" "), want) == nil || wallet.Verify(keys, "b", []byte(text), want) == nil {
			t.Errorf("%s: another text or key verifies", v.Name)
		}
	}
	if n != 7 {
		t.Errorf("%d vectors, want 7", n)
	}
}

func TestCleanText(t *testing.T) {
	for in, want := range map[string]string{
		"余额不足": "余额不足",
		"auth code 130061098828009406 is invalid": "auth code … is invalid",
		"1234567":                  "1234567",
		"12345678":                 "…",
		"a\r\nb\x00c":              "a  b c",
		"  x  ":                    "x",
		"card 6226359577513731196": "card …",
	} {
		if got := wallet.CleanText(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func FuzzCleanText(f *testing.F) {
	f.Add("auth code 130061098828009406 is invalid")
	f.Add("\xff12345678")
	f.Fuzz(func(t *testing.T, s string) {
		run := 0
		for _, c := range []byte(wallet.CleanText(s)) {
			switch {
			case c < ' ':
				t.Fatalf("control character in %q", wallet.CleanText(s))
			case c >= '0' && c <= '9':
				run++
			default:
				run = 0
			}
			if run >= 8 {
				t.Fatalf("a run of digits in %q", wallet.CleanText(s))
			}
		}
	})
}
