// Package emvco reads EMVCo QR payloads: consumer-presented ones (CPM, BER-TLV in base64)
// that may pay, and merchant-presented ones (MPM, text with a CRC) that may not.
//
// Card numbers, names, cryptograms and account numbers are in clear inside these payloads.
// A [Value] shows them as "[redacted]" to fmt, encoding/json and log/slog, unless its tag
// is on a short list of harmless ones; unknown tags are redacted too. [CPM.Wipe] clears
// what was decoded.
//
// Sources: EMV QR Code Specification for Payment Systems, Consumer-Presented Mode and
// Merchant-Presented Mode.
package emvco
