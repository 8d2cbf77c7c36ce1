// Package paycode says what a scanned code is: which wallets it may pay at, or why it
// cannot pay.
package paycode

// Table is a set of rules. It is immutable and safe for concurrent use.
type Table struct{}
