// Package unionpay speaks UnionPay's QRC interface 1.0.0 for payment codes shown by the
// customer: consumption, query and reversal, form-encoded.
//
// The specification is given to members only. What stands here was read from public
// integrators' code (secondary); what not even that says is marked unconfirmed and kept in
// wire.go, in one place, to be corrected with a contract in hand. No safety is built on it:
//
//   - respCode 00 to a consumption is taken for "accepted", as public integrators do. Paid
//     is only what a query answers with respCode 00 and origRespCode 00, and Pay asks that
//     at once.
//   - Codes outside the tables are unknown.
//
// Signature: the pairs sorted by name, k=v joined by &, without empty values and without
// signature; SHA-256 of that as lower-case hex text; SHA256withRSA over this text; base64.
// Answers are k=v pairs signed the same way, sometimes escaped, sometimes not.
package unionpay
