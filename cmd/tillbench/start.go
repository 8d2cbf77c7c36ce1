package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/tilld/tilld/agent/queue"
	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/agent/terminal"
	"github.com/tilld/tilld/agent/wallet/wallettest"
)

// How often starts are measured, and how many duties wait at the slow one.
const (
	starts     = 10
	openDuties = 10_000
)

// startFigure is how long a till needs after power comes back.
var startFigure = Figure{
	Name:   "start",
	What:   "from exec to ready: with an empty queue, with 10,000 open duties",
	Target: "≤ 150 ms; ≤ 1 s",
	Measure: func(ctx context.Context, b *Bench) (Measured, error) {
		empty, err := startTime(ctx, b, "empty", 0)
		if err != nil {
			return Measured{}, err
		}
		full, err := startTime(ctx, b, "duties", openDuties)
		if err != nil {
			return Measured{Values: []Value{empty}}, err
		}
		return Measured{
			Values: []Value{empty, full},
			Notes:  []string{fmt.Sprintf("medians of %d and %d starts; the files were in the page cache; the wallets are down while the duties wait", starts, 3)},
		}, nil
	},
}

func startTime(ctx context.Context, b *Bench, name string, duties int) (Value, error) {
	s, err := newShop(b, name, shopOptions{})
	if err != nil {
		return Value{}, err
	}
	defer s.close()
	label, most, times := "empty queue", 150.0, starts
	if duties > 0 {
		label, most, times = fmt.Sprintf("%d open duties", duties), 1000, 3
	}
	// The first start makes the state directory and its keys.
	if _, err := s.open(ctx); err != nil {
		return Value{}, err
	}
	if err := s.shut(); err != nil {
		return Value{}, err
	}
	if duties > 0 {
		for _, w := range wallettest.Wallets() {
			if err := s.world.Inject(w, wallettest.Fault{Kind: wallettest.Down}, -1); err != nil {
				return Value{}, err
			}
		}
		if err := s.owe(ctx, duties); err != nil {
			return Value{}, fmt.Errorf("write %d duties: %w", duties, err)
		}
	}
	var took []time.Duration
	for range times {
		b.progress("start: %s, %d of %d", label, len(took)+1, times)
		ready, err := s.open(ctx)
		if err != nil {
			return Value{}, err
		}
		took = append(took, ready)
		if err := s.shut(); err != nil {
			return Value{}, err
		}
	}
	return atMost("exec to ready, "+label, ms(quantile(took, 0.5)), "ms", most), nil
}

// owe writes payments whose outcome is unknown and that are to be undone into the journal
// of a till that is not running.
func (s *shop) owe(ctx context.Context, n int) error {
	keys, err := terminal.OpenFileStore(filepath.Join(s.dir, "keys.toml"), s.state, nil)
	if err != nil {
		return err
	}
	board, err := terminal.BoardSerial(os.DirFS("/"))
	if err != nil {
		return err
	}
	q, found, err := queue.Open(ctx, queue.Options{Dir: s.state, Keys: keys, Board: board, Environment: "test"})
	if err != nil {
		return err
	}
	defer q.Close(context.WithoutCancel(ctx))
	contract := s.world.Contract(wallettest.WeChatPay)
	const group = 30 // of one commit
	for done := 0; done < n; {
		var puts []queue.Put
		for ; len(puts) < group && done < n; done++ {
			p := duty(contract, s.endpoints[wallettest.WeChatPay], found.Token, found.NextPayment+uint64(done))
			value, err := json.Marshal(p)
			if err != nil {
				return err
			}
			puts = append(puts, queue.Put{Kind: queue.Payment, Key: p.ID, Value: value, Open: true, PaymentSeq: p.Seq, Orders: []string{p.Attempts[0].ID}})
		}
		if err := q.Commit(ctx, puts...); err != nil {
			return err
		}
	}
	return nil
}

// duty is a payment that was sent and never answered, and that the cashier gave up.
func duty(c wallettest.Contract, endpoint, token string, seq uint64) sale.Payment {
	id := sale.PaymentID(sale.TerminalCode(poiSerial), token, seq)
	amount := sale.Amount{Minor: 1280, Currency: currency, Exponent: 2}
	sent := time.Now().Add(-10 * time.Minute).Round(0)
	return sale.Payment{
		Version: 1, ID: id, Seq: seq, Amount: amount, Intent: sale.Undo, UndoneBy: "abort", Begun: sent,
		Asked: sale.Asked{SaleID: saleID, POIID: poiModel + "-" + poiSerial, ServiceID: fmt.Sprintf("D%d", seq), TransactionID: fmt.Sprintf("D%d", seq)},
		Attempts: []sale.Attempt{{
			ID: sale.OrderID(id, 1, 1), N: 1, Amount: amount, Scheme: c.Schemes[0], SentAt: sent, State: sale.Unknown, Why: sale.EvNoAnswer,
			CodeMAC: make([]byte, 32),
			Contract: sale.ContractRef{Slot: 1, Name: c.Name, Wallet: c.Wallet, Merchant: c.Merchant, SubMerchant: c.SubMerchant,
				Endpoint: endpoint, KeyID: c.KeyID},
		}},
	}
}
