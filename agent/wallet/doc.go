// Package wallet is what the wallets share: the keys, the signature, the connection that
// knows whether anything was sent, and how a foreign text is made harmless.
//
// Each wallet is a package below (wechatpay, alipay, unionpay, ...) with the same shape: a
// Settings for its part of a contract's configuration, a Clock with its times, the Schemes
// it can charge, and a Client that pays, queries, reverses and keeps a connection warm.
// Client implements agent.Wallet and agent.Warmer, and what else the wallet can do. The
// README beside this file tells, step by step, how one is added.
//
// The rules that all of them keep:
//
//   - A pay request is written at most once, to one host: no redirect is followed, no proxy
//     of the environment is used, nothing is repeated.
//   - "Not sent" means that the kernel was given no byte of the request. A request of which
//     a part was written is unknown.
//   - An answer counts only with the wallet's signature, whatever its HTTP status.
//   - What is kept of an answer is named field by field; everything else is dropped.
//   - The buffers that held the code are wiped when it was written.
package wallet
