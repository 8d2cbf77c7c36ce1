package counter

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/tilld/tilld/agent"
	"github.com/tilld/tilld/agent/display"
	"github.com/tilld/tilld/agent/health"
	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/biometric"
)

// toy is a rig in memory: a till of three lines, a wallet that always pays, and tilld's own
// page on top.
type toy struct {
	mu       sync.Mutex
	display  string
	screen   agent.Screen
	screens  map[chan agent.Screen]struct{}
	watchers map[chan Event]struct{}
	faults   []FaultSwitch
	codes    []CodeChoice
	held     string // over the camera
	scans    chan string
	aborts   chan struct{}
	confirms chan string
	waiting  []string
	till     []TillRow
	wallets  []WalletRow
	sold     []string // transactions, as asked
	selling  bool
	offered  bool     // a code of ours is shown
	refunds  []string // amounts and the payments they are of
}

var _ Rig = (*toy)(nil)

func newToy() *toy {
	return &toy{
		screen: agent.Screen{Kind: agent.ScreenIdle, Test: true}, screens: map[chan agent.Screen]struct{}{},
		watchers: map[chan Event]struct{}{}, scans: make(chan string, 10), aborts: make(chan struct{}, 1), confirms: make(chan string, 1),
		faults: []FaultSwitch{{Name: FaultWalletDown}, {Name: FaultAnswerLost}, {Name: FaultSlow}, {Name: FaultConfirm}, {Name: FaultUnplugged}, {Name: FaultSilent},
			{Name: FaultDirectDown}, {Name: FaultOfferRefused}, {Name: FaultRefundSlow}, {Name: FaultRefundStuck}, {Name: FaultRefundRefused},
			{Name: FaultPalmDown}, {Name: FaultPalmSlow}},
		codes: []CodeChoice{
			{"wechat", CodeFresh, "WeChat Pay"}, {"alipay", CodeFresh, "Alipay"}, {"unionpay", CodeFresh, "UnionPay"},
			{"ecny", CodeFresh, "e-CNY"}, {"old", CodeExpired, "WeChat Pay"}, {"used", CodeUsed, ""},
			{"goods", CodeGoods, ""}, {"merchant", CodeMerchant, "PromptPay"}, {"id", CodeID, ""}, {"card", CodeCard, ""},
			{"foreign", CodeForeign, "EMVCo"}, {"bill", CodeBill, ""},
		},
	}
}

// Sell plays a payment: a scan, a confirmation if the switch is on, and the wallet pays.
func (y *toy) Sell(ctx context.Context, amount, currency, transaction string) (Answer, error) {
	sum, err := sale.ParseAmount(amount, sale.Currency(currency))
	if err != nil {
		return Answer{}, err
	}
	y.mu.Lock()
	y.sold = append(y.sold, transaction)
	y.selling = true
	order := fmt.Sprintf("7K2M9QX1ABCDEF%08d10142", len(y.sold))
	y.mu.Unlock()
	defer func() { y.mu.Lock(); y.selling = false; y.mu.Unlock() }()
	show := func(kind agent.ScreenKind, reason string) {
		y.show(agent.Screen{Kind: kind, Amount: amount, Currency: sum.Currency, Scheme: "wechatpay", Reason: reason, Test: true})
	}
	failed := func(condition string) (Answer, error) {
		show(agent.ScreenNotPaid, "aborted")
		y.emit(Event{Source: "till", Kind: "ended", State: condition})
		return Answer{Result: "Failure", Condition: condition}, nil
	}
	show(agent.ScreenPay, "")
	y.emit(Event{Source: "till", Kind: "armed", Amount: sum.String()})
	for scanned := false; !scanned; {
		select {
		case code := <-y.scans:
			y.emit(Event{Source: "scanner", Kind: "scan"})
			if scanned = code != "6901234567892"; !scanned {
				show(agent.ScreenFresh, "goods-code")
			}
		case <-y.aborts:
			return failed("Aborted")
		case <-ctx.Done():
			return Answer{}, ctx.Err()
		}
	}
	y.write(TillRow{Order: order, Transaction: transaction, Amount: sum, State: sale.Sending}, nil)
	show(agent.ScreenSending, "")
	if y.fault(FaultConfirm) {
		y.wait(order)
		show(agent.ScreenConfirm, "")
		y.emit(Event{Source: "wallet", Kind: "paying", Order: order})
		select {
		case <-y.confirms:
		case <-y.aborts:
			return failed("Aborted")
		case <-ctx.Done():
			return Answer{}, ctx.Err()
		}
	}
	y.write(TillRow{Order: order, Transaction: transaction, Amount: sum, State: sale.Paid, Told: "Success"},
		&WalletRow{Wallet: "wechatpay", Order: order, Amount: sum, State: "SUCCESS", Held: sum.Minor})
	show(agent.ScreenPaid, "")
	y.emit(Event{Source: "till", Kind: "state", Order: order, State: "PAID", Amount: sum.String()})
	return Answer{Result: "Success", Payment: order[:22]}, nil
}

// Refund gives everything back; at the return desk it waits for a bill.
func (y *toy) Refund(ctx context.Context, payment, amount, currency, _ string) (Answer, error) {
	if payment == "" {
		select {
		case payment = <-y.scans:
		case <-ctx.Done():
			return Answer{}, ctx.Err()
		}
	}
	y.mu.Lock()
	defer y.mu.Unlock()
	y.refunds = append(y.refunds, amount+" "+currency+" of "+payment)
	return Answer{Result: "Success", Payment: payment}, nil
}

func (y *toy) Offer(context.Context) error {
	y.mu.Lock()
	defer y.mu.Unlock()
	if !y.selling || y.offered {
		return errors.New("nothing to show a code for")
	}
	y.offered = true
	return nil
}

func (y *toy) Offered() bool {
	y.mu.Lock()
	defer y.mu.Unlock()
	return y.offered
}

func (y *toy) ScanOurs() error {
	y.mu.Lock()
	defer y.mu.Unlock()
	if !y.offered {
		return errors.New("no code is shown")
	}
	y.offered = false
	y.scans <- "ours"
	return nil
}

func (y *toy) write(t TillRow, w *WalletRow) {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.till = slices.DeleteFunc(y.till, func(o TillRow) bool { return o.Order == t.Order })
	y.till = slices.Insert(y.till, 0, t)
	if w != nil {
		y.wallets = slices.Insert(y.wallets, 0, *w)
	}
}

func (y *toy) wait(order string) {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.waiting = append(y.waiting, order)
}

func (y *toy) fault(name string) bool {
	y.mu.Lock()
	defer y.mu.Unlock()
	return slices.Contains(y.faults, FaultSwitch{name, true})
}

func (y *toy) Abort(context.Context) error {
	y.mu.Lock()
	defer y.mu.Unlock()
	if !y.selling {
		return errors.New("nothing to abort")
	}
	y.selling = false
	y.aborts <- struct{}{}
	return nil
}

func (y *toy) Scan(text string) error {
	if y.fault(FaultUnplugged) {
		return errors.New("the scanner is unplugged")
	}
	y.scans <- text
	return nil
}

func (y *toy) Codes() []CodeChoice { return y.codes }

func (y *toy) NewCode(choice string) (string, error) {
	switch choice {
	case "goods":
		return "6901234567892", nil
	case "wechat":
		return "130061098828009406", nil
	case "bill":
		return "4200001234", nil
	}
	return "", fmt.Errorf("no code of that kind")
}

func (y *toy) Palms() []PalmChoice {
	y.mu.Lock()
	defer y.mu.Unlock()
	out := []PalmChoice{{Name: "nobody:", Kind: PalmNobody}, {Name: "hand:1", Kind: PalmHand, Who: "Wang Ming"}, {Name: "stranger:", Kind: PalmStranger}}
	for _, f := range []string{"laser-print", "inkjet-print", "phone-screen", "tablet-screen", "replayed-capture", "injected-frames", "second-band", "blank-glove", "two-layer"} {
		out = append(out, PalmChoice{Name: "fake:" + f, Kind: PalmFake, Who: f})
	}
	out = append(out, PalmChoice{Name: "member:1", Kind: PalmMember, Who: "Wang Ming"}, PalmChoice{Name: "account:1", Kind: PalmAccount, Who: "Wang Ming"},
		PalmChoice{Name: "withdraw:1", Kind: PalmWithdraw, Who: "Wang Ming"})
	for i := range out {
		out[i].On = out[i].Name == y.held
	}
	return out
}

func (y *toy) Palm(name string) error {
	if !slices.ContainsFunc(y.Palms(), func(c PalmChoice) bool { return c.Name == name }) {
		return errors.New("no such choice")
	}
	y.mu.Lock()
	defer y.mu.Unlock()
	y.held = name
	return nil
}

func (y *toy) Lit() bool {
	y.mu.Lock()
	defer y.mu.Unlock()
	return y.held == "hand:1"
}

func (y *toy) Faults() []FaultSwitch {
	y.mu.Lock()
	defer y.mu.Unlock()
	return slices.Clone(y.faults)
}

func (y *toy) SetFault(name string, on bool) error {
	y.mu.Lock()
	defer y.mu.Unlock()
	for i := range y.faults {
		if y.faults[i].Name == name {
			y.faults[i].On = on
			return nil
		}
	}
	return errors.New("no such fault")
}

func (y *toy) Confirm(order string) error {
	y.mu.Lock()
	defer y.mu.Unlock()
	if !slices.Contains(y.waiting, order) {
		return errors.New("no such order waits")
	}
	y.waiting = nil
	y.confirms <- order
	return nil
}

func (y *toy) Waiting() []string {
	y.mu.Lock()
	defer y.mu.Unlock()
	return slices.Clone(y.waiting)
}

func (y *toy) Ledgers() ([]TillRow, []WalletRow) {
	y.mu.Lock()
	defer y.mu.Unlock()
	return slices.Clone(y.till), slices.Clone(y.wallets)
}

func (y *toy) Events(ctx context.Context) <-chan Event {
	y.mu.Lock()
	defer y.mu.Unlock()
	c := make(chan Event, 100)
	y.watchers[c] = struct{}{}
	context.AfterFunc(ctx, func() {
		y.mu.Lock()
		defer y.mu.Unlock()
		delete(y.watchers, c)
	})
	return c
}

func (y *toy) emit(e Event) {
	y.mu.Lock()
	defer y.mu.Unlock()
	e.At = time.Now()
	for c := range y.watchers {
		c <- e
	}
}

func (y *toy) DisplayURL() string { return y.display }

func (y *toy) show(sc agent.Screen) {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.screen = sc
	for c := range y.screens {
		c <- sc
	}
}

func (y *toy) transactions() []string {
	y.mu.Lock()
	defer y.mu.Unlock()
	return slices.Clone(y.sold)
}

// tillOf shows the toy to tilld's own pages.
type tillOf struct{ y *toy }

func (t tillOf) Screen() agent.Screen {
	t.y.mu.Lock()
	defer t.y.mu.Unlock()
	return t.y.screen
}

func (t tillOf) Watch(ctx context.Context) (<-chan agent.Screen, <-chan agent.Event) {
	t.y.mu.Lock()
	defer t.y.mu.Unlock()
	c := make(chan agent.Screen, 100)
	c <- t.y.screen
	t.y.screens[c] = struct{}{}
	context.AfterFunc(ctx, func() {
		t.y.mu.Lock()
		defer t.y.mu.Unlock()
		delete(t.y.screens, c)
	})
	return c, nil
}

func (t tillOf) Payments(bool) []sale.Payment     { return nil }
func (t tillOf) Confirm(agent.Confirmation) error { return nil }
func (t tillOf) Offer(string) error               { return nil }

func (t tillOf) Present(string, biometric.Modality) error { return nil }
func (t tillOf) Enrol(biometric.Modality) error           { return nil }
func (t tillOf) Withdraw(biometric.Modality) error        { return nil }
func (t tillOf) Touch(agent.Touch) error                  { return nil }

// play serves a toy's counter, and tilld's own page for it, until the test ends.
func play(t *testing.T, y *toy, o Options) (url string, stop func()) {
	t.Helper()
	screen := httptest.NewServer(display.New(display.Options{Till: tillOf{y}, Health: health.NewBoard(), Test: true, Beat: 10 * time.Second}))
	y.display = screen.URL
	o.Rig = y
	if o.Beat == 0 {
		o.Beat = 10 * time.Second // a loaded machine is not a lost one
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- New(o).Serve(ctx, ln) }()
	stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-served:
			if err != nil {
				t.Errorf("serve: %v", err)
			}
		case <-time.After(15 * time.Second):
			t.Error("serve does not end with its context")
		}
	})
	t.Cleanup(func() {
		stop()
		screen.CloseClientConnections()
		screen.Close()
	})
	return "http://" + ln.Addr().String(), stop
}
