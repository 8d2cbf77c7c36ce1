// Package wechatpay speaks WeChat Pay's API v3: code payments (codepay, query, reverse), codes
// that the till shows (Native, close), refunds, and the platform's certificates; for merchants
// of their own and, with a sub_merchant_id, through a service provider (the partner paths).
//
// Requests carry WECHATPAY2-SHA256-RSA2048 over METHOD\nURL\nTIMESTAMP\nNONCE\nBODY\n; answers
// are verified over TIMESTAMP\nNONCE\nBODY\n with the platform's certificate or public key
// that Wechatpay-Serial names. An answer of any status whose signature does not hold counts
// as forged. WeChat Pay sends such answers on purpose now and then (their signature begins
// with WECHATPAY/SIGNTEST/) to see whether anybody checks.
//
// What surprises:
//
//   - PAYERROR does not close the order: it must be reversed.
//   - A reverse closes an unpaid order and gives a paid one back; it may not come earlier
//     than 15 s after the payment, and its answer alone proves nothing: the query does.
//   - The reverse is for code payments alone. An order whose code was shown is closed and, when
//     it turns out paid, refunded in full under a number of its own.
//   - REFUND stands for partial refunds too, and the answer does not say how much was given
//     back. See Client.givenBack.
//   - An order whose code was shown is not closed by its time_expire: it can only not be paid
//     any more, and goes on saying NOTPAY until it is closed.
//   - A close right after the order was made may fail (the documents advise some minutes).
//   - The error codes of the code payment exist in two spellings, of API v2 (NOTENOUGH) and
//     v3 (NOT_ENOUGH). The table holds both.
//
// Documents: https://pay.weixin.qq.com/doc/v3/merchant (code payment, Native, refunds, signature), and for
// the sequence after a time-out https://pay.weixin.qq.com/doc/v2/partner/4011941293.
package wechatpay
