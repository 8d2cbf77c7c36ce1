package wallet

import (
	"crypto"
	"crypto/tls"
	"sync/atomic"

	"github.com/tilld/tilld/internal/secret"
)

// Keys is what a contract signs with and verifies by.
type Keys struct {
	// Signer signs our requests: RSA, at least 2048 bits. ID is its name at the wallet.
	Signer crypto.Signer
	ID     string
	// Wallet verifies the answers: at least one, unless Secret does. While a wallet changes
	// its key, both the old and the new one are here.
	Wallet []WalletKey
	// Secret is the key that we share with the wallet; nil where there is none.
	Secret *secret.Bytes
	// Client is the certificate shown to servers that ask for one; nil where none does.
	Client *tls.Certificate
}

// Ring holds the keys of one contract. They may be replaced while the till runs: a request
// is signed with those of the moment it is made, and an answer verified with those of the
// moment it comes. Safe for concurrent use.
type Ring struct{ now atomic.Pointer[Keys] }

// NewRing makes a ring of k.
func NewRing(k Keys) *Ring {
	r := &Ring{}
	r.Replace(k)
	return r
}

// Keys is what holds now. The caller changes nothing in it.
func (r *Ring) Keys() *Keys { return r.now.Load() }

// Replace puts other keys in the place of those that held so far. Requests that are under
// way keep what they began with; a replaced secret is left to the collector for their sake.
func (r *Ring) Replace(k Keys) { r.now.Store(&k) }
