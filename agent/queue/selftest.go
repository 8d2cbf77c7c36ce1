package queue

import (
	"fmt"

	"github.com/dgraph-io/badger/v4/options"
	"github.com/dgraph-io/badger/v4/table"
	"github.com/dgraph-io/badger/v4/y"
)

// selfTest builds a small sorted table in memory that needs a second buffer of ristretto's
// allocator, and reads it back. On 32-bit, unpatched, z/allocator.go computes the second
// buffer's index as zero: its records overwrite the first's, and the table, closed without
// an error, gives back almost nothing.
func selfTest() (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w (self-test: %v); build with the patched module: make build GOARCH=arm", ErrDefect, p)
		}
	}()
	const records = 256
	o := table.Options{
		TableSize: 4 << 10, BlockSize: 1 << 10, BloomFalsePositive: 0.01,
		Compression: options.None, ChkMode: options.OnTableAndBlockRead,
	}
	b := table.NewTableBuilder(o)
	defer b.Close()
	value := make([]byte, 256)
	for i := range uint64(records) {
		value[0], value[255] = byte(i), byte(i)
		b.Add(y.KeyWithTs(seqKey(i+1), i+1), y.ValueStruct{Value: value}, 0)
	}
	t, err := table.OpenInMemoryTable(b.Finish(), 1, &o)
	if err == nil {
		iter := t.NewIterator(0)
		defer iter.Close()
		n := uint64(0)
		for iter.Rewind(); iter.Valid(); iter.Next() {
			v := iter.Value().Value
			if string(y.ParseKey(iter.Key())) != string(seqKey(n+1)) || len(v) != 256 || v[0] != byte(n) || v[255] != byte(n) {
				break
			}
			n++
		}
		if n == records {
			return nil
		}
		err = fmt.Errorf("%d of %d records came back", n, records)
	}
	return fmt.Errorf("%w (self-test: %v); build with the patched module: make build GOARCH=arm", ErrDefect, err)
}
