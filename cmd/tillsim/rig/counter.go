package rig

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tilld/tilld/agent/pos/posclient"
	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/agent/wallet/wallettest"
	"github.com/tilld/tilld/cmd/tillsim/counter"
)

// Counter lets a page play with a rig: it is the cashier, the customer, and whoever pulls
// the plugs.
type Counter struct {
	rig *Rig
	pos *posclient.Client

	mu       sync.Mutex
	services int
	running  string // the ServiceID of the sale that goes on; empty between sales
	shown    string // the last code that NewCode made, to be shown again
	on       map[string]bool
	held     string // what is held over the camera, a name of Palms; empty for nothing
	readers  map[chan counter.Event]struct{}
}

var _ counter.Rig = (*Counter)(nil)

// NewCounter makes the counter of a rig. It follows the till until the rig is closed.
func NewCounter(r *Rig) (*Counter, error) {
	pos, err := r.POS("COUNTER")
	if err != nil {
		return nil, err
	}
	c := &Counter{rig: r, pos: pos, on: map[string]bool{}, readers: map[chan counter.Event]struct{}{}}
	r.World.OnEvent(func(e wallettest.Event) {
		text := string(e.Op)
		if e.Fault != "" {
			text += ", fault " + string(e.Fault)
		}
		c.tell(counter.Event{At: e.At, Source: "wallet", Kind: e.Phase, Order: e.Order, State: e.Outcome, Text: e.Wallet + ": " + text})
	})
	r.wg.Go(c.followTill)
	return c, nil
}

// followTill passes the till's events on.
func (c *Counter) followTill() {
	mark := c.rig.Watch.Mark()
	for {
		h, next, err := c.rig.Watch.Await(c.rig.ctx, mark, "an event", func(h Happening) bool { return h.Event != nil })
		if err != nil {
			return // the rig is closing
		}
		mark = next
		e := h.Event
		c.tell(counter.Event{At: e.At, Source: "till", Kind: e.Kind, Order: e.Order, State: e.State, Amount: e.Amount, Text: e.Text})
	}
}

// tell hands an event to every reader; one that does not keep up misses it.
func (c *Counter) tell(e counter.Event) {
	if e.At.IsZero() {
		e.At = time.Now()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for r := range c.readers {
		select {
		case r <- e:
		default:
		}
	}
}

// Events implements counter.Rig.
func (c *Counter) Events(ctx context.Context) <-chan counter.Event {
	events := make(chan counter.Event, 256)
	c.mu.Lock()
	c.readers[events] = struct{}{}
	c.mu.Unlock()
	context.AfterFunc(ctx, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.readers, events)
		close(events)
	})
	return events
}

// DisplayURL implements counter.Rig.
func (c *Counter) DisplayURL() string { return c.rig.DisplayURL() }

// begin draws a ServiceID and remembers it as the sale that goes on.
func (c *Counter) begin() string {
	service := c.service()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.running = service
	return service
}

// end forgets the sale that went on, unless another one does.
func (c *Counter) end(service string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.running == service {
		c.running = ""
	}
}

// service draws a ServiceID that no former run on the same state directory has used.
func (c *Counter) service() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.services++
	return fmt.Sprintf("C%05d%04d", time.Now().Unix()%100_000, c.services%10_000)
}

// Sell implements counter.Rig.
func (c *Counter) Sell(ctx context.Context, amount, currency, transaction string) (counter.Answer, error) {
	service := c.begin()
	defer c.end(service)
	c.tell(counter.Event{Source: "pos", Kind: "asked", Amount: amount + " " + currency, Text: "Payment " + service})
	a, err := c.pos.Pay(ctx, posclient.PayRequest{ServiceID: service, TransactionID: transaction, Amount: amount, Currency: currency})
	return c.answered(a, err, amount+" "+currency)
}

// answered tells what the point of sale was told.
func (c *Counter) answered(a posclient.Answer, err error, sum string) (counter.Answer, error) {
	if err == nil && a.Result == "" {
		err = fmt.Errorf("the till answered HTTP %d without a result", a.HTTP)
	}
	if err != nil {
		c.tell(counter.Event{Source: "pos", Kind: "no-answer", Text: err.Error()})
		return counter.Answer{}, err
	}
	out := counter.Answer{Result: a.Result, Condition: a.ErrorCondition, Payment: a.POITransactionID, Text: a.Additional("message")}
	c.tell(counter.Event{Source: "pos", Kind: "told", State: strings.TrimSuffix(a.Result+"/"+a.ErrorCondition, "/"), Amount: sum})
	return out, nil
}

// Refund implements counter.Rig.
func (c *Counter) Refund(ctx context.Context, payment, amount, currency, transaction string) (counter.Answer, error) {
	service := c.begin()
	defer c.end(service)
	c.tell(counter.Event{Source: "pos", Kind: "asked", Amount: amount + " " + currency, Text: "Refund " + service})
	a, err := c.pos.Refund(ctx, posclient.RefundRequest{POITransactionID: payment,
		PayRequest: posclient.PayRequest{ServiceID: service, TransactionID: transaction, Amount: amount, Currency: currency}})
	return c.answered(a, err, amount+" "+currency)
}

// Offer implements counter.Rig.
func (c *Counter) Offer(ctx context.Context) error { return c.rig.Offer(ctx, "") }

// Offered implements counter.Rig.
func (c *Counter) Offered() bool { return c.ours() != "" }

// ours is the code that is on the customer's screen and can be paid.
func (c *Counter) ours() string {
	all := c.rig.World.Offered()
	if c.rig.Watch == nil {
		return ""
	}
	if s := c.rig.Watch.Screen(); slices.Contains(all, s.Code) {
		return s.Code
	}
	return ""
}

// ScanOurs implements counter.Rig.
func (c *Counter) ScanOurs() error {
	code := c.ours()
	if code == "" {
		return errors.New("scan our code: none is shown")
	}
	c.tell(counter.Event{Source: "customer", Kind: "scan", Text: "the code on the customer's screen"})
	return c.rig.World.Scan(code)
}

// Abort implements counter.Rig.
func (c *Counter) Abort(ctx context.Context) error {
	c.mu.Lock()
	of := c.running
	c.mu.Unlock()
	if of == "" {
		return errors.New("abort: no sale goes on")
	}
	_, err := c.pos.Abort(ctx, c.service(), posclient.Reference{ServiceID: of})
	if err == nil {
		c.tell(counter.Event{Source: "pos", Kind: "abort", Text: "Abort of " + of})
	}
	return err
}

// Scan implements counter.Rig. A text that does not begin with an AIM identifier is sent
// as a QR code.
func (c *Counter) Scan(text string) error {
	if !strings.HasPrefix(text, "]") {
		text = "]Q1" + text
	}
	if err := c.rig.Scan(text); err != nil {
		return fmt.Errorf("scan: %w", err)
	}
	c.tell(counter.Event{Source: "scanner", Kind: "scan", Text: fmt.Sprintf("%d characters, %s", len(text)-3, text[:min(3, len(text))])})
	return nil
}

// Codes that nobody can pay with, as a scanner sends them.
const (
	goodsCode    = "]E06901234567892"
	merchantCode = "]Q1" + ForeignMerchantCode
	idNumber     = "]Q111010519491231002X" // the example of GB 11643
	cardNumber   = "]Q14111111111111111"
	foreignCode  = "]Q1" + UnknownWalletCode
)

// ForeignMerchantCode is what a merchant in Thailand shows: PromptPay's published example.
const ForeignMerchantCode = "00020101021229370016A000000677010111011300668123456785802TH530376454044.2263045D49"

// UnknownWalletCode is a good code that no contract takes: EMVCo's example of a card in a wallet.
const UnknownWalletCode = "hQVDUFYwMWEdTwigAAADMwEBAVcRYgAAAAAAAAXTASIBAAAAAAA="

// brands are the wallets' names on the buttons.
var brands = map[string]string{wallettest.WeChatPay: "WeChat Pay", wallettest.Alipay: "Alipay", wallettest.UnionPay: "UnionPay"}

// Codes implements counter.Rig.
func (c *Counter) Codes() []counter.CodeChoice {
	var out []counter.CodeChoice
	for _, w := range wallettest.Wallets() {
		out = append(out, counter.CodeChoice{Name: "fresh-" + w, Kind: counter.CodeFresh, Scheme: brands[w]})
	}
	return append(out,
		counter.CodeChoice{Name: "fresh-" + wallettest.Aggregator, Kind: counter.CodeFresh, Scheme: "e-CNY"},
		counter.CodeChoice{Name: "expired-" + wallettest.WeChatPay, Kind: counter.CodeExpired, Scheme: brands[wallettest.WeChatPay]},
		counter.CodeChoice{Name: "used", Kind: counter.CodeUsed},
		counter.CodeChoice{Name: "goods", Kind: counter.CodeGoods},
		counter.CodeChoice{Name: "merchant", Kind: counter.CodeMerchant, Scheme: "PromptPay"},
		counter.CodeChoice{Name: "id-number", Kind: counter.CodeID},
		counter.CodeChoice{Name: "card", Kind: counter.CodeCard},
		counter.CodeChoice{Name: "foreign", Kind: counter.CodeForeign, Scheme: "EMVCo"},
		counter.CodeChoice{Name: "bill", Kind: counter.CodeBill})
}

// NewCode implements counter.Rig.
func (c *Counter) NewCode(choice string) (string, error) {
	kind, wallet, _ := strings.Cut(choice, "-")
	switch {
	case choice == "goods":
		return goodsCode, nil
	case choice == "merchant":
		return merchantCode, nil
	case choice == "id-number":
		return idNumber, nil
	case choice == "card":
		return cardNumber, nil
	case choice == "foreign":
		return foreignCode, nil
	case choice == "bill":
		return c.lastBill()
	case choice == "used":
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.shown == "" {
			return "", errors.New("show the last code again: none was shown yet")
		}
		return c.shown, nil
	case !slices.Contains(c.rig.World.Wallets(), wallet) || kind != "fresh" && kind != "expired":
		return "", fmt.Errorf("show a code: no choice %q", choice)
	}
	if kind == "expired" {
		if err := c.rig.World.Inject(wallet, wallettest.Fault{Kind: wallettest.CodeExpired}, 1); err != nil {
			return "", err
		}
	}
	code := c.rig.World.NewCode(wallet)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.shown = code
	return code, nil
}

// lastBill is the order number on the bill of the payment that a wallet took last.
func (c *Counter) lastBill() (string, error) {
	var last wallettest.Entry
	for _, e := range c.rig.World.Ledger() {
		if e.ChargedMinor > 0 && e.PaidAt.After(last.PaidAt) {
			last = e
		}
	}
	if last.Order == "" {
		return "", errors.New("show a bill: nothing was paid yet")
	}
	return last.Order, nil
}

// slowBy is how late a slow wallet answers: within its time, but the customer wonders.
const slowBy = 4 * time.Second

// faults are the switches; what a wallet does while one is on, for all its payments.
var faults = []struct {
	name   string
	fault  wallettest.Fault // Kind is empty for what is not the wallets' doing
	direct bool             // spares the aggregator
}{
	{name: counter.FaultWalletDown, fault: wallettest.Fault{Kind: wallettest.Down}},
	{name: counter.FaultDirectDown, fault: wallettest.Fault{Kind: wallettest.Down}, direct: true},
	{name: counter.FaultAnswerLost, fault: wallettest.Fault{Kind: wallettest.DropAnswer}},
	{name: counter.FaultSlow, fault: wallettest.Fault{Kind: wallettest.Slow, Delay: slowBy}},
	{name: counter.FaultConfirm, fault: wallettest.Fault{Kind: wallettest.Confirm}},
	{name: counter.FaultOfferRefused, fault: wallettest.Fault{Kind: wallettest.Declined, On: sale.OpOffer}},
	{name: counter.FaultRefundSlow, fault: wallettest.Fault{Kind: wallettest.RefundProcessing, Delay: 3 * slowBy}},
	{name: counter.FaultRefundStuck, fault: wallettest.Fault{Kind: wallettest.RefundStuck}},
	{name: counter.FaultRefundRefused, fault: wallettest.Fault{Kind: wallettest.RefundRefused}},
	{name: counter.FaultUnplugged},
	{name: counter.FaultSilent},
}

// Faults implements counter.Rig.
func (c *Counter) Faults() []counter.FaultSwitch {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []counter.FaultSwitch
	for _, f := range faults {
		out = append(out, counter.FaultSwitch{Name: f.name, On: c.on[f.name]})
	}
	if c.rig.Palm != nil {
		for _, f := range palmFaults {
			out = append(out, counter.FaultSwitch{Name: f.name, On: c.on[f.name]})
		}
	}
	return out
}

// SetFault implements counter.Rig.
func (c *Counter) SetFault(name string, on bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !slices.ContainsFunc(c.switches(), func(s string) bool { return s == name }) {
		return fmt.Errorf("switch a fault: no fault %q", name)
	}
	if c.on[name] == on {
		return nil
	}
	var err error
	switch name {
	case counter.FaultUnplugged:
		if err = c.rig.Replug(); on {
			err = c.rig.Unplug()
		}
	case counter.FaultSilent:
		c.rig.Silence(on)
	case counter.FaultPalmDown, counter.FaultPalmSlow:
		c.on[name] = on
		err = c.plantPalm()
	default:
		c.on[name] = on
		err = c.plant()
	}
	if err != nil {
		c.on[name] = !on
		return fmt.Errorf("switch %s: %w", name, err)
	}
	c.on[name] = on
	return nil
}

func (c *Counter) switches() []string {
	var out []string
	for _, f := range faults {
		out = append(out, f.name)
	}
	if c.rig.Palm != nil {
		for _, f := range palmFaults {
			out = append(out, f.name)
		}
	}
	return out
}

// plant gives every wallet the faults whose switches are on, and no other. The caller
// holds mu.
func (c *Counter) plant() error {
	for _, w := range c.rig.World.Wallets() {
		if err := c.rig.World.Clear(w); err != nil {
			return err
		}
		for _, f := range faults {
			if !c.on[f.name] || f.fault.Kind == "" || f.direct && w == wallettest.Aggregator {
				continue
			}
			if err := c.rig.World.Inject(w, f.fault, -1); err != nil {
				return err
			}
		}
	}
	return nil
}

// Confirm implements counter.Rig.
func (c *Counter) Confirm(order string) error { return c.rig.World.Confirm(order) }

// Waiting implements counter.Rig.
func (c *Counter) Waiting() []string { return c.rig.World.Waiting() }

// Ledgers implements counter.Rig. A till that is down shows an empty book.
func (c *Counter) Ledgers() ([]counter.TillRow, []counter.WalletRow) {
	var wallets []counter.WalletRow
	for _, e := range slices.Backward(c.rig.World.Ledger()) {
		wallets = append(wallets, counter.WalletRow{Wallet: e.Wallet, Order: e.Order, State: e.State, Held: e.ChargedMinor - e.RefundedMinor,
			Amount: money(e.TotalMinor, sale.Currency(e.Currency))})
	}
	return c.tillBook(), wallets
}

func money(minor int64, currency sale.Currency) sale.Amount {
	exp, _ := currency.Exponent()
	return sale.Amount{Minor: minor, Currency: currency, Exponent: exp}
}

// tillBook asks the till for its payments.
func (c *Counter) tillBook() []counter.TillRow {
	ctx, cancel := context.WithTimeout(c.rig.ctx, 2*time.Second)
	defer cancel()
	var rows []struct {
		Transaction string `json:"transaction_id"`
		Amount      string
		Currency    sale.Currency
		Ending      sale.Ending
		Delivered   bool
		Refunded    int64
		Attempts    []struct{ Order, State string }
	}
	if c.rig.Control(ctx, http.MethodGet, "/v1/payments?all=1", nil, &rows) != nil {
		return nil
	}
	var out []counter.TillRow
	for _, r := range rows {
		amount, err := sale.ParseAmount(r.Amount, r.Currency)
		if err != nil {
			continue
		}
		for i, a := range r.Attempts { // without one, nothing was begun: no book has it
			row := counter.TillRow{Order: a.Order, Transaction: r.Transaction, Amount: amount, State: sale.State(a.State)}
			if row.State == sale.State(sale.Unknown.String()) {
				row.State = sale.Unknown
			}
			if r.Ending != sale.Undecided && r.Delivered {
				row.Told = string(r.Ending)
			}
			if i == len(r.Attempts)-1 {
				row.Refunded = r.Refunded
			}
			out = append(out, row)
		}
	}
	return out
}
