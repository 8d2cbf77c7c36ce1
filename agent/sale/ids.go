package sale

import (
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"strconv"
	"strings"
)

// Lengths of the parts of an order id: terminal 8, start token 6, sequence 8, attempt 1,
// contract slot 2, check 2. WeChat Pay takes 32 characters, Alipay 64, UnionPay 40.
const (
	IDLen        = 27
	paymentIDLen = 22
	tokenLen     = 6
	MaxAttempts  = 6 // three codes, an offered one, and what was passed on to another contract
	MaxSlot      = 99
	maxSeq       = 99_999_999
)

var idEncoding = base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").WithPadding(base32.NoPadding)

// TerminalCode is the first part of every id of a terminal: 8 characters made from its
// serial number, so that two terminals of one merchant never mint the same id.
func TerminalCode(serial string) string {
	h := sha256.Sum256([]byte("tilld terminal " + serial))
	return idEncoding.EncodeToString(h[:5])
}

// StartToken makes the 6 characters that tell one start of the daemon from every other,
// from at least 4 random bytes.
func StartToken(random [4]byte) string { return idEncoding.EncodeToString(random[:])[:tokenLen] }

// PaymentID names a payment: terminal, start token and sequence number.
func PaymentID(terminal, token string, seq uint64) string {
	return fmt.Sprintf("%.8s%.6s%08d", terminal, token, seq%(maxSeq+1))
}

// OrderID names one attempt, n in 1..MaxAttempts, at the contract in slot 0..99. The same id serves
// pay, query and reverse, and is never used for anything else.
func OrderID(paymentID string, n, slot int) string { return orderID(paymentID, '0'+byte(n), slot) }

// OfferedID is OrderID for an attempt whose code we show. The id says so by itself: an order
// that is known by its id alone, after records were lost, must not be taken for the other
// kind, whose proofs of not being paid are others.
func OfferedID(paymentID string, n, slot int) string {
	return orderID(paymentID, 'A'+byte(n)-1, slot)
}

func orderID(paymentID string, n byte, slot int) string {
	body := fmt.Sprintf("%s%c%02d", paymentID, n, slot)
	return body + fmt.Sprintf("%02d", idCheck(body))
}

// IsOffered reports whether a well-formed order id is one of OfferedID.
func IsOffered(order string) bool { return len(order) == IDLen && order[paymentIDLen] >= 'A' }

// ParseOrderID splits an order id, or says why it is none of ours.
func ParseOrderID(id string) (paymentID string, n, slot int, err error) {
	if len(id) != IDLen {
		return "", 0, 0, fmt.Errorf("parse order id: %d characters, want %d", len(id), IDLen)
	}
	check, err := strconv.Atoi(id[IDLen-2:])
	if err != nil || check != idCheck(id[:IDLen-2]) {
		return "", 0, 0, fmt.Errorf("parse order id: check digits do not match")
	}
	n = int(id[paymentIDLen]) - '0'
	if IsOffered(id) {
		n = int(id[paymentIDLen]) - 'A' + 1
	}
	slot, err = strconv.Atoi(id[paymentIDLen+1 : paymentIDLen+3])
	if err != nil || slot < 0 || n < 1 || n > MaxAttempts || strings.Trim(id[14:22], "0123456789") != "" {
		return "", 0, 0, fmt.Errorf("parse order id: malformed")
	}
	return id[:paymentIDLen], n, slot, nil
}

// idCheck is a weighted sum modulo 97: it finds every single wrong character and every
// swap of neighbours.
func idCheck(s string) int {
	sum := 0
	for _, c := range []byte(s) {
		sum = (sum*43 + int(c)) % 97
	}
	return sum
}
