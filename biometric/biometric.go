// Package biometric is the contract between a till and whatever recognises a person. Palm
// and face end as a payment credential, valid for one payment: one way to pay, one place
// where accidents are prevented. No implementation is part of this build yet, and a till
// without one offers codes alone.
package biometric
