// Package ssi speaks Zebra's Simple Serial Interface: decoded bar codes as checked packets
// that are acknowledged, and commands to the decoder.
//
// A packet is Length, Opcode, Source, Status, Data and a checksum of two bytes; Length counts
// all but the checksum. The sum of all bytes and the checksum is 0 modulo 65536.
//
// What a till relies on:
//
//   - The checksum is verified before anything else. A bad packet is answered NAK RESEND; the
//     decoder sends it again with the retransmission bit, twice at most. That copy is the scan.
//   - A retransmission of what was accepted is acknowledged and not delivered again, also
//     across Reset and Restart: its acknowledgement was lost, and a sale may have begun since.
//   - A packet in which the line pauses for 100 ms is dropped. What follows within a second is
//     not trusted to begin with a packet: it may be the rest.
//   - After noise a packet counts only if it ends where the line falls silent and none could
//     overlap it. So a packet that is printed inside a QR code is never taken for one: the
//     checksum of the packet around it follows.
//   - Messages of several packets are joined, by the continuation bit or by the numbered
//     segments of cordless scanners (opcode 73). Where one is missing, all of it is dropped.
//   - Until the set-up is answered nothing is delivered: customers could still programme the
//     scanner with bar codes. Parameters are set volatile, flash is never written. A decoder that
//     refuses to switch that off is a Fault, unless Config.Programmable accepts it.
//
// What Zebra's guides leave open, and what is done here: between segments the host answers
// MULTIPACKET_ACK (74), after the last one CMD_ACK; the published client enioka_scan does so
// and notes that scanners do not mind either way. Cordless scanners put 01 and a length before
// the text and set status bit 5; that is recognised by all three together. Whether the packets
// of a continued DECODE_DATA repeat the type of the code differs between clients: a first byte
// equal to it is taken for it.
//
// Modules of Grow (GM67, GM72) and other clones speak a part of this. They number the types of
// codes in two dimensions from F0, send long codes in one packet FF F4 with a Length of two
// bytes, and sleep: set Config.Wake. Commands that they do not answer are left out, if they
// answer others.
//
// Opcodes for images (B1, F7) do not exist here.
//
// Sources: Symbol SE-923 and SE955 integration guides (packets, acknowledgement, retries),
// Zebra DS2208 and DS9908 reference guides (continuation bit), tests of enioka_scan (segments,
// parameter replies), Grow's GM72 manual and published clients of the GM67 (types, long packets,
// wake-up).
package ssi
