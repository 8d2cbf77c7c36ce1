package wechatpayv2

import (
	"bytes"
	"crypto/tls"
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

func fieldsOf(params map[string]string) (fields []field) {
	for name, value := range params {
		fields = append(fields, field{name, []byte(value)})
	}
	return fields
}

func TestSignatureVectors(t *testing.T) {
	signed, verified := 0, 0
	for _, v := range load(t).Vectors {
		fields, key := fieldsOf(v.Input.Params), []byte(v.Input.Key)
		switch v.Input.Kind {
		case "wechat-v2":
			signed++
			if got := appendSigned(nil, fields, key); string(got) != v.Expect.String {
				t.Errorf("%s: signs %q", v.Name, got)
			}
			if got := sign(v.Input.SignType, fields, key); string(got) != v.Expect.Sign {
				t.Errorf("%s: sign %s", v.Name, got)
			}
		case "wechat-v2-verify":
			verified++
			if err := verify(v.Input.SignType, fields, key); (err == nil) != v.Expect.OK {
				t.Errorf("%s: %v", v.Name, err)
			}
			other := map[string]string{MD5: HMACSHA256, HMACSHA256: MD5}[v.Input.SignType]
			if verify(other, fields, key) == nil {
				t.Errorf("%s: verifies as %s too", v.Name, other)
			}
		}
	}
	if signed != 4 || verified != 3 {
		t.Errorf("%d and %d vectors, want 4 and 3", signed, verified)
	}
}

func testClient(t testing.TB, s Settings) *Client {
	t.Helper()
	key := load(t).Key
	c, err := New(wallet.Config{
		Ref: sale.ContractRef{Name: "test", Endpoint: "https://api.mch.weixin.qq.com"},
		Ring: wallet.NewRing(wallet.Keys{Signer: key, Secret: secret.New([]byte("192006250b4c09247ec02edce69f6a2d")),
			Client: &tls.Certificate{PrivateKey: key}}),
		Terminal: terminal.Info{DeviceType: "10", Serial: "000158000000000", AppVersion: "1.0.0", NetworkLicense: "P3100",
			Location: "+31.23/+121.47", DeviceIP: "192.0.2.7", StoreID: "S-1", StoreName: "街角\"便利店\" <A&B>\n2"},
		Clock: Clock(),
		Now:   func() time.Time { return time.Unix(1554208460, 0) },
		Nonce: func() string { return "593BEC0C930BF1AFEB40B4A08C8FB242" },
	}, s)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var (
	direct   = Settings{AppID: "wxd678efh567hg6787", MerchantID: "1900000001", NotifyURL: "https://pay.example/notify"}
	provider = Settings{AppID: "wxd678efh567hg6787", MerchantID: "1900000001", SubMerchantID: "1900000109", SubAppID: "wx8888888888888888",
		SignType: MD5, NotifyURL: "https://pay.example/notify"}
	attempt = sale.Attempt{ID: "7Z4M2K9QABC123000000421015", Amount: sale.Amount{Minor: 1280, Currency: "CNY", Exponent: 2}, OfferLife: 90 * time.Second}
	refund  = sale.Refund{ID: attempt.ID + "R0123456789AB", Amount: sale.Amount{Minor: 300, Currency: "CNY", Exponent: 2}}
)

func TestGoldenRequests(t *testing.T) {
	for name, s := range map[string]Settings{"direct": direct, "provider": provider} {
		c := testClient(t, s)
		sum, err := sumOf(attempt.Amount)
		if err != nil {
			t.Fatal(err)
		}
		offer, err := c.offerFields(attempt)
		if err != nil {
			t.Fatal(err)
		}
		for op, r := range map[string]struct {
			path   string
			fields []field
		}{
			"pay":          {payPath, append(c.order(attempt.ID, c.scene...), append(sum, field{"auth_code", []byte("130061098828009406")})...)},
			"query":        {queryPath, c.order(attempt.ID)},
			"reverse":      {reversePath, c.order(attempt.ID)},
			"offer":        {offerPath, offer},
			"close":        {closePath, c.order(attempt.ID)},
			"refund":       {refundPath, c.refundFields(attempt.ID, refund, attempt.Amount)},
			"query-refund": {queryRefundPath, []field{{"out_refund_no", []byte(refund.ID)}}},
		} {
			got := c.request(r.path, r.fields)
			golden(t, "testdata/"+name+"-"+op+".http", got)
			_, body, _ := bytes.Cut(got, []byte("\r\n\r\n"))
			fields, err := parse(body)
			if err != nil || verify(c.set.SignType, fields, []byte("192006250b4c09247ec02edce69f6a2d")) != nil {
				t.Errorf("%s %s: our own request does not read back: %v", name, op, err)
			}
		}
	}
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

func TestOnlyFlatXMLIsRead(t *testing.T) {
	good := "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<xml>\n <a><![CDATA[<1>]]></a>\n<b>2&lt;&#51;</b><c/></xml>\n"
	fields, err := parse([]byte(good))
	if err != nil || len(fields) != 3 || string(fields[0].value) != "<1>" || string(fields[1].value) != "2<3" || len(fields[2].value) != 0 {
		t.Errorf("good: %q %v", fields, err)
	}
	for _, bad := range []string{
		"", " ", "text", "{}", "<html></html>", "<xml>", "<xml></xml></xml>", "<xml></a>", "<xml><a></b></xml>", "<xml><a></xml></a>",
		"<xml><a>1</a><a>1</a></xml>",                // twice
		"<xml><a><b>1</b></a></xml>",                 // nested
		"<xml><a x=\"1\">1</a></xml>",                // attribute
		"<xml xmlns=\"u\"><a>1</a></xml>",            // namespace
		"<xml><n:a>1</n:a></xml>",                    // prefix
		"<xml>text<a>1</a></xml>", "<xml></xml>text", // text beside elements
		"<xml></xml><xml></xml>",        // two roots
		"<xml><!-- c --><a>1</a></xml>", // comment
		"<xml><?p i?><a>1</a></xml>",    // processing instruction
		"<?xml version=\"1.0\" encoding=\"GBK\"?><xml></xml>",
		"<!DOCTYPE xml [<!ENTITY e \"x\">]><xml><a>&e;</a></xml>",
		"<!DOCTYPE xml SYSTEM \"file:///etc/passwd\"><xml></xml>",
		"<xml><a>&e;</a></xml>", "<xml><a>\x00</a></xml>", "<xml><a>\xff</a></xml>",
		"<xml>" + strings.Repeat("<a>", 1000),
	} {
		if fields, err := parse([]byte(bad)); err == nil {
			t.Errorf("%.60q was read as %q", bad, fields)
		}
	}
	var many, large strings.Builder
	many.WriteString("<xml>")
	for i := range maxFields + 1 {
		many.WriteString(strings.Replace("<aX></aX>", "X", strings.Repeat("b", 1+i%7)+string(rune('a'+i%26))+strings.Repeat("c", i/26), 2))
	}
	many.WriteString("</xml>")
	large.WriteString("<xml><a>" + strings.Repeat("1", maxAnswer) + "</a></xml>")
	for _, bad := range []string{many.String(), large.String()} {
		if _, err := parse([]byte(bad)); err == nil {
			t.Errorf("an answer of %d bytes was read", len(bad))
		}
	}
}

func TestClosedLists(t *testing.T) {
	ok := values{"result_code": "SUCCESS", "mch_id": "1", "out_trade_no": "A"}
	with := func(base values, kv ...string) values {
		v := values{}
		for k, s := range base {
			v[k] = s
		}
		for i := 0; i < len(kv); i += 2 {
			v[kv[i]] = kv[i+1]
		}
		return v
	}
	fail := func(code string) values { return values{"result_code": "FAIL", "mch_id": "1", "err_code": code} }
	for i, c := range []struct {
		op   sale.Op
		in   values
		want sale.Outcome
	}{
		{sale.OpPay, with(ok, "total_fee", "1"), sale.OutPaid},
		{sale.OpPay, with(ok, "out_trade_no", ""), sale.OutUnknown},
		{sale.OpPay, with(ok, "mch_id", ""), sale.OutUnknown},
		{sale.OpPay, with(ok, "result_code", "success"), sale.OutUnknown},
		{sale.OpPay, with(ok, "result_code", ""), sale.OutUnknown},
		{sale.OpPay, with(ok, "trade_state", "USERPAYING"), sale.OutPaying},
		{sale.OpPay, with(ok, "trade_state", "ACCEPT"), sale.OutUnknown},
		{sale.OpPay, fail("AUTH_CODE_INVALID"), sale.OutBadCode},
		{sale.OpPay, fail("AUTHCODEEXPIRE"), sale.OutBadCode},
		{sale.OpPay, fail("NOTENOUGH"), sale.OutDeclined},
		{sale.OpPay, fail("USERPAYING"), sale.OutPaying},
		{sale.OpPay, fail("SYSTEMERROR"), sale.OutUnknown},
		{sale.OpPay, fail("BANKERROR"), sale.OutUnknown},
		{sale.OpPay, fail("TRADE_ERROR"), sale.OutUnknown},
		{sale.OpPay, fail("NEVER_HEARD_OF"), sale.OutUnknown},
		{sale.OpPay, fail("ORDERNOTEXIST"), sale.OutUnknown}, // on a query's list alone
		{sale.OpPay, fail("ORDERPAID"), sale.OutDuplicate},
		{sale.OpPay, fail(""), sale.OutUnknown},
		{sale.OpQuery, with(ok, "trade_state", "SUCCESS"), sale.OutPaid},
		{sale.OpQuery, with(ok, "trade_state", "NOTPAY"), sale.OutPaying},
		{sale.OpQuery, with(ok, "trade_state", "USERPAYING"), sale.OutPaying},
		{sale.OpQuery, with(ok, "trade_state", "CLOSED"), sale.OutClosed},
		{sale.OpQuery, with(ok, "trade_state", "REVOKED"), sale.OutClosed},
		{sale.OpQuery, with(ok, "trade_state", "REFUND"), sale.OutRefunded},
		{sale.OpQuery, with(ok, "trade_state", "PAYERROR"), sale.OutFailed},
		{sale.OpQuery, ok, sale.OutUnknown}, // no state
		{sale.OpQuery, fail("ORDERNOTEXIST"), sale.OutNotFound},
		{sale.OpQuery, fail("NOTENOUGH"), sale.OutUnknown},
		{sale.OpReverse, with(ok, "recall", "N"), sale.OutAccepted},
		{sale.OpReverse, with(ok, "recall", "Y"), sale.OutRetry},
		{sale.OpReverse, with(fail("TRADE_ERROR"), "recall", "Y"), sale.OutRetry},
		{sale.OpReverse, fail("SYSTEMERROR"), sale.OutRetry},
		{sale.OpReverse, fail("REVERSE_EXPIRE"), sale.OutUnknown},
		{sale.OpClose, ok, sale.OutAccepted},
		{sale.OpClose, fail("ORDERPAID"), sale.OutUnknown},
		{sale.OpClose, fail("ORDERCLOSED"), sale.OutAccepted},
		{sale.OpOffer, with(ok, "code_url", "weixin://wxpay/bizpayurl?pr=1"), sale.OutAccepted},
		{sale.OpOffer, with(ok, "code_url", "https://elsewhere.example/"), sale.OutUnknown},
		{sale.OpOffer, fail("NOAUTH"), sale.OutDeclined},
		{sale.OpOffer, fail("OUT_TRADE_NO_USED"), sale.OutDuplicate},
		{sale.OpOffer, fail("INVALID_REQUEST"), sale.OutUnknown},
	} {
		got := read(c.op, c.in)
		if got.Outcome != c.want || !got.Signed || got.Outcome == sale.OutUnknown && got.Cause == "" {
			t.Errorf("%d, %s %v: %q %q, want %q", i, c.op, c.in, got.Outcome, got.Cause, c.want)
		}
	}
	for code, want := range map[string]sale.RefundOutcome{"NOTENOUGH": sale.RefOutRefused, "TRADE_OVERDUE": sale.RefOutRefused, "USER_ACCOUNT_ABNORMAL": sale.RefOutRefused,
		"ERROR": sale.RefOutUnknown, "SYSTEMERROR": sale.RefOutUnknown, "BIZERR_NEED_RETRY": sale.RefOutUnknown, "REFUND_FEE_MISMATCH": sale.RefOutUnknown,
		"ORDERNOTEXIST": sale.RefOutUnknown, "REFUNDNOTEXIST": sale.RefOutUnknown} {
		if got := readRefund(fail(code)); got.Outcome != want {
			t.Errorf("refund %s: %q, want %q", code, got.Outcome, want)
		}
	}
	listed := with(ok, "refund_count", "1", "out_refund_no_0", "B", "refund_fee_0", "5", "total_fee", "9")
	for status, want := range map[string]sale.RefundOutcome{"SUCCESS": sale.RefOutDone, "PROCESSING": sale.RefOutPending, "CHANGE": sale.RefOutAbnormal,
		"REFUNDCLOSE": sale.RefOutRefused, "": sale.RefOutUnknown, "OTHER": sale.RefOutUnknown} {
		if got := readQueryRefund(with(listed, "refund_status_0", status), "B"); got.Outcome != want || got.Outcome == sale.RefOutUnknown && got.Cause == "" {
			t.Errorf("refund status %q: %q, want %q", status, got.Outcome, want)
		}
		if got := readQueryRefund(with(listed, "refund_status_0", status), "C"); got.Outcome != sale.RefOutUnknown || got.Cause == "" {
			t.Errorf("another refund's status %q: %q", status, got.Outcome)
		}
	}
	if got := readQueryRefund(fail("REFUNDNOTEXIST"), "B"); got.Outcome != sale.RefOutNotFound {
		t.Errorf("no refund: %q", got.Outcome)
	}
}

func TestRefundsOfAnOrderAreSummedUp(t *testing.T) {
	base := func(kv ...string) values {
		v := values{"result_code": "SUCCESS", "total_fee": "9", "refund_count": "2", "total_refund_count": "2",
			"refund_fee_0": "5", "refund_status_0": "SUCCESS", "refund_fee_1": "4", "refund_status_1": "SUCCESS"}
		for i := 0; i < len(kv); i += 2 {
			v[kv[i]] = kv[i+1]
		}
		return v
	}
	for name, c := range map[string]struct {
		in    values
		known bool
		all   bool
	}{
		"all of it":             {base(), true, true},
		"a part":                {base("refund_fee_1", "3"), true, false},
		"one is not done":       {base("refund_status_1", "PROCESSING"), true, false},
		"one failed":            {base("refund_status_1", "CHANGE"), true, false},
		"more than it":          {base("refund_fee_1", "5"), true, false},
		"not all are listed":    {base("total_refund_count", "3"), false, false},
		"fewer than it says":    {base("refund_count", "3", "total_refund_count", "3"), false, false},
		"no total":              {base("total_fee", ""), false, false},
		"a negative sum":        {base("refund_fee_1", "-4"), false, false},
		"no refund":             {values{"result_code": "FAIL", "err_code": "REFUNDNOTEXIST"}, true, false},
		"another error":         {values{"result_code": "FAIL", "err_code": "SYSTEMERROR"}, false, false},
		"a count beyond bounds": {base("refund_count", "99999999", "total_refund_count", "99999999"), false, false},
	} {
		g, cause := sumUp(c.in)
		if (cause == "") != c.known || g.all() != c.all {
			t.Errorf("%s: %+v %q", name, g, cause)
		}
	}
}

func TestNotSigned(t *testing.T) {
	c := testClient(t, direct)
	for name, r := range map[string]wallet.Reply{
		"return code":   {Status: 200, Body: []byte("<xml><return_code>FAIL</return_code><return_msg>code 130061098828009406 bad</return_msg><result_code>SUCCESS</result_code></xml>")},
		"no signature":  {Status: 200, Body: []byte("<xml><return_code>SUCCESS</return_code><result_code>SUCCESS</result_code></xml>")},
		"empty":         {Status: 200},
		"other status":  {Status: 502, Body: []byte("<xml></xml>")},
		"no answer":     {Cause: "no answer in 10s"},
		"not even sent": {Cause: "reach x", NotSent: true},
	} {
		ans := c.judge(sale.OpPay, r)
		if ans.Signed || ans.Outcome != sale.OutUnknown || ans.Cause == "" || ans.NotSent != r.NotSent || strings.Contains(ans.Cause, "130061098828009406") {
			t.Errorf("%s: %+v", name, ans)
		}
		back := c.judgeRefund(r, readRefund)
		if back.Signed || back.Outcome != sale.RefOutUnknown || back.Cause == "" || back.NotSent != r.NotSent {
			t.Errorf("%s: %+v", name, back)
		}
	}
}

func TestSettings(t *testing.T) {
	if faults := direct.Check(); len(faults) != 0 {
		t.Errorf("good: %v", faults)
	}
	if faults := provider.Check(); len(faults) != 0 {
		t.Errorf("good: %v", faults)
	}
	if faults := (Settings{}).Check(); len(faults) != 2 || faults[0].Key != "app_id" || faults[1].Key != "merchant_id" {
		t.Errorf("empty: %v", faults)
	}
	for key, s := range map[string]Settings{
		"sign_type":       {AppID: "wx1", MerchantID: "19000", SignType: "SHA1"},
		"sub_app_id":      {AppID: "wx1", MerchantID: "19000", SubAppID: "wx2"},
		"sub_merchant_id": {AppID: "wx1", MerchantID: "19000", SubMerchantID: "a b"},
		"notify_url":      {AppID: "wx1", MerchantID: "19000", NotifyURL: "http://a.example/"},
	} {
		if faults := s.Check(); len(faults) != 1 || faults[0].Key != key {
			t.Errorf("%s: %v", key, faults)
		}
	}
}

func TestAClientCertificateIsNeeded(t *testing.T) {
	c := testClient(t, direct)
	keys := *c.cfg.Ring.Keys()
	keys.Client = nil
	cfg := c.cfg
	cfg.Ring = wallet.NewRing(keys)
	if _, err := New(cfg, direct); err == nil || !strings.Contains(err.Error(), "client certificate") {
		t.Errorf("made without one: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("<xml><return_code><![CDATA[SUCCESS]]></return_code><a>1</a></xml>"))
	f.Add([]byte("<!DOCTYPE a [<!ENTITY b \"c\">]><xml><a>&b;</a></xml>"))
	f.Fuzz(func(t *testing.T, body []byte) {
		fields, err := parse(body)
		if err != nil {
			return
		}
		seen := map[string]bool{}
		for _, f := range fields {
			if seen[f.name] || len(f.value) > len(body) {
				t.Fatalf("%q stands twice or has grown", f.name)
			}
			seen[f.name] = true
		}
		again, err := parse(appendXML(nil, fields))
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		if want, got := appendSigned(nil, fields, nil), appendSigned(nil, again, nil); !bytes.Equal(want, got) && !bytes.ContainsAny(want, "\r") {
			t.Fatalf("%q became %q", want, got)
		}
	})
}

func FuzzRead(f *testing.F) {
	f.Add("pay", "SUCCESS", "A", "1", "SUCCESS", "", "1280", "")
	f.Add("reverse", "FAIL", "", "1", "", "SYSTEMERROR", "", "Y")
	f.Fuzz(func(t *testing.T, op, result, order, merchant, state, code, total, recall string) {
		in := values{"result_code": result, "out_trade_no": order, "mch_id": merchant, "trade_state": state, "err_code": code, "total_fee": total, "recall": recall,
			"out_refund_no": code, "out_refund_no_0": code, "refund_fee_0": total, "refund_status_0": state, "refund_fee": total, "refund_count": total}
		ans := read(sale.Op(op), in)
		if ans.Outcome == sale.OutPaid && (result != "SUCCESS" || order == "" || merchant == "") {
			t.Errorf("paid by %v", in)
		}
		if ans.Outcome == sale.OutUnknown && ans.Cause == "" {
			t.Errorf("unknown without a cause: %v", in)
		}
		if back := readQueryRefund(in, code); back.Outcome == sale.RefOutUnknown && back.Cause == "" || back.Outcome == sale.RefOutDone && order == "" {
			t.Errorf("refund: %+v by %v", back, in)
		}
		sumUp(in)
	})
}
