package alipay

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/agent/terminal"
	"github.com/tilld/tilld/agent/wallet"
	"github.com/tilld/tilld/internal/secret"
)

const (
	methodPay         = "alipay.trade.pay"
	methodQuery       = "alipay.trade.query"
	methodCancel      = "alipay.trade.cancel"
	methodPrecreate   = "alipay.trade.precreate"
	methodClose       = "alipay.trade.close"
	methodRefund      = "alipay.trade.refund"
	methodRefundQuery = "alipay.trade.fastpay.refund.query"

	gateway = "/gateway.do"
)

// shanghai is the zone of the timestamp parameter; China has had no summer time since 1991.
var shanghai = time.FixedZone("Asia/Shanghai", 8*60*60)

// timeForm is how the gateway writes times.
const timeForm = "2006-01-02 15:04:05"

var methods = []string{methodPay, methodQuery, methodCancel, methodPrecreate, methodClose, methodRefund, methodRefundQuery, methodBill}

// Client is one contract with Alipay. It is safe for concurrent use.
type Client struct {
	cfg    wallet.Config
	link   *wallet.Link
	seller string // the account that must be paid, or empty

	// What never changes of a request, made once. For each method: the signed text before
	// and after biz_content, and the query before and after the timestamp.
	subject    []byte // ,"subject":"..."
	place      []byte // where the order was made, without the closing brace
	payee      []byte // who is paid, and through whom
	signedHead []byte // app_id=...&biz_content=
	texts      map[string]texts
}

// texts are the constant parts of one method's request. The parameters are sorted by name,
// as the signature wants them: app_auth_token, app_id, biz_content, charset, format, method,
// sign_type, timestamp, version.
type texts struct {
	signed []byte // &charset=...&timestamp=
	query  []byte // /gateway.do?app_id=...&timestamp=
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
	c := &Client{cfg: cfg, link: link, seller: s.SellerID, texts: map[string]texts{}}
	c.signedHead = []byte("app_id=" + s.AppID + "&biz_content=")
	for _, method := range methods {
		c.texts[method] = texts{
			signed: []byte("&charset=utf-8&format=JSON&method=" + method + "&sign_type=RSA2&timestamp="),
			query: []byte(gateway + "?app_id=" + s.AppID + "&charset=utf-8&format=JSON&method=" + method +
				"&sign_type=RSA2&version=1.0&timestamp="),
		}
	}
	c.subject = wallet.AppendJSON([]byte(`,"subject":`), wallet.Goods(cfg.Terminal, 256))
	c.place, c.payee = place(cfg.Terminal), payee(s)
	return c, nil
}

// place is the terminal information: which till of which shop. terminal_id takes 32
// characters; of a longer serial number the end tells terminals apart.
func place(t terminal.Info) []byte {
	b := wallet.AppendJSON([]byte(`,"terminal_id":`), wallet.LastBytes(t.Serial, 32))
	if t.StoreID != "" {
		b = wallet.AppendJSON(append(b, `,"store_id":`...), t.StoreID)
	}
	return b
}

// payee is the account that a new order is for, and the service provider that earns from it.
func payee(s Settings) (b []byte) {
	if s.SellerID != "" {
		b = wallet.AppendJSON(append(b, `,"seller_id":`...), s.SellerID)
	}
	if s.ServiceProviderID != "" {
		b = wallet.AppendJSON(append(b, `,"extend_params":{"sys_service_provider_id":`...), s.ServiceProviderID)
		b = append(b, '}')
	}
	return b
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
	if a.Amount.Currency != currency || a.Amount.Minor <= 0 {
		return nil, fmt.Errorf("pay %s at %s: amount %s cannot be paid here", a.ID, c.cfg.Ref.Name, a.Amount)
	}
	biz := c.payBiz(a, code)
	defer secret.Zero(biz[:cap(biz)])
	request, err := c.request(methodPay, biz)
	if err != nil {
		secret.Zero(request[:cap(request)])
		return nil, fmt.Errorf("pay %s at %s: %w", a.ID, c.cfg.Ref.Name, err)
	}
	return func(ctx context.Context) (sale.Answer, error) {
		return c.send(ctx, sale.OpPay, methodPay, a, request)
	}, nil
}

// payBiz is a payment's biz_content. The caller wipes it.
func (c *Client) payBiz(a sale.Attempt, code sale.Credential) []byte {
	// Large enough to be never moved: what append leaves behind would not be wiped.
	biz := make([]byte, 0, 256+len(c.subject)+len(c.place)+len(c.payee))
	biz = append(biz, `{"out_trade_no":"`...)
	biz = append(biz, a.ID...)
	biz = append(biz, `","scene":"bar_code"`...)
	biz = append(biz, c.subject...)
	biz = append(biz, `,"auth_code":`...)
	biz = wallet.AppendJSON(biz, code.Code.Reveal())
	return c.appendOrder(biz, a)
}

// appendOrder ends the biz_content of a new order: how much, where and for whom.
func (c *Client) appendOrder(biz []byte, a sale.Attempt) []byte {
	biz = append(biz, `,"total_amount":"`...)
	biz = append(biz, a.Amount.Decimal()...)
	biz = append(biz, '"')
	biz = append(biz, c.place...)
	biz = append(biz, c.payee...)
	return append(biz, '}')
}

// orderOf begins a biz_content about an order that was made before.
func orderOf(a sale.Attempt) []byte { return []byte(`{"out_trade_no":"` + a.ID + `"`) }

func orderBiz(a sale.Attempt) []byte { return append(orderOf(a), '}') }

// Query implements agent.Wallet.
func (c *Client) Query(ctx context.Context, a sale.Attempt) (sale.Answer, error) {
	return c.ask(ctx, sale.OpQuery, methodQuery, a, orderBiz(a))
}

// Reverse implements agent.Wallet: it cancels.
func (c *Client) Reverse(ctx context.Context, a sale.Attempt) (sale.Answer, error) {
	return c.ask(ctx, sale.OpReverse, methodCancel, a, orderBiz(a))
}

// Warm implements agent.Warmer.
func (c *Client) Warm(ctx context.Context) error { return c.link.Warm(ctx) }

// Disconnect ends the idle connections.
func (c *Client) Disconnect() error { return c.link.Close() }

func (c *Client) ask(ctx context.Context, op sale.Op, method string, a sale.Attempt, biz []byte) (sale.Answer, error) {
	request, err := c.request(method, biz)
	if err != nil {
		return sale.Answer{}, fmt.Errorf("%s %s at %s: %w", op, a.ID, c.cfg.Ref.Name, err)
	}
	return c.send(ctx, op, method, a, request)
}

// send hands a request over, once, and wipes it.
func (c *Client) send(ctx context.Context, op sale.Op, method string, a sale.Attempt, request []byte) (sale.Answer, error) {
	r, err := c.exchange(ctx, method, request)
	if err != nil {
		return sale.Answer{}, fmt.Errorf("%s %s at %s: %w", op, a.ID, c.cfg.Ref.Name, err)
	}
	if r.cause != "" {
		return sale.Answer{NotSent: r.notSent, Cause: r.cause}, nil
	}
	return c.bound(read(op, r.status, r.inner)), nil
}

// bound keeps the account that an answer names where the contract names one: what was paid
// to another is then foreign.
func (c *Client) bound(ans sale.Answer) sale.Answer {
	if c.seller == "" {
		ans.SubMerchant = ""
	}
	return ans
}

// answer is the verified inner object of an answer, or the cause why there is none.
type answer struct {
	status  int
	inner   []byte
	notSent bool
	cause   string
}

// exchange hands a request over, once, wipes it, and verifies the answer. An error says that
// the context was over and nothing was sent.
func (c *Client) exchange(ctx context.Context, method string, request []byte) (answer, error) {
	defer secret.Zero(request[:cap(request)])
	if err := ctx.Err(); err != nil {
		return answer{}, err
	}
	r := c.link.Do(ctx, http.MethodPost, request)
	if r.Cause != "" {
		return answer{notSent: r.NotSent, cause: r.Cause}, nil
	}
	inner, err := open(c.cfg.Ring.Keys().Wallet, method, r.Body)
	if err != nil {
		return answer{cause: fmt.Sprintf("status %d: %v", r.Status, err)}, nil
	}
	return answer{status: r.Status, inner: inner}, nil
}

// request signs and writes one whole HTTP message.
func (c *Client) request(method string, biz []byte) ([]byte, error) {
	timestamp := c.cfg.Time().In(shanghai).Format(timeForm)
	t := c.texts[method]
	// The merchant's permission for a service provider. Whoever has it and the app's key can
	// trade for the merchant.
	keys := c.cfg.Ring.Keys()
	token := keys.Secret.Reveal()

	message := make([]byte, 0, len(c.signedHead)+len(biz)+len(t.signed)+len(timestamp)+len(token)+64)
	if len(token) > 0 {
		message = append(message, "app_auth_token="...)
		message = append(message, token...)
		message = append(message, '&')
	}
	message = append(message, c.signedHead...)
	message = append(message, biz...)
	message = append(message, t.signed...)
	message = append(message, timestamp...)
	message = append(message, "&version=1.0"...)
	defer secret.Zero(message[:cap(message)])
	var signature [512]byte
	sign, err := wallet.AppendSignature(signature[:0], keys.Signer, message)
	if err != nil {
		return nil, err
	}

	target := make([]byte, 0, 2048+3*len(token))
	target = append(target, t.query...)
	target = wallet.AppendEscaped(target, timestamp)
	target = wallet.AppendEscaped(append(target, "&sign="...), sign)
	if len(token) > 0 {
		target = wallet.AppendEscaped(append(target, "&app_auth_token="...), token)
	}
	defer secret.Zero(target[:cap(target)])

	body := make([]byte, 0, 16+3*len(biz))
	body = wallet.AppendEscaped(append(body, "biz_content="...), biz)
	defer secret.Zero(body[:cap(body)])
	out := make([]byte, 0, 512+len(target)+len(body)+len(c.link.Host()))
	out = wallet.AppendHead(out, http.MethodPost, target, c.link.Host(), len(body),
		"Accept: application/json", "Content-Type: application/x-www-form-urlencoded;charset=utf-8")
	return append(out, body...), nil
}
