package sim

import (
	"bytes"
	"fmt"

	"github.com/tilld/tilld/agent/queue"
	"github.com/tilld/tilld/agent/sale"
)

// place is where a payment stands, as far as the disk knows.
type place uint8

const (
	nothing place = iota // no attempt
	sending
	sendingUndo // aborted while the answer is waited for
	unknownKeep
	unknownUndo
	paid
	paidUndo
	declined
	reversing
	reversed
	refunded
	manual
	offered
	offeredUndo // aborted while the code is being made
	offerClosed
	numPlaces
)

var placeNames = [numPlaces]string{"no attempt", "SENDING", "SENDING undo", "UNKNOWN keep", "UNKNOWN undo", "PAID", "PAID undo", "DECLINED", "REVERSING", "REVERSED", "REVERSED_REFUNDED", "MANUAL", "OFFERED", "OFFERED undo", "CLOSED"}

func (p place) String() string { return placeNames[p] }

// placeOf reads the place off a record of a payment.
func placeOf(p queue.Put) place {
	if p.Summary == nil {
		return nothing
	}
	undo := bytes.Contains(p.Value, []byte(`"intent":"undo"`))
	switch p.Summary.State {
	case sale.Sending:
		if undo {
			return sendingUndo
		}
		return sending
	case sale.Unknown:
		if undo {
			return unknownUndo
		}
		return unknownKeep
	case sale.Paid:
		if undo {
			return paidUndo
		}
		return paid
	case sale.Declined:
		return declined
	case sale.Reversing:
		return reversing
	case sale.Reversed:
		return reversed
	case sale.ReversedRefunded:
		return refunded
	case sale.Manual:
		return manual
	case sale.Offered:
		if undo {
			return offeredUndo
		}
		return offered
	case sale.Closed:
		return offerClosed
	}
	panic(fmt.Sprintf("a state without a place: %s", p.Summary.State))
}

// moment is where between two side effects the power fails.
type moment uint8

const (
	beforeCommit moment = iota // nothing of the record is durable
	tornCommit                 // the record is lost, but the witness names its orders
	afterCommit                // durable, and nobody was told
	payLeaves
	payArrived
	payAnswered
	queryLeaves
	queryArrived
	queryAnswered
	reverseLeaves
	reverseArrived
	reverseAnswered
	offerLeaves
	offerArrived
	offerAnswered
	closeLeaves
	closeArrived
	closeAnswered
	numMoments
)

var momentNames = [numMoments]string{"before the commit", "torn commit", "after the commit", "pay leaves", "pay arrived", "pay answered",
	"query leaves", "query arrived", "query answered", "reverse leaves", "reverse arrived", "reverse answered",
	"offer leaves", "offer arrived", "offer answered", "close leaves", "close arrived", "close answered"}

func (m moment) String() string { return momentNames[m] }

// point is a durable point or a side effect at which a till can crash.
type point struct {
	at     place
	moment moment
}

func (p point) String() string { return fmt.Sprintf("%s, %s", p.at, p.moment) }

// points lists all of them.
func points() (all []point) {
	for at := range numPlaces {
		for m := range numMoments {
			if p := (point{at, m}); p.exists() {
				all = append(all, p)
			}
		}
	}
	return all
}

// exists says whether a till can be there: a code is sent in SENDING alone, an order is asked
// about while it is UNKNOWN or being reversed, and reversed in REVERSING alone.
func (p point) exists() bool {
	switch {
	case p.moment <= afterCommit:
		return true
	case p.moment == payLeaves:
		return p.at == sending
	case p.moment <= payAnswered:
		return p.at == sending || p.at == sendingUndo
	case p.moment <= queryAnswered:
		return p.at == unknownKeep || p.at == unknownUndo || p.at == reversing || p.at == offered
	case p.moment <= reverseAnswered:
		return p.at == reversing
	case p.moment == offerArrived || p.moment == offerAnswered:
		return p.at == offered || p.at == offeredUndo
	}
	return p.at == offered
}
