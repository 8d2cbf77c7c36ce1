// Package sale is what a payment is and what may happen to it. It is the file a newcomer
// reads first: no I/O, no clock, no goroutine, only values and tables.
//
// A [Payment] is what the point of sale asked for. It owns [Attempt]s: one order id at one
// contract each, at most one of them open. An attempt moves along one table (table.go):
//
//	SENDING -> PAID | DECLINED | UNKNOWN
//	UNKNOWN -> PAID | DECLINED | REVERSING (needs intent undo) | MANUAL
//	PAID -> REVERSING (needs intent undo)
//	REVERSING -> REVERSED | REVERSED_REFUNDED | MANUAL
//	MANUAL -> PAID | REVERSED
//	OFFERED (our code on the screen) -> PAID | CLOSED | UNKNOWN | REVERSING (needs intent undo) | MANUAL
//
// Every state is durable before the next side effect. A code is sent once, ever: there is
// no edge back to SENDING, and a start-up that finds SENDING makes it UNKNOWN.
//
// A wallet's [Answer] is judged in one place ([Attempt.Judge]): it counts only when it is
// signed and names our order, our merchant and our total. [Pursuit.Next] says what to do
// about an attempt whose outcome is open, and when, from a [Clock] table per wallet.
package sale
