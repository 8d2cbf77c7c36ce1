package device

import (
	"crypto/ecdsa"
	"slices"
	"time"
)

// PublicKey is the public half of a slot's key, nil where there is none.
func (a *ATECC) PublicKey(slot int) *ecdsa.PublicKey {
	a.mu.Lock()
	defer a.mu.Unlock()
	if k := a.keys[slot]; k != nil {
		return &k.PublicKey
	}
	return nil
}

// Secret is what a slot holds, for a test to compute with.
func (a *ATECC) Secret(slot int) []byte {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.secrets[slot])
}

// Faults are what the host did wrong.
func (a *ATECC) Faults() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.faults)
}

// Commands is how often a command with that opcode was done.
func (a *ATECC) Commands(op byte) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.commands[op]
}

// Wakes is how often the chip was woken.
func (a *ATECC) Wakes() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.wakes
}

// Awake reports whether the chip was left awake.
func (a *ATECC) Awake() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.power == awake && time.Since(a.woke) < a.o.Watchdog
}

// DamageAnswers turns a bit of the next n answers on the bus.
func (a *ATECC) DamageAnswers(n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.damage = n
}

// DamageCommands turns a bit of the next n commands on the bus.
func (a *ATECC) DamageCommands(n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.deafen = n
}

// Stall makes the chip dead, or alive again after a power cycle.
func (a *ATECC) Stall(dead bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.stalled = dead
	a.sleep()
}

// SetCounter sets a counter, as wear would.
func (a *ATECC) SetCounter(n int, count uint32) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.counters[n] = count
}
