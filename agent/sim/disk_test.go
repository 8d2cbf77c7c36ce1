package sim

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/tilld/tilld/agent/queue"
)

// disk is what one till's state directory holds. Its records outlive the till; a journal is
// one opening of it. Everything is guarded by world.mu.
type disk struct {
	w       *world
	box     *box
	r       *rand.Rand
	records map[string]*record
	order   []*record // as first written
	highest uint64    // payment sequence number, by the witness
	doubt   []string
	places  map[string]place // of payments, by the records
	wasPaid map[string]bool  // orders that were PAID on record
	open    int              // records that are open
	busy    time.Time        // until when the disk works
	slow    bool
	wasFull bool
	flights []*flight // commits on their way, in order
	last    *record   // what the last commit began, if it was an order
	orders  []string
}

type record struct {
	kind  queue.Kind
	key   string
	value []byte
	put   queue.Put
}

// flight is a commit between its call and its end.
type flight struct {
	puts []queue.Put
	done bool
}

var errPower = errors.New("the power failed")
var errDisk = errors.New("input/output error")

func newDisk(w *world, b *box, r *rand.Rand) *disk {
	return &disk{w: w, box: b, r: r, records: map[string]*record{}, places: map[string]place{}, wasPaid: map[string]bool{}, slow: r.IntN(4) == 0}
}

// journal is agent.Journal for one run of a till.
type journal struct {
	d       *disk
	inc     *incarnation
	later   []queue.Put
	stopped error
}

// recovery is what Open would find.
func (d *disk) recovery(token string) queue.Recovery {
	return queue.Recovery{Token: token, NextPayment: d.highest + 1, Doubt: slices.Clone(d.doubt)}
}

// write makes puts durable. The caller holds world.mu.
func (d *disk) write(puts []queue.Put) {
	d.last = nil
	for _, p := range puts {
		name := string(p.Kind) + p.Key
		r := d.records[name]
		if r == nil {
			r = &record{kind: p.Kind, key: p.Key}
			d.records[name] = r
			d.order = append(d.order, r)
		}
		if r.put.Open {
			d.open--
		}
		if p.Open {
			d.open++
		}
		r.value, r.put = p.Value, p
		if p.Kind == queue.Payment && len(p.Orders) == 1 && placeOf(p) == sending {
			d.last, d.orders = r, p.Orders
		}
		d.highest = max(d.highest, p.PaymentSeq)
		if p.Kind == queue.Payment {
			at := placeOf(p)
			d.w.note("disk %d: %s is %s", d.box.n, p.Key, at)
			d.places[p.Key] = at
			if p.Summary != nil && (at == paid || at == paidUndo) {
				d.wasPaid[p.Summary.Order] = true
			}
		}
		if len(d.doubt) > 0 {
			d.doubt = slices.DeleteFunc(d.doubt, func(id string) bool { return slices.Contains(p.Orders, id) })
		}
	}
}

// tear loses puts, of which the witness has the names.
func (d *disk) tear(puts []queue.Put) {
	for _, p := range puts {
		d.highest = max(d.highest, p.PaymentSeq)
		for _, id := range p.Orders {
			if !slices.Contains(d.doubt, id) {
				d.doubt = append(d.doubt, id)
			}
		}
	}
}

// crash decides what of the commits on their way is durable: a part from the beginning; of
// the next one the witness may know.
func (d *disk) crash() {
	if r := d.last; r != nil && d.w.breaks(driveLies, r.key) {
		d.tear([]queue.Put{r.put})
		d.open--
		r.value, r.put = nil, queue.Put{}
		d.places[r.key] = nothing
		d.w.note("disk %d: %s is lost", d.box.n, r.key)
	}
	for _, f := range d.flights {
		if f.done {
			continue
		}
		f.done = true
		switch d.r.IntN(4) {
		case 0, 1:
			d.write(f.puts)
			continue
		case 2:
			d.tear(f.puts)
		}
		break
	}
	for _, f := range d.flights {
		f.done = true
	}
	d.flights = nil
}

// payment is the put of a payment's record, if there is one among puts.
func paymentOf(puts []queue.Put) (queue.Put, bool) {
	for _, p := range puts {
		if p.Kind == queue.Payment {
			return p, true
		}
	}
	return queue.Put{}, false
}

// Commit implements agent.Journal.
func (j *journal) Commit(_ context.Context, puts ...queue.Put) error {
	d, w := j.d, j.d.w
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := j.refuses(puts); err != nil {
		return err
	}
	pay, isPayment := paymentOf(puts)
	at := nothing
	if isPayment {
		at = placeOf(pay)
	}
	all := slices.Concat(j.later, puts)
	switch {
	case isPayment && w.crashes(j.inc, point{at, beforeCommit}, pay.Key):
		w.crash(j.inc)
		return errPower
	case isPayment && w.crashes(j.inc, point{at, tornCommit}, pay.Key):
		d.tear(all)
		w.crash(j.inc)
		return errPower
	case isPayment && w.breaks(diskError, pay.Key):
		// What a failed commit left behind cannot be known.
		if j.stopped = fmt.Errorf("%w: %w", queue.ErrStopped, errDisk); d.r.IntN(2) == 0 {
			d.write(all)
		} else if d.r.IntN(2) == 0 {
			d.tear(all)
		}
		j.inc.mayFail = true
		return j.stopped
	}
	j.later = nil
	if d.slow {
		if err := j.wait(all); err != nil {
			return err
		}
	} else {
		d.write(all)
	}
	if isPayment && w.crashes(j.inc, point{at, afterCommit}, pay.Key) {
		w.crash(j.inc)
		return errPower
	}
	return nil
}

// refuses says why a commit may not even begin. The caller holds world.mu.
func (j *journal) refuses(puts []queue.Put) error {
	switch {
	case j.inc.dead:
		return errPower
	case j.stopped != nil:
		return j.stopped
	}
	full := j.d.fullness()
	if full == 0 {
		return nil
	}
	known := false
	for _, p := range puts {
		here := j.d.records[string(p.Kind)+p.Key] != nil
		if p.Kind == queue.Payment && p.Open && !here {
			return j.noSpace(puts)
		}
		known = known || here
	}
	if full == 3 || full == 2 && !known {
		return j.noSpace(puts)
	}
	return nil
}

func (j *journal) noSpace(puts []queue.Put) error {
	j.d.wasFull = true
	if pay, ok := paymentOf(puts); ok {
		j.d.w.hit(pay.Key, diskFull)
	}
	return queue.ErrSpace
}

// wait lets the disk work for a while, one commit after the other. The caller holds world.mu.
func (j *journal) wait(puts []queue.Put) error {
	d, w := j.d, j.d.w
	f := &flight{puts: puts}
	d.flights = append(d.flights, f)
	now := time.Now()
	if d.busy.Before(now) {
		d.busy = now
	}
	d.busy = d.busy.Add(time.Duration(1 + d.r.Int64N(int64(20*time.Millisecond))))
	wait := d.busy.Sub(now)
	w.mu.Unlock()
	time.Sleep(wait)
	w.mu.Lock()
	if f.done {
		return errPower
	}
	f.done = true
	d.flights = slices.DeleteFunc(d.flights, func(g *flight) bool { return g == f })
	d.write(puts)
	return nil
}

// fullness is 0 with room, 1 without room for new sales, 2 for new records, 3 for anything.
func (d *disk) fullness() int {
	for _, s := range d.box.fulls {
		if s.now() {
			return s.level
		}
	}
	return 0
}

// Later implements agent.Journal.
func (j *journal) Later(puts ...queue.Put) {
	j.d.w.mu.Lock()
	defer j.d.w.mu.Unlock()
	j.later = append(j.later, puts...)
}

// Each implements agent.Journal. The order is that of writing, so that a seed repeats.
func (j *journal) Each(kind queue.Kind, f func(string, []byte) error) error {
	j.d.w.mu.Lock()
	records := slices.Clone(j.d.order)
	j.d.w.mu.Unlock()
	for _, r := range records {
		if r.kind != kind || r.value == nil {
			continue
		}
		if err := f(r.key, r.value); err != nil {
			return err
		}
	}
	return nil
}

// Get implements agent.Journal.
func (j *journal) Get(kind queue.Kind, key string) ([]byte, error) {
	j.d.w.mu.Lock()
	defer j.d.w.mu.Unlock()
	if r := j.d.records[string(kind)+key]; r != nil && r.value != nil {
		return r.value, nil
	}
	return nil, queue.ErrNotFound
}

// Room implements agent.Journal.
func (j *journal) Room() error {
	j.d.w.mu.Lock()
	defer j.d.w.mu.Unlock()
	if j.stopped != nil {
		return j.stopped
	}
	if j.d.fullness() > 0 {
		return queue.ErrSpace
	}
	return nil
}

// Summaries implements agent.Journal: no day is erased in a simulated hour.
func (j *journal) Summaries(func(queue.Summary) error) error { return nil }

// Recovered implements agent.Journal.
func (j *journal) Recovered(context.Context) error {
	j.d.w.mu.Lock()
	defer j.d.w.mu.Unlock()
	if j.inc.dead {
		return errPower
	}
	j.d.doubt = nil
	return nil
}

// macSeed keys CodeMAC: it only has to tell codes apart.
var macSeed = maphash.MakeSeed()

// CodeMAC implements agent.Journal. The real one is an HMAC, at 1 µs; here two hashes do.
func (j *journal) CodeMAC(code []byte) []byte {
	return binary.LittleEndian.AppendUint64(nil, maphash.Bytes(macSeed, code))
}
