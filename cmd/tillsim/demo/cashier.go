package demo

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/tilld/tilld/agent/pos/posclient"
	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/cmd/tillsim/verdict"
)

// book is what all points of sale were told, in the order in which they were told it.
type book struct {
	mu   sync.Mutex
	rows []verdict.Told
}

func (b *book) add(t verdict.Told) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.rows = append(b.rows, t)
}

func (b *book) all() []verdict.Told {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]verdict.Told(nil), b.rows...)
}

// cashier is one point of sale: it asks, and writes down what it is told.
type cashier struct {
	book   *book
	pos    *posclient.Client
	saleID string
	poiID  string
	run    string // tells the numbers of this demo from those of every other

	mu sync.Mutex
	n  int
}

// service draws a ServiceID: at most ten letters and digits, never used before.
func (c *cashier) service() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n++
	return fmt.Sprintf("%s%04d", c.run, c.n)
}

// basket is what the customer wants to buy. Its amount is unlike any other of the demo, so
// that the till's screens and events can be told apart by it.
type basket struct {
	scenario string
	id       string // TransactionID
	stamp    string // its TimeStamp, the same in every request
	amount   sale.Amount
	brands   []string // AllowedPaymentBrand; empty allows all
}

func (c *cashier) basket(scenario string, amount sale.Amount) basket {
	return basket{scenario: scenario, id: "B" + c.service(), stamp: time.Now().UTC().Format("2006-01-02T15:04:05.000Z"), amount: amount}
}

// wanted is what a scenario expects of one request and of the ledgers in the end.
type wanted struct {
	answer string // "Success", "Failure/Refusal", "no answer"
	ledger verdict.Standing
}

// request is one message on its way. Its answer is written into the book when it comes.
type request struct {
	basket  basket
	service string
	kind    verdict.Kind
	payment string // of a Reversal or a refund: what is given back
	reverse bool   // a part is given back by a Reversal, not by a Payment of type Refund
	status  bool   // asks about an earlier request
	want    wanted
	hangUp  context.CancelFunc // the point of sale loses patience
	done    chan struct{}
	answer  posclient.Answer // valid after done
	err     error            // valid after done
}

// pay asks for a payment. An empty service draws one; a service given is a repeat.
func (c *cashier) pay(ctx context.Context, b basket, service string, w wanted) *request {
	if service == "" {
		service = c.service()
	}
	r := &request{basket: b, service: service, kind: verdict.KindPayment, want: w}
	c.send(ctx, r, func(ctx context.Context) (posclient.Answer, error) {
		return c.pos.Pay(ctx, posclient.PayRequest{ServiceID: service, TransactionID: b.id, TimeStamp: b.stamp,
			Amount: b.amount.Decimal(), Currency: string(b.amount.Currency), Brands: b.brands})
	})
	return r
}

// refund asks to give a part of a payment back: b is the refund's own basket, its amount the
// part. An empty payment lets the customer show the bill.
func (c *cashier) refund(ctx context.Context, b basket, payment string, w wanted) *request {
	r := &request{basket: b, service: c.service(), kind: verdict.KindRefund, payment: payment, want: w}
	c.send(ctx, r, func(ctx context.Context) (posclient.Answer, error) {
		return c.pos.Refund(ctx, posclient.RefundRequest{POITransactionID: payment, PayRequest: posclient.PayRequest{ServiceID: r.service,
			TransactionID: b.id, TimeStamp: b.stamp, Amount: b.amount.Decimal(), Currency: string(b.amount.Currency)}})
	})
	return r
}

// reversePart is the same by a Reversal with an amount.
func (c *cashier) reversePart(ctx context.Context, b basket, payment string, w wanted) *request {
	r := &request{basket: b, service: c.service(), kind: verdict.KindRefund, reverse: true, payment: payment, want: w}
	c.send(ctx, r, func(ctx context.Context) (posclient.Answer, error) {
		return c.pos.Reverse(ctx, posclient.ReverseRequest{ServiceID: r.service, POITransactionID: payment, TransactionID: b.id,
			TimeStamp: b.stamp, Amount: b.amount.Decimal()})
	})
	return r
}

// status asks what became of an earlier Payment or Reversal.
func (c *cashier) status(ctx context.Context, of *request, w wanted) *request {
	r := &request{basket: of.basket, service: of.service, kind: verdict.KindStatus, status: true, want: w}
	ref := posclient.Reference{ServiceID: of.service}
	if of.kind != verdict.KindPayment {
		r.kind, r.payment, r.reverse = of.kind, of.payment, of.reverse
	}
	if of.kind == verdict.KindReversal || of.reverse {
		ref.Category = "Reversal"
	}
	c.send(ctx, r, func(ctx context.Context) (posclient.Answer, error) {
		return c.pos.Status(ctx, c.service(), ref)
	})
	return r
}

// reverse gives a paid payment back.
func (c *cashier) reverse(ctx context.Context, of *request, w wanted) *request {
	r := &request{basket: of.basket, service: c.service(), kind: verdict.KindReversal, payment: of.answer.POITransactionID, want: w}
	c.send(ctx, r, func(ctx context.Context) (posclient.Answer, error) {
		return c.pos.Reverse(ctx, posclient.ReverseRequest{ServiceID: r.service, POITransactionID: r.payment, TransactionID: of.basket.id})
	})
	return r
}

// abort asks to abort a Payment. Its answer is empty and says nothing of money.
func (c *cashier) abort(ctx context.Context, of *request) error {
	_, err := c.pos.Abort(ctx, c.service(), posclient.Reference{ServiceID: of.service})
	return err
}

func (c *cashier) send(ctx context.Context, r *request, exchange func(context.Context) (posclient.Answer, error)) {
	ctx, r.hangUp = context.WithCancel(ctx)
	r.done = make(chan struct{})
	go func() {
		defer close(r.done)
		defer r.hangUp()
		r.answer, r.err = exchange(ctx)
		t, err := c.told(r)
		r.err = errors.Join(r.err, err)
		c.book.add(t)
	}()
}

// told is the line of the book for an answer, or for the lack of one.
func (c *cashier) told(r *request) (verdict.Told, error) {
	t := verdict.Told{At: time.Now(), Scenario: r.basket.scenario, Kind: r.kind, SaleID: c.saleID, POIID: c.poiID,
		ServiceID: r.service, TransactionID: r.basket.id, Amount: r.basket.amount, Payment: r.payment,
		Expect: r.want.answer, ExpectWallet: r.want.ledger}
	a := r.answer
	if r.err != nil || a.Result == "" {
		return t, nil
	}
	if !r.status {
		sum := sha256.Sum256(a.Raw)
		t.Digest = hex.EncodeToString(sum[:])
	} else if a.Repeated != nil {
		a = *a.Repeated
	}
	t.Result, t.Condition = a.Result, a.ErrorCondition
	switch r.kind {
	case verdict.KindReversal:
		return t, nil
	case verdict.KindRefund:
		t.Payment, t.Refund = cmp.Or(t.Payment, a.POITransactionID), a.Additional("refundId")
	default:
		t.Payment = a.POITransactionID
	}
	if t.Result != verdict.Success {
		return t, nil
	}
	if r.reverse {
		got, err := reversed(r.answer.Raw, r.basket.amount.Currency)
		t.Authorized = got
		return t, err
	}
	got, err := authorized(r.answer.Raw)
	t.Authorized = got
	return t, err
}

// authorized finds the amount that a Success states, in a Payment's own answer or in the
// one that a TransactionStatus repeats. Nil when there is none.
func authorized(raw []byte) (*sale.Amount, error) {
	type response struct {
		PaymentResult *struct {
			AmountsResp struct {
				Currency         sale.Currency
				AuthorizedAmount json.Number
			}
		}
	}
	var answer struct {
		SaleToPOIResponse struct {
			PaymentResponse           response
			TransactionStatusResponse struct {
				RepeatedMessageResponse struct {
					RepeatedResponseMessageBody struct{ PaymentResponse response }
				}
			}
		}
	}
	if err := json.Unmarshal(raw, &answer); err != nil {
		return nil, fmt.Errorf("read the authorized amount: %w", err)
	}
	result := answer.SaleToPOIResponse.PaymentResponse.PaymentResult
	if result == nil {
		result = answer.SaleToPOIResponse.TransactionStatusResponse.RepeatedMessageResponse.RepeatedResponseMessageBody.PaymentResponse.PaymentResult
	}
	if result == nil {
		return nil, nil
	}
	a, err := sale.ParseAmount(result.AmountsResp.AuthorizedAmount.String(), result.AmountsResp.Currency)
	if err != nil {
		return nil, fmt.Errorf("read the authorized amount: %w", err)
	}
	return &a, nil
}

// reversed finds the amount that the answer to a Reversal states, in its own answer or in the
// one that a TransactionStatus repeats. Nil when there is none.
func reversed(raw []byte, currency sale.Currency) (*sale.Amount, error) {
	type response struct{ ReversedAmount json.Number }
	var answer struct {
		SaleToPOIResponse struct {
			ReversalResponse          response
			TransactionStatusResponse struct {
				RepeatedMessageResponse struct {
					RepeatedResponseMessageBody struct{ ReversalResponse response }
				}
			}
		}
	}
	if err := json.Unmarshal(raw, &answer); err != nil {
		return nil, fmt.Errorf("read the reversed amount: %w", err)
	}
	in := answer.SaleToPOIResponse
	text := cmp.Or(in.ReversalResponse.ReversedAmount, in.TransactionStatusResponse.RepeatedMessageResponse.RepeatedResponseMessageBody.ReversalResponse.ReversedAmount)
	if text == "" {
		return nil, nil
	}
	a, err := sale.ParseAmount(text.String(), currency)
	if err != nil {
		return nil, fmt.Errorf("read the reversed amount: %w", err)
	}
	return &a, nil
}

// wait returns once the answer came, or ctx ended. No answer is no error: it is what some
// scenarios are about, and the book says so.
func (r *request) wait(ctx context.Context) error {
	select {
	case <-r.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for the answer to %s %s: %w", r.kind, r.service, context.Cause(ctx))
	}
}
