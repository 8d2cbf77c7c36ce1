// Package bill reads what a wallet says it charged on a day, and compares it with what the
// till has on record.
//
// A [Row] is one line of a bill. It has no field for a person: the columns with the payer's
// account, name, bank or notes are known by name and dropped before they are even decoded, and
// a column that nobody knows is an error, because it might be such a one.
//
// Bills are read as a stream, from the line that names the columns to the totals at the end,
// and nothing of them is written to a disk. A reader returns no error only when the file was
// whole: its totals are those of its rows, and where the wallet promised a hash, the hash is
// that. Rows are handed over before that is known, so whoever takes them must not act on them
// until the reader has returned.
//
// [Comparison] takes the orders of the till and then the rows, and says how they differ. What
// it keeps in memory depends on the till's own orders around that day, not on the length of
// the bill. What a bill may change is decided there too ([Decision]): an attempt that is
// MANUAL becomes PAID or REVERSED where the bill proves it, and nothing else is ever changed.
package bill
