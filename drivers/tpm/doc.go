// Package tpm keeps a terminal's keys in a TPM 2.0: a root secret sealed to the chip, signing
// keys that cannot be taken out of it, and a counter that only goes up. Structures and names
// are those of the TPM 2.0 Library Specification, encoded by github.com/google/go-tpm.
//
// # The device
//
// Use /dev/tpmrm0: behind it the kernel keeps the sessions and keys of programs apart. The
// node is opened blocking: with O_NONBLOCK a write is done later, and an early read answers
// end of file.
//
// # Who may listen
//
// Someone may tap the wires between processor and TPM. Every session is salted to the
// storage root key (SRK), whose name a sealed file and every open TPM remember: another chip,
// or a person in the middle, has another name and is refused. What is sealed and unsealed
// crosses the wires encrypted. The first sealing trusts the SRK that it meets; do it before
// the terminal leaves the house.
//
// The SRK is made anew from the owner's seed at each opening, by the template of the "TSS2
// PRIVATE KEY" files of OpenSSL's TPM providers, so that their keys can be used here.
//
// # Measured boot, and updates
//
// Without PCRs a sealed secret can be unsealed by whatever system runs on the board. With
// PCRs it needs the state of the boot that an authority has approved: a key in the shop's
// hands, whose public half is part of the seal (TPM2_PolicyAuthorize). An update of the
// system changes the PCRs; it is approved by signing one digest, before or after it is
// installed, on any machine, once for all tills that boot alike. Sealing to PCRs without an
// authority is not offered: the first update would lock every till.
package tpm
