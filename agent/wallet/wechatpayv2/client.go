package wechatpayv2

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/agent/terminal"
	"github.com/tilld/tilld/agent/wallet"
	"github.com/tilld/tilld/internal/secret"
)

// Paths of the requests. Those under secapi want a client certificate.
const (
	payPath         = "/pay/micropay"
	queryPath       = "/pay/orderquery"
	reversePath     = "/secapi/pay/reverse"
	offerPath       = "/pay/unifiedorder"
	closePath       = "/pay/closeorder"
	refundPath      = "/secapi/pay/refund"
	queryRefundPath = "/pay/refundquery"
)

// Client is one contract with WeChat Pay's API v2. It is safe for concurrent use.
type Client struct {
	cfg  wallet.Config
	set  Settings
	link *wallet.Link

	who   []field // who we are, in every request
	scene []field // terminal information and goods, of payments and offers
}

// New prepares a client. It dials nothing; Warm does.
func New(cfg wallet.Config, s Settings) (*Client, error) {
	cfg.Shared = true
	if err := cfg.Check(); err != nil {
		return nil, err
	}
	if faults := s.Check(); len(faults) > 0 {
		return nil, fmt.Errorf("contract %s: %w", cfg.Ref.Name, faults[0])
	}
	if cfg.Ring.Keys().Client == nil {
		return nil, fmt.Errorf("contract %s: no client certificate, which reverse and refund are asked for with", cfg.Ref.Name)
	}
	link, err := cfg.Link()
	if err != nil {
		return nil, err
	}
	if cfg.Nonce == nil {
		cfg.Nonce = wallet.Nonce
	}
	if s.SignType == "" {
		s.SignType = HMACSHA256
	}
	c := &Client{cfg: cfg, set: s, link: link, scene: scene(cfg.Terminal)}
	for _, f := range [...]struct{ name, value string }{
		{"appid", s.AppID}, {"mch_id", s.MerchantID}, {"sub_appid", s.SubAppID}, {"sub_mch_id", s.SubMerchantID}, {"sign_type", s.SignType},
	} {
		c.who = append(c.who, field{f.name, []byte(f.value)})
	}
	return c, nil
}

// scene is what every sale says of the goods and of the terminal. device_info takes 32
// characters: of a longer serial number the end tells terminals apart. spbill_create_ip must be
// there; that it may be the loopback's is (unconfirmed).
func scene(t terminal.Info) []field {
	ip := t.DeviceIP
	if ip == "" {
		ip = "127.0.0.1"
	}
	fields := []field{
		{"body", []byte(wallet.Goods(t, 127))},
		{"device_info", []byte(wallet.LastBytes(t.Serial, 32))},
		{"spbill_create_ip", []byte(ip)},
	}
	if t.StoreID != "" {
		b := wallet.AppendJSON([]byte(`{"store_info":{"id":`), t.StoreID)
		b = wallet.AppendJSON(append(b, `,"name":`...), wallet.Goods(t, 64)) // 256 in all
		fields = append(fields, field{"scene_info", append(b, `}}`...)})
	}
	return fields
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
	sum, err := sumOf(a.Amount)
	if err != nil {
		return nil, fmt.Errorf("pay %s at %s: %w", a.ID, c.cfg.Ref.Name, err)
	}
	request := c.request(payPath, append(c.order(a.ID, c.scene...), append(sum, field{"auth_code", code.Code.Reveal()})...))
	return func(ctx context.Context) (sale.Answer, error) {
		defer secret.Zero(request[:cap(request)])
		if err := ctx.Err(); err != nil {
			return sale.Answer{}, fmt.Errorf("pay %s at %s: %w", a.ID, c.cfg.Ref.Name, err)
		}
		return c.judge(sale.OpPay, c.link.Do(ctx, "POST", request)), nil
	}, nil
}

// sumOf is the sum of an order.
func sumOf(a sale.Amount) ([]field, error) {
	if a.Currency == "" || a.Minor <= 0 {
		return nil, fmt.Errorf("amount %s cannot be paid", a)
	}
	return []field{{"total_fee", strconv.AppendInt(nil, a.Minor, 10)}, {"fee_type", []byte(a.Currency)}}, nil
}

// Query implements agent.Wallet. That a part was given back is no answer to it: see givenBack.
func (c *Client) Query(ctx context.Context, a sale.Attempt) (sale.Answer, error) {
	ans, err := c.query(ctx, a)
	if err != nil || ans.Outcome != sale.OutRefunded {
		return ans, err
	}
	return c.givenBack(ctx, a, ans)
}

func (c *Client) query(ctx context.Context, a sale.Attempt) (sale.Answer, error) {
	return c.ask(ctx, sale.OpQuery, a.ID, queryPath, c.order(a.ID))
}

// Reverse implements agent.Wallet.
func (c *Client) Reverse(ctx context.Context, a sale.Attempt) (sale.Answer, error) {
	if a.Offered() {
		return wallet.TakeBack{Close: c.Close, Query: c.paidTotal, Refund: c.refund, PaidAlready: paidAlready}.Do(ctx, a)
	}
	return c.ask(ctx, sale.OpReverse, a.ID, reversePath, c.order(a.ID))
}

// Warm implements agent.Warmer.
func (c *Client) Warm(ctx context.Context) error { return c.link.Warm(ctx) }

// Disconnect ends the idle connections.
func (c *Client) Disconnect() error { return c.link.Close() }

// order names an order, and what is said of it besides.
func (c *Client) order(id string, further ...field) []field {
	fields := make([]field, 0, 24)
	return append(append(fields, field{"out_trade_no", []byte(id)}), further...)
}

func (c *Client) ask(ctx context.Context, op sale.Op, order, path string, fields []field) (sale.Answer, error) {
	reply, err := c.exchange(ctx, op, order, path, fields)
	if err != nil {
		return sale.Answer{}, err
	}
	return c.judge(op, reply), nil
}

func (c *Client) exchange(ctx context.Context, op sale.Op, order, path string, fields []field) (wallet.Reply, error) {
	if err := ctx.Err(); err != nil {
		return wallet.Reply{}, fmt.Errorf("%s %s at %s: %w", op, order, c.cfg.Ref.Name, err)
	}
	return c.link.Do(ctx, "POST", c.request(path, fields)), nil
}

// request signs and writes one whole HTTP message. The values of fields are in it, and nowhere
// else.
func (c *Client) request(path string, fields []field) []byte {
	fields = append(append(fields, c.who...), field{"nonce_str", []byte(c.cfg.Nonce())})
	fields = append(fields, field{"sign", sign(c.set.SignType, fields, c.cfg.Ring.Keys().Secret.Reveal())})
	size := 16
	for _, f := range fields {
		size += 2*len(f.name) + 5*len(f.value) + 5
	}
	// Large enough to be never moved: what append leaves behind would not be wiped.
	body := appendXML(make([]byte, 0, size), fields)
	defer secret.Zero(body[:cap(body)])
	out := make([]byte, 0, 256+len(path)+len(body)+len(c.link.Host()))
	out = wallet.AppendHead(out, "POST", path, c.link.Host(), len(body), "Accept: text/xml", "Content-Type: text/xml; charset=utf-8")
	return append(out, body...)
}

// open verifies an answer and returns its fields.
func (c *Client) open(r wallet.Reply) (fields values, err error) {
	if r.Status != 200 {
		return nil, fmt.Errorf("status %d", r.Status)
	}
	list, err := parse(r.Body)
	if err != nil {
		return nil, err
	}
	in := values{}
	for _, f := range list {
		in[f.name] = string(f.value)
	}
	if in["return_code"] != "SUCCESS" {
		return nil, errors.New("return code " + wallet.CleanCode(in["return_code"]) + ", which nobody signs: " + wallet.CleanText(in["return_msg"]))
	}
	return in, verify(c.set.SignType, list, c.cfg.Ring.Keys().Secret.Reveal())
}
