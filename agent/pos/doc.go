// Package pos is the interface to the point of sale: nexo Sale to POI messages in JSON over
// HTTPS, plain or encrypted, at /nexo and /nexo/.
//
// What it promises to a point of sale:
//
//   - A Payment or Reversal is answered when its outcome is final and durable, with Success
//     or Failure, and not before. Until then the answer is its HTTP header and one space
//     every few seconds: the public SDKs give a silent connection up after 30 s. At 120 s the
//     connection is closed without an answer; the payment goes on, ask for its status.
//   - A request that comes again under its ServiceID gets the same bytes. The same ServiceID
//     with other content is refused with NotAllowed.
//   - Point-of-sale programs act on ErrorCondition. Its meaning is the table in condition.go.
//   - A message that cannot be opened gets one constant HTTP 400, whatever was wrong with it.
//     Once a message was opened, every answer to it is sealed like it.
//
// Off loopback only encrypted messages are taken, from a list of SaleIDs.
//
// The till remembers requests and answers ([Till]); this package remembers nothing.
package pos
