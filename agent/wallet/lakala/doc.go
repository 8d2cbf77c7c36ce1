// Package lakala speaks the open platform of Lakala, version 3: an aggregator. One order, one
// contract, and the answer says which wallet paid: WeChat Pay, Alipay, UnionPay QuickPass and
// the bank apps behind it, the digital yuan, and others. It is how most shops accept
// everything. The platform serves many merchants by nature: one key signs for all of them, and
// each contract names its merchant_no, which every answer must name too.
//
// Requests carry LKLAPI-SHA256withRSA over APPID\nSERIAL\nTIMESTAMP\nNONCE\nBODY\n; answers are
// verified over the same five lines, taken from the headers Lklapi-Appid, -Serial, -Timestamp,
// -Nonce, -Signature.
//
// What surprises:
//
//   - BBS00000 in the answer to a query says that the order was found. Only trade_state says
//     what became of it.
//   - No closed list of refusals is published. Whatever the platform refuses with a signature
//     is therefore taken back before anybody is told "not paid", as at UnionPay.
//   - Nor is the code published that a query answers for an order it does not know: a shop
//     that has it from its contract names it in not_found_codes. Without it an order that
//     never arrived is asked for until the window is over, and then the bill decides.
//   - A revoke is for the same day (unconfirmed). Where it is refused and the order is paid, a
//     refund of the whole does it.
//   - A refund is an order of its own with a number of at most 32 characters.
//   - A code that the customer scans is an order of another interface, the cashier page: its
//     own paths, its own states. See offer.go.
//
// Documents: https://o.lakala.com/open/document, 1004 (security), 1111 (query), 1071 (close),
// and public SDKs of it (secondary). No contract was at hand: what is unconfirmed is said so.
package lakala
