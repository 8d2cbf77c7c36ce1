package nexo

import (
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"
)

type vector struct {
	Name  string
	Input struct {
		Kind       string
		Terminal   struct{ POIID string }
		Header     json.RawMessage
		AmountsReq string `json:"amounts_req"`
		Value      json.RawMessage
	}
	Expect struct {
		OK        bool
		Condition Condition `json:"error_condition"`
		Minor     int64
		Form      string
		JSON      any
		Map       map[string]string
	}
}

func vectors(t testing.TB, kind string) []vector {
	t.Helper()
	raw, err := os.ReadFile("testdata/nexo.json")
	if err != nil {
		t.Fatal(err)
	}
	var all struct{ Vectors []json.RawMessage }
	if err := json.Unmarshal(raw, &all); err != nil {
		t.Fatal(err)
	}
	var out []vector
	for _, one := range all.Vectors {
		var head struct{ Input struct{ Kind string } }
		if err := json.Unmarshal(one, &head); err != nil {
			t.Fatal(err)
		}
		if head.Input.Kind != kind {
			continue
		}
		var v vector
		if err := json.Unmarshal(one, &v); err != nil {
			t.Fatal(err)
		}
		out = append(out, v)
	}
	if len(out) == 0 {
		t.Fatalf("no vectors of kind %s", kind)
	}
	return out
}

func parse(t testing.TB, text string) Value {
	t.Helper()
	v, err := Parse([]byte(text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v
}

func TestHeader(t *testing.T) {
	for _, v := range vectors(t, "header") {
		t.Run(v.Name, func(t *testing.T) {
			h, err := ReadHeader(parse(t, string(v.Input.Header)))
			if err == nil {
				err = h.Check(v.Input.Terminal.POIID)
			}
			if v.Expect.OK != (err == nil) {
				t.Fatalf("got %v", err)
			}
			if err != nil && v.Expect.Condition != "" && err.Condition != v.Expect.Condition {
				t.Fatalf("got %v, want %s", err, v.Expect.Condition)
			}
		})
	}
}

func TestAmount(t *testing.T) {
	for _, v := range vectors(t, "amount") {
		t.Run(v.Name, func(t *testing.T) {
			value, perr := Parse([]byte(v.Input.AmountsReq))
			if perr != nil {
				if v.Expect.OK {
					t.Fatal(perr)
				}
				return // a message that cannot be read never gets as far as its amount
			}
			a, err := ReadAmount(value)
			if v.Expect.OK != (err == nil) {
				t.Fatalf("got %v, %v", a, err)
			}
			if err != nil && err.Condition != v.Expect.Condition || a.Minor != v.Expect.Minor {
				t.Fatalf("got %v, %v, want %+v", a, err, v.Expect)
			}
		})
	}
}

func TestAmountRefusesOtherSums(t *testing.T) {
	for text, want := range map[string]Condition{
		`{"Currency":"CNY","RequestedAmount":10,"CashBackAmount":5}`:    NotAllowed,
		`{"Currency":"CNY","RequestedAmount":10,"PaidAmount":1}`:        NotAllowed,
		`{"Currency":"CNY","RequestedAmount":10,"CashBackAmount":"5"}`:  NotAllowed,
		`{"Currency":"CNY","RequestedAmount":10,"CashBackAmount":0.00}`: "",
	} {
		_, err := ReadAmount(parse(t, text))
		if (err == nil) != (want == "") || err != nil && err.Condition != want {
			t.Errorf("%s: got %v, want %q", text, err, want)
		}
	}
}

func TestAcquirerData(t *testing.T) {
	for _, v := range vectors(t, "acquirer-data") {
		t.Run(v.Name, func(t *testing.T) {
			a, err := ReadAcquirerData(parse(t, string(v.Input.Value)))
			if !v.Expect.OK {
				if err == nil || err.Condition != v.Expect.Condition {
					t.Fatalf("got %+v, %v", a, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			switch v.Expect.Form {
			case "base64-json":
				var got any
				if err := json.Unmarshal(a.JSON.Append(nil), &got); err != nil || !reflect.DeepEqual(got, v.Expect.JSON) {
					t.Errorf("got %v, %v, want %v", got, err, v.Expect.JSON)
				}
			case "key-value":
				if !reflect.DeepEqual(a.Pairs, v.Expect.Map) {
					t.Errorf("got %v, want %v", a.Pairs, v.Expect.Map)
				}
			case "none":
				if a.Pairs != nil || a.JSON.Kind != Null {
					t.Errorf("got %+v", a)
				}
			default:
				t.Fatalf("unknown form %q", v.Expect.Form)
			}
		})
	}
}

func TestMetadata(t *testing.T) {
	for _, c := range []struct {
		value string
		want  map[string]string
	}{
		{`"tenderOption=AskGratuity&metadata.pos_hmac=0a1b2c"`, map[string]string{"pos_hmac": "0a1b2c"}},
		{`"eyJtZXRhZGF0YSI6eyJrZXkiOiJ2YWx1ZSJ9LCJzaG9wcGVyUmVmZXJlbmNlIjoiMTMxNjQzMDgiLCJzY2MiOm51bGx9"`, map[string]string{"key": "value"}},
		{`null`, map[string]string{}},
		{`""`, map[string]string{}},
	} {
		a, err := ReadAcquirerData(parse(t, c.value))
		if err != nil || !reflect.DeepEqual(a.Metadata(), c.want) {
			t.Errorf("%s: got %v, %v, want %v", c.value, a.Metadata(), err, c.want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":                    ``,
		"two values":                 `{} {}`,
		"garbage after":              `{}x`,
		"name twice":                 `{"a":1,"a":2}`,
		"name twice, other case":     `{"Amount":1,"amount":2}`,
		"name twice, Kelvin sign":    `{"k":1,"\u212a":2}`,
		"name twice, escaped":        `{"a":1,"\u0061":2}`,
		"name twice, deep":           `{"x":[{"a":1,"A":2}]}`,
		"too deep":                   strings.Repeat("[", maxDepth+2) + strings.Repeat("]", maxDepth+2),
		"too large":                  `"` + strings.Repeat("a", MaxSize) + `"`,
		"too many":                   "[" + strings.Repeat("1,", maxNodes) + "1]",
		"not UTF-8":                  "\"\xff\"",
		"half a surrogate pair":      `"\ud800"`,
		"two high surrogates":        `"\ud800\ud800"`,
		"control character":          "\"\n\"",
		"NaN":                        `NaN`,
		"Infinity":                   `-Infinity`,
		"leading zero":               `01`,
		"leading plus":               `+1`,
		"point without digits":       `1.`,
		"exponent without digits":    `1e`,
		"single quotes":              `{'a':1}`,
		"comma at the end":           `[1,]`,
		"comma at the end of object": `{"a":1,}`,
		"comment":                    `{}/* */`,
		"byte order mark":            "\ufeff{}",
		"cut string":                 `"abc`,
		"cut escape":                 `"\u12`,
		"capital literal":            `True`,
	} {
		if v, err := Parse([]byte(text)); err == nil {
			t.Errorf("%s: accepted as %s", name, v.Append(nil))
		}
	}
}

func TestParseDoesNotShowWhatItRead(t *testing.T) {
	_, err := Parse([]byte(`{"PAN":"canary-130061098828009406`))
	if err == nil || strings.Contains(err.Error(), "canary") {
		t.Fatalf("got %v", err)
	}
}

func TestWipingTheBufferWipesTheCode(t *testing.T) {
	b := []byte(`{"a":{"b":"130061098828009406","c":"x\u0031"}}`)
	v, err := Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	plain, escaped := v.At("a", "b").Bytes(), v.At("a", "c").Bytes()
	if string(plain) != "130061098828009406" || string(escaped) != "x1" {
		t.Fatalf("got %q, %q", plain, escaped)
	}
	clear(b)
	for _, c := range append(plain, escaped...) {
		if c != 0 {
			t.Fatal("a copy was left")
		}
	}
}

func TestSameContentSameHash(t *testing.T) {
	a := parse(t, `{"x":{"amount":10.50,"list":[1,2]},"y":"\u4ed8"}`)
	for text, same := range map[string]bool{
		`{ "y" : "付", "x" : { "list" : [1.0, 2], "amount" : 105e-1 } }`: true,
		`{"x":{"amount":10.51,"list":[1,2]},"y":"付"}`:                   false,
		`{"x":{"amount":10.50,"list":[2,1]},"y":"付"}`:                   false,
		`{"x":{"amount":"10.50","list":[1,2]},"y":"付"}`:                 false,
		`{"X":{"amount":10.50,"list":[1,2]},"y":"付"}`:                   false,
		`{"x":{"amount":10.50,"list":[1,2]},"y":"付","z":null}`:          false,
	} {
		b := parse(t, text)
		if got := string(a.Hash()) == string(b.Hash()); got != same {
			t.Errorf("%s: same is %v", text, got)
		}
	}
	with := parse(t, `{"a":{"b":{"code":"1"},"c":2}}`)
	other := parse(t, `{"a":{"b":{"code":"9"},"c":2}}`)
	if string(with.Hash()) == string(other.Hash()) || string(with.Hash("a", "b")) != string(other.Hash("a", "b")) {
		t.Error("what is left out counts, or the rest does not")
	}
	if with.At("a", "b", "code").Kind != String {
		t.Error("the hash changed the value")
	}
}

func TestReadReference(t *testing.T) {
	asker := Header{SaleID: "POS-1", POIID: "T-1"}
	r, err := ReadReference(parse(t, `{"MessageCategory":"Payment","ServiceID":"9"}`), asker)
	if err != nil || r != (Reference{"Payment", "9", "POS-1", "T-1"}) {
		t.Errorf("got %+v, %v", r, err)
	}
	r, err = ReadReference(parse(t, `{"ServiceID":"9","SaleID":"POS-2","POIID":""}`), asker)
	if err != nil || r != (Reference{"", "9", "POS-2", "T-1"}) {
		t.Errorf("got %+v, %v", r, err)
	}
	for _, text := range []string{`{}`, `null`, `{"ServiceID":9}`, `{"ServiceID":"x-y"}`, `{"ServiceID":"9","SaleID":"a\u001fb"}`} {
		if _, err := ReadReference(parse(t, text), asker); err == nil || err.Condition != MessageFormat {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// FuzzParse holds the reader against encoding/json: it never takes what that refuses, and
// both read the same content.
func FuzzParse(f *testing.F) {
	for _, kind := range []string{"header", "amount", "acquirer-data"} {
		for _, v := range vectors(f, kind) {
			f.Add(append([]byte(v.Input.AmountsReq), append(v.Input.Header, v.Input.Value...)...))
		}
	}
	f.Add([]byte(`{"a":[1,-0.5e+3,"\u00e9\ud83d\ude00\n",true,false,null,{}],"b":{"c":""}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		kept := append([]byte(nil), text...)
		v, err := Parse(text)
		if err != nil {
			return
		}
		var want, got any
		if err := json.Unmarshal(kept, &want); err != nil {
			if strings.Contains(err.Error(), "cannot unmarshal number") {
				return // beyond float64: this reader keeps spellings
			}
			t.Fatalf("took %q, which is not JSON: %v", kept, err)
		}
		canonical := v.Append(nil)
		if err := json.Unmarshal(canonical, &got); err != nil {
			t.Fatalf("wrote %q: %v", canonical, err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("%q became %q", kept, canonical)
		}
		again, err := Parse(append([]byte(nil), canonical...))
		if err != nil || string(again.Append(nil)) != string(canonical) {
			t.Fatalf("%q is not canonical: %v", canonical, err)
		}
	})
}

// FuzzRequest reads whatever parses as every kind of request: nothing may panic, and what
// is accepted keeps the promises that the rest of the till builds on.
func FuzzRequest(f *testing.F) {
	f.Add([]byte(`{"SaleData":{"SaleTransactionID":{"TransactionID":"T1","TimeStamp":"2026-11-22T10:00:00Z"}},"PaymentTransaction":{"AmountsReq":{"Currency":"CNY","RequestedAmount":10.5},"TransactionConditions":{"ForceEntryMode":["Keyed"]}},"PaymentData":{"PaymentInstrumentData":{"CardData":{"SensitiveCardData":{"PAN":"130061098828009406"}}}}}`))
	f.Add([]byte(`{"OriginalPOITransaction":{"POITransactionID":{"TransactionID":"X"}},"ReversalReason":"MerchantCancel","ReversedAmount":1}`))
	f.Add([]byte(`{"ServiceID":"1","SaleID":"a"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		v, err := Parse(text)
		if err != nil {
			return
		}
		if p, err := ReadPayment(v); err == nil && (p.Amount.Minor <= 0 || p.TransactionID == "" || !json.Valid(p.SaleData)) {
			t.Fatalf("accepted %+v", p)
		}
		if r, err := ReadReversal(v); err == nil && (r.Original == "" || !json.Valid(r.Echo)) {
			t.Fatalf("accepted %+v", r)
		}
		if r, err := ReadReference(v, Header{}); err == nil && !serviceID(r.ServiceID) {
			t.Fatalf("accepted %+v", r)
		}
		if h, err := ReadHeader(v); err == nil && h.Check(h.POIID) == nil && strings.ContainsRune(h.SaleID+h.POIID, 0x1f) {
			t.Fatalf("accepted %+v", h)
		}
	})
}

func FuzzAcquirerData(f *testing.F) {
	for _, v := range vectors(f, "acquirer-data") {
		var s string
		if json.Unmarshal(v.Input.Value, &s) == nil {
			f.Add(s)
		}
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := ReadAcquirerData(Value{Kind: String, text: []byte(s)})
		if err != nil {
			return
		}
		if a.Pairs != nil && a.JSON.Kind != Null {
			t.Fatal("two forms at once")
		}
		for name := range a.Metadata() {
			if name == "" && a.Pairs != nil {
				t.Fatal("a metadata field without a name")
			}
		}
	})
}
