package unionpay

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/agent/wallet"
	"github.com/tilld/tilld/internal/secret"
)

var shanghai = time.FixedZone("Asia/Shanghai", 8*60*60)

// Client is one contract with UnionPay or an acquirer that speaks its interface. It is safe
// for concurrent use.
type Client struct {
	// SecretText fills the terminal field of that name; set it before the first payment, or
	// leave it nil.
	SecretText SecretText

	cfg      wallet.Config
	set      Settings
	link     *wallet.Link
	terminal []byte
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
	return &Client{cfg: cfg, set: s, link: link, terminal: terminalHead(cfg.Terminal)}, nil
}

// Pay implements agent.Wallet. An accepted consumption is asked for at once, within the
// same time: only a query says paid.
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
		return c.consume(ctx, a, request), nil
	}, nil
}

// consume sends a consumption and, when it was accepted, the first query.
func (c *Client) consume(ctx context.Context, a sale.Attempt, request []byte) sale.Answer {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Clock.Answer)
	defer cancel()
	ans := c.judge(sale.OpPay, c.link.Do(ctx, http.MethodPost, request))
	if ans.Outcome != sale.OutPaying || ans.Code != respDone || ans.Order != a.ID {
		return ans
	}
	asked, err := c.Query(ctx, a)
	if err != nil || asked.Outcome != sale.OutPaid {
		// Not yet, or no word: the consumption's own answer stands, and the till asks again.
		return ans
	}
	return asked
}

// Query implements agent.Wallet.
func (c *Client) Query(ctx context.Context, a sale.Attempt) (sale.Answer, error) {
	return c.ask(ctx, sale.OpQuery, reqQuery, a)
}

// Reverse implements agent.Wallet. An order that was paid is voided, any other reversed.
func (c *Client) Reverse(ctx context.Context, a sale.Attempt) (sale.Answer, error) {
	if a.WasPaid {
		return c.void(ctx, a)
	}
	return c.ask(ctx, sale.OpReverse, reqReversal, a)
}

// Warm implements agent.Warmer.
func (c *Client) Warm(ctx context.Context) error { return c.link.Warm(ctx) }

// Disconnect ends the idle connections.
func (c *Client) Disconnect() error { return c.link.Close() }

func (c *Client) ask(ctx context.Context, op sale.Op, reqType string, a sale.Attempt) (sale.Answer, error) {
	if err := ctx.Err(); err != nil {
		return sale.Answer{}, fmt.Errorf("%s %s at %s: %w", op, a.ID, c.cfg.Ref.Name, err)
	}
	pairs := c.order(reqType, a)
	if op == sale.OpReverse {
		pairs = append(pairs, pair{"currencyCode", []byte(yuan)}, pair{"txnAmt", strconv.AppendInt(nil, a.Amount.Minor, 10)})
	}
	request, err := c.request(pairs)
	if err != nil {
		return sale.Answer{}, fmt.Errorf("%s %s at %s: %w", op, a.ID, c.cfg.Ref.Name, err)
	}
	ans := c.judge(op, c.link.Do(ctx, http.MethodPost, request))
	if a.Lost && ans.Outcome == sale.OutNotFound {
		ans.Outcome, ans.Cause = sale.OutUnknown, "not found, under a time that is not the order's: its record was lost"
	}
	return ans, nil
}

// order holds the fields that name an order. orderTime is part of its name: it is made from
// the durable time of sending, so that it is the same after a restart.
func (c *Client) order(reqType string, a sale.Attempt) []pair {
	return c.named(reqType, a.ID, a.SentAt)
}

// orderTime is how the interface writes times, in Shanghai.
const orderTime = "20060102150405"

func (c *Client) named(reqType, number string, at time.Time) []pair {
	return []pair{
		{"acqCode", []byte(c.set.AcquirerCode)},
		{"merId", []byte(c.set.MerchantID)},
		{"orderNo", []byte(number)},
		{"orderTime", at.In(shanghai).AppendFormat(nil, orderTime)},
		{"reqType", []byte(reqType)},
		{"termId", []byte(c.set.TerminalID)},
		{"version", []byte(version)},
	}
}

func (c *Client) payRequest(a sale.Attempt, code sale.Credential) ([]byte, error) {
	var secretText string
	if c.SecretText != nil {
		var err error
		if secretText, err = c.SecretText(c.cfg.Terminal.Serial, code.Factor.Reveal()); err != nil {
			return nil, fmt.Errorf("secret_text: %w", err)
		}
	}
	info := appendTerminal(make([]byte, 0, 128+len(c.terminal)+len(secretText)), c.terminal, code.Factor.Reveal(), secretText)
	defer secret.Zero(info[:cap(info)])
	return c.request(append(c.order(reqPay, a),
		pair{"currencyCode", []byte(yuan)},
		pair{"merCatCode", []byte(c.set.MerchantCategory)},
		pair{"merName", []byte(c.set.MerchantName)},
		pair{"qrNo", code.Code.Reveal()},
		pair{"termInfo", info},
		pair{"txnAmt", strconv.AppendInt(nil, a.Amount.Minor, 10)},
	))
}

// request signs and writes one whole HTTP message.
func (c *Client) request(pairs []pair) ([]byte, error) {
	keys := c.cfg.Ring.Keys()
	pairs = append(pairs, pair{"certId", []byte(keys.ID)})
	sortPairs(pairs)
	size := 0
	for _, p := range pairs {
		size += len(p.k) + len(p.v) + 2
	}
	// Large enough to be never moved: what append leaves behind would not be wiped.
	signed := appendSigned(make([]byte, 0, size), pairs)
	defer secret.Zero(signed[:cap(signed)])
	signature, err := wallet.AppendSignature(make([]byte, 0, 512), keys.Signer, digest(signed))
	if err != nil {
		return nil, err
	}
	body := make([]byte, 0, 3*size+3*len(signature)+16)
	for _, p := range pairs {
		if len(p.v) > 0 {
			body = wallet.AppendEscaped(append(append(body, p.k...), '='), p.v)
			body = append(body, '&')
		}
	}
	body = wallet.AppendEscaped(append(body, "signature="...), signature)
	defer secret.Zero(body[:cap(body)])
	out := make([]byte, 0, 512+len(body)+len(c.link.Host()))
	out = wallet.AppendHead(out, http.MethodPost, path, c.link.Host(), len(body),
		"Content-Type: application/x-www-form-urlencoded;charset=UTF-8")
	return append(out, body...), nil
}
