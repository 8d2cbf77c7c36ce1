package alipayplus

import (
	"context"
	"fmt"
	"net/http"
	"strconv"

	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/agent/terminal"
	"github.com/tilld/tilld/agent/wallet"
	"github.com/tilld/tilld/internal/secret"
)

const (
	pathPay    = "/aps/api/v1/payments/pay"
	pathQuery  = "/aps/api/v1/payments/inquiryPayment"
	pathCancel = "/aps/api/v1/payments/cancelPayment"
	pathRefund = "/aps/api/v1/payments/refund"

	// timeForm is ISO 8601 to the millisecond, in UTC.
	timeForm = "2006-01-02T15:04:05.000Z"
)

// Client is one contract with Alipay+. It is safe for concurrent use.
type Client struct {
	cfg  wallet.Config
	link *wallet.Link
	set  Settings

	// What never changes of a payment: from the order's description to the terminal's name.
	order []byte
}

// New prepares a client. It dials nothing; Warm does.
func New(cfg wallet.Config, s Settings) (*Client, error) {
	if err := cfg.Check(); err != nil {
		return nil, err
	}
	if faults := s.Check(); len(faults) > 0 {
		return nil, fmt.Errorf("contract %s: %w", cfg.Ref.Name, faults[0])
	}
	link, err := cfg.Link()
	if err != nil {
		return nil, err
	}
	return &Client{cfg: cfg, link: link, set: s, order: orderText(cfg.Terminal, s)}, nil
}

// orderText is who sells, in which store, at which terminal.
func orderText(t terminal.Info, s Settings) []byte {
	name := s.MerchantName
	if t.StoreName != "" {
		name = wallet.Goods(t, 256)
	}
	store := t.StoreID
	if store == "" {
		store = s.MerchantID
	}
	b := field(nil, `,"orderDescription":`, name)
	b = field(b, `,"merchant":{"referenceMerchantId":`, s.MerchantID)
	b = field(b, `,"merchantName":`, s.MerchantName)
	b = field(b, `,"merchantMCC":`, s.MerchantCategory)
	b = field(b, `,"store":{"referenceStoreId":`, store)
	b = field(b, `,"storeName":`, name)
	b = field(b, `,"storeMCC":`, s.MerchantCategory)
	return field(b, `}},"env":{"storeTerminalId":`, t.Serial)
}

// field appends a name, with what stands before it, and a value.
func field(dst []byte, name, value string) []byte {
	return wallet.AppendJSON(append(dst, name...), value)
}

func amountText(dst []byte, name string, a sale.Amount) []byte {
	dst = field(append(dst, name...), `{"currency":`, string(a.Currency))
	dst = strconv.AppendInt(append(dst, `,"value":"`...), a.Minor, 10)
	return append(dst, `"}`...)
}

// Pay implements agent.Wallet.
func (c *Client) Pay(ctx context.Context, a sale.Attempt, code sale.Credential) (sale.Answer, error) {
	send, err := c.Prepare(ctx, a, code)
	if err != nil {
		return sale.Answer{}, err
	}
	return send(ctx)
}

// Prepare implements agent.Preparer.
func (c *Client) Prepare(ctx context.Context, a sale.Attempt, code sale.Credential) (func(context.Context) (sale.Answer, error), error) {
	if exp, ok := a.Amount.Currency.Exponent(); !ok || exp != a.Amount.Exponent || a.Amount.Minor <= 0 {
		return nil, fmt.Errorf("pay %s at %s: amount %s cannot be paid here", a.ID, c.cfg.Ref.Name, a.Amount)
	}
	body := c.payBody(a, code)
	defer secret.Zero(body[:cap(body)])
	request, err := c.request(pathPay, body)
	if err != nil {
		secret.Zero(request[:cap(request)])
		return nil, fmt.Errorf("pay %s at %s: %w", a.ID, c.cfg.Ref.Name, err)
	}
	return func(ctx context.Context) (sale.Answer, error) {
		// The inquiry that may follow is part of the answer, and of its time.
		ctx, cancel := context.WithTimeout(ctx, c.cfg.Clock.Answer)
		defer cancel()
		r, err := c.exchange(ctx, pathPay, request)
		if err != nil {
			return sale.Answer{}, fmt.Errorf("pay %s at %s: %w", a.ID, c.cfg.Ref.Name, err)
		}
		ans := c.read(sale.OpPay, r)
		if ans.Outcome != sale.OutPaid || ans.Order != "" {
			return ans, nil
		}
		// Paid, but not in whose name: the inquiry says.
		ans.Outcome, ans.Cause = sale.OutPaying, "the answer names no order"
		if asked, err := c.Query(ctx, a); err == nil && asked.Outcome == sale.OutPaid {
			return asked, nil
		}
		return ans, nil
	}, nil
}

// payBody is a payment. The caller wipes it.
func (c *Client) payBody(a sale.Attempt, code sale.Credential) []byte {
	now := c.cfg.Time().UTC()
	// Large enough to be never moved: what append leaves behind would not be wiped.
	b := make([]byte, 0, 1024+len(c.order)+6*code.Code.Len())
	b = field(b, `{"paymentRequestId":`, a.ID)
	b = amountText(b, `,"paymentAmount":`, a.Amount)
	b = wallet.AppendJSON(append(b, `,"paymentMethod":{"paymentMethodType":"CONNECT_WALLET","paymentMethodId":`...), code.Code.Reveal())
	b = append(b, `},"paymentFactor":{"isInStorePayment":"true","inStorePaymentScenario":"PaymentCode"}`...)
	// A request that lingers on its way must not be carried out after we have given up.
	b = now.Add(c.cfg.Clock.PayerDeadline).AppendFormat(append(b, `,"paymentExpiryTime":"`...), timeForm)
	b = append(b, '"')
	if c.set.SettlementCurrency != "" {
		b = append(field(b, `,"settlementStrategy":{"settlementCurrency":`, c.set.SettlementCurrency), '}')
	}
	b = field(b, `,"order":{"referenceOrderId":`, a.ID)
	b = amountText(b, `,"orderAmount":`, a.Amount)
	b = append(b, c.order...)
	b = now.AppendFormat(append(b, `,"storeTerminalRequestTime":"`...), timeForm)
	return append(b, `"}}}`...)
}

func orderBody(a sale.Attempt) []byte { return append(field(nil, `{"paymentRequestId":`, a.ID), '}') }

// Query implements agent.Wallet.
func (c *Client) Query(ctx context.Context, a sale.Attempt) (sale.Answer, error) {
	return c.ask(ctx, sale.OpQuery, pathQuery, a, orderBody(a))
}

// Reverse implements agent.Wallet: it cancels and, when it is too late for that, gives the
// whole sum back.
func (c *Client) Reverse(ctx context.Context, a sale.Attempt) (sale.Answer, error) {
	ans, err := c.ask(ctx, sale.OpReverse, pathCancel, a, orderBody(a))
	if err != nil || ans.Code != cancelTooLate || !ans.Signed {
		return ans, err
	}
	return c.giveBack(ctx, a)
}

// giveBack refunds what the wallet has on record as paid, with the one number for that.
func (c *Client) giveBack(ctx context.Context, a sale.Attempt) (sale.Answer, error) {
	ans, err := c.Query(ctx, a)
	if err != nil {
		return ans, err
	}
	switch a.Judge(sale.OpQuery, ans) {
	case sale.EvPaid, sale.EvWrongTotal, sale.EvRefunded:
	default:
		ans.Outcome, ans.Cause = sale.OutUnknown, "too late to cancel, and the order is not known to be paid"
		return ans, nil
	}
	r := wallet.FullRefund(a, wallet.TotalOf(a, ans))
	given, err := c.refund(ctx, a, r)
	if err != nil {
		return sale.Answer{}, err
	}
	back := sale.Answer{Signed: given.Signed, NotSent: given.NotSent, Order: given.Order, Merchant: given.Merchant, Code: given.Code, Text: given.Text, Cause: given.Cause}
	if state, counts := r.JudgeRefund(&a, given); counts && (state == sale.RefundDone || state == sale.RefundPending) {
		back.Outcome = sale.OutAccepted
	}
	if back.Outcome == sale.OutUnknown && back.Cause == "" {
		back.Cause = "too late to cancel, and the full refund is not known to be done"
	}
	return back, nil
}

// Warm implements agent.Warmer.
func (c *Client) Warm(ctx context.Context) error { return c.link.Warm(ctx) }

// Disconnect ends the idle connections.
func (c *Client) Disconnect() error { return c.link.Close() }

func (c *Client) ask(ctx context.Context, op sale.Op, path string, a sale.Attempt, body []byte) (sale.Answer, error) {
	r, err := c.call(ctx, path, body)
	if err != nil {
		return sale.Answer{}, fmt.Errorf("%s %s at %s: %w", op, a.ID, c.cfg.Ref.Name, err)
	}
	return c.read(op, r), nil
}

// answer is a verified answer, or the cause why there is none.
type answer struct {
	status  int
	body    []byte
	notSent bool
	cause   string
}

func (c *Client) call(ctx context.Context, path string, body []byte) (answer, error) {
	request, err := c.request(path, body)
	if err != nil {
		return answer{}, err
	}
	return c.exchange(ctx, path, request)
}

// exchange hands a request over, once, wipes it, and verifies the answer. An error says that
// the context was over and nothing was sent.
func (c *Client) exchange(ctx context.Context, path string, request []byte) (answer, error) {
	defer secret.Zero(request[:cap(request)])
	if err := ctx.Err(); err != nil {
		return answer{}, err
	}
	r := c.link.Do(ctx, http.MethodPost, request)
	if r.Cause != "" {
		return answer{notSent: r.NotSent, cause: r.Cause}, nil
	}
	if err := open(c.cfg.Ring.Keys().Wallet, path, c.set.ClientID, r.Header, r.Body); err != nil {
		return answer{cause: fmt.Sprintf("status %d: %v", r.Status, err)}, nil
	}
	return answer{status: r.Status, body: r.Body}, nil
}

// request signs and writes one whole HTTP message.
func (c *Client) request(path string, body []byte) ([]byte, error) {
	at := c.cfg.Time().UTC().Format(timeForm)
	keys := c.cfg.Ring.Keys()
	text := appendSigned(make([]byte, 0, len(body)+256), path, c.set.ClientID, at, body)
	defer secret.Zero(text[:cap(text)])
	var signature [1024]byte
	sign, err := wallet.AppendSignature(signature[:0], keys.Signer, text)
	if err != nil {
		return nil, err
	}
	line := wallet.AppendEscaped([]byte("Signature: algorithm=RSA256,keyVersion="), keys.ID)
	line = wallet.AppendEscaped(append(line, ",signature="...), sign)
	out := make([]byte, 0, 1024+len(line)+len(body)+len(c.link.Host()))
	out = wallet.AppendHead(out, http.MethodPost, path, c.link.Host(), len(body),
		"Content-Type: application/json; charset=UTF-8", "Client-Id: "+c.set.ClientID, "Request-Time: "+at, string(line))
	return append(out, body...), nil
}
