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
	methodPay    = "alipay.trade.pay"
	methodQuery  = "alipay.trade.query"
	methodCancel = "alipay.trade.cancel"

	gateway = "/gateway.do"
)

// shanghai is the zone of the timestamp parameter; China has had no summer time since 1991.
var shanghai = time.FixedZone("Asia/Shanghai", 8*60*60)

// Client is one contract with Alipay. It is safe for concurrent use.
type Client struct {
	cfg  wallet.Config
	link *wallet.Link

	// What never changes of a request, made once. For each method: the signed text before
	// and after biz_content, and the query before and after the timestamp.
	payHead, payTail []byte // biz_content around order, code and amount
	signedHead       []byte // app_id=...&biz_content=
	texts            map[string]texts
}

// texts are the constant parts of one method's request. The parameters are sorted by name,
// as the signature wants them: app_id, biz_content, charset, format, method, sign_type,
// timestamp, version.
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
	c := &Client{cfg: cfg, link: link, texts: map[string]texts{}}
	c.signedHead = []byte("app_id=" + s.AppID + "&biz_content=")
	for _, method := range []string{methodPay, methodQuery, methodCancel, methodBill} {
		c.texts[method] = texts{
			signed: []byte("&charset=utf-8&format=JSON&method=" + method + "&sign_type=RSA2&timestamp="),
			query: []byte(gateway + "?app_id=" + s.AppID + "&charset=utf-8&format=JSON&method=" + method +
				"&sign_type=RSA2&version=1.0&timestamp="),
		}
	}
	c.payHead = []byte(`","scene":"bar_code","subject":` + quote(subject(cfg.Terminal)) + `,"auth_code":`)
	c.payTail = place(cfg.Terminal, s)
	return c, nil
}

// subject is what the customer reads in the wallet, at most 256 bytes.
func subject(t terminal.Info) string {
	if t.StoreName == "" {
		return "收款"
	}
	name := []rune(t.StoreName)
	return string(name[:min(len(name), 80)])
}

// place is the terminal information: which till of which shop, from the amount's end to the
// end of biz_content. terminal_id takes 32 characters; of a longer serial number the end
// tells terminals apart.
func place(t terminal.Info, s Settings) []byte {
	serial := t.Serial
	if len(serial) > 32 {
		serial = serial[len(serial)-32:]
	}
	b := wallet.AppendJSON([]byte(`,"terminal_id":`), serial)
	if t.StoreID != "" {
		b = wallet.AppendJSON(append(b, `,"store_id":`...), t.StoreID)
	}
	if s.SellerID != "" {
		b = wallet.AppendJSON(append(b, `,"seller_id":`...), s.SellerID)
	}
	return append(b, '}')
}

func quote(s string) string { return string(wallet.AppendJSON(nil, s)) }

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
	biz := make([]byte, 0, 256+len(c.payHead)+len(c.payTail))
	biz = append(biz, `{"out_trade_no":"`...)
	biz = append(biz, a.ID...)
	biz = append(biz, c.payHead...)
	biz = wallet.AppendJSON(biz, code.Code.Reveal())
	biz = append(biz, `,"total_amount":"`...)
	biz = append(biz, a.Amount.Decimal()...)
	biz = append(biz, '"')
	return append(biz, c.payTail...)
}

func orderBiz(a sale.Attempt) []byte { return []byte(`{"out_trade_no":"` + a.ID + `"}`) }

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
	defer secret.Zero(request[:cap(request)])
	if err := ctx.Err(); err != nil {
		return sale.Answer{}, fmt.Errorf("%s %s at %s: %w", op, a.ID, c.cfg.Ref.Name, err)
	}
	r := c.link.Do(ctx, http.MethodPost, request)
	if r.Cause != "" {
		return sale.Answer{NotSent: r.NotSent, Cause: r.Cause}, nil
	}
	inner, err := open(c.cfg.Ring.Keys().Wallet, method, r.Body)
	if err != nil {
		return sale.Answer{Cause: fmt.Sprintf("status %d: %v", r.Status, err)}, nil
	}
	return read(op, r.Status, inner), nil
}

// request signs and writes one whole HTTP message.
func (c *Client) request(method string, biz []byte) ([]byte, error) {
	timestamp := c.cfg.Time().In(shanghai).Format("2006-01-02 15:04:05")
	t := c.texts[method]

	message := make([]byte, 0, len(c.signedHead)+len(biz)+len(t.signed)+len(timestamp)+16)
	message = append(message, c.signedHead...)
	message = append(message, biz...)
	message = append(message, t.signed...)
	message = append(message, timestamp...)
	message = append(message, "&version=1.0"...)
	defer secret.Zero(message[:cap(message)])
	var signature [512]byte
	sign, err := wallet.AppendSignature(signature[:0], c.cfg.Ring.Keys().Signer, message)
	if err != nil {
		return nil, err
	}

	target := make([]byte, 0, 1024)
	target = append(target, t.query...)
	target = wallet.AppendEscaped(target, timestamp)
	target = wallet.AppendEscaped(append(target, "&sign="...), sign)

	body := make([]byte, 0, 16+3*len(biz))
	body = wallet.AppendEscaped(append(body, "biz_content="...), biz)
	defer secret.Zero(body[:cap(body)])
	out := make([]byte, 0, 512+len(target)+len(body)+len(c.link.Host()))
	out = wallet.AppendHead(out, http.MethodPost, string(target), c.link.Host(), len(body),
		"Accept: application/json", "Content-Type: application/x-www-form-urlencoded;charset=utf-8")
	return append(out, body...), nil
}
