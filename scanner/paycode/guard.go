package paycode

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
)

// Guard remembers which codes of one payment were asked to be shown afresh. A wallet's code
// that looks like an ID number changes when it is refreshed; a document does not: the same
// digits again are refused. It keeps a keyed hash, never the digits. Use one per payment,
// from one goroutine.
type Guard struct {
	key  []byte
	seen [][sha256.Size]byte
}

// NewGuard makes a Guard with a key of its own.
func NewGuard() *Guard {
	key := make([]byte, 32)
	rand.Read(key) // never fails: crypto/rand ends the program instead
	return &Guard{key: key}
}

// Judge turns the second Rescan of the same digits into a rejection; other results pass.
func (g *Guard) Judge(code []byte, r Result) Result {
	if r.Decision != Rescan {
		return r
	}
	mac := hmac.New(sha256.New, g.key)
	mac.Write(code)
	var sum [sha256.Size]byte
	mac.Sum(sum[:0])
	for i := range g.seen {
		if hmac.Equal(g.seen[i][:], sum[:]) {
			return reject(IDNumberShape)
		}
	}
	g.seen = append(g.seen, sum)
	return r
}
