// Package archtest holds the laws of this module that the compiler does not know, and tests
// them: who may import whom, what is linked into the daemon, which statements no file of
// ours may hold. The import law is what makes the promise of privacy a fact of the build:
// nothing that agent is made of can name a picture of a person.
//
// A law is a function from a list of packages (as go list prints them) or from a parsed file
// to what breaks it, so that the tests can also feed it made-up packages and see each breach
// noticed.
package archtest
