package main

// edit is one place where guards stand. In the new text ON("name") is true when the mutant of
// that name is switched on, and everything is as in the old text otherwise. What should notice
// it is said in words: by the ledger (charged - refunded against what was told), by a check on
// the way (durable before sent, earliest times, ...), by the times, or by the reckless caller.
type edit struct {
	file, old, new, noticed string
}

var edits = []edit{
	// The table of moves: who calls it never tries what it forbids, so only a reckless caller
	// shows that it forbids it.
	{"agent/sale/table.go", `	if !ok || rule.needsUndo && intent != Undo {`, `	needs := rule.needsUndo
	switch (edge{a.State, to, why}) {
	case edge{Unknown, ReversedRefunded, EvRefunded}:
		needs = needs && !ON("edge: given back with keep")
	case edge{Unknown, Reversing, EvUndo}:
		needs = needs && !ON("edge: reverse unknown with keep")
	case edge{Paid, Reversing, EvUndo}:
		needs = needs && !ON("edge: reverse paid with keep")
	case edge{Paid, Manual, EvWindow}:
		needs = needs && !ON("edge: paid to manual with keep")
	case edge{Offered, Reversing, EvUndo}:
		needs = needs && !ON("edge: reverse offered with keep")
	}
	ok = ok || ON("edge: not found is declined") && to == Declined && why == EvNotFound ||
		ON("edge: accepted is reversed") && to == Reversed && why == EvAccepted ||
		ON("edge: paying is declined") && to == Declined && why == EvPaying ||
		ON("edge: sent again") && to == Sending && why == EvNoAnswer ||
		ON("edge: wrong total is paid") && to == Paid && why == EvWrongTotal ||
		ON("edge: final is left") && a.State == Declined && to == Unknown
	if !ok || needs && intent != Undo {`, "reckless"},
	{"agent/sale/table.go", `	case Paid, Declined, Reversed, ReversedRefunded, Closed:
		return true
	}`, `	case Paid, Declined, Reversed, ReversedRefunded, Closed:
		return true
	case Reversing:
		return ON("state: reversing is final")
	}`, "a payment never ends, or the ledger"},

	// The judgement of answers.
	{"agent/sale/answer.go", `	if !ans.Signed || ans.Outcome == OutUnknown {`, `	if !ans.Signed && !ON("judge: unsigned") || ans.Outcome == OutUnknown {`, "ledger"},
	{"agent/sale/answer.go", `	if ans.Order != "" && ans.Order != a.ID ||
		ans.Merchant != "" && ans.Merchant != a.Contract.Merchant ||
		ans.SubMerchant != "" && ans.SubMerchant != a.Contract.SubMerchant {`, `	if ans.Order != "" && ans.Order != a.ID && !ON("judge: another order") ||
		ans.Merchant != "" && ans.Merchant != a.Contract.Merchant && !ON("judge: another merchant") ||
		ans.SubMerchant != "" && ans.SubMerchant != a.Contract.SubMerchant && !ON("judge: another sub-merchant") {`, "ledger"},
	{"agent/sale/answer.go", `		if ans.Order == "" {`, `		if ans.Order == "" && !ON("judge: paid without an order") {`, "ledger"},
	{"agent/sale/answer.go", `		if !ans.HasTotal || !ans.Total.Same(a.Amount) {`, `		if !ans.HasTotal && !ON("judge: paid without a total") || !ans.Total.Same(a.Amount) && !ON("judge: wrong total") {`, "ledger, reckless"},
	{"agent/sale/answer.go", `		if op == OpReverse || op == OpClose {`, `		if (op == OpReverse || op == OpClose) && !ON("judge: refused reverse is declined") {`, "reckless"},
	{"agent/sale/answer.go", `		if op != OpPay {
			return EvNoAnswer
		}
		return EvBadCode`, `		if op != OpPay && !ON("judge: bad code of a query") {
			return EvNoAnswer
		}
		return EvBadCode`, "reckless"},
	{"agent/sale/answer.go", `		if op != OpPay && op != OpOffer {`, `		if op != OpPay && op != OpOffer && !ON("judge: collision of a query") {`, "reckless"},
	{"agent/sale/answer.go", `		if op != OpReverse && op != OpClose && op != OpOffer {`, `		if op != OpReverse && op != OpClose && op != OpOffer && !ON("judge: accepted without a reverse") {`, "reckless"},

	// What to do next, and when.
	{"agent/sale/pursuit.go", `	if age > c.Window-c.WindowMargin {`, `	if age > c.Window-c.WindowMargin && !ON("pursuit: no window") {`, "a payment never ends"},
	{"agent/sale/pursuit.go", `	return at(now, u.From.Add(c.ReverseAfter), DoReversal)`, `	if ON("pursuit: reverse at once") {
		return Step{Do: DoReversal}
	}
	return at(now, u.From.Add(c.ReverseAfter), DoReversal)`, "earliest time"},
	{"agent/sale/pursuit.go", `	if u.Recovered && now.Before(u.From.Add(c.ReverseAfter)) {`, `	if u.Recovered && now.Before(u.From.Add(c.ReverseAfter)) && !ON("pursuit: not in full after a restart") {`, "earliest time"},
	{"agent/sale/pursuit.go", `	if u.Word == EvFailed {
		return Step{Do: DoTurn}
	}
	if u.Word.Settled() && !u.Said.Before(deadline) {`, `	if u.Word == EvFailed && !ON("pursuit: wait after PAYERROR") {
		return Step{Do: DoTurn}
	}
	if (u.Word.Settled() || ON("pursuit: silence turns") && u.Failures > 0) && (!u.Said.Before(deadline) || ON("pursuit: an old word turns") && !now.Before(deadline) || ON("pursuit: turn early")) {`, "times"},
	{"agent/sale/pursuit.go", `	due := u.From.Add(c.FirstQuery)
	if u.Recovered && u.LastQuery.IsZero() {`, `	due := u.From.Add(c.FirstQuery)
	if ON("pursuit: query at once") {
		due = u.From
	}
	if u.Recovered && u.LastQuery.IsZero() && !ON("pursuit: wait after a restart") {`, "times"},
	{"agent/sale/pursuit.go", `		due = u.LastQuery.Add(c.QueryEvery)
		if u.Failures > 0 && !now.Before(deadline) {`, `		due = u.LastQuery.Add(c.QueryEvery)
		if ON("pursuit: query too often") {
			due = u.LastQuery.Add(c.QueryEvery / 2)
		}
		if u.Failures > 0 && !now.Before(deadline) && !ON("pursuit: no back-off") {`, "times"},
	{"agent/sale/pursuit.go", `		if u.LastQuery.Before(deadline) && due.After(deadline) {
			due = deadline`, `		if u.LastQuery.Before(deadline) && due.After(deadline) && !ON("pursuit: no query on the deadline") {
			due = deadline`, "times"},
	{"agent/sale/pursuit.go", `	if asked {
		return u.earliestReversal(c, now)`, `	if asked || ON("pursuit: no query after the turn") {
		return u.earliestReversal(c, now)`, "times"},
	{"agent/sale/pursuit.go", `			return at(now, u.LastQuery.Add(u.backoff(c, now)), DoQuery)
		}
		return Step{Do: DoReversal}
	}
	return Step{Do: DoQuery}`, `			return at(now, u.LastQuery.Add(u.backoff(c, now)), DoQuery)
		}
		if ON("pursuit: silence holds the reverse back") {
			return at(now, u.LastQuery.Add(u.backoff(c, now)), DoQuery)
		}
		return Step{Do: DoReversal}
	}
	return Step{Do: DoQuery}`, "times"},
	{"agent/sale/pursuit.go", `	if u.ReverseAccepted.IsZero() {
		if u.LastReverse.IsZero() {
			return Step{Do: DoReverse}
		}`, `	if ON("pursuit: an accepted reverse is proof") && !u.ReverseAccepted.IsZero() {
		return Step{Do: DoProve}
	}
	if ON("pursuit: any answer to a reverse is proof") && !u.LastReverse.IsZero() && u.Failures == 0 {
		return Step{Do: DoProve}
	}
	if u.ReverseAccepted.IsZero() {
		if u.LastReverse.IsZero() {
			return Step{Do: DoReverse}
		}`, "ledger"},
	{"agent/sale/pursuit.go", `	if u.Said.Before(u.ReverseAccepted) || u.Word == EvNone {
		if u.Failures > 0 && !u.LastQuery.Before(u.ReverseAccepted) {`, `	if u.Said.Before(u.ReverseAccepted) && !ON("pursuit: a word from before the reverse") || u.Word == EvNone && !ON("pursuit: a word from before the reverse") {
		if u.Failures > 0 && !u.LastQuery.Before(u.ReverseAccepted) {`, "times"},
	{"agent/sale/pursuit.go", `	return none && !a.WasPaid && !u.Said.Before(u.From.Add(c.Quiet()))`, `	return none && (!a.WasPaid || ON("pursuit: was paid, does not exist")) && (!u.Said.Before(u.From.Add(c.Quiet())) || ON("pursuit: no quiet time"))`, "ledger"},
	{"agent/sale/pursuit.go", `	return u.LastReverse.Add(u.wait(c, now, max(u.Failures, u.Reverses-1)))`, `	if ON("pursuit: hammer a reverse that does not take") {
		return u.LastReverse.Add(u.wait(c, now, u.Failures))
	}
	return u.LastReverse.Add(u.wait(c, now, max(u.Failures, u.Reverses-1)))`, "times"},
	{"agent/sale/pursuit.go", `	if now.Sub(u.From) > c.RetryFor {`, `	if now.Sub(u.From) > c.RetryFor && !ON("pursuit: never slower") {`, "times"},

	// A new attempt beside an open one.
	{"agent/sale/offered.go", `	case p.Intent != Keep || p.Ending != Undecided:`, `	case (p.Intent != Keep || p.Ending != Undecided) && !ON("begin: undone or ended"):`, "reckless"},
	{"agent/sale/offered.go", `before.State != Declined && before.State != Closed {`, `before.State != Declined && before.State != Closed && !ON("begin: beside an open attempt") {`, "reckless"},

	// A code of ours on the screen.
	{"agent/sale/offered.go", `	if u.ReverseAccepted.IsZero() {
		if u.LastReverse.IsZero() {
			return Step{Do: DoClose}`, `	if ON("offer: an accepted close is proof") && !u.ReverseAccepted.IsZero() {
		return Step{Do: DoProve}
	}
	if u.ReverseAccepted.IsZero() {
		if u.LastReverse.IsZero() {
			return Step{Do: DoClose}`, "ledger"},
	{"agent/sale/offered.go", `	case u.Away.IsZero():
		due`, `	case u.Away.IsZero() && ON("offer: never asked about"):
		return at(now, u.Deadline, DoQuery)
	case !u.Away.IsZero() && ON("offer: off the screen is closed"):
		return Step{Do: DoProve}
	case u.Away.IsZero():
		due`, "ledger, times"},
	{"agent/sale/pursuit.go", `		c.CodeLife = max(c.CodeLife, a.OfferLife, c.OfferLife)`, `		if !ON("offer: its life does not count") {
			c.CodeLife = max(c.CodeLife, a.OfferLife, c.OfferLife)
		}`, "ledger"},

	// Open, undoing: what is left to do is not forgotten.
	{"agent/sale/payment.go", `	return p.Ending == Undecided || p.Undoing() || a != nil && !a.State.Final()`, `	return p.Ending == Undecided || p.Undoing() && !ON("open: undoing is over") || a != nil && !a.State.Final()`, "a request is in progress for ever"},

	// Durable before anything follows.
	{"agent/payment.go", `	if err := pm.t.commit(ctx, append([]queue.Put{put}, extra...)...); err != nil {
		return err
	}`, `	skip := false
	if a := next.Current(); a != nil {
		skip = ON("till: SENDING not durable") && a.State == sale.Sending ||
			ON("till: PAID not durable") && a.State == sale.Paid && next.Intent == sale.Keep ||
			ON("till: OFFERED not durable") && a.State == sale.Offered ||
			ON("till: REVERSING not durable") && a.State == sale.Reversing ||
			ON("till: undo not durable") && a.State == sale.Unknown && next.Intent == sale.Undo ||
			ON("till: the end of an undo not durable") && (a.State == sale.Reversed || a.State == sale.ReversedRefunded)
	}
	if skip {
	} else if err := pm.t.commit(ctx, append([]queue.Put{put}, extra...)...); err != nil {
		return err
	}`, "durable before"},
	{"agent/payment.go", `		err := pm.save(ctx, edit)
		if !errors.Is(err, queue.ErrSpace) {
			return err
		}
		select {`, `		err := pm.save(ctx, edit)
		if !errors.Is(err, queue.ErrSpace) || ON("till: give up when the disk is full") {
			return err
		}
		select {`, "a payment never ends"},
	{"agent/payment.go", `		if first = p.Ending == sale.Undecided; !first {`, `		if first = p.Ending == sale.Undecided || ON("till: ended twice"); !first {`, "told one thing first and another now"},
	{"agent/payment.go", `p.EndedAt = ending, later(at, p.Begun)`, `p.EndedAt = ending, later(at, p.Begun)
		if ON("till: ended by a wrong clock") {
			p.EndedAt = at
		}`, "ledger of a basket"},
	{"agent/payment.go", `	err := t.o.Journal.Commit(context.WithoutCancel(ctx), puts...)
	if err != nil && !errors.Is(err, queue.ErrSpace) && !errors.Is(err, queue.ErrTooLarge) {`, `	err := t.o.Journal.Commit(context.WithoutCancel(ctx), puts...)
	if ON("till: go on after a failed write") {
		err = nil
	}
	if err != nil && !errors.Is(err, queue.ErrSpace) && !errors.Is(err, queue.ErrTooLarge) {`, "durable before"},

	// Sent once, ever.
	{"agent/take.go", `		ans, err := send(ctx)
		done <- result{ans, err}`, `		ans, err := send(ctx)
		if ON("till: sent again") && err == nil && !ans.Signed {
			ans, err = send(ctx)
		}
		done <- result{ans, err}`, "sent twice"},
	{"agent/take.go", `	if t.codeSeen(out.mac) {`, `	if t.codeSeen(out.mac) && !ON("till: code seen before") {`, "the code was sent for a second order"},
	{"agent/recover.go", `	t.seen[string(mac)] = t.o.Wall()
}

func settledKey`, `	t.seen[string(mac)] = t.o.Wall()
	if ON("till: codes not remembered") {
		delete(t.seen, string(mac))
	}
}

func settledKey`, "the code was sent for a second order"},
	{"agent/recover.go", `	if a.State == sale.Sending || a.State == sale.Offered {
		if err := pm.mustSave`, `	if a.State == sale.Sending && ON("till: SENDING at a start was not sent") || a.State == sale.Offered && ON("till: OFFERED at a start is closed") {
		return pm.finishUnsent(ctx, sale.EndCancelled, "")
	}
	if a.State == sale.Sending || a.State == sale.Offered {
		if err := pm.mustSave`, "ledger"},
	{"agent/recover.go", `	for _, order := range t.o.Recovery.Doubt {
		pm, ok := t.rebuildDoubt(order)`, `	for _, order := range t.o.Recovery.Doubt {
		if ON("till: doubts are forgotten") {
			continue
		}
		pm, ok := t.rebuildDoubt(order)`, "charged and on no record"},

	// What an answer is worth to a till.
	{"agent/take.go", `	if order != "" && order != a.ID {
		return sale.EvForeign`, `	if order != "" && order != a.ID && !ON("till: one transaction settles two") {
		return sale.EvForeign`, "ledger"},
	{"agent/take.go", `	ev := t.judge(&a, sale.OpPay, ans)
	undone := pm.record().Intent == sale.Undo`, `	ev := t.judge(&a, sale.OpPay, ans)
	if ON("till: a used number is no answer") && ev == sale.EvCollision {
		ev = sale.EvNoAnswer
	}
	undone := pm.record().Intent == sale.Undo && !ON("till: paid though undone")`, "ledger"},
	{"agent/screen.go", `	t.collisions[order] = struct{}{}
	t.mu.Unlock()
	t.o.Health.Set(`, `	t.collisions[order] = struct{}{}
	t.mu.Unlock()
	if ON("till: trade on after a used number") {
		return
	}
	t.o.Health.Set(`, "asks for a code though a number was used"},
	{"agent/pursue.go", `		return false, pm.undo(ctx, "wrong-answer")`, `		if ON("till: wrong total is waited out") {
			return false, nil
		}
		return false, pm.undo(ctx, "wrong-answer")`, "a payment never ends"},
	{"agent/pursue.go", `	if ok, _ := t.o.TimeTrusted(); !ok {
		return 0
	}
	return t.o.Wall().Sub(a.SentAt)`, `	if ok, _ := t.o.TimeTrusted(); !ok && !ON("till: age by a wrong clock") {
		return 0
	}
	return t.o.Wall().Sub(a.SentAt)`, "waits for a person too early"},
	{"agent/pursue.go", `	if ok, _ := t.o.TimeTrusted(); !ok {
		return p.Begun
	}`, `	if ok, _ := t.o.TimeTrusted(); !ok && !ON("till: sent by a wrong clock") {
		return p.Begun
	}`, "waits for a person too early"},
	{"agent/pursue.go", `	case ev == sale.EvPaid && p.Intent == sale.Keep:`, `	case ev == sale.EvPaid && (p.Intent == sale.Keep || ON("till: undone and paid is kept")):`, "aborted, and paid"},

	// Who is heard, and who has to wait.
	{"agent/requests.go", `	if pm := t.sameBasket(r); pm != nil {`, `	if pm := t.sameBasket(r); pm != nil && !ON("till: same basket") {`, "ledger of a basket"},
	{"agent/requests.go", `		if !pm.p.Amount.Same(r.Amount) {
			return t.refuse(`, `		if !pm.p.Amount.Same(r.Amount) && !ON("till: same basket, another amount") {
			return t.refuse(`, "told about another amount"},
	{"agent/requests.go", `	if pm := t.paidBasket(r); pm != nil {`, `	if pm := t.paidBasket(r); pm != nil && !ON("till: paid basket") {`, "ledger of a basket"},
	{"agent/requests.go", `	if t.occupied() != nil {`, `	if t.occupied() != nil && !ON("till: two at a time") {`, "one payment at a time"},
	{"agent/till.go", `	for pm := range t.doubts {
		if pm.p.Intent == sale.Keep {`, `	for pm := range t.doubts {
		if pm.p.Intent == sale.Keep && !ON("till: a sale beside a recovered doubt") {`, "one payment at a time"},
	{"agent/requests.go", `	if e := t.byKey[k]; e != nil {
		switch {
		case e.tombstone != "":
			return t.admitLate(e, r), nil
		case e.reversal || !bytes.Equal(e.hash, r.Asked.Hash):`, `	if e := t.byKey[k]; e != nil && !(ON("till: no tombstones") && e.tombstone != "") {
		switch {
		case e.tombstone != "":
			return t.admitLate(e, r), nil
		case (e.reversal || !bytes.Equal(e.hash, r.Asked.Hash)) && !ON("till: ServiceID used again"):`, "aborted or not found, and paid"},
	{"agent/requests.go", `	err = t.commit(ctx, put)
	if errors.Is(err, queue.ErrSpace) {
		t.o.Journal.Later(put)`, `	if ON("till: tombstones not durable") {
		return nil
	}
	err = t.commit(ctx, put)
	if errors.Is(err, queue.ErrSpace) {
		t.o.Journal.Later(put)`, "aborted or not found, and paid"},
	{"agent/reach.go", `		case "clock":
			return sale.EndClockUntrusty, c.Text`, `		case "clock":
			if ON("till: sell by a wrong clock") {
				continue
			}
			return sale.EndClockUntrusty, c.Text`, "began off the right time"},
}
