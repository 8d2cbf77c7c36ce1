//go:build !linux

// Package harden makes a process that holds keys harder to read from outside.
package harden

// NoCore does nothing here; a terminal runs Linux.
func NoCore() error { return nil }

// NoTrace does nothing here; a terminal runs Linux.
func NoTrace() error { return nil }

// Private does nothing here; a terminal runs Linux.
func Private() {}

// NoSwap does nothing here; a terminal runs Linux.
func NoSwap() error { return nil }
