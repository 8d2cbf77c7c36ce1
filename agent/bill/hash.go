package bill

import (
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"strings"
)

// Hashed reads r and, at its end, compares its hash with the one in hex that the wallet
// promised for the file. A difference is an *Error in place of io.EOF.
func Hashed(r io.Reader, h hash.Hash, want string) io.Reader {
	return &hashed{r: r, h: h, want: strings.ToLower(want)}
}

type hashed struct {
	r    io.Reader
	h    hash.Hash
	want string
}

func (v *hashed) Read(p []byte) (int, error) {
	n, err := v.r.Read(p)
	v.h.Write(p[:n])
	if !errors.Is(err, io.EOF) {
		return n, err
	}
	if got := hex.EncodeToString(v.h.Sum(nil)); got != v.want {
		return n, &Error{Text: "the file ends here, and its hash is " + got + " where the wallet promised " + v.want,
			Hint: "nothing was changed; get the bill again: it was damaged or altered on its way"}
	}
	return n, err
}
