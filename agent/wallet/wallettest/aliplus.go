package wallettest

import (
	"bytes"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/tilld/tilld/agent/sale"
)

// aliplus speaks Alipay+ to an acquirer.
type aliplus struct {
	keys             pairOf
	publicPEM        []byte
	client, acquirer string
	merchant         string
}

func newAliplus(keys pairOf) (*aliplus, error) {
	public, err := publicPEM(&keys.platform.PublicKey)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(public)
	block.Headers = map[string]string{"Key-ID": "1"}
	return &aliplus{keys: keys, publicPEM: pem.EncodeToMemory(block), client: "SANDBOX_5YC47N2ZQHJ004124",
		acquirer: "1022188000000000001", merchant: "M0000000001"}, nil
}

func (d *aliplus) contract() Contract {
	return Contract{
		Schemes: []string{"alipayplus", "alipay-cn", "alipay-hk"}, Currencies: []string{"CNY", "HKD", "JPY", "EUR"},
		KeyID: "1", Merchant: d.acquirer, SubMerchant: d.merchant,
		KeyPEM: d.keys.merchantPEM, WalletKeyPEM: d.publicPEM,
		Settings: map[string]string{"client_id": d.client, "acquirer_id": d.acquirer, "merchant_id": d.merchant,
			"merchant_name": "Example Shop", "merchant_category": "5411", "settlement_currency": ""},
	}
}

var (
	plusOps = map[string]sale.Op{
		"/aps/api/v1/payments/pay": sale.OpPay, "/aps/api/v1/payments/inquiryPayment": sale.OpQuery,
		"/aps/api/v1/payments/cancelPayment": sale.OpReverse, "/aps/api/v1/payments/refund": sale.OpRefund,
	}
	plusCode  = regexp.MustCompile(`^((2[5-9]|30)[0-9]{22}|28[0-9]{15,17})$`)
	plusID    = regexp.MustCompile(`^[0-9A-Za-z_-]{1,64}$`)
	plusValue = regexp.MustCompile(`^[1-9][0-9]{0,17}$`)
)

const plusTimeForm = "2006-01-02T15:04:05.000Z07:00"

type plusAmount struct {
	Currency string `json:"currency"`
	Value    string `json:"value"`
}

// plusRequest is every field we may send, in all requests.
type plusRequest struct {
	PaymentRequestID string     `json:"paymentRequestId"`
	PaymentID        string     `json:"paymentId"`
	PaymentAmount    plusAmount `json:"paymentAmount"`
	PaymentMethod    struct {
		Type string `json:"paymentMethodType"`
		ID   string `json:"paymentMethodId"`
	} `json:"paymentMethod"`
	PaymentFactor struct {
		InStore  string `json:"isInStorePayment"`
		Scenario string `json:"inStorePaymentScenario"`
	} `json:"paymentFactor"`
	Expiry     string `json:"paymentExpiryTime"`
	Settlement struct {
		Currency string `json:"settlementCurrency"`
	} `json:"settlementStrategy"`
	Order struct {
		ID          string     `json:"referenceOrderId"`
		Description string     `json:"orderDescription"`
		Amount      plusAmount `json:"orderAmount"`
		Merchant    struct {
			ID    string `json:"referenceMerchantId"`
			Name  string `json:"merchantName"`
			MCC   string `json:"merchantMCC"`
			Store struct {
				ID   string `json:"referenceStoreId"`
				Name string `json:"storeName"`
				MCC  string `json:"storeMCC"`
			} `json:"store"`
		} `json:"merchant"`
		Env struct {
			Terminal string `json:"storeTerminalId"`
			At       string `json:"storeTerminalRequestTime"`
		} `json:"env"`
	} `json:"order"`
	RefundRequestID string     `json:"refundRequestId"`
	RefundAmount    plusAmount `json:"refundAmount"`
	RefundReason    string     `json:"refundReason"`
}

func (d *aliplus) parse(r *http.Request, body []byte) (order, []string) {
	p := problems{}
	o := order{op: plusOps[r.URL.Path], merchant: d.acquirer, sub: d.merchant}
	p.check(r.Method == http.MethodPost && o.op != "" && r.URL.RawQuery == "", "%s %s", r.Method, r.RequestURI)
	p.check(strings.HasPrefix(r.Header.Get("Content-Type"), "application/json"), "Content-Type is not that of JSON")
	p.check(r.Header.Get("Client-Id") == d.client, "Client-Id of another client")
	at, err := time.Parse(time.RFC3339, r.Header.Get("Request-Time"))
	p.check(err == nil && time.Since(at).Abs() < 10*time.Minute, "Request-Time %q is not the time", r.Header.Get("Request-Time"))
	d.checkSignature(&p, r, body)
	if len(p.list) > 0 {
		return o, p.list
	}
	var in plusRequest
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if dec.Decode(&in) != nil {
		p.add("the body is not the JSON object it should be")
		return o, p.list
	}
	p.check(!bytes.Contains(body, []byte(`:""`)), "a field is empty")
	o.id, o.transaction = in.PaymentRequestID, in.PaymentID
	p.check(plusID.MatchString(o.id) || o.op == sale.OpQuery && o.id == "" && plusID.MatchString(o.transaction), "paymentRequestId %q", o.id)
	switch o.op {
	case sale.OpPay:
		d.readPay(&p, &o, in)
	case sale.OpRefund:
		o.refund = in.RefundRequestID
		p.check(plusID.MatchString(o.refund), "refundRequestId %q", o.refund)
		o.amount, o.currency = d.amount(&p, "refundAmount", in.RefundAmount)
	}
	return o, p.list
}

func (d *aliplus) checkSignature(p *problems, r *http.Request, body []byte) {
	parts := strings.Split(r.Header.Get("Signature"), ",")
	p.check(len(parts) == 3 && parts[0] == "algorithm=RSA256" && parts[1] == "keyVersion=1", "Signature begins %.40q", r.Header.Get("Signature"))
	if len(p.list) > 0 {
		return
	}
	escaped, named := strings.CutPrefix(parts[2], "signature=")
	signature, err := url.QueryUnescape(escaped)
	text := fmt.Sprintf("%s %s\n%s.%s.%s", r.Method, r.URL.Path, d.client, r.Header.Get("Request-Time"), body)
	p.check(named && err == nil && verify(&d.keys.merchant.PublicKey, text, signature), "signature does not verify")
}

func (d *aliplus) amount(p *problems, name string, a plusAmount) (int64, string) {
	p.check(plusValue.MatchString(a.Value), "%s %q is no whole number of minor units", name, a.Value)
	_, known := sale.Currency(a.Currency).Exponent()
	p.check(known, "%s in %q", name, a.Currency)
	minor, _ := strconv.ParseInt(a.Value, 10, 64)
	return minor, a.Currency
}

func (d *aliplus) readPay(p *problems, o *order, in plusRequest) {
	o.code = in.PaymentMethod.ID
	o.total, o.currency = d.amount(p, "paymentAmount", in.PaymentAmount)
	p.check(in.PaymentMethod.Type == "CONNECT_WALLET", "paymentMethodType %q", in.PaymentMethod.Type)
	p.check(plusCode.MatchString(o.code), "paymentMethodId is no code of Alipay+")
	p.check(in.PaymentFactor.InStore == "true" && in.PaymentFactor.Scenario == "PaymentCode", "paymentFactor %v", in.PaymentFactor)
	end, err := time.Parse(plusTimeForm, in.Expiry)
	p.check(err == nil && end.After(time.Now()) && end.Before(time.Now().Add(2*time.Minute)), "paymentExpiryTime %q", in.Expiry)
	n := in.Order
	p.check(n.ID == o.id && n.Amount == in.PaymentAmount, "the order differs from the payment")
	p.check(n.Description != "" && len(n.Description) <= 256, "orderDescription is missing or above 256 bytes")
	p.check(n.Merchant.ID == d.merchant && n.Merchant.Name != "" && len(n.Merchant.MCC) == 4, "merchant %v", n.Merchant)
	p.check(n.Merchant.Store.ID != "" && n.Merchant.Store.Name != "" && n.Merchant.Store.MCC != "", "store %v", n.Merchant.Store)
	p.check(n.Env.Terminal != "" && len(n.Env.Terminal) <= 64, "storeTerminalId %q", n.Env.Terminal)
	_, err = time.Parse(plusTimeForm, n.Env.At)
	p.check(err == nil, "storeTerminalRequestTime %q", n.Env.At)
}
