package agent

import (
	"context"

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

// Contract is one row of the table of contracts: which codes it may take, and by what clock.
type Contract struct {
	Ref        sale.ContractRef
	Schemes    []string // paycode schemes this contract can charge: "wechatpay"
	Currencies []sale.Currency
	Clock      sale.Clock
	Wallet     Wallet
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
