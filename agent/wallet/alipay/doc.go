// Package alipay speaks Alipay's open platform for code payments: alipay.trade.pay, .query
// and .cancel, signed with RSA2.
//
// The common parameters go into the query of the URL and biz_content into the form body, as
// the platform's own libraries send them. The signature covers the sorted, unescaped k=v
// pairs of both. Answers are verified over the raw bytes of "<method>_response", never over
// anything written again: one added space fails.
//
// What surprises:
//
//   - TRADE_NOT_EXIST after a time-out is no failure; it must end in a cancel, and a cancel
//     succeeds for orders that were never created.
//   - Cancel comes at once after the last query, without a gap, and is repeated while
//     retry_flag says Y.
//   - TRADE_CLOSED stands both for an unpaid order that was closed and for a paid one that
//     was given back. Only the latter has a send_pay_date (unconfirmed); nothing is charged
//     either way.
//   - Answers echo the order, never the merchant: they are bound to it by the key alone,
//     which belongs to one app.
//   - total_amount is a decimal number of yuan in a string. receipt_amount, buyer_pay_amount
//     and invoice_amount are lower after coupons and are not read.
//
// Documents: https://opendocs.alipay.com/open/02ekfp (pay), /02ekfh (query), /02ekfi
// (cancel); error handling: the Antom and Alipay+ documents on code payments.
package alipay
