package secret

import (
	"crypto/hmac"
	"crypto/sha256"
)

// MAC is the HMAC-SHA-256 of data. Unlike crypto/hmac alone it leaves no part of data behind:
// a SHA-256 state keeps the last block it was given, in memory that nobody clears.
func MAC(key, data []byte) (sum [sha256.Size]byte) {
	m := hmac.New(sha256.New, key)
	m.Write(data)
	m.Sum(sum[:0])
	m.Reset()
	// A whole block would be hashed where it stands; only pieces pass through the state.
	var zero [sha256.BlockSize]byte
	m.Write(zero[:1])
	m.Write(zero[1:])
	return sum
}
