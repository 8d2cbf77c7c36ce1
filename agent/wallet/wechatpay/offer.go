package wechatpay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/agent/terminal"
	"github.com/tilld/tilld/agent/wallet"
)

// codeScheme is what every code of WeChat Pay that a till shows begins with.
const codeScheme = "weixin://wxpay/"

// offerScene is the terminal information of an offer, from the amount's end to the end of the
// body. The documents want the payer's address, which a till cannot know: ours stands in
// (unconfirmed that every contract takes it).
func offerScene(t terminal.Info) []byte {
	ip := t.DeviceIP
	if ip == "" {
		ip = "127.0.0.1"
	}
	b := wallet.AppendJSON([]byte(`,"scene_info":{"payer_client_ip":`), ip)
	b = wallet.AppendJSON(append(b, `,"device_id":`...), wallet.LastBytes(t.Serial, 32))
	if t.StoreID != "" {
		b = append(wallet.AppendJSON(append(b, `,"store_info":{"id":`...), t.StoreID), '}')
	}
	return append(b, `}}`...)
}

// Offer implements agent.Offerer. The order can be paid until its time_expire, which has whole
// seconds and is moved by WeChat Pay to a minute from now if it is earlier than that. It is not
// closed by then.
func (c *Client) Offer(ctx context.Context, a sale.Attempt) (sale.Offer, error) {
	body, err := c.offerBody(a)
	if err != nil {
		return sale.Offer{}, fmt.Errorf("offer %s at %s: %w", a.ID, c.cfg.Ref.Name, err)
	}
	reply, err := c.exchange(ctx, sale.OpOffer, a.ID, "POST", c.offerTarget, body)
	if err != nil {
		return sale.Offer{}, err
	}
	ans := c.judge(sale.OpOffer, reply)
	if ans.Outcome != sale.OutAccepted {
		return sale.Offer{Answer: ans}, nil
	}
	return sale.Offer{Answer: ans, Code: codeOf(reply.Body)}, nil
}

// codeOf is the code in an answer that was judged before.
func codeOf(body []byte) string {
	var in reply
	if json.Unmarshal(body, &in) != nil {
		return ""
	}
	return in.CodeURL
}

func (c *Client) offerBody(a sale.Attempt) ([]byte, error) {
	switch {
	case a.Amount.Currency == "" || a.Amount.Minor <= 0:
		return nil, fmt.Errorf("amount %s cannot be paid", a.Amount)
	case a.OfferLife <= 0:
		return nil, errors.New("no time to pay it in")
	case c.set.NotifyURL == "":
		return nil, errors.New("no notify_url in the contract's settings, which WeChat Pay insists on")
	}
	body := append([]byte(nil), c.payHead...)
	body = append(body, a.ID...)
	body = append(body, `","time_expire":"`...)
	body = expiry(c.cfg.Time(), a.OfferLife).AppendFormat(body, time.RFC3339)
	body = append(body, `","notify_url":`...)
	body = wallet.AppendJSON(body, c.set.NotifyURL)
	body = append(body, `,"amount":{"total":`...)
	body = strconv.AppendInt(body, a.Amount.Minor, 10)
	body = append(body, `,"currency":"`...)
	body = append(append(body, a.Amount.Currency...), `"}`...)
	return append(body, c.offerTail...), nil
}

// expiry is the last whole second within life, in Beijing's time.
func expiry(now time.Time, life time.Duration) time.Time {
	at := now.Add(life).Truncate(time.Second)
	if !at.After(now) {
		at = at.Add(time.Second)
	}
	return at.In(time.FixedZone("", 8*60*60))
}

// Close implements agent.Offerer. WeChat Pay advises to wait some minutes after the order was
// made, because a close may fail before: it is then repeated.
func (c *Client) Close(ctx context.Context, a sale.Attempt) (sale.Answer, error) {
	return c.ask(ctx, sale.OpClose, a.ID, "POST", c.orderPath+a.ID+"/close", c.closing)
}

// paidAlready reports whether an answer to a close says that the order is paid.
func paidAlready(ans sale.Answer) bool {
	return ans.Signed && (ans.Code == "ORDERPAID" || ans.Code == "ORDER_PAID")
}

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
