// Package shop is what takes part in a power cut: a till on a real journal, wallets whose
// ledger survives every cut because it is elsewhere, and a cashier who never rests. The board
// whose power is cut and the check that looks at what is left are made of the same parts.
package shop
