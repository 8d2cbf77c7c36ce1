// Package rig builds a whole till on one machine with nothing plugged in: simulated wallets
// over TLS, a scanner on a pseudo-terminal, a shop's authority and a certificate for the
// point of sale's interface, a configuration of the test environment, and tilld itself as a
// child process between them.
//
// Nothing is shared with the daemon but its wires and its configuration file. The daemon is
// started again when it dies, so that it can be killed at any moment.
package rig
