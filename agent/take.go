package agent

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/tilld/tilld/agent/queue"
	"github.com/tilld/tilld/agent/route"
	"github.com/tilld/tilld/agent/sale"
	"github.com/tilld/tilld/biometric"
	"github.com/tilld/tilld/internal/secret"
	"github.com/tilld/tilld/scanner"
	"github.com/tilld/tilld/scanner/paycode"
)

// maxPresentations is how many codes that cannot be charged a payment takes before it ends.
const maxPresentations = 3

// closeOut is what every owner goroutine does last.
func (pm *payment) closeOut(owner uint64, err error) {
	pm.leaveLane()
	pm.t.mu.Lock()
	if pm.owner == owner || pm.owner == 0 {
		pm.owner, pm.givingBack = 0, false
	}
	pm.t.mu.Unlock()
	if err != nil && !errors.Is(err, errOver) {
		pm.t.o.Log.Error("payment stopped", "payment", pm.record().ID, "err", err)
		var illegal *sale.MoveError
		if errors.As(err, &illegal) {
			pm.t.fail(err)
		}
	}
	pm.t.showLane()
}

// waiting is what a payment knows while it waits for a code.
type waiting struct {
	// ready is a code that needs no waiting for: from the point of sale, or read while our
	// own code was shown. It is wiped by whoever takes it.
	ready    *scanner.Scan
	reason   string    // the screen's word for why it waits again
	bad      int       // codes that could not be used
	document string    // HMAC of what looked like an ID number
	last     refusal   // the code that was refused last
	deadline time.Time // when the customer must have shown something
	offer    bool      // a code of ours is to be shown next
	noOffer  bool      // one could not be made: the till does not try by itself again

	wish     biometric.Modality // a presentation is to be made next
	captures int                // how often a camera went on for this payment
	visits   int                // how often a presentation was begun
	from     *voucher           // ready is a credential that came from there
}

// mayPresent reports whether a presentation may be begun once more. Each gives the payment
// more time: there is an end to it.
func (w *waiting) mayPresent() bool { return w.captures < maxCaptures && w.visits < maxVisits }

func (w *waiting) wipe() {
	if w.ready != nil {
		w.ready.Text.Wipe()
	}
}

// take runs the payment up to its end or to the moment when its outcome is in doubt, and
// then pursues it.
func (pm *payment) take(ctx context.Context, given *secret.Bytes) error {
	t := pm.t
	var w waiting
	defer func() {
		w.wipe()
		if w.from != nil {
			t.void(w.from)
		}
	}()
	t.wayFree(ctx)
	if given != nil {
		w.ready = &scanner.Scan{At: time.Now(), Text: given, Source: "pos"}
	}
	if ok, err := pm.operatorConfirms(ctx); !ok || err != nil {
		return err
	}
	w.deadline = time.Now().Add(t.o.CodeWait)
	w.offer = given == nil && t.o.Offer == OfferAlways && t.mayOffer(pm)
	for {
		if w.bad >= maxPresentations || len(pm.record().Attempts) >= sale.MaxAttempts {
			return pm.finishUnsent(ctx, sale.EndBadCode, "no code could be used: "+w.reason)
		}
		if w.offer {
			w.offer = false
			if over, err := pm.offer(ctx, &w); over || err != nil {
				return err
			}
			continue
		}
		if w.ready != nil || w.visits >= maxVisits {
			w.wish = "" // a code that was read goes first
		}
		if w.wish != "" {
			w.visits++
			w.deadline = time.Now().Add(t.o.CodeWait)
			if over, err := pm.recognise(ctx, &w); over || err != nil {
				return err
			}
			continue
		}
		scan, ending, err := pm.present(ctx, &w)
		if err != nil {
			return err
		}
		if ending != sale.Undecided {
			return pm.finishUnsent(ctx, ending, endingText(ending))
		}
		if w.offer || w.wish != "" {
			continue
		}
		if over, err := pm.takeCode(ctx, &w, scan); over || err != nil {
			return err
		}
		w.deadline = time.Now().Add(t.o.CodeWait)
	}
}

// takeCode does with a code what it is good for. It reports whether the payment is over, or
// in other hands.
func (pm *payment) takeCode(ctx context.Context, w *waiting, scan scanner.Scan) (over bool, err error) {
	if w.from != nil {
		return pm.takeCredential(ctx, w, scan)
	}
	defer scan.Text.Wipe()
	out, err := pm.judgeCode(scan, &w.document)
	switch {
	case err != nil:
		return true, err
	case out.ending != sale.Undecided:
		return true, pm.finishUnsent(ctx, out.ending, out.why)
	case out.refused != "":
		if !w.last.again(out.mac) {
			pm.t.emit(Event{Kind: "refused", Payment: pm.record().ID, Text: cmp.Or(out.told, out.refused)})
			w.reason, w.bad = out.refused, w.bad+1
		}
		return false, nil
	}
	again, err := pm.attempt(ctx, out, scan)
	w.reason, w.bad = again, w.bad+1
	return again == "", err
}

// refusal is the code that was refused last. A code that lies under the scanner is read
// again and again: that is one presentation.
type refusal struct {
	mac string
	at  time.Time
}

// sameFor is how long a refused code that is read again counts as lying there.
const sameFor = 2 * time.Second

func (r *refusal) again(mac []byte) bool {
	now := time.Now()
	same := r.mac == string(mac) && now.Sub(r.at) < sameFor
	r.mac, r.at = string(mac), now
	return same
}

// operatorConfirms waits for the operator where the amount is above the ceiling.
func (pm *payment) operatorConfirms(ctx context.Context) (bool, error) {
	t, p := pm.t, pm.record()
	ceiling, has := t.o.Ceiling[p.Amount.Currency]
	if !has || p.Amount.Minor <= ceiling {
		return true, nil
	}
	t.show(pm, Screen{Kind: ScreenOperator})
	t.emit(Event{Kind: "operator", Payment: p.ID, Amount: p.Amount.String(), Text: "above the ceiling: an operator must confirm"})
	timer := time.NewTimer(t.o.CodeWait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false, errOver
	case ask := <-pm.aborts:
		err := pm.finishUnsent(ctx, sale.EndAborted, endingText(sale.EndAborted))
		ask.ack <- err
		return false, err
	case ok := <-pm.confirms:
		if ok {
			return true, nil
		}
		return false, pm.finishUnsent(ctx, sale.EndNotAllowed, "the operator refused the amount")
	case <-timer.C:
		return false, pm.finishUnsent(ctx, sale.EndNotAllowed, "no operator confirmed the amount")
	}
}

// present shows the amount, opens the gate and waits for one code, for the wish to see one of
// ours: then w.offer is set, or for the wish to present a palm: then w.wish is.
func (pm *payment) present(ctx context.Context, w *waiting) (scanner.Scan, sale.Ending, error) {
	t := pm.t
	if w.ready != nil {
		scan := *w.ready
		w.ready = nil
		return scan, sale.Undecided, nil
	}
	if !time.Now().Before(w.deadline) {
		return scanner.Scan{}, sale.EndCancelled, nil
	}
	may := t.mayOffer(pm)
	pm.presentable(w.mayPresent())
	defer pm.presentable(false)
	t.show(pm, Screen{Kind: waitKind(w.reason), Reason: w.reason, Offer: may})
	if err := t.o.Scanner.Arm(ctx); err != nil {
		switch {
		case ctx.Err() != nil:
			return scanner.Scan{}, "", errOver
		case !may || w.noOffer:
			return scanner.Scan{}, sale.EndNoScanner, nil
		}
		w.offer = true
		return scanner.Scan{}, sale.Undecided, nil
	}
	defer t.o.Scanner.Disarm()
	stopWarming := t.keepWarm(ctx)
	defer stopWarming()
	t.emit(Event{Kind: "armed", Payment: pm.record().ID, Amount: pm.record().Amount.String()})

	timer := time.NewTimer(time.Until(w.deadline))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return scanner.Scan{}, "", errOver
	case ask := <-pm.aborts:
		ask.ack <- nil // void: nothing was sent, and nothing will be
		return scanner.Scan{}, sale.EndAborted, nil
	case <-timer.C:
		return scanner.Scan{}, sale.EndCancelled, nil
	case <-pm.offers:
		w.offer, w.deadline = true, time.Now().Add(t.o.CodeWait)
		return scanner.Scan{}, sale.Undecided, nil
	case w.wish = <-pm.wishes:
		return scanner.Scan{}, sale.Undecided, nil
	case scan := <-t.o.Scanner.Scans():
		return scan, sale.Undecided, nil
	}
}

// waitKind is the screen on which a customer is asked for a code: what they showed could not
// be used, or nothing is wrong with what they did.
func waitKind(reason string) ScreenKind {
	switch reason {
	case "", string(OfferNone), string(OfferOver):
		return ScreenPay
	}
	if strings.HasPrefix(reason, palmWord) {
		return ScreenPay
	}
	return ScreenFresh
}

// presented is what a scanned code turned out to be.
type presented struct {
	ways    []route.Way // where it may go, the first choice first
	mac     []byte
	factor  *secret.Bytes // the terminal field encrypt_rand_num
	refused string        // ask for another code, with this reason
	told    string        // the same for people behind the counter
	ending  sale.Ending   // or end the payment
	why     string
}

// judgeCode classifies and routes a code. document remembers what looked like an ID number.
func (pm *payment) judgeCode(scan scanner.Scan, document *string) (presented, error) {
	t, p := pm.t, pm.record()
	text := scan.Text.Reveal()
	res := t.o.Classify.Classify(text, scan.Identifier(), t.o.Wall())
	out := presented{mac: t.o.Journal.CodeMAC(text)}
	switch res.Decision {
	case paycode.Accept:
	case paycode.Rescan:
		if *document == string(out.mac) {
			return presented{refused: string(paycode.IDNumber)}, nil
		}
		*document = string(out.mac)
		return presented{refused: string(res.Reason)}, nil
	default:
		refused := presented{refused: string(res.Reason), told: string(res.Reason)}
		if res.Merchant != "" {
			refused.told = res.Hint()
		}
		return refused, nil
	}
	if t.codeSeen(out.mac) {
		return presented{refused: reasonUsed}, nil
	}
	var names []string
	for _, s := range res.Candidates() {
		names = append(names, string(s))
	}
	d := t.pick(route.Request{Candidates: names, Currency: p.Amount.Currency, Brands: pm.brands, SaleID: p.Asked.SaleID, Contract: pm.contract})
	switch {
	case d.Resting:
		return presented{ending: sale.EndUnreachable, why: d.Why + "; nothing was sent"}, nil
	case !d.OK:
		return presented{ending: sale.EndNoContract, why: d.Why}, nil
	}
	out.ways, out.factor = append([]route.Way{d.Way}, d.Further...), res.Factor(text)
	return out, nil
}

// pick finds the way of a code by what is known of the contracts now.
func (t *Till) pick(r route.Request) route.Decision {
	return t.routes.Pick(r, t.reachOf)
}

// reachOf is what is known of a contract now.
func (t *Till) reachOf(slot int) route.Health {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.breaker.Resting(slot, time.Now()):
		return route.Resting
	case t.down[slot]:
		return route.Down
	}
	return route.Ready
}

// reasonUsed is the screen's word for a code that was presented before.
const reasonUsed = "code-used"

// attempt sends the code one way, and another way only when it is certain that nothing was
// sent the first. It returns a reason when the payment may go on with a fresh code, and
// nothing when it has ended.
func (pm *payment) attempt(ctx context.Context, out presented, scan scanner.Scan) (again string, err error) {
	cred := sale.Credential{Code: scan.Text, Symbology: scan.AIM, Factor: out.factor}
	defer cred.Wipe()
	for i, way := range out.ways {
		cred.Scheme = way.Scheme
		c := pm.t.contracts[way.Slot]
		a, ans, err := pm.sendOnce(ctx, c, cred, out.mac)
		if err != nil || a.ID == "" {
			return "", err
		}
		if ans.NotSent && i+1 < len(out.ways) && pm.mayTryAnother() {
			err := pm.mustSave(ctx, move(sale.Declined, sale.EvNotSent, nil))
			if err != nil {
				return "", err
			}
			pm.t.emit(Event{Kind: "fallback", Payment: pm.record().ID, Order: a.ID, Text: "nothing was sent to " + way.Name + ": " + ans.Cause})
			continue
		}
		cred.Wipe() // what follows may take days
		return pm.settlePay(ctx, a, c, ans)
	}
	return "", nil
}

// mayTryAnother reports whether the code may go another way.
func (pm *payment) mayTryAnother() bool {
	p := pm.record()
	return p.Intent == sale.Keep && len(p.Attempts) < sale.MaxAttempts
}

// sendOnce is one order id: durable, sent once, answered or in doubt. The attempt's id is
// empty when the payment has ended before anything was sent.
func (pm *payment) sendOnce(ctx context.Context, c *Contract, cred sale.Credential, mac []byte) (sale.Attempt, sale.Answer, error) {
	t := pm.t
	p := pm.record()
	n := len(p.Attempts) + 1
	a := sale.Attempt{
		ID: sale.OrderID(p.ID, n, c.Ref.Slot), N: n, Contract: c.Ref, Amount: p.Amount,
		Scheme: cred.Scheme, CodeMAC: mac, SentAt: t.sentAt(p), Boot: t.o.Boot, State: sale.Sending,
	}
	send, err := pm.makeDurable(ctx, a, cred, c)
	switch {
	case errors.Is(err, queue.ErrSpace):
		return sale.Attempt{}, sale.Answer{}, pm.finishUnsent(ctx, sale.EndNoSpace, endingText(sale.EndNoSpace))
	case errors.Is(err, errUndone):
		return sale.Attempt{}, sale.Answer{}, pm.finishUnsent(ctx, sale.EndAborted, endingText(sale.EndAborted))
	case err != nil:
		return sale.Attempt{}, sale.Answer{}, err
	}
	pm.sentAt = time.Now()
	// The last moment at which an abort costs nothing.
	select {
	case ask := <-pm.aborts:
		giveUp(send)
		err := pm.finish(ctx, sale.EndAborted, endingText(sale.EndAborted), both(turn(ask.reason), move(sale.Declined, sale.EvNotSent, nil)))
		ask.ack <- err
		return sale.Attempt{}, sale.Answer{}, err
	default:
	}
	t.noteSent(c)
	ans, err := pm.send(ctx, send)
	if err == nil {
		t.noteAnswered(c, t.judge(&a, sale.OpPay, ans))
	}
	return a, ans, err
}

// noteSent tells the breaker that a payment goes to a contract now.
func (t *Till) noteSent(c *Contract) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.breaker.Sent(c.Ref.Slot, time.Now())
}

// noteAnswered tells the breaker what came of it. A host that cannot be reached is another
// matter: it costs nobody anything, and is asked now and then whether it is back.
func (t *Till) noteAnswered(c *Contract, ev sale.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if ev == sale.EvNotSent {
		t.breaker.NotSent(c.Ref.Slot)
		return
	}
	t.breaker.Answered(c.Ref.Slot, ev != sale.EvNoAnswer && ev != sale.EvForeign, time.Now(), c.Clock.PayerDeadline)
}

// errUndone keeps a code of an undone payment from being sent.
var errUndone = errors.New("the payment is undone")

// makeDurable commits SENDING while the wallet package signs the request. The commit is
// the longer way, with more hands in it: it goes first, in this goroutine.
func (pm *payment) makeDurable(ctx context.Context, a sale.Attempt, cred sale.Credential, c *Contract) (Send, error) {
	prepared := make(chan Send, 1)
	go func() { prepared <- prepare(ctx, a, cred, c.Wallet) }()
	seen := queue.Put{Kind: queue.Code, Key: hex.EncodeToString(a.CodeMAC), Value: []byte(a.ID)}
	err := pm.save(ctx, func(p *sale.Payment) ([]queue.Put, error) {
		if p.Intent == sale.Undo {
			return nil, errUndone
		}
		return []queue.Put{seen}, p.Begin(a)
	})
	send := <-prepared
	if err != nil {
		giveUp(send)
		return nil, err
	}
	pm.t.markSeen(a.CodeMAC)
	return send, nil
}

// prepare returns what sends the request; what went wrong before is what it returns.
func prepare(ctx context.Context, a sale.Attempt, cred sale.Credential, w Wallet) Send {
	if p, ok := w.(Preparer); ok {
		send, err := p.Prepare(ctx, a, cred)
		if err != nil {
			return func(context.Context) (sale.Answer, error) { return sale.Answer{}, err }
		}
		return send
	}
	return func(ctx context.Context) (sale.Answer, error) {
		if err := ctx.Err(); err != nil {
			return sale.Answer{}, err
		}
		return w.Pay(ctx, a, cred)
	}
}

// giveUp wipes a prepared request that is not going to be sent.
func giveUp(send Send) {
	over, cancel := context.WithCancel(context.Background())
	cancel()
	_, _ = send(over) // the error is that of the context
}

// send waits for the wallet's answer. An abort that comes meanwhile makes the intent undo
// durable at once and lets the next customer in; the answer is still waited for.
func (pm *payment) send(ctx context.Context, send Send) (sale.Answer, error) {
	t := pm.t
	type result struct {
		ans sale.Answer
		err error
	}
	done := make(chan result, 1)
	t.emit(Event{Kind: "sending", Payment: pm.record().ID, Amount: pm.record().Amount.String()})
	go func() {
		ans, err := send(ctx)
		done <- result{ans, err}
	}()
	// After the request: no screen is worth a later first byte.
	t.show(pm, Screen{Kind: ScreenSending})
	for {
		select {
		case r := <-done:
			if r.err != nil {
				t.o.Log.Error("request not sent", "payment", pm.record().ID, "err", r.err)
				return sale.Answer{NotSent: true, Cause: r.err.Error()}, nil
			}
			return r.ans, nil
		case ask := <-pm.aborts:
			err := pm.undo(ctx, ask.reason)
			ask.ack <- err
			if err != nil {
				return sale.Answer{}, err
			}
		}
	}
}

// settlePay moves the attempt by the wallet's answer to pay.
func (pm *payment) settlePay(ctx context.Context, a sale.Attempt, c *Contract, ans sale.Answer) (again string, err error) {
	t := pm.t
	ev := t.judge(&a, sale.OpPay, ans)
	undone := pm.record().Intent == sale.Undo
	note := noteAnswer(ans)
	switch ev {
	case sale.EvPaid:
		if undone {
			if err := pm.mustSave(ctx, move(sale.Paid, ev, note)); err != nil {
				return "", err
			}
			return "", pm.pursue(ctx)
		}
		return "", pm.finish(ctx, sale.EndPaid, "", move(sale.Paid, ev, note))
	case sale.EvDeclined, sale.EvNotSent, sale.EvBadCode:
		return pm.settleRefused(ctx, ev, ans, note)
	case sale.EvCollision:
		// Somebody else used this number: no answer about it can be believed.
		t.stopTrading(a.ID)
		if err := pm.mustSave(ctx, move(sale.Manual, ev, note)); err != nil {
			return "", err
		}
		return "", nil
	case sale.EvWrongTotal:
		t.alarm("wrong-total", a.ID, "the wallet answered with another total; the payment is being taken back")
		if err := pm.mustSave(ctx, both(turn("wrong-answer"), move(sale.Unknown, ev, note))); err != nil {
			return "", err
		}
		return "", pm.pursue(ctx)
	case sale.EvForeign:
		t.alarm("foreign-answer", a.ID, "the wallet answered about another order or merchant; the answer is discarded")
	}
	if err := pm.mustSave(ctx, move(sale.Unknown, ev, note)); err != nil {
		return "", err
	}
	t.emit(Event{Kind: "doubt", Payment: pm.record().ID, Order: a.ID, Text: ans.Cause})
	return "", pm.pursue(ctx)
}

// settleRefused handles the answers after which nothing is charged.
func (pm *payment) settleRefused(ctx context.Context, ev sale.Event, ans sale.Answer, note func(*sale.Attempt)) (again string, err error) {
	p := pm.record()
	decide := move(sale.Declined, ev, note)
	switch {
	case p.Intent == sale.Undo:
		return "", pm.finish(ctx, sale.EndAborted, endingText(sale.EndAborted), decide)
	case ev == sale.EvNotSent:
		return "", pm.finish(ctx, sale.EndUnreachable, "the wallet cannot be reached; nothing was sent: "+ans.Cause, decide)
	case ev == sale.EvBadCode && p.Codes() < maxPresentations && p.Current().N < sale.MaxAttempts:
		if err := pm.mustSave(ctx, decide); err != nil {
			return "", err
		}
		return "expired", nil
	case ev == sale.EvBadCode:
		return "", pm.finish(ctx, sale.EndBadCode, "the wallet refused the third code", decide)
	}
	why := "the wallet declined"
	if ans.Text != "" {
		why += ": " + ans.Text
	}
	return "", pm.finish(ctx, sale.EndDeclined, why, decide)
}

// finishUnsent ends a payment that has no attempt in doubt.
func (pm *payment) finishUnsent(ctx context.Context, ending sale.Ending, why string) error {
	return pm.finish(ctx, ending, why, nil)
}

// undo makes the intent undo durable, and frees the lane.
func (pm *payment) undo(ctx context.Context, by string) error {
	if pm.record().Intent == sale.Undo {
		return nil
	}
	if err := pm.mustSave(ctx, turn(by)); err != nil {
		return err
	}
	pm.t.emit(Event{Kind: "undo", Payment: pm.record().ID, Text: by})
	pm.t.show(pm, Screen{Kind: ScreenUndoing})
	pm.leaveLane()
	return nil
}

func turn(by string) change {
	return func(p *sale.Payment) ([]queue.Put, error) { p.Turn(by); return nil, nil }
}

func both(first, second change) change {
	return func(p *sale.Payment) ([]queue.Put, error) {
		puts, err := first(p)
		if err != nil {
			return nil, err
		}
		more, err := second(p)
		return append(puts, more...), err
	}
}

// noteAnswer keeps what the allow-list lets through.
func noteAnswer(ans sale.Answer) func(*sale.Attempt) {
	return func(a *sale.Attempt) {
		if !ans.Signed {
			return
		}
		a.WalletCode = ans.Code
		if ans.WalletTransaction != "" {
			a.WalletTransaction = ans.WalletTransaction
		}
		if ans.PaidAt != "" {
			a.PaidAt = ans.PaidAt
		}
		if ans.PaidBy != "" {
			a.PaidBy = ans.PaidBy
		}
	}
}

// judge is Attempt.Judge and one rule more: a wallet's transaction settles one attempt.
func (t *Till) judge(a *sale.Attempt, op sale.Op, ans sale.Answer) sale.Event {
	ev := a.Judge(op, ans)
	if ev != sale.EvPaid || ans.WalletTransaction == "" {
		return ev
	}
	t.mu.Lock()
	order := t.settled[a.Contract.Wallet+"\x00"+ans.WalletTransaction]
	t.mu.Unlock()
	if order != "" && order != a.ID {
		return sale.EvForeign
	}
	return ev
}

func endingText(e sale.Ending) string {
	switch e {
	case sale.EndAborted:
		return "the cashier aborted; nothing is charged"
	case sale.EndCancelled:
		return "the customer did not pay in time; nothing is charged"
	case sale.EndNoScanner:
		return "no scanner is ready"
	case sale.EndNoSpace:
		return "the journal has no room for a new sale"
	case sale.EndDeclined:
		return "the wallet declined"
	case sale.EndMistaken:
		return "the wallet charged another total; it was taken back"
	}
	return fmt.Sprintf("not paid: %s", string(e))
}
