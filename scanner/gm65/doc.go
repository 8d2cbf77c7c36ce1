// Package gm65 speaks to Grow's GM65, GM66, GM805, GM861 and GM812 bar code modules, the
// modules that Waveshare sells, and Newland's EM3095: commands that read and write zones of
// one byte each, on the same serial line on which scans come as plain text (package line).
//
// What a till relies on:
//
//   - Scans and replies share the line unframed, and a QR code can hold bytes that look like a
//     reply. Bytes are taken for one only while a command is outstanding, only between two
//     scans, and only with the length that the command asks for and the right CRC.
//   - AIM identifiers are switched on: a scan begins with "]", which no reply does.
//   - Each zone that is set is read first, written if it differs, and read again. Reads ask
//     for two zones, so that the late reply to a write cannot pass for one. Writes are not
//     saved to flash: that wears out, and it is not needed.
//   - Until that is done no scan is delivered: customers could still programme the module.
//     Afterwards the zones are looked at once a minute, and when a scan comes malformed: a dip
//     of the supply restores what is in flash.
//   - A heartbeat goes out every 10 s; three that are not answered are a Fault.
//
// The module also accepts AB CD in place of the CRC; nothing here sends it. The manuals differ
// on a wrong CRC: older modules stay silent, newer ones answer 01. Both are sent the command
// again.
//
// Not every manual could be read. That bit 1 of zone 0003 switches setting codes off comes from
// a maker's library (DFRobot: 01 to obey them, 03 not to). Unconfirmed is that the GM812 has
// its tail at zone 000E. The version (zones 00E1, 00E2) is read first and shown as an event, but
// no published list tells models apart by it: the model is configured.
//
// Sources: GM65 manual V1.3 (frames, CRC, zones), GM861XS manual V1.1 (tail, heartbeat),
// DFRobot's GM65_scanner, frames published by users of GM805 and GM812.
package gm65
