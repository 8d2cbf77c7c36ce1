package lakala

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/agent/terminal"
	"github.com/tilld/tilld/agent/wallet"
	"github.com/tilld/tilld/internal/secret"
)

const (
	pathPay    = "/api/v3/labs/trans/micropay"
	pathQuery  = "/api/v3/labs/query/tradequery"
	pathRevoke = "/api/v3/labs/relation/revoked"
	pathRefund = "/api/v3/labs/relation/refund"

	pathOffer      = "/api/v3/ccss/counter/order/special_create"
	pathOfferQuery = "/api/v3/ccss/counter/order/query"
	pathOfferClose = "/api/v3/ccss/counter/order/close"
)

var shanghai = time.FixedZone("Asia/Shanghai", 8*60*60)

// timeForm is how the platform writes times.
const timeForm = "20060102150405"

// Client is one contract with the platform. It is safe for concurrent use.
type Client struct {
	cfg  wallet.Config
	set  Settings
	link *wallet.Link

	// The parts of a request that never change.
	shop     []byte // "merchant_no":...,"term_no":...
	place    []byte // ,"location_info":{...}
	subject  []byte // ,"subject":...
	authHead string
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
	if cfg.Nonce == nil {
		cfg.Nonce = func() string { return wallet.Nonce()[:12] } // the platform wants 12 characters
	}
	c := &Client{cfg: cfg, set: s, link: link, place: place(cfg.Terminal), authHead: `Authorization: LKLAPI-SHA256withRSA appid="` + s.AppID + `",serial_no="`}
	c.shop = []byte(`"merchant_no":"` + s.MerchantNo + `","term_no":"` + s.TermNo + `"`)
	c.subject = wallet.AppendJSON([]byte(`,"subject":`), subject(cfg.Terminal))
	return c, nil
}

// subject is what the customer reads in the wallet, at most 42 characters.
func subject(t terminal.Info) string {
	if t.StoreName == "" {
		return "收款"
	}
	name := []rune(t.StoreName)
	return string(name[:min(len(name), 42)])
}

// place is where the terminal stands. The address is mandatory: one that is not configured is
// given as the terminal's own. The coordinates have a comma here.
func place(t terminal.Info) []byte {
	ip := t.DeviceIP
	if ip == "" {
		ip = "127.0.0.1"
	}
	b := wallet.AppendJSON([]byte(`,"location_info":{"request_ip":`), ip)
	if t.Location != "" {
		b = wallet.AppendJSON(append(b, `,"location":`...), strings.ReplaceAll(t.Location, "/", ","))
	}
	return append(b, '}')
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
	if err := payable(a); err != nil {
		return nil, fmt.Errorf("pay %s at %s: %w", a.ID, c.cfg.Ref.Name, err)
	}
	body := c.payBody(a, code)
	defer secret.Zero(body[:cap(body)])
	request, err := c.request(pathPay, body)
	if err != nil {
		secret.Zero(request[:cap(request)])
		return nil, fmt.Errorf("pay %s at %s: %w", a.ID, c.cfg.Ref.Name, err)
	}
	return func(ctx context.Context) (sale.Answer, error) {
		r, err := c.exchange(ctx, request)
		if err != nil {
			return sale.Answer{}, fmt.Errorf("pay %s at %s: %w", a.ID, c.cfg.Ref.Name, err)
		}
		return c.paid(r), nil
	}, nil
}

func payable(a sale.Attempt) error {
	if a.Amount.Currency != currency || a.Amount.Minor <= 0 {
		return fmt.Errorf("amount %s cannot be paid here", a.Amount)
	}
	return nil
}

func (c *Client) payBody(a sale.Attempt, code sale.Credential) []byte {
	// Large enough to be never moved: what append leaves behind would not be wiped.
	b := c.envelope(make([]byte, 0, 512+len(c.shop)+len(c.place)+len(c.subject)))
	b = append(b, c.shop...)
	b = append(b, `,"out_trade_no":"`...)
	b = append(b, a.ID...)
	b = append(b, `","auth_code":`...)
	b = wallet.AppendJSON(b, code.Code.Reveal())
	b = append(b, `,"total_amount":"`...)
	b = strconv.AppendInt(b, a.Amount.Minor, 10)
	b = append(b, '"')
	b = append(append(b, c.place...), c.subject...)
	return append(b, "}}"...)
}

// envelope begins a body, up to the fields of req_data.
func (c *Client) envelope(b []byte) []byte {
	b = append(b, `{"req_time":"`...)
	b = c.cfg.Time().In(shanghai).AppendFormat(b, timeForm)
	b = append(b, `","version":"3.0","out_org_code":"`...)
	b = append(b, c.set.AppID...)
	return append(b, `","req_data":{`...)
}

// Query implements agent.Wallet.
func (c *Client) Query(ctx context.Context, a sale.Attempt) (sale.Answer, error) {
	if a.Offered() {
		return c.queryOffer(ctx, a)
	}
	return c.query(ctx, a.ID, `"out_trade_no":"`+a.ID+`"`)
}

func (c *Client) query(ctx context.Context, what, field string) (sale.Answer, error) {
	r, err := c.ask(ctx, sale.OpQuery, what, pathQuery, append(append(c.body(), ','), field...))
	if err != nil {
		return sale.Answer{}, err
	}
	return c.found(r), nil
}

// Find implements agent.Finder: by our number, or by the platform's trade_no.
func (c *Client) Find(ctx context.Context, number string) (sale.Answer, error) {
	if !numberForm.MatchString(number) {
		return sale.Answer{Outcome: sale.OutNotFound, Cause: "it is not a number that the platform could know"}, nil
	}
	field := `"trade_no":"` + number + `"`
	if _, _, _, err := sale.ParseOrderID(number); err == nil {
		field = `"out_trade_no":"` + number + `"`
	}
	ans, err := c.query(ctx, number, field)
	if err != nil {
		return ans, err
	}
	switch ans.Outcome {
	case sale.OutPaid, sale.OutRefunded:
		if number != ans.Order && number != ans.WalletTransaction {
			ans.Outcome, ans.Cause = sale.OutUnknown, "the answer is about another order"
		}
	case sale.OutPaying, sale.OutClosed, sale.OutFailed:
		ans.Outcome, ans.Cause = sale.OutNotFound, "the order is not paid"
	}
	return ans, nil
}

// Reverse implements agent.Wallet. A revoke that is refused because its day is over is
// followed by a refund of the whole, once a query has said that the order is paid.
func (c *Client) Reverse(ctx context.Context, a sale.Attempt) (sale.Answer, error) {
	var ans sale.Answer
	if a.Offered() {
		closed, err := c.Close(ctx, a)
		if err != nil {
			return sale.Answer{}, err
		}
		ans = closed
	} else {
		body := append(c.body(), `,"out_trade_no":"`+short(a.ID, "revoke")+`","origin_out_trade_no":"`+a.ID+`"`...)
		r, err := c.ask(ctx, sale.OpReverse, a.ID, pathRevoke, append(body, c.place...))
		if err != nil {
			return sale.Answer{}, err
		}
		ans = c.accepted(r, codeDone)
	}
	if ans.Outcome != sale.OutRetry {
		return ans, nil
	}
	// A revoke that was answered with an error may be carried out all the same: while one may
	// still linger, it is repeated and not followed by a refund, or both would give money back.
	if !a.Offered() && c.cfg.Time().Sub(a.SentAt) < c.cfg.Clock.Quiet() {
		return ans, nil
	}
	// Refused with a signature. If it is paid, a refund of the whole takes it back: of what the
	// platform has on record, which may be another total than ours.
	asked, err := c.Query(ctx, a)
	if err != nil || asked.Outcome != sale.OutPaid || asked.Order != a.ID {
		return ans, nil
	}
	a.WalletTransaction, a.Amount = asked.WalletTransaction, wallet.TotalOf(a, asked)
	back, err := c.Refund(ctx, a, wallet.FullRefund(a, a.Amount))
	if err != nil {
		return sale.Answer{}, err
	}
	switch back.Outcome {
	case sale.RefOutDone, sale.RefOutPending:
		ans.Outcome, ans.Cause = sale.OutAccepted, ""
	default:
		ans.Outcome, ans.Cause = sale.OutRetry, "neither revoked nor refunded: "+back.Code+back.Cause
	}
	return ans, nil
}

// Warm implements agent.Warmer.
func (c *Client) Warm(ctx context.Context) error { return c.link.Warm(ctx) }

// Disconnect ends the idle connections.
func (c *Client) Disconnect() error { return c.link.Close() }

// body begins a body that holds no code, with the shop's numbers.
func (c *Client) body() []byte { return append(c.envelope(make([]byte, 0, 512)), c.shop...) }

// ask sends a request that holds no code; body lacks its two closing braces.
func (c *Client) ask(ctx context.Context, op sale.Op, what, path string, body []byte) (wallet.Reply, error) {
	request, err := c.request(path, append(body, "}}"...))
	if err == nil {
		var r wallet.Reply
		if r, err = c.exchange(ctx, request); err == nil {
			return r, nil
		}
	}
	return wallet.Reply{}, fmt.Errorf("%s %s at %s: %w", op, what, c.cfg.Ref.Name, err)
}

// exchange hands a request over, once, and wipes it.
func (c *Client) exchange(ctx context.Context, request []byte) (wallet.Reply, error) {
	defer secret.Zero(request[:cap(request)])
	if err := ctx.Err(); err != nil {
		return wallet.Reply{}, err
	}
	return c.link.Do(ctx, http.MethodPost, request), nil
}

// request signs and writes one whole HTTP message.
func (c *Client) request(path string, body []byte) ([]byte, error) {
	keys := c.cfg.Ring.Keys()
	timestamp := strconv.FormatInt(c.cfg.Time().Unix(), 10)
	nonce := c.cfg.Nonce()
	message := appendSigned(make([]byte, 0, 192+len(body)), c.set.AppID, keys.ID, timestamp, nonce, body)
	defer secret.Zero(message[:cap(message)])

	auth := make([]byte, 0, 768)
	auth = append(auth, c.authHead...)
	auth = append(auth, keys.ID+`",timestamp="`+timestamp+`",nonce_str="`+nonce+`",signature="`...)
	auth, err := wallet.AppendSignature(auth, keys.Signer, message)
	if err != nil {
		return nil, err
	}
	auth = append(auth, '"')
	out := make([]byte, 0, 512+len(path)+len(auth)+len(body)+len(c.link.Host()))
	out = wallet.AppendHead(out, http.MethodPost, path, c.link.Host(), len(body),
		"Accept: application/json", "Content-Type: application/json", string(auth))
	return append(out, body...), nil
}
