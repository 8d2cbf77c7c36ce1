// Package emvco reads EMVCo QR payloads: consumer-presented ones (CPM, BER-TLV in base64)
// that may pay, and merchant-presented ones (MPM, text with a CRC) that may not.
//
// Card numbers, names, cryptograms and account numbers are in clear inside these payloads.
// Parsing gives them the type [Sensitive], which never shows them; only tags on a short list
// of harmless ones become [Plain], and unknown tags are sensitive too. [CPM.Wipe] and
// [MPM.Wipe] clear what was decoded.
//
// [MPM.Network] names who a merchant's code belongs to, so that a till can tell a customer
// who shows one by mistake what it is: PromptPay, Pix, QRIS and others.
//
// Sources: EMV QR Code Specification for Payment Systems, Consumer-Presented Mode and
// Merchant-Presented Mode.
package emvco
