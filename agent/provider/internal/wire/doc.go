// Package wire is the protocol between a terminal and a biometric provider as it stands in
// openapi.yaml: its messages, their strict JSON, the signatures of requests and answers
// (RFC 9421), the signed key list, and transform keys sealed to one terminal.
//
// Both ends refuse what the protocol does not name. A change of any message is a new version
// of the paths.
package wire
