package pos

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"strings"
	"testing"

	"github.com/tilld/tilld/agent/health"
	"github.com/tilld/tilld/agent/pos/nexo"
	"github.com/tilld/tilld/agent/pos/posclient"
	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/internal/secret"
)

func secretOf(s string) *secret.Bytes { return secret.Copy([]byte(s)) }

// paid takes one payment to its end.
func paid(t *testing.T, s *shop, c *posclient.Client, r posclient.PayRequest) posclient.Answer {
	t.Helper()
	answer := ask(func(ctx context.Context) (posclient.Answer, error) { return c.Pay(ctx, r) })
	within(t, s.desk.armed, "the payment at the till")
	s.desk.shows("success")
	a := within(t, answer, "the answer")
	if a.err != nil || a.Result != "Success" {
		t.Fatalf("got %+v", a)
	}
	return a.Answer
}

func TestPaidAnswer(t *testing.T) {
	both(t, func(t *testing.T, sealed bool) {
		s := newShop(t).open(nil)
		r := payRequest("1", "basket 7", "0.30000000000000004")
		r.AcquirerData = "tenderOption=AskGratuity&metadata.pos_hmac=0a1b2c&metadata.x=" + url.QueryEscape("a & b")
		a := paid(t, s, s.client(sealed), r)
		var m struct {
			SaleToPOIResponse struct {
				MessageHeader   nexo.Header
				PaymentResponse struct {
					SaleData      struct{ SaleTransactionID transactionID }
					PaymentResult struct {
						PaymentInstrumentData struct{ PaymentInstrumentType string }
						AmountsResp           struct {
							Currency         string
							AuthorizedAmount json.RawMessage
						}
						OnlineFlag          bool
						PaymentAcquirerData acquirerReply
					}
					PaymentReceipt []receipt
				}
			}
		}
		if err := json.Unmarshal(a.Raw, &m); err != nil {
			t.Fatal(err)
		}
		p := m.SaleToPOIResponse.PaymentResponse
		if h := m.SaleToPOIResponse.MessageHeader; h.MessageType != "Response" || h.MessageCategory != "Payment" || h.ServiceID != "1" || h.SaleID != saleID || h.POIID != poiID {
			t.Errorf("header %+v", h)
		}
		if p.SaleData.SaleTransactionID != (transactionID{"basket 7", "2026-11-22T10:00:00Z"}) {
			t.Errorf("SaleData %+v", p.SaleData)
		}
		if r := p.PaymentResult; string(r.AmountsResp.AuthorizedAmount) != "0.30" || r.AmountsResp.Currency != "CNY" ||
			!r.OnlineFlag || r.PaymentInstrumentData.PaymentInstrumentType != "Mobile" ||
			r.PaymentAcquirerData.MerchantID != "1900000001" || r.PaymentAcquirerData.AcquirerTransactionID.TransactionID != "4200000001" {
			t.Errorf("PaymentResult %+v", r)
		}
		if a.Additional("metadata.pos_hmac") != "0a1b2c" || a.Additional("metadata.x") != "a & b" ||
			a.Additional("paymentMethod") != "wechatpay" || a.Additional("testMode") != "true" {
			t.Errorf("AdditionalResponse %q", a.AdditionalResponse)
		}
		if strings.Contains(a.AdditionalResponse, "+") {
			t.Error("a space as +, which not every decoder knows")
		}
		if _, ok := s.desk.Payment(a.POITransactionID); !ok {
			t.Errorf("POITransactionID %q", a.POITransactionID)
		}
		if len(p.PaymentReceipt) != 2 || p.PaymentReceipt[0].DocumentQualifier != "CustomerReceipt" || p.PaymentReceipt[1].DocumentQualifier != "CashierReceipt" {
			t.Fatalf("receipts %+v", p.PaymentReceipt)
		}
		for _, r := range p.PaymentReceipt {
			text := ""
			for _, l := range r.OutputContent.OutputText {
				pairs, err := url.ParseQuery(l.Text)
				if err != nil || pairs.Get("name") == "" {
					t.Errorf("line %q: %v", l.Text, err)
				}
				text += pairs.Get("name") + "=" + pairs.Get("value") + "\n"
			}
			for _, want := range []string{"TEST - NOT A REAL PAYMENT", "TOTAL=CNY 0.30", "PAID", "Terminal=" + poiID} {
				if !strings.Contains(text, want) {
					t.Errorf("%s lacks %q:\n%s", r.DocumentQualifier, want, text)
				}
			}
		}
		if n := s.desk.deliveries("1"); n != 1 {
			t.Errorf("delivered %d times", n)
		}
	})
}

func TestLiveAnswerHasNoTestMark(t *testing.T) {
	asked := sale.Asked{SaleID: saleID, POIID: poiID, ServiceID: "1", Echo: encode(echo{})}
	p := sale.Payment{ID: "X", Attempts: []sale.Attempt{{State: sale.Paid}}}
	out := string(Render(asked, replyOf(p, sale.EndPaid))) + string(RenderReverse(asked, replyOf(p, sale.EndNotAllowed)))
	if strings.Contains(strings.ToLower(out), "test") {
		t.Errorf("a live answer speaks of a test: %s", out)
	}
}

func TestReverse(t *testing.T) {
	both(t, func(t *testing.T, sealed bool) {
		s := newShop(t).open(nil)
		c := s.client(sealed)
		a := paid(t, s, c, payRequest("1", "T1", "12.80"))
		for _, r := range []struct {
			request   posclient.ReverseRequest
			result    string
			condition string
		}{
			{posclient.ReverseRequest{ServiceID: "2", POITransactionID: "nobody's"}, "Failure", "NotFound"},
			{posclient.ReverseRequest{ServiceID: "3", POITransactionID: a.POITransactionID, Amount: "13.00"}, "Failure", "NotAllowed"},
			{posclient.ReverseRequest{ServiceID: "4", POITransactionID: a.POITransactionID, Amount: "12.801"}, "Failure", "MessageFormat"},
			{posclient.ReverseRequest{ServiceID: "5", POITransactionID: a.POITransactionID, Reason: "JustSo"}, "Failure", "MessageFormat"},
			{posclient.ReverseRequest{ServiceID: "6", POITransactionID: a.POITransactionID, Amount: "12.8"}, "Success", ""},
		} {
			got, err := c.Reverse(context.Background(), r.request)
			if err != nil || got.Result != r.result || got.ErrorCondition != r.condition {
				t.Errorf("%+v: got %+v, %v", r.request, got, err)
			}
			if r.result == "Success" && !strings.Contains(string(got.Raw), `"ReversedAmount":12.80`) {
				t.Errorf("no exact amount in %s", got.Raw)
			}
		}
	})
}

// TestOnlyAGivenBackPaymentIsReversed holds the answer to a Reversal against every state:
// none but those in which nothing is charged may be told as a success.
func TestOnlyAGivenBackPaymentIsReversed(t *testing.T) {
	asked := sale.Asked{SaleID: saleID, POIID: poiID, ServiceID: "1"}
	for _, ending := range []sale.Ending{sale.EndReversed, sale.EndPaid, sale.EndAborted, sale.EndNotAllowed, sale.EndNotFound, sale.Undecided} {
		for _, state := range []sale.State{sale.Paid, sale.Unknown, sale.Sending, sale.Reversing, sale.Manual, sale.Reversed, sale.ReversedRefunded, sale.Declined} {
			p := sale.Payment{ID: "X", Amount: sale.Amount{Minor: 1, Currency: "CNY", Exponent: 2}, Attempts: []sale.Attempt{{State: state}}}
			success := strings.Contains(string(RenderReverse(asked, replyOf(p, ending))), `"Success"`)
			free := state == sale.Reversed || state == sale.ReversedRefunded || state == sale.Declined
			if want := ending == sale.EndReversed && free; success != want {
				t.Errorf("ending %q in state %s: success is %v", ending, state, success)
			}
		}
	}
}

func TestPaymentRefused(t *testing.T) {
	s := newShop(t).open(nil)
	c := s.client(true)
	h := c.Header("Payment", "1")
	send := func(body string) posclient.Answer {
		t.Helper()
		header, err := json.Marshal(h)
		if err != nil {
			t.Fatal(err)
		}
		a, err := c.Send(context.Background(), h, []byte(`{"SaleToPOIRequest":{"MessageHeader":`+string(header)+`,"PaymentRequest":`+body+`}}`))
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	const saleData = `"SaleData":{"SaleTransactionID":{"TransactionID":"T1","TimeStamp":"x"}}`
	amounts := func(s string) string {
		return `{` + saleData + `,"PaymentTransaction":{"AmountsReq":{"Currency":"CNY","RequestedAmount":` + s + `}}}`
	}
	for name, c := range map[string]struct{ body, condition string }{
		"zero":                     {amounts("0"), "MessageFormat"},
		"negative":                 {amounts("-1"), "MessageFormat"},
		"three decimals":           {amounts("1.005"), "MessageFormat"},
		"1e21":                     {amounts("1e21"), "MessageFormat"},
		"NaN":                      {amounts("NaN"), "MessageFormat"},
		"a text":                   {amounts(`"1"`), "MessageFormat"},
		"name twice":               {amounts(`1,"requestedAmount":2`), "MessageFormat"},
		"no transaction":           {`{"PaymentTransaction":{"AmountsReq":{"Currency":"CNY","RequestedAmount":1}}}`, "MessageFormat"},
		"no body":                  {`null`, "MessageFormat"},
		"instalments":              {`{` + saleData + `,"PaymentData":{"PaymentType":"Instalment"},"PaymentTransaction":{"AmountsReq":{"Currency":"CNY","RequestedAmount":1}}}`, "NotAllowed"},
		"refund of a code":         {`{` + saleData + `,"PaymentData":{"PaymentType":"Refund","PaymentInstrumentData":{"CardData":{"SensitiveCardData":{"PAN":"130061098828009406"}}}},"PaymentTransaction":{"AmountsReq":{"Currency":"CNY","RequestedAmount":1}}}`, "NotAllowed"},
		"refund of no number":      {`{` + saleData + `,"PaymentData":{"PaymentType":"Refund"},"PaymentTransaction":{"OriginalPOITransaction":{"POITransactionID":{"TransactionID":7}},"AmountsReq":{"Currency":"CNY","RequestedAmount":1}}}`, "MessageFormat"},
		"refund without a sum":     {`{` + saleData + `,"PaymentData":{"PaymentType":"Refund"},"PaymentTransaction":{}}`, "MessageFormat"},
		"acquirer data is garbage": {`{"SaleData":{"SaleTransactionID":{"TransactionID":"T1"},"SaleToAcquirerData":"aGVsbG8="},"PaymentTransaction":{"AmountsReq":{"Currency":"CNY","RequestedAmount":1}}}`, "MessageFormat"},
	} {
		a := send(c.body)
		if a.HTTP != 200 || a.Result != "Failure" || a.ErrorCondition != c.condition || a.Additional("message") == "" {
			t.Errorf("%s: got %d %s %s %q", name, a.HTTP, a.Result, a.ErrorCondition, a.AdditionalResponse)
		}
	}
	if s.desk.Busy() || len(s.desk.known) != 0 {
		t.Error("a refused request reached the till")
	}
}

func TestCodeScannedByThePointOfSale(t *testing.T) {
	const code = "130061098828009406"
	both(t, func(t *testing.T, sealed bool) {
		s := newShop(t).open(nil)
		r := payRequest("1", "T1", "12.80")
		r.Code = secretOf(code)
		paid(t, s, s.client(sealed), r)
		if len(s.desk.codes) != 1 || s.desk.codes[0] != code {
			t.Fatalf("the till got %q", s.desk.codes)
		}
		p := s.desk.known[sale.MessageKey{SaleID: saleID, POIID: poiID, ServiceID: "1"}].asked
		other := payRequest("1", "T1", "12.80")
		other.Code = secretOf("130061098828009407")
		if a, err := s.client(sealed).Pay(context.Background(), other); err != nil || a.Result != "Success" {
			t.Errorf("the same request with another code: %+v, %v", a, err)
		}
		if strings.Contains(string(p.Echo), code) || strings.Contains(s.logged(), code) {
			t.Error("the code is in the echo or the log")
		}
	})
}

func TestBasketAskedAgainUnderANewServiceID(t *testing.T) {
	s := newShop(t).open(nil)
	c := s.client(false)
	first := ask(func(ctx context.Context) (posclient.Answer, error) { return c.Pay(ctx, payRequest("1", "T1", "12.80")) })
	within(t, s.desk.armed, "the payment at the till")
	second := ask(func(ctx context.Context) (posclient.Answer, error) { return c.Pay(ctx, payRequest("2", "T1", "12.80")) })
	within(t, s.desk.attached, "the second request at the till")
	s.desk.shows("success")
	a, b := within(t, first, "the first answer"), within(t, second, "the second answer")
	if a.Result != "Success" || b.Result != "Success" || a.POITransactionID != b.POITransactionID || b.ServiceID != "2" {
		t.Errorf("got %+v and %+v", a, b)
	}
	if !strings.Contains(b.Additional("message"), "ServiceID 1") || a.Additional("message") != "" {
		t.Errorf("messages %q and %q", a.Additional("message"), b.Additional("message"))
	}
}

func TestStatusCarriesTheStoredBytes(t *testing.T) {
	both(t, func(t *testing.T, sealed bool) {
		s := newShop(t).open(nil)
		c := s.client(sealed)
		a := paid(t, s, c, payRequest("1", "T1", "12.80"))
		for name, ref := range map[string]posclient.Reference{
			"service id alone": {ServiceID: "1"},
			"all of it":        {ServiceID: "1", SaleID: saleID, POIID: poiID},
		} {
			got, err := c.Status(context.Background(), "7", ref)
			if err != nil || got.Result != "Success" || got.Repeated == nil || got.Repeated.POITransactionID != a.POITransactionID {
				t.Fatalf("%s: %+v, %v", name, got, err)
			}
			var whole struct {
				SaleToPOIResponse struct{ PaymentResponse json.RawMessage }
			}
			if err := json.Unmarshal(a.Raw, &whole); err != nil || !strings.Contains(string(got.Raw), string(whole.SaleToPOIResponse.PaymentResponse)) {
				t.Errorf("%s: the stored body is not in the status, %v", name, err)
			}
		}
		if n := s.desk.deliveries("1"); n != 3 {
			t.Errorf("delivered %d times, want 3: one answer and two repeats", n)
		}
	})
}

func TestAbortOfAnotherSaleIDIsRefused(t *testing.T) {
	s := newShop(t).open(nil)
	c := s.client(true)
	first := ask(func(ctx context.Context) (posclient.Answer, error) { return c.Pay(ctx, payRequest("1", "T1", "12.80")) })
	within(t, s.desk.armed, "the payment at the till")
	other, err := posclient.New(posclient.Options{
		URL: "https://" + s.address + "/nexo/", Roots: s.roots, SaleID: "POS-2", POIID: poiID,
		Key: &posclient.Key{Identifier: "shop", Version: 1, Passphrase: secretOf(phrase)},
	})
	if err != nil {
		t.Fatal(err)
	}
	if a, err := other.Abort(context.Background(), "5", posclient.Reference{ServiceID: "1", SaleID: saleID}); err != nil || a.ErrorCondition != "NotAllowed" {
		t.Errorf("got %+v, %v", a, err)
	}
	if !s.desk.Busy() {
		t.Fatal("the payment was aborted")
	}
	if a, err := c.Abort(context.Background(), "6", posclient.Reference{ServiceID: "1"}); err != nil || a.HTTP != 200 || len(a.Raw) != 0 {
		t.Errorf("got %+v, %v", a, err)
	}
	if a := within(t, first, "the payment's answer"); a.ErrorCondition != "Aborted" {
		t.Errorf("got %+v", a)
	}
}

func TestSaleIDList(t *testing.T) {
	s := newShop(t)
	s.options.SaleIDs = []string{"POS-2"}
	s.open(nil)
	a, err := s.client(true).Diagnose(context.Background(), "1")
	if err != nil || a.Result != "Failure" || a.ErrorCondition != "NotAllowed" {
		t.Errorf("got %+v, %v", a, err)
	}
}

func TestDiagnosis(t *testing.T) {
	s := newShop(t).open(nil)
	c := s.client(true)
	for _, step := range []struct {
		cause   *health.Cause
		global  string
		hosts   string
		connect bool
	}{
		{nil, "OK", "[true true]", true},
		{&health.Cause{Code: "unreachable", Subject: "wechat-main", Severity: health.Warning, Text: "x"}, "OK", "[false true]", true},
		{&health.Cause{Code: "offline", Severity: health.Closed, Text: "x"}, "Unreachable", "[false false]", false},
		{&health.Cause{Code: "clock", Severity: health.Closed, Text: "x"}, "Maintenance", "[false false]", false},
	} {
		if step.cause != nil {
			s.board.Set(*step.cause)
		}
		a, err := c.Diagnose(context.Background(), "1")
		if err != nil || a.Result != "Success" {
			t.Fatalf("got %+v, %v", a, err)
		}
		var m struct {
			SaleToPOIResponse struct {
				DiagnosisResponse struct {
					POIStatus struct {
						GlobalStatus        string
						CommunicationOKFlag bool
					}
					HostStatus []struct{ IsReachableFlag bool }
				}
			}
		}
		if err := json.Unmarshal(a.Raw, &m); err != nil {
			t.Fatal(err)
		}
		d := m.SaleToPOIResponse.DiagnosisResponse
		var hosts []bool
		for _, h := range d.HostStatus {
			hosts = append(hosts, h.IsReachableFlag)
		}
		if d.POIStatus.GlobalStatus != step.global || fmt.Sprint(hosts) != step.hosts || d.POIStatus.CommunicationOKFlag != step.connect {
			t.Errorf("after %+v: %+v", step.cause, d)
		}
	}
}

func TestOtherCategories(t *testing.T) {
	s := newShop(t).open(nil)
	c := s.client(true)
	for category, want := range map[string]string{
		"Login": "Success", "Logout": "Success", "EnableService": "NotAllowed", "GetTotals": "NotAllowed",
		"Reconciliation": "NotAllowed", "Admin": "NotAllowed", "CardAcquisition": "NotAllowed", "Lottery": "MessageFormat",
	} {
		h := c.Header(category, "1")
		header, err := json.Marshal(h)
		if err != nil {
			t.Fatal(err)
		}
		a, err := c.Send(context.Background(), h, []byte(`{"SaleToPOIRequest":{"MessageHeader":`+string(header)+`}}`))
		if err != nil || a.Result != want && a.ErrorCondition != want || a.Category != category {
			t.Errorf("%s: got %+v, %v", category, a, err)
		}
	}
	for category, path := range map[string]string{"Display": "OutputResult", "Print": "DocumentQualifier", "Input": "InputResult"} {
		h := c.Header(category, "1")
		h.MessageClass, h.DeviceID = "Device", "D1"
		header, err := json.Marshal(h)
		if err != nil {
			t.Fatal(err)
		}
		a, err := c.Send(context.Background(), h, []byte(`{"SaleToPOIRequest":{"MessageHeader":`+string(header)+`}}`))
		if err != nil || !strings.Contains(string(a.Raw), path) || !strings.Contains(string(a.Raw), "NotAllowed") {
			t.Errorf("%s: got %s, %v", category, a.Raw, err)
		}
	}
}

// TestSecretsNeverShow sends a code in every place a request may have one, right and wrong,
// and looks for it in the log.
func TestSecretsNeverShow(t *testing.T) {
	const canary = "130061098828009406"
	s := newShop(t).open(nil)
	for _, body := range []string{
		`{"SaleToPOIRequest":{"PAN":"` + canary + `"`,
		`{"SaleToPOIRequest":"` + canary + `"}`,
		`{"` + canary + `":1,"` + canary + `":2}`,
		`{"SaleToPOIRequest":{"MessageHeader":{"MessageCategory":"Payment","SaleID":{"x":"` + canary + `"}}}}`,
		`{"SaleToPOIRequest":{"MessageHeader":{"ProtocolVersion":"3.0","MessageClass":"Service","MessageCategory":"Payment","MessageType":"Request","ServiceID":"1","SaleID":"POS-1","POIID":"` + poiID + `"},"PaymentRequest":{"PaymentData":{"PaymentInstrumentData":{"CardData":{"SensitiveCardData":{"PAN":"` + canary + `"}}}},"SaleData":{"SaleTransactionID":{"TransactionID":"T"}},"PaymentTransaction":{"AmountsReq":{"Currency":"CNY","RequestedAmount":1}}}}}`,
	} {
		c := s.post(body)
		answer, err := io.ReadAll(c)
		if err != nil || len(answer) == 0 {
			t.Fatalf("%q, %v", answer, err)
		}
		if strings.Contains(string(answer), canary) {
			t.Errorf("the answer shows it: %s", answer)
		}
	}
	if log := s.logged(); strings.Contains(log, canary) || log == "" {
		t.Errorf("the log: %s", log)
	}
}
