package rig

import (
	"context"
	"encoding/json"
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
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.running == service {
			c.running = ""
		}
	}()
	c.tell(counter.Event{Source: "pos", Kind: "asked", Amount: amount + " " + currency, Text: "Payment " + service})
	a, err := c.pos.Pay(ctx, posclient.PayRequest{ServiceID: service, TransactionID: transaction, Amount: amount, Currency: currency})
	if err == nil && a.Result == "" {
		err = fmt.Errorf("the till answered HTTP %d without a result", a.HTTP)
	}
	if err != nil {
		c.tell(counter.Event{Source: "pos", Kind: "no-answer", Text: err.Error()})
		return counter.Answer{}, err
	}
	out := counter.Answer{Result: a.Result, Condition: a.ErrorCondition, Payment: a.POITransactionID, Text: a.Additional("message")}
	c.tell(counter.Event{Source: "pos", Kind: "told", State: strings.TrimSuffix(a.Result+"/"+a.ErrorCondition, "/"), Amount: amount + " " + currency})
	return out, nil
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
	for _, w := range wallettest.Wallets()[:2] {
		out = append(out, counter.CodeChoice{Name: "expired-" + w, Kind: counter.CodeExpired, Scheme: brands[w]})
	}
	return append(out,
		counter.CodeChoice{Name: "used", Kind: counter.CodeUsed},
		counter.CodeChoice{Name: "goods", Kind: counter.CodeGoods},
		counter.CodeChoice{Name: "merchant", Kind: counter.CodeMerchant},
		counter.CodeChoice{Name: "id-number", Kind: counter.CodeID},
		counter.CodeChoice{Name: "card", Kind: counter.CodeCard},
		counter.CodeChoice{Name: "foreign", Kind: counter.CodeForeign, Scheme: "e-CNY"})
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
	case choice == "used":
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.shown == "" {
			return "", errors.New("show the last code again: none was shown yet")
		}
		return c.shown, nil
	case !slices.Contains(wallettest.Wallets(), wallet) || kind != "fresh" && kind != "expired":
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

// slowBy is how late a slow wallet answers: within its time, but the customer wonders.
const slowBy = 4 * time.Second

// faults are the switches; what a wallet does while one is on, for all its payments.
var faults = []struct {
	name  string
	fault wallettest.Fault // Kind is empty for what is not the wallets' doing
}{
	{counter.FaultWalletDown, wallettest.Fault{Kind: wallettest.Down}},
	{counter.FaultAnswerLost, wallettest.Fault{Kind: wallettest.DropAnswer}},
	{counter.FaultSlow, wallettest.Fault{Kind: wallettest.Slow, Delay: slowBy}},
	{counter.FaultConfirm, wallettest.Fault{Kind: wallettest.Confirm}},
	{counter.FaultUnplugged, wallettest.Fault{}},
	{counter.FaultSilent, wallettest.Fault{}},
}

// Faults implements counter.Rig.
func (c *Counter) Faults() []counter.FaultSwitch {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []counter.FaultSwitch
	for _, f := range faults {
		out = append(out, counter.FaultSwitch{Name: f.name, On: c.on[f.name]})
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
	return out
}

// plant gives every wallet the faults whose switches are on, and no other. The caller
// holds mu.
func (c *Counter) plant() error {
	for _, w := range wallettest.Wallets() {
		if err := c.rig.World.Clear(w); err != nil {
			return err
		}
		for _, f := range faults {
			if !c.on[f.name] || f.fault.Kind == "" {
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

// tillBook asks the till's own page for its payments.
func (c *Counter) tillBook() []counter.TillRow {
	ctx, cancel := context.WithTimeout(c.rig.ctx, 2*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.rig.DisplayURL()+"/payments", nil)
	if err != nil {
		return nil
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil
	}
	defer resp.Body.Close()
	var rows []struct {
		Order       string
		Transaction string
		Amount      string
		Currency    sale.Currency
		State       string
		Ending      sale.Ending
		Undelivered bool
	}
	if json.NewDecoder(resp.Body).Decode(&rows) != nil {
		return nil
	}
	var out []counter.TillRow
	for _, r := range rows {
		amount, err := sale.ParseAmount(r.Amount, r.Currency)
		if r.Order == "" || err != nil {
			continue // nothing was begun: no book has it
		}
		row := counter.TillRow{Order: r.Order, Transaction: r.Transaction, Amount: amount, State: sale.State(r.State)}
		if row.State == sale.State(sale.Unknown.String()) {
			row.State = sale.Unknown
		}
		if r.Ending != sale.Undecided && !r.Undelivered {
			row.Told = string(r.Ending)
		}
		out = append(out, row)
	}
	return out
}
