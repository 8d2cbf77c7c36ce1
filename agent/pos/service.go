package pos

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tilld/tilld/agent"
	"github.com/tilld/tilld/agent/pos/nexo"
	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/internal/secret"
)

// carryOut does what an opened message asks and answers it.
func (s *Server) carryOut(ctx context.Context, a *answer, q *request) {
	h := q.header
	begun := time.Now()
	told := "answered"
	defer func() {
		s.o.Log.Info("POS message", "category", h.MessageCategory, "sale", h.SaleID, "service", h.ServiceID,
			"sealed", q.key != nil, "told", told, "ms", time.Since(begun).Milliseconds())
	}()
	if err := s.admitted(q); err != nil {
		told = err.Error()
		a.failure(h, err)
		return
	}
	switch h.MessageCategory {
	case "Payment":
		told = "closed without an answer" // unless pay returns
		told = s.pay(ctx, a, q)
	case "Reversal":
		told = "closed without an answer"
		told = s.reverse(ctx, a, q)
	case "TransactionStatus":
		told = s.status(ctx, a, q)
	case "Abort":
		told = s.abort(ctx, a, q)
	case "Diagnosis":
		a.message(h.Answer(), s.diagnosis(h))
	case "Login":
		a.message(h.Answer(), s.login(h))
	case "Logout":
		a.message(h.Answer(), message(h.Answer(), "LogoutResponse", object{"Response": s.success()}))
	default:
		told = string(nexo.NotAllowed)
		a.failure(h, &nexo.Error{Condition: nexo.NotAllowed, Text: h.MessageCategory + " is not offered by this terminal"})
	}
}

func (s *Server) success() response {
	return response{Result: nexo.Success, AdditionalResponse: s.note("")}
}

// asked identifies a request to the till.
func (s *Server) asked(q *request, transactionID, timeStamp string, e echo) sale.Asked {
	e.Test, e.DeviceID = s.test, q.header.DeviceID
	return sale.Asked{
		SaleID:        q.header.SaleID,
		POIID:         q.header.POIID,
		ServiceID:     q.header.ServiceID,
		TransactionID: transactionID,
		TimeStamp:     timeStamp,
		// A repeat is the same content, but for the code: a second one would not be sent.
		Hash: q.content.Hash(nexo.CodePath...),
		Echo: encode(e),
	}
}

func (s *Server) pay(ctx context.Context, a *answer, q *request) string {
	p, bad := nexo.ReadPayment(q.body())
	if bad != nil {
		a.failure(q.header, bad)
		return bad.Error()
	}
	asked := s.asked(q, p.TransactionID, p.TimeStamp, echo{SaleData: p.SaleData, Metadata: p.Metadata, Amount: &p.Amount, Refund: p.Refund})
	if p.Refund {
		r := agent.RefundRequest{Asked: asked, Payment: p.Original, Amount: &p.Amount}
		return s.wait(ctx, a, asked, Render, func(ctx context.Context) (agent.Reply, error) { return s.o.Till.Refund(ctx, r) })
	}
	r := agent.PayRequest{Asked: asked, Amount: p.Amount, Brands: brands(p.Brands)}
	if p.Code != nil {
		r.Code = secret.Copy(p.Code)
	}
	return s.wait(ctx, a, asked, Render, func(ctx context.Context) (agent.Reply, error) { return s.o.Till.Pay(ctx, r) })
}

// brands turns AllowedPaymentBrand into the names of wallets: "WeChatPay_pos" is wechatpay.
func brands(in []string) (out []string) {
	for _, b := range in {
		out = append(out, strings.TrimSuffix(strings.ToLower(b), "_pos"))
	}
	return out
}

func (s *Server) reverse(ctx context.Context, a *answer, q *request) string {
	rev, bad := nexo.ReadReversal(q.body())
	r := agent.ReverseRequest{Payment: rev.Original, Major: rev.Amount}
	if bad != nil {
		a.failure(q.header, bad)
		return bad.Error()
	}
	r.Asked = s.asked(q, rev.TransactionID, rev.TimeStamp, echo{SaleData: rev.SaleData, Original: rev.Echo})
	return s.wait(ctx, a, r.Asked, RenderReverse, func(ctx context.Context) (agent.Reply, error) { return s.o.Till.Reverse(ctx, r) })
}

// wait has the till do its work and keeps the client's line alive meanwhile. A request
// without an outcome is never answered: the connection is closed, and the client asks for
// the status.
func (s *Server) wait(ctx context.Context, a *answer, asked sale.Asked,
	render func(sale.Asked, agent.Reply) []byte, do func(context.Context) (agent.Reply, error)) string {
	waiting, stop := a.keepAlive(ctx)
	reply, err := do(waiting)
	alive := ctx.Err() == nil
	stop()
	if err != nil {
		if err != agent.ErrUndecided {
			s.o.Log.Error("POS request has no outcome", "service", asked.ServiceID, "cause", err)
		}
		hangUp()
	}
	plain := reply.Bytes
	if len(plain) == 0 {
		plain = render(asked, reply)
	}
	if a.message(headerOf(plain, asked), plain) && alive {
		s.o.Till.Delivered(asked.Key())
	}
	return string(reply.Ending)
}

// headerOf is the header of an answer that was rendered, perhaps by an earlier start.
func headerOf(plain []byte, asked sale.Asked) nexo.Header {
	var m struct {
		SaleToPOIResponse struct{ MessageHeader nexo.Header }
	}
	if json.Unmarshal(plain, &m) != nil {
		return nexo.Header{ProtocolVersion: "3.0", MessageType: "Response", ServiceID: asked.ServiceID, SaleID: asked.SaleID, POIID: asked.POIID}
	}
	return m.SaleToPOIResponse.MessageHeader
}

// status answers what became of an earlier request.
func (s *Server) status(ctx context.Context, a *answer, q *request) string {
	h := q.header
	ref, bad := nexo.ReadReference(q.body().At("MessageReference"), h)
	if bad == nil && ref.SaleID != h.SaleID && !s.known(ref.SaleID) {
		bad = &nexo.Error{Condition: nexo.NotAllowed, Text: "the MessageReference's SaleID is not on this terminal's list"}
	}
	if bad != nil {
		a.failure(h, bad)
		return bad.Error()
	}
	key := sale.MessageKey{SaleID: ref.SaleID, POIID: ref.POIID, ServiceID: ref.ServiceID}
	what, reply, err := s.o.Till.Status(ctx, key)
	if err != nil {
		s.o.Log.Error("POS status request failed", "service", h.ServiceID, "cause", err)
		a.failure(h, &nexo.Error{Condition: nexo.UnavailableService, Text: "the terminal cannot look it up now"})
		return "failed"
	}
	body := object{"MessageReference": referenceOf(ref)}
	switch what {
	case agent.StatusInProgress:
		body["Response"] = response{Result: nexo.Failure, ErrorCondition: nexo.InProgress, AdditionalResponse: s.note("not decided yet")}
	case agent.StatusKnown:
		again, err := repeated(reply.Bytes)
		if err != nil {
			s.o.Log.Error("POS status request failed", "service", h.ServiceID, "cause", err)
			a.failure(h, &nexo.Error{Condition: nexo.UnavailableService, Text: "the stored answer cannot be read"})
			return "failed"
		}
		body["Response"] = s.success()
		body["RepeatedMessageResponse"] = again
	default:
		body["Response"] = response{Result: nexo.Failure, ErrorCondition: nexo.NotFound, AdditionalResponse: s.note("not on record; it is refused if it arrives late")}
	}
	sent := a.message(h.Answer(), message(h.Answer(), "TransactionStatusResponse", body))
	if sent && what == agent.StatusKnown && ref.SaleID == h.SaleID && ctx.Err() == nil {
		s.o.Till.Delivered(key)
	}
	return [...]string{"not found", "in progress", "repeated"}[what]
}

func referenceOf(r nexo.Reference) object {
	out := object{"ServiceID": r.ServiceID, "SaleID": r.SaleID, "POIID": r.POIID}
	if r.Category != "" {
		out["MessageCategory"] = r.Category
	}
	return out
}

// repeated takes a stored answer apart into a RepeatedMessageResponse. The parts keep
// their bytes.
func repeated(stored []byte) (object, error) {
	var m struct {
		SaleToPOIResponse map[string]json.RawMessage
	}
	if err := json.Unmarshal(stored, &m); err != nil {
		return nil, fmt.Errorf("read the stored answer: %w", err)
	}
	header, ok := m.SaleToPOIResponse["MessageHeader"]
	delete(m.SaleToPOIResponse, "MessageHeader")
	if !ok || len(m.SaleToPOIResponse) != 1 {
		return nil, fmt.Errorf("read the stored answer: it has no header or no single body")
	}
	return object{"MessageHeader": header, "RepeatedResponseMessageBody": m.SaleToPOIResponse}, nil
}

// abort turns a payment to undo. Its answer is empty; that of the payment follows on the
// payment's own connection.
func (s *Server) abort(ctx context.Context, a *answer, q *request) string {
	h := q.header
	ref, bad := nexo.ReadReference(q.body().At("MessageReference"), h)
	if bad != nil {
		a.failure(h, bad)
		return bad.Error()
	}
	if ref.SaleID != h.SaleID {
		bad = &nexo.Error{Condition: nexo.NotAllowed, Text: "a payment of another SaleID cannot be aborted"}
		a.failure(h, bad)
		return bad.Error()
	}
	reason, _ := q.body().At("AbortReason").Text()
	key := sale.MessageKey{SaleID: ref.SaleID, POIID: ref.POIID, ServiceID: ref.ServiceID}
	// Some points of sale do not stay for the answer: the abort counts all the same.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.o.Limits.Answer)
	defer cancel()
	if err := s.o.Till.Abort(ctx, key, clip(reason)); err != nil {
		s.o.Log.Error("POS abort failed", "service", h.ServiceID, "cause", err)
		a.failure(h, &nexo.Error{Condition: nexo.UnavailableService, Text: "the abort could not be recorded"})
		return "failed"
	}
	a.empty()
	return "aborting"
}

// clip bounds a text that people read.
func clip(s string) string {
	const most = 64
	clean := strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f {
			return ' '
		}
		return r
	}, s)
	if runes := []rune(clean); len(runes) > most {
		return string(slices.Clip(runes[:most])) + "…"
	}
	return clean
}
