package queue

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/tilld/tilld/internal/disk"
)

// A summary file holds what outlives one erased day:
//
//	"TDS1" | hash of the file before 32 | nonce 24 | sealed JSON array of Summary
//
// The associated data are the file's number and that hash. The witness knows how many
// files there are and the hash of the last.
var summaryMagic = []byte("TDS1")

const summaryHead = 4 + 32 + chacha20poly1305.NonceSizeX

func (q *Queue) summaryPath(n uint32) string {
	return filepath.Join(q.root, "summary", fmt.Sprintf("%06d", n))
}

func summaryAD(n uint32, prev []byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte("summary"), n), prev...)
}

// keepSummaries writes the summaries of a day that is going to be erased. The state names
// them; the caller makes it durable.
func (q *Queue) keepSummaries(d *day) error {
	var keep []json.RawMessage
	for _, n := range q.names(func(_ string, e entry) bool { return e.day == d && e.summary }) {
		it, err := q.item(n)
		if err != nil {
			return err
		}
		keep = append(keep, it.summary)
	}
	if len(keep) == 0 {
		return nil
	}
	plain, err := json.Marshal(keep)
	if err != nil {
		return err
	}
	n := q.st.Summaries + 1
	b := append(append(make([]byte, 0, summaryHead+len(plain)+16), summaryMagic...), q.st.SummaryHash[:]...)
	b = b[:summaryHead]
	rand.Read(b[36:])
	b = q.keys.summary.Seal(b, b[36:summaryHead], plain, summaryAD(n, q.st.SummaryHash[:]))
	if err := disk.WriteFile(q.summaryPath(n), b); err != nil {
		return fmt.Errorf("keep summaries of day %06d: %w", d.number, err)
	}
	q.st.Summaries, q.st.SummaryHash = n, sha256.Sum256(b)
	return nil
}

// readSummaries opens one file and returns its hash and the one it names.
func (q *Queue) readSummaries(n uint32) (sums []Summary, hash, prev [32]byte, err error) {
	b, err := os.ReadFile(q.summaryPath(n))
	if err != nil {
		return nil, hash, prev, err
	}
	if len(b) < summaryHead || !bytes.HasPrefix(b, summaryMagic) {
		return nil, hash, prev, fmt.Errorf("file %06d is no summary", n)
	}
	copy(prev[:], b[4:])
	plain, err := q.keys.summary.Open(nil, b[36:summaryHead], b[summaryHead:], summaryAD(n, prev[:]))
	if err != nil {
		return nil, hash, prev, fmt.Errorf("file %06d: the seal does not open", n)
	}
	return sums, sha256.Sum256(b), prev, json.Unmarshal(plain, &sums)
}

// checkSummaries looks at the newest file, and whether all are there.
func (q *Queue) checkSummaries() error {
	entries, err := os.ReadDir(filepath.Join(q.root, "summary"))
	if err != nil || q.st.Summaries == 0 {
		return err
	}
	if len(entries) < int(q.st.Summaries) {
		return fmt.Errorf("%d of %d files found", len(entries), q.st.Summaries)
	}
	_, hash, _, err := q.readSummaries(q.st.Summaries)
	if err == nil && hash != q.st.SummaryHash {
		err = errors.New("the newest file is not the one the witness knows")
	}
	return err
}

// Summaries calls f for every summary: those of erased days, oldest first, then those of
// the days still here, in no order. An order may come more than once, the latest word on
// it last among those of erased days. It fails at the first file that was changed or is
// missing.
func (q *Queue) Summaries(f func(Summary) error) error {
	var count uint32
	var newest [32]byte
	if err := q.do(context.Background(), func() error { count, newest = q.st.Summaries, q.st.SummaryHash; return nil }); err != nil {
		return err
	}
	var last [32]byte
	for n := uint32(1); n <= count; n++ {
		sums, hash, prev, err := q.readSummaries(n)
		if err == nil && prev != last {
			err = fmt.Errorf("file %06d does not follow on the one before", n)
		}
		if err == nil && n == count && hash != newest {
			err = fmt.Errorf("file %06d is not the one the witness knows", n)
		}
		if err != nil {
			return fmt.Errorf("read summaries: %w", err)
		}
		last = hash
		for _, s := range sums {
			if err := f(s); err != nil {
				return err
			}
		}
	}
	for _, n := range q.names(func(_ string, e entry) bool { return e.summary }) {
		it, err := q.item(n)
		if errors.Is(err, ErrNotFound) {
			continue
		}
		var s Summary
		if err == nil {
			err = json.Unmarshal(it.summary, &s)
		}
		if err == nil {
			err = f(s)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
