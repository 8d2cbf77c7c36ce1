// Package providertest is a reference biometric provider: the other side of package provider,
// with a real matcher, for tests, for a till on the desk, and to be read by whoever writes a
// provider. It speaks openapi.yaml over real TLS and follows every rule that stands there.
//
//	p, err := providertest.New(providertest.Options{Name: "palm.example"})
//	p.Register(terminal)                                  // made of "tilld palm register --json"
//	p.AddMember(providertest.Member{ID: "100200300", Name: "Wang Ming"})
//	address, err := p.Listen("127.0.0.1:0")
//	code, err := p.AccountCode("100200300")               // what the app shows to its user
//
// What it keeps of people: protected references with their salts, consents, and the record of
// each presentation without its template. A probe is wiped before it is answered, whatever
// comes of it. Everything is in memory: a provider for real keeps K and salts apart from the
// references, in hardware where it can, and its root keys off line.
package providertest
