package wechatpayv2

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/tilld/tilld/agent/sale"
)

// codeScheme is what every code of WeChat Pay that a till shows begins with.
const codeScheme = "weixin://wxpay/"

// Offer implements agent.Offerer. The order can be paid until its time_expire, which has whole
// seconds and is not to be less than a minute from now. It is not closed by then.
func (c *Client) Offer(ctx context.Context, a sale.Attempt) (sale.Offer, error) {
	fields, err := c.offerFields(a)
	if err != nil {
		return sale.Offer{}, fmt.Errorf("offer %s at %s: %w", a.ID, c.cfg.Ref.Name, err)
	}
	reply, err := c.exchange(ctx, sale.OpOffer, a.ID, offerPath, fields)
	if err != nil {
		return sale.Offer{}, err
	}
	offer := sale.Offer{Answer: c.judge(sale.OpOffer, reply)}
	if offer.Outcome == sale.OutAccepted {
		in, err := c.open(reply)
		if err != nil { // it was opened before
			return sale.Offer{Answer: sale.Answer{Cause: err.Error()}}, nil
		}
		offer.Code = in["code_url"]
	}
	return offer, nil
}

func (c *Client) offerFields(a sale.Attempt) ([]field, error) {
	sum, err := sumOf(a.Amount)
	switch {
	case err != nil:
		return nil, err
	case a.OfferLife <= 0:
		return nil, errors.New("no time to pay it in")
	case c.set.NotifyURL == "":
		return nil, errors.New("no notify_url in the contract's settings, which WeChat Pay insists on")
	}
	return append(c.order(a.ID, c.scene...), append(sum,
		field{"trade_type", []byte("NATIVE")},
		field{"product_id", []byte(a.ID)}, // wanted of this kind of order
		field{"notify_url", []byte(c.set.NotifyURL)},
		field{"time_expire", expiry(c.cfg.Time(), a.OfferLife).AppendFormat(nil, "20060102150405")})...), nil
}

// expiry is the last whole second within life, in Beijing's time.
func expiry(now time.Time, life time.Duration) time.Time {
	at := now.Add(life).Truncate(time.Second)
	if !at.After(now) {
		at = at.Add(time.Second)
	}
	return at.In(time.FixedZone("", 8*60*60))
}

// Close implements agent.Offerer. WeChat Pay advises to wait five minutes after the order was
// made, because a close may fail before: it is then repeated.
func (c *Client) Close(ctx context.Context, a sale.Attempt) (sale.Answer, error) {
	return c.ask(ctx, sale.OpClose, a.ID, closePath, c.order(a.ID))
}

// paidAlready reports whether an answer to a close says that the order is paid.
func paidAlready(ans sale.Answer) bool { return ans.Signed && ans.Code == "ORDERPAID" }

// showable reports whether a text can be the code of an order.
func showable(code string) bool {
	if !strings.HasPrefix(code, codeScheme) || len(code) > 512 {
		return false
	}
	for _, c := range []byte(code) {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return true
}
