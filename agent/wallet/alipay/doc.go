// Package alipay speaks Alipay's open platform for code payments, signed with RSA2:
// alipay.trade.pay, .query and .cancel; .precreate and .close for codes that we show; .refund
// and .fastpay.refund.query.
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
//   - Answers echo the order, never the app: they are bound to it by the key, which belongs
//     to one app. No documented answer of these methods names the account that was paid
//     either; where one does (seller_id), it must be the contract's.
//   - A service provider signs with its own app's key for many merchants. Which of them is
//     decided by app_auth_token, a secret parameter of every request.
//   - The order of a shown code does not exist before a phone has scanned the code. Until
//     then close answers TRADE_NOT_EXIST and the code lives on: only its own end takes it
//     away. Cancel, as for other orders, closes it or gives the money back.
//   - A refund's answer says with fund_change whether this very request moved money, and with
//     refund_fee how much was given back of the whole order. "N" is for repeats, and proves
//     nothing: alipay.trade.fastpay.refund.query does. An order that was given back in full
//     is TRADE_CLOSED, in part TRADE_SUCCESS.
//   - total_amount is a decimal number of yuan in a string. receipt_amount, buyer_pay_amount
//     and invoice_amount are lower after coupons and are not read.
//
// Documents: https://opendocs.alipay.com/open/02ekfp (pay), /02ekfh (query), /02ekfi
// (cancel); the field descriptions in alipay-sdk-java-all 4.39 for precreate, close, refund
// and the query of refunds; error handling: the Antom and Alipay+ documents on code payments.
package alipay
