package unionpay

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/agent/terminal"
	"github.com/tilld/tilld/agent/wallet"
	"github.com/tilld/tilld/agent/wallet/internal/vectors"
	"github.com/tilld/tilld/internal/secret"
)

var update = flag.Bool("update", false, "write the golden files")

func load(t testing.TB) vectors.Set { return vectors.Load(t, "../testdata/signatures.json") }

func TestVectors(t *testing.T) {
	n := 0
	for _, v := range load(t).Vectors {
		if v.Input.Kind != "unionpay-request" {
			continue
		}
		n++
		var pairs []pair
		for k, value := range v.Input.Params {
			pairs = append(pairs, pair{k, []byte(value)})
		}
		sortPairs(pairs)
		signed := appendSigned(nil, pairs)
		if string(signed) != v.Expect.String || string(digest(signed)) != v.Expect.SHA256 {
			t.Errorf("%s: signs %q", v.Name, signed)
		}
	}
	if n != 2 {
		t.Errorf("%d vectors, want 2", n)
	}
}

var settings = Settings{AcquirerCode: "48001000", MerchantID: "898440379930020", MerchantCategory: "5411", MerchantName: "街角便利店", TerminalID: "00000001"}

func testClient(t testing.TB, info terminal.Info) *Client {
	t.Helper()
	set := load(t)
	c, err := New(wallet.Config{
		Ref:      sale.ContractRef{Name: "test", Endpoint: "https://qra.95516.com"},
		Ring:     wallet.NewRing(wallet.Keys{Signer: set.Key, ID: "69026276696", Wallet: []wallet.WalletKey{{Public: set.Key.Public()}}}),
		Terminal: info, Clock: Clock(),
	}, settings)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var (
	here = terminal.Info{DeviceType: "10", Serial: "000158000000000", AppVersion: "1.0.0", NetworkLicense: "P3100",
		Location: "+31.23/+121.47", DeviceIP: "192.0.2.7", StoreID: "S-1", StoreName: "Corner shop"}
	attempt = sale.Attempt{ID: "7Z4M2K9QABC123000000421015", Amount: sale.Amount{Minor: 1280, Currency: "CNY", Exponent: 2},
		SentAt: time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)}
)

func credential() sale.Credential {
	return sale.Credential{Code: secret.New([]byte("6226359577513731196")), Factor: secret.New([]byte("731196"))}
}

func TestGoldenRequests(t *testing.T) {
	c := testClient(t, here)
	pay, err := c.payRequest(attempt, credential())
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/pay.http", pay)
	query, err := c.request(c.order(reqQuery, attempt))
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/query.http", query)

	moving := here
	moving.Location = ""
	c = testClient(t, moving)
	c.SecretText = func(serial string, factor []byte) (string, error) {
		if serial != here.Serial || string(factor) != "731196" {
			return "", errors.New("called with something else")
		}
		return "4D59F0A1C3E2B7A8", nil
	}
	if pay, err = c.payRequest(attempt, credential()); err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/pay-without-location.http", pay)
}

func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s differs (%v):\n%s", path, err, got)
	}
}

func TestTerminalInformation(t *testing.T) {
	got := string(appendTerminal(nil, terminalHead(here), []byte("731196"), ""))
	want := "{device_type=10&serial_num=000158000000000&app_version=1.0.0   &network_license=P3100&location=+31.23/+121.47&encrypt_rand_num=731196}"
	if got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}

func TestClosedLists(t *testing.T) {
	const echo = "orderNo=A&merId=M&"
	for _, c := range []struct {
		op   sale.Op
		body string
		want sale.Outcome
	}{
		{sale.OpPay, echo + "reqType=0310000903&respCode=00", sale.OutPaying}, // accepted: a query says paid
		{sale.OpPay, echo + "reqType=0310000903&respCode=61", sale.OutFailed},
		{sale.OpPay, echo + "reqType=0310000903&respCode=64", sale.OutFailed},
		{sale.OpPay, echo + "reqType=0310000903&respCode=12", sale.OutDuplicate},
		{sale.OpPay, echo + "reqType=0310000903&respCode=01", sale.OutUnknown},
		{sale.OpPay, echo + "reqType=0310000903&respCode=34", sale.OutUnknown},
		{sale.OpPay, echo + "reqType=0350000903&respCode=00&origRespCode=00", sale.OutUnknown}, // another question
		{sale.OpPay, "merId=M&reqType=0310000903&respCode=64", sale.OutUnknown},
		{sale.OpQuery, echo + "reqType=0350000903&respCode=00&origRespCode=00", sale.OutPaid},
		{sale.OpQuery, echo + "reqType=0350000903&respCode=00", sale.OutUnknown},
		{sale.OpQuery, echo + "reqType=0350000903&respCode=06&origRespCode=00", sale.OutUnknown},
		{sale.OpQuery, echo + "reqType=0350000903&respCode=00&origRespCode=05", sale.OutPaying},
		{sale.OpQuery, echo + "reqType=0350000903&respCode=00&origRespCode=35", sale.OutClosed},
		{sale.OpQuery, echo + "reqType=0350000903&respCode=00&origRespCode=35&voucherNum=1", sale.OutRefunded},
		{sale.OpQuery, echo + "reqType=0350000903&respCode=34", sale.OutNotFound},
		{sale.OpReverse, echo + "reqType=0320000903&respCode=00", sale.OutAccepted},
		{sale.OpReverse, echo + "reqType=0320000903&respCode=06", sale.OutRetry},
		{sale.OpReverse, echo + "reqType=0320000903&respCode=99", sale.OutUnknown},
	} {
		pairs, err := parse([]byte(c.body))
		if err != nil {
			t.Fatal(err)
		}
		fields := map[string]string{}
		for _, p := range pairs {
			fields[p.k] = string(p.v)
		}
		got := read(c.op, 200, fields)
		if got.Outcome != c.want || got.Outcome == sale.OutUnknown && got.Cause == "" {
			t.Errorf("%s %s: %q %q, want %q", c.op, c.body, got.Outcome, got.Cause, c.want)
		}
		if got := read(c.op, 502, fields); got.Outcome != sale.OutUnknown {
			t.Errorf("%s %s with status 502: %q", c.op, c.body, got.Outcome)
		}
	}
}

// Both readings of an answer are tried: plain and escaped. What was changed verifies in
// neither.
func TestOpen(t *testing.T) {
	set := load(t)
	keys := []wallet.WalletKey{{Public: set.Key.Public()}}
	pairs := []pair{{"info", []byte("{a=1&b=2}")}, {"merId", []byte("M")}, {"respMsg", []byte("成功 +1")}}
	sig, err := wallet.AppendSignature(nil, set.Key, digest(appendSigned(nil, pairs)))
	if err != nil {
		t.Fatal(err)
	}
	var plain, escaped []byte
	for _, p := range append(pairs, pair{"signature", sig}) {
		plain = append(append(append(append(plain, p.k...), '='), p.v...), '&')
		escaped = append(wallet.AppendEscaped(append(append(escaped, p.k...), '='), p.v), '&')
	}
	for name, body := range map[string][]byte{"plain": plain, "escaped": escaped} {
		fields, err := open(keys, body)
		if err != nil || fields["info"] != "{a=1&b=2}" || fields["respMsg"] != "成功 +1" {
			t.Errorf("%s: %v %v", name, fields, err)
		}
		if _, err := open(keys, bytes.Replace(body, []byte("merId=M"), []byte("merId=N"), 1)); err == nil {
			t.Errorf("%s: a changed answer verifies", name)
		}
	}
	if _, err := open(keys, []byte("a=1&a=1")); err == nil || !strings.Contains(err.Error(), "repeats") {
		t.Errorf("repeated field: %v", err)
	}
}

func TestSettings(t *testing.T) {
	if faults := (Settings{}).Check(); len(faults) != 5 {
		t.Errorf("empty: %v", faults)
	}
	if faults := settings.Check(); len(faults) != 0 {
		t.Errorf("good: %v", faults)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("a=1&b={x=1&y=2}&signature=ab+/=="))
	f.Add([]byte("}&a=1"))
	f.Add([]byte("<html>"))
	f.Fuzz(func(t *testing.T, body []byte) {
		pairs, err := parse(body)
		if err != nil {
			return
		}
		var again []byte
		for _, p := range pairs {
			again = append(append(append(append(again, p.k...), '='), p.v...), '&')
		}
		for i := 1; i < len(pairs); i++ {
			if pairs[i-1].k >= pairs[i].k {
				t.Fatalf("not sorted: %q", body)
			}
		}
		if len(again) > len(body)+1 {
			t.Errorf("%q grew to %q", body, again)
		}
	})
}

// BenchmarkPayRequest is all that stands between a code and the first byte.
func BenchmarkPayRequest(b *testing.B) {
	c := testClient(b, here)
	code := credential()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.payRequest(attempt, code); err != nil {
			b.Fatal(err)
		}
	}
}
