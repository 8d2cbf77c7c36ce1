package agent

import (
	"context"
	"time"

	"github.com/tilld/tilld/agent/sale"
)

// Wallet is one contract at one wallet, able to carry out what a payment needs. Methods
// may be called concurrently, for different attempts.
//
// An unknown outcome is a value, not an error: the Answer then has Outcome OutUnknown and a
// Cause. An error says that nothing was asked of the wallet for a reason of our own (a key
// that cannot sign, a context that was already over); after Pay returned an error, provably
// nothing was sent.
type Wallet interface {
	// Pay sends the credential, once. It is never called twice for one attempt id. It
	// returns Answer.NotSent only when no byte of the request was handed to the kernel.
	// It wipes nothing; the caller wipes the credential.
	Pay(ctx context.Context, a sale.Attempt, c sale.Credential) (sale.Answer, error)
	// Query asks what became of the order.
	Query(ctx context.Context, a sale.Attempt) (sale.Answer, error)
	// Reverse closes an unpaid order and gives a paid one back in full. It may be repeated.
	Reverse(ctx context.Context, a sale.Attempt) (sale.Answer, error)
}

// Warmer is a Wallet that can get its connection ready before the code is read: dialled,
// handshaken and proven alive. Warm returns an error when the wallet cannot be reached now.
// It is called when a payment is armed and again while it waits, never under a payment.
type Warmer interface {
	Warm(ctx context.Context) error
}

// Refunder is a Wallet that gives a part of a paid order back.
type Refunder interface {
	// Refund asks to give r.Amount of the order back. It may be repeated: the wallet does it
	// once for one r.ID.
	Refund(ctx context.Context, a sale.Attempt, r sale.Refund) (sale.RefundAnswer, error)
	// QueryRefund asks what became of it.
	QueryRefund(ctx context.Context, a sale.Attempt, r sale.Refund) (sale.RefundAnswer, error)
}

// Offerer is a Wallet whose order can be paid by scanning a code that we show. An offered
// attempt (a.Offered) is also asked about with Query, and taken back with Reverse, which
// closes it unpaid and gives it back in full when it was paid.
type Offerer interface {
	// Offer makes the order, payable for a.OfferLife from now on, and returns the text of its
	// code. It is called once for one attempt. Outcome OutAccepted with a Code is success.
	Offer(ctx context.Context, a sale.Attempt) (sale.Offer, error)
	// Close closes the order if it is unpaid, and never gives money back. It may be repeated.
	// An order that turns out paid is no error: the next query says so. A wallet that makes
	// the order only when the code is scanned closes nothing before: the till then waits until
	// the code's life and the network's delay are over.
	Close(ctx context.Context, a sale.Attempt) (sale.Answer, error)
}

// Finder is a Wallet that can be asked for an order by a number that the customer's bill in
// the wallet shows: our order id, or the wallet's transaction id.
type Finder interface {
	// Find asks for a paid order of this merchant. The answer's Order, Total and
	// WalletTransaction describe it; OutNotFound when there is none. Number is 8 to 64
	// printable ASCII characters.
	Find(ctx context.Context, number string) (sale.Answer, error)
}

// Contract is one row of the table of contracts: which codes it may take, and by what clock.
type Contract struct {
	Ref        sale.ContractRef
	Schemes    []string // paycode schemes this contract can charge: "wechatpay"
	Currencies []sale.Currency
	// SaleIDs are the points of sale that sell for this contract's merchant; empty: all.
	SaleIDs []string
	Clock   sale.Clock
	Wallet  Wallet
	// Aggregator is set for a contract that passes codes on to several wallets: direct
	// contracts are tried first.
	Aggregator bool
	// Offers says that codes of this contract may be shown to be scanned by the customer; its
	// Wallet is then an Offerer.
	Offers bool
}

// offerLife is how long its codes that we show can be paid; zero where none is shown.
func (c *Contract) offerLife() time.Duration {
	if !c.Offers {
		return 0
	}
	return c.Clock.OfferLife
}

// Send hands a prepared payment to the wallet, once. What Wallet.Pay says of its results
// holds for it.
type Send = func(ctx context.Context) (sale.Answer, error)

// Preparer is a Wallet that can do the slow part of Pay, the signature, before the attempt
// is durable, so that both happen at the same time. Prepare hands no byte to the kernel and
// keeps nothing of the credential but the request itself, which Send wipes. A Send must be
// called once: with a context that is over it sends nothing, wipes, and returns an error.
type Preparer interface {
	Prepare(ctx context.Context, a sale.Attempt, c sale.Credential) (Send, error)
}
