// Package uevent watches devices come and go: the kernel's messages about them, and the list
// of those that are there, from sysfs.
//
//   - [Parse] reads one message of the kernel (netlink family 15, NETLINK_KOBJECT_UEVENT,
//     group 1): "action@devpath" and KEY=VALUE pairs, each ended by a zero byte, without a
//     netlink header.
//   - [Scan] lists the device nodes a checkout terminal has to do with, each with the
//     identity of the device behind it.
//   - [Tree] owns both: it keeps the list, tells who wants to know, finds a device by what a
//     configuration says of it, and ends an open transport as soon as its node is removed.
//
// Source: Documentation/ABI/testing/sysfs-uevent and lib/kobject_uevent.c of the Linux
// kernel, 6.1 to 6.12.
package uevent

import (
	"bytes"
	"errors"
	"strconv"
	"strings"
)

// ErrMalformed: bytes that are no message of the kernel.
var ErrMalformed = errors.New("malformed uevent")

// MaxMessage is the longest message, in bytes: the kernel's buffer of 2048 bytes for the
// pairs, and the path before it.
const MaxMessage = 8 << 10

// Message is one message of the kernel about a device.
type Message struct {
	Action    string // "add", "remove", "change", "move", "online", "offline", "bind", "unbind"
	DevPath   string // below /sys: "/devices/platform/serial8250/tty/ttyS0"
	Subsystem string // "tty"
	Node      string // "/dev/ttyS0"; empty where the device has none
	Seq       uint64 // counts the kernel's messages
	// Ignored: udev's own message about a device, which starts with "libudev". The kernel's
	// message about the same came before it. All else is empty.
	Ignored bool
}

// Fields are the message's contents by the names that tools print.
func (m Message) Fields() map[string]any {
	if m.Ignored {
		return map[string]any{"ignored": true}
	}
	f := map[string]any{"action": m.Action, "subsystem": m.Subsystem, "seqnum": m.Seq}
	if m.Node != "" {
		f["node"] = m.Node
	}
	return f
}

// Parse reads one datagram. A message that was cut short is ErrMalformed: the kernel writes
// SEQNUM last. Action and path count as the head of the message says them.
func Parse(p []byte) (Message, error) {
	if bytes.HasPrefix(p, []byte("libudev\x00")) {
		return Message{Ignored: true}, nil
	}
	if len(p) == 0 || len(p) > MaxMessage || p[len(p)-1] != 0 {
		return Message{}, ErrMalformed
	}
	head, rest, _ := bytes.Cut(p, []byte{0})
	action, devpath, _ := strings.Cut(string(head), "@")
	m := Message{Action: action, DevPath: devpath}
	if !actionForm(action) || !pathForm(devpath) {
		return Message{}, ErrMalformed
	}
	var seen keys
	for len(rest) > 0 {
		var pair []byte
		pair, rest, _ = bytes.Cut(rest, []byte{0})
		key, value, ok := strings.Cut(string(pair), "=")
		if !ok || key == "" || !m.take(key, value, &seen) {
			return Message{}, ErrMalformed
		}
	}
	if !seen.subsystem || !seen.seq {
		return Message{}, ErrMalformed
	}
	return m, nil
}

// keys are those that a message has once at most.
type keys struct{ action, devpath, subsystem, seq, name bool }

func once(seen *bool) bool {
	first := !*seen
	*seen = true
	return first
}

// take reads one pair; false: this is no message of the kernel.
func (m *Message) take(key, value string, seen *keys) bool {
	switch key {
	case "ACTION":
		return once(&seen.action) && value == m.Action
	case "DEVPATH":
		return once(&seen.devpath) && value == m.DevPath
	case "SUBSYSTEM":
		m.Subsystem = value
		return once(&seen.subsystem) && value != ""
	case "SEQNUM":
		n, err := strconv.ParseUint(value, 10, 64)
		m.Seq = n
		return once(&seen.seq) && err == nil
	case "DEVNAME":
		m.Node = nodePath(value)
		return once(&seen.name) && m.Node != ""
	}
	return true
}

func actionForm(s string) bool {
	return s != "" && len(s) <= 16 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz") == ""
}

// pathForm: what is below /sys stays there.
func pathForm(s string) bool {
	return len(s) > 1 && s[0] == '/' && !dots(s)
}

func dots(s string) bool {
	for part := range strings.SplitSeq(s, "/") {
		if part == "." || part == ".." {
			return true
		}
	}
	return false
}

// nodePath is the path of a DEVNAME, which the kernel gives relative to /dev; empty when it
// leads anywhere else.
func nodePath(name string) string {
	name = strings.TrimPrefix(name, "/dev/")
	if name == "" || name[0] == '/' || dots(name) {
		return ""
	}
	return "/dev/" + name
}
