package wechatpay

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/agent/terminal"
	"github.com/tilld/tilld/agent/wallet"
	"github.com/tilld/tilld/internal/secret"
)

// Client is one contract with WeChat Pay. It is safe for concurrent use.
type Client struct {
	cfg  wallet.Config
	set  Settings
	link *wallet.Link

	// The parts of a request that never change, made once: between the code and the first
	// byte on the wire stands one RSA signature and little else.
	payTarget   string
	payHead     []byte // body up to the order number's value
	payTail     []byte // body after the amount
	offerTarget string
	offerTail   []byte // body of an offer after the amount
	orderPath   string
	findPath    string
	queryTail   string
	refundTail  string // query of a refund's query
	reverse     []byte // body of a reverse
	closing     []byte // body of a close
	refundHead  []byte // body of a refund up to the order number's value
	authPrefix  string
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
	if ours := cfg.Ring.Keys(); ours.Secret != nil && ours.Secret.Len() != keyLen {
		return nil, fmt.Errorf("contract %s: the APIv3 key has %d bytes, want %d", cfg.Ref.Name, ours.Secret.Len(), keyLen)
	}
	if cfg.Nonce == nil {
		cfg.Nonce = wallet.Nonce
	}
	c := &Client{cfg: cfg, set: s, link: link}
	c.authPrefix = `Authorization: WECHATPAY2-SHA256-RSA2048 mchid="` + s.MerchantID + `",nonce_str="`

	mch := `"mchid":` + quote(s.MerchantID)
	ids, root := `{"appid":`+quote(s.AppID)+`,`+mch, "/v3/pay/transactions/"
	c.queryTail, c.refundHead = "?mchid="+s.MerchantID, []byte(`{"out_trade_no":"`)
	if s.SubMerchantID != "" {
		sub := `"sub_mchid":` + quote(s.SubMerchantID)
		mch = `"sp_mchid":` + quote(s.MerchantID) + `,` + sub
		ids, root = `{"sp_appid":`+quote(s.AppID)+`,`+mch, "/v3/pay/partner/transactions/"
		c.queryTail = "?sp_mchid=" + s.MerchantID + "&sub_mchid=" + s.SubMerchantID
		c.refundHead, c.refundTail = []byte(`{`+sub+`,"out_trade_no":"`), "?sub_mchid="+s.SubMerchantID
	}
	c.payTarget, c.offerTarget = root+"codepay", root+"native"
	c.orderPath, c.findPath = root+"out-trade-no/", root+"id/"
	c.reverse, c.closing = []byte(ids+`}`), []byte(`{`+mch+`}`)
	c.payHead = []byte(ids + `,"description":` + quote(wallet.Goods(cfg.Terminal, 127)) + `,"out_trade_no":"`)
	c.payTail, c.offerTail = scene(cfg.Terminal), offerScene(cfg.Terminal)
	return c, nil
}

// scene is the terminal information, from the amount's end to the end of the body.
// device_id takes 32 characters: of a longer serial number the end tells terminals apart.
func scene(t terminal.Info) []byte {
	b := []byte(`,"scene_info":{"device_id":`)
	b = wallet.AppendJSON(b, wallet.LastBytes(t.Serial, 32))
	if t.DeviceIP != "" {
		b = wallet.AppendJSON(append(b, `,"device_ip":`...), t.DeviceIP)
	}
	if t.StoreID != "" {
		b = append(wallet.AppendJSON(append(b, `,"store_info":{"out_id":`...), t.StoreID), '}')
	}
	return append(b, `}}`...)
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
	request, err := c.payRequest(a, code)
	if err != nil {
		secret.Zero(request[:cap(request)])
		return nil, fmt.Errorf("pay %s at %s: %w", a.ID, c.cfg.Ref.Name, err)
	}
	return func(ctx context.Context) (sale.Answer, error) {
		defer secret.Zero(request[:cap(request)])
		if err := ctx.Err(); err != nil {
			return sale.Answer{}, fmt.Errorf("pay %s at %s: %w", a.ID, c.cfg.Ref.Name, err)
		}
		return c.judge(sale.OpPay, c.link.Do(ctx, "POST", request)), nil
	}, nil
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
	return c.ask(ctx, sale.OpQuery, a.ID, "GET", c.orderPath+a.ID+c.queryTail, nil)
}

// Reverse implements agent.Wallet.
func (c *Client) Reverse(ctx context.Context, a sale.Attempt) (sale.Answer, error) {
	if a.Offered() {
		return c.takeBack(ctx, a)
	}
	return c.ask(ctx, sale.OpReverse, a.ID, "POST", c.orderPath+a.ID+"/reverse", c.reverse)
}

// Warm implements agent.Warmer.
func (c *Client) Warm(ctx context.Context) error { return c.link.Warm(ctx) }

// Disconnect ends the idle connections.
func (c *Client) Disconnect() error { return c.link.Close() }

// ask sends one request about an order, or a number that may be one, and judges the answer.
func (c *Client) ask(ctx context.Context, op sale.Op, order, method, target string, body []byte) (sale.Answer, error) {
	reply, err := c.exchange(ctx, op, order, method, target, body)
	if err != nil {
		return sale.Answer{}, err
	}
	return c.judge(op, reply), nil
}

// exchange signs a request and sends it once.
func (c *Client) exchange(ctx context.Context, op sale.Op, order, method, target string, body []byte) (wallet.Reply, error) {
	err := ctx.Err()
	var request []byte
	if err == nil {
		request, err = c.request(method, target, body)
	}
	if err != nil {
		return wallet.Reply{}, fmt.Errorf("%s %s at %s: %w", op, order, c.cfg.Ref.Name, err)
	}
	return c.link.Do(ctx, method, request), nil
}

func (c *Client) payRequest(a sale.Attempt, code sale.Credential) ([]byte, error) {
	if a.Amount.Currency == "" || a.Amount.Minor <= 0 {
		return nil, fmt.Errorf("amount %s cannot be paid", a.Amount)
	}
	// Large enough to be never moved: what append leaves behind would not be wiped.
	body := make([]byte, 0, 256+len(c.payHead)+len(c.payTail))
	body = append(body, c.payHead...)
	body = append(body, a.ID...)
	body = append(body, `","payer":{"auth_code":`...)
	body = wallet.AppendJSON(body, code.Code.Reveal())
	body = append(body, `},"amount":{"total":`...)
	body = strconv.AppendInt(body, a.Amount.Minor, 10)
	body = append(body, `,"currency":"`...)
	body = append(body, a.Amount.Currency...)
	body = append(body, `"}`...)
	body = append(body, c.payTail...)
	defer secret.Zero(body[:cap(body)])
	return c.request("POST", c.payTarget, body)
}

// authorization is the value of the header of that name: the signature over a request.
func (c *Client) authorization(method, target string, body []byte) (string, error) {
	auth, err := c.appendAuthorization(nil, method, target, body)
	return strings.TrimPrefix(string(auth), "Authorization: "), err
}

// appendAuthorization appends the header's line.
func (c *Client) appendAuthorization(auth []byte, method, target string, body []byte) ([]byte, error) {
	timestamp := strconv.FormatInt(c.cfg.Time().Unix(), 10)
	nonce := c.cfg.Nonce()
	message := make([]byte, 0, 192+len(target)+len(body))
	message = appendSigned(message, method, target, timestamp, nonce, body)
	defer secret.Zero(message[:cap(message)])

	keys := c.cfg.Ring.Keys()
	auth = append(auth, c.authPrefix...)
	auth = append(auth, nonce...)
	auth = append(auth, `",timestamp="`...)
	auth = append(auth, timestamp...)
	auth = append(auth, `",serial_no="`...)
	auth = append(auth, keys.ID...)
	auth = append(auth, `",signature="`...)
	auth, err := wallet.AppendSignature(auth, keys.Signer, message)
	return append(auth, '"'), err
}

// request signs and writes one whole HTTP message.
func (c *Client) request(method, target string, body []byte) ([]byte, error) {
	auth, err := c.appendAuthorization(make([]byte, 0, 768), method, target, body)
	if err != nil {
		return nil, err
	}
	out := make([]byte, 0, 512+len(target)+len(auth)+len(body)+len(c.link.Host()))
	out = wallet.AppendHead(out, method, target, c.link.Host(), len(body),
		"Accept: application/json", "Content-Type: application/json", string(auth))
	return append(out, body...), nil
}
