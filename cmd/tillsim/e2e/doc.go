// Package e2e holds proofs through the real daemon: its tests build tilld, run it between
// simulated wallets, a pseudo-terminal and foreign points of sale, and look at it from
// outside alone. Nothing here is part of a program.
//
// With -short the package says what it leaves out and does nothing.
package e2e
