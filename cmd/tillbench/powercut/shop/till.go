package shop

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tilld/tilld/agent"
	"github.com/tilld/tilld/agent/health"
	"github.com/tilld/tilld/agent/queue"
	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/internal/secret"
	"github.com/tilld/tilld/scanner"
	"github.com/tilld/tilld/scanner/paycode"
)

// Busy is the wallets' table of times while sales go on: as the field's, and about a hundred
// times faster.
func Busy() sale.Clock {
	return sale.Clock{
		Answer: 200 * time.Millisecond, FirstQuery: 20 * time.Millisecond, QueryEvery: 20 * time.Millisecond,
		PayerDeadline: 250 * time.Millisecond, ReverseAfter: 40 * time.Millisecond, CodeLife: 300 * time.Millisecond,
		NetworkDelay: 300 * time.Millisecond, RetryFirst: 10 * time.Millisecond, RetryMost: 100 * time.Millisecond,
		RetryFor: time.Hour, RetrySlow: time.Second, Window: 24 * time.Hour, WindowMargin: time.Hour,
	}
}

// Hasty is one with which duties are done as fast as a computer can.
func Hasty() sale.Clock {
	return sale.Clock{
		Answer: 5 * time.Millisecond, FirstQuery: time.Millisecond, QueryEvery: time.Millisecond,
		PayerDeadline: 6 * time.Millisecond, ReverseAfter: 2 * time.Millisecond, CodeLife: 5 * time.Millisecond,
		NetworkDelay: 5 * time.Millisecond, RetryFirst: time.Millisecond, RetryMost: 2 * time.Millisecond,
		RetryFor: time.Hour, RetrySlow: 2 * time.Millisecond, Window: 24 * time.Hour, WindowMargin: time.Hour,
	}
}

// rootKey stands for the key outside the state directory.
type rootKey string

// Derive implements queue.Keys.
func (k rootKey) Derive(label string) ([]byte, error) {
	m := hmac.New(sha256.New, []byte(k))
	m.Write([]byte(label))
	return m.Sum(nil), nil
}

// QueueOptions are those of the journal in dir, on a disk of a few dozen MB.
func QueueOptions(dir string) queue.Options {
	return queue.Options{Dir: dir, Keys: rootKey("a root key"), Board: "a board", Environment: "test",
		MinNew: 4 << 20, MinHard: 2 << 20, Ballast: 1 << 20}
}

// Counter is a till with what stands beside it.
type Counter struct {
	Till   *agent.Till
	Gate   *Gate
	Health *health.Board
}

// NewCounter makes a till on a journal just opened, and wallets on bank.
func NewCounter(j agent.Journal, found queue.Recovery, bank Bank, c sale.Clock, luck bool) (*Counter, error) {
	codes, err := paycode.New("default")
	if err != nil {
		return nil, err
	}
	k := &Counter{Gate: NewGate(), Health: health.NewBoard()}
	o := agent.Options{
		Journal: j, Recovery: found, Scanner: k.Gate, Classify: codes, Health: k.Health, Log: slog.New(slog.DiscardHandler),
		Render: render, RenderReverse: render, Serial: "000158000000001", Boot: found.Token, Test: true,
		TimeTrusted: func() (bool, string) { return true, "" }, Offer: agent.OfferNever,
	}
	for i, scheme := range []string{"wechatpay", "alipay-cn"} {
		ref := sale.ContractRef{Slot: i + 1, Name: scheme, Wallet: scheme, Merchant: fmt.Sprint("merchant-", i+1), Endpoint: "https://wallet.invalid"}
		o.Contracts = append(o.Contracts, agent.Contract{Ref: ref, Schemes: []string{scheme}, Clock: c, Wallet: NewWallet(ref, bank, luck)})
	}
	k.Till, err = agent.New(o)
	return k, err
}

// render is what the point of sale reads.
func render(a sale.Asked, r agent.Reply) []byte {
	return fmt.Appendf(nil, "%s %s %s", a.ServiceID, r.Payment.ID, r.Ending)
}

// Hash shortens what is only compared.
func Hash(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:8])
}

// Name is Record.Name of a record.
func Name(kind queue.Kind, key string) string { return string(rune(kind)) + Hash([]byte(key)) }

// Teller tells the world outside something that needs no answer.
type Teller interface{ Tell(m Message) }

// Noted is a journal that tells what is handed to it, and what it has acknowledged.
type Noted struct {
	agent.Journal
	To Teller
	n  atomic.Uint64
}

func records(puts []queue.Put) []Record {
	out := make([]Record, len(puts))
	for i, p := range puts {
		out[i].Name = Name(p.Kind, p.Key)
		if p.Value != nil {
			out[i].Value = Hash(p.Value)
		}
	}
	return out
}

// Commit implements agent.Journal.
func (j *Noted) Commit(ctx context.Context, puts ...queue.Put) error {
	n := j.n.Add(1)
	j.To.Tell(Message{Op: Put, Commit: n, Records: records(puts)})
	err := j.Journal.Commit(ctx, puts...)
	if err == nil {
		j.To.Tell(Message{Op: Done, Commit: n})
	}
	return err
}

// Later implements agent.Journal.
func (j *Noted) Later(puts ...queue.Put) {
	j.To.Tell(Message{Op: Put, Commit: j.n.Add(1), Records: records(puts)})
	j.Journal.Later(puts...)
}

// Gate is a scanner before which somebody holds the next code at once.
type Gate struct {
	scans chan scanner.Scan

	mu    sync.Mutex
	codes []string
}

// NewGate has nobody before it.
func NewGate() *Gate { return &Gate{scans: make(chan scanner.Scan, 1)} }

// Hold lets a customer show a code at the next arming.
func (g *Gate) Hold(code string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.codes = append(g.codes, code)
}

// Arm implements scanner.Source.
func (g *Gate) Arm(context.Context) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.codes) == 0 {
		return nil
	}
	s := scanner.Scan{At: time.Now(), Text: secret.New([]byte(g.codes[0])), Symbology: "qr", Source: "gate"}
	g.codes = g.codes[1:]
	select {
	case g.scans <- s:
		return nil
	default:
		return errors.New("the code before was not taken")
	}
}

// Disarm implements scanner.Source.
func (g *Gate) Disarm() {
	select {
	case s := <-g.scans:
		s.Text.Wipe()
	default:
	}
}

// Scans implements scanner.Source.
func (g *Gate) Scans() <-chan scanner.Scan { return g.scans }

// Ready implements scanner.Source.
func (g *Gate) Ready() (bool, string) { return true, "" }

// Ready waits until the till takes sales.
func (k *Counter) Ready(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	screens, _ := k.Till.Watch(ctx)
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case s, ok := <-screens:
			if !ok {
				return errors.New("the till ended")
			}
			if s.Kind != agent.ScreenStarting {
				return nil
			}
		}
	}
}

// Nobody sends the customers away who still hold a code.
func (g *Gate) Nobody() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.codes = nil
}
