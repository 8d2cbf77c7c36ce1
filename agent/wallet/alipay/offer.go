package alipay

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"time"

	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/internal/secret"
)

// Offer implements agent.Offerer: it makes an order that exists for the gateway only once a
// phone has scanned its code. Until then a query says TRADE_NOT_EXIST, and close has nothing
// to close: only the end of its life takes the code away.
func (c *Client) Offer(ctx context.Context, a sale.Attempt) (sale.Offer, error) {
	stop := func(err error) (sale.Offer, error) {
		return sale.Offer{}, fmt.Errorf("%s %s at %s: %w", sale.OpOffer, a.ID, c.cfg.Ref.Name, err)
	}
	if a.Amount.Currency != currency || a.Amount.Minor <= 0 {
		return stop(fmt.Errorf("amount %s cannot be paid here", a.Amount))
	}
	if a.OfferLife <= 0 || a.OfferLife > sale.MaxOfferLife {
		return stop(fmt.Errorf("a life of %s, want at most %s", a.OfferLife, sale.MaxOfferLife))
	}
	request, err := c.request(methodPrecreate, c.offerBiz(a))
	if err != nil {
		secret.Zero(request[:cap(request)])
		return stop(err)
	}
	r, err := c.exchange(ctx, methodPrecreate, request)
	if err != nil {
		return stop(err)
	}
	if r.cause != "" {
		return sale.Offer{Answer: sale.Answer{NotSent: r.notSent, Cause: r.cause}}, nil
	}
	offer := readOffer(r.status, r.inner)
	offer.Answer = c.bound(offer.Answer)
	return offer, nil
}

// offerBiz ends the order's life twice. time_expire is exact, and closes the order; it is
// rounded down, so that no code outlives the till's count of it. qr_code_timeout_express
// ends the code itself, whether it was scanned or not, but counts whole minutes.
func (c *Client) offerBiz(a sale.Attempt) []byte {
	now := c.cfg.Time()
	minutes := (a.OfferLife + time.Minute - 1) / time.Minute
	biz := make([]byte, 0, 256+len(c.subject)+len(c.place)+len(c.payee))
	biz = append(biz, `{"out_trade_no":"`...)
	biz = append(biz, a.ID...)
	biz = append(biz, `","time_expire":"`...)
	biz = now.Add(a.OfferLife).In(shanghai).AppendFormat(biz, timeForm)
	biz = append(biz, `","qr_code_timeout_express":"`...)
	biz = strconv.AppendInt(biz, int64(minutes), 10)
	biz = append(biz, 'm', '"')
	biz = append(biz, c.subject...)
	return c.appendOrder(biz, a)
}

// Close implements agent.Offerer.
func (c *Client) Close(ctx context.Context, a sale.Attempt) (sale.Answer, error) {
	return c.ask(ctx, sale.OpClose, methodClose, a, orderBiz(a))
}

// readOffer makes an offer of the verified inner object.
func readOffer(status int, inner []byte) sale.Offer {
	offer := sale.Offer{Answer: read(sale.OpOffer, status, inner)}
	if offer.Outcome != sale.OutAccepted {
		return offer
	}
	var in reply
	if json.Unmarshal(inner, &in) != nil || !codeForm.MatchString(in.QRCode) {
		offer.Outcome, offer.Cause = sale.OutUnknown, "the answer holds no code that could be shown"
		return offer
	}
	offer.Code = in.QRCode
	return offer
}

// codeForm is the text of a code: https://qr.alipay.com/bavh4wjlxf12tper3a.
var codeForm = regexp.MustCompile(`^https://[!-~]{4,512}$`)

// offered reads the answer to precreate. What is refused gave no code that could be paid.
func offered(ans *sale.Answer, in reply) {
	switch in.Code {
	case codeDone:
		done(ans, sale.OutAccepted)
	case codeBusiness:
		ans.Outcome = offerRefusals[in.SubCode]
	}
}

// offerRefusals is the closed list of sub_codes beside 40004 for precreate.
var offerRefusals = map[string]sale.Outcome{
	"ACQ.INVALID_PARAMETER":    sale.OutDeclined,
	"ACQ.ACCESS_FORBIDDEN":     sale.OutDeclined,
	"ACQ.EXIST_FORBIDDEN_WORD": sale.OutDeclined,
	"ACQ.PARTNER_ERROR":        sale.OutDeclined,
	"ACQ.TOTAL_FEE_EXCEED":     sale.OutDeclined,

	"ACQ.CONTEXT_INCONSISTENT": sale.OutDuplicate,
	"ACQ.TRADE_HAS_SUCCESS":    sale.OutDuplicate,
	"ACQ.TRADE_HAS_CLOSE":      sale.OutDuplicate,
}

// closed reads the answer to close. TRADE_STATUS_ERROR comes for an order that is paid, among
// others: only a query can tell.
func closed(ans *sale.Answer, in reply) {
	switch {
	case in.Code == codeDone:
		done(ans, sale.OutAccepted)
	case in.Code == codeBusiness && in.SubCode == "ACQ.TRADE_NOT_EXIST":
		ans.Outcome = sale.OutNotFound
	}
}
