// Package unionpay speaks UnionPay's QRC interface 1.0.0 for payment codes shown by the
// customer: consumption, query, reversal, void and refund, form-encoded.
//
// The specification is given to members only. What stands here was read from public
// integrators' code (secondary); what not even that says is marked unconfirmed and kept in
// wire.go, in one place, to be corrected with a contract in hand. No safety is built on it:
//
//   - respCode 00 to a consumption is taken for "accepted", as public integrators do. Paid
//     is only what a query answers with respCode 00 and origRespCode 00, and Pay asks that
//     at once.
//   - Codes outside the tables are unknown.
//   - What was not known to be paid is reversed; what was is voided, and refunded in full where
//     the void is refused (its day is over).
//   - A refund that was accepted is done when a query of its own number says so.
//
// Codes that the customer scans are not shown: the interface can make one (0210000903), but no
// source says how it is closed, and nothing is shown that cannot be taken away. Nor can an
// order be looked up that is not on record: a query must name the time of the order.
//
// Signature: the pairs sorted by name, k=v joined by &, without empty values and without
// signature; SHA-256 of that as lower-case hex text; SHA256withRSA over this text; base64.
// Answers are k=v pairs signed the same way, sometimes escaped, sometimes not.
package unionpay
