// Package wechatpayv2 speaks WeChat Pay's API v2: XML with a signature by a key that both sides
// hold (MD5 or HMAC-SHA256). It is for contracts that have no API v3: micropay, order query,
// reverse and refund over mutual TLS, refund query, and codes that the till shows
// (unifiedorder NATIVE, closeorder); for merchants of their own and for service providers
// (sub_mch_id, sub_appid).
//
// What surprises:
//
//   - An answer with return_code FAIL is not signed, whatever it says: it settles nothing.
//   - The signature covers every field that is not empty, those nobody knows included. It names
//     neither the request nor a time: what tells an answer from an older one is the order that
//     it names, and where it names none (reverse, close) it proves nothing anyway.
//   - PAYERROR does not close the order: it must be reversed, not earlier than 15 s after the
//     payment. recall=Y asks for the reverse again.
//   - REFUND stands for partial refunds too; the refund query tells how much was given back.
//   - Only a paid order's query names a total.
//
// Documents: https://pay.weixin.qq.com/doc/v2/merchant and https://pay.weixin.qq.com/doc/v2/partner
// (code payment, Native, refunds, signature).
package wechatpayv2
