// Package powercut cuts the power of a till while it sells, at any moment, and looks at what
// is left.
//
// A virtual board (internal/board) sells without a break; what its kernel writes to the disk
// is logged by the emulator, and what it tells the wallets and the point of sale is noted with
// the length of that log. A cut is then made of the log: everything up to the last flush, and
// of what was written after it a random part, in any order, some of it torn within a write. Of
// that image the file system is mounted, which replays its journal; the till is started on it
// and does its duties at wallets whose books stand as they did at that moment. Nothing that
// was acknowledged may be missing, and no customer may have paid twice or for nothing.
//
// A control run whose kernel does nothing when the till syncs must lose records: otherwise the
// check is worth nothing. What is not modelled: a card that loses a whole erase block.
package powercut
