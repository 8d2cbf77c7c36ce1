// Package wallettest plays the wallets: TLS servers that speak their real wire formats,
// verify our signatures and every rule about fields, sign their answers, keep a ledger, and
// misbehave on demand.
//
// A [World] holds three, and those of [Further] that it is asked for. [World.Contracts] gives
// what a configuration needs to talk to them, [World.Write] the same as files;
// [World.NewCode] is what a customer's phone shows;
// [World.Ledger] is the truth that everything else is compared with. [World.Inject] plants a
// [Fault]. A request that breaks a rule is refused, and the rule is on record in
// [World.Violations].
//
// The servers share no code with the clients they test: formats and signatures are written
// a second time here. The keys in the folder keys are published with the source, for tests
// only.
//
// [Middlebox] and [Lossy] are TCP proxies with the manners of bad networks.
package wallettest
