// Package alipayplus speaks Alipay+ as an acquirer does: pay with the code of any of its
// wallets (user-presented mode), inquiryPayment, cancelPayment and refund, signed with RSA256.
//
// Alipay+ passes a code on to the wallet that issued it, at home or abroad. One order, one
// answer; the answer says which wallet paid.
//
// What surprises:
//
//   - Every scalar in JSON is a string, amounts are whole numbers of the currency's minor unit
//     ("1280" for 12.80 CNY, "100" for 100 JPY).
//   - There are two levels of results: an inquiry may succeed (S) while the payment in it is
//     still under way (U). S, F and U of the payment decide, never those of the inquiry.
//   - An order that was cancelled after it was paid is ORDER_IS_CLOSED, as one that was never
//     paid: nothing is charged either way. A refunded one stays S, and its refunds are listed
//     among its transactions; that acquirers get that list is (unconfirmed).
//   - The answers to pay and to refund are not documented to name the order. Where they do
//     not, the inquiry that follows at once does, and only that is believed.
//   - Repeating a paymentRequestId gives the first answer, also with another code: the field
//     that must never be used twice is ours.
//   - Cancel works until 00:15 of the next day in Shanghai, whatever the payment's state; after
//     that a full refund does the same.
//   - The signed text of an answer holds our Client-Id, the path and the Response-Time.
//
// Documents: https://docs.alipayplus.com/alipayplus/alipayplus/api_acq_tile (pay_user_presented_mode,
// inquiry_payment, cancel_payment, refund, signature), integration_auto_debit_acq_ns
// (inquiry every 3 seconds for 60 seconds, then cancel; failed only after the cancel).
package alipayplus
