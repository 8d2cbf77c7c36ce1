package queue

import (
	"fmt"
	"slices"
)

// Get returns a copy of a record's value, or ErrNotFound.
func (q *Queue) Get(kind Kind, key string) ([]byte, error) {
	it, err := q.item(name(kind, key))
	return it.value, err
}

func (q *Queue) item(name string) (item, error) {
	q.mu.RLock()
	defer q.mu.RUnlock()
	e, ok := q.index[name]
	if !ok {
		return item{}, ErrNotFound
	}
	if e.pending != nil {
		it := *e.pending
		it.value = slices.Clone(it.value)
		return it, nil
	}
	it, err := e.day.read(e.seq)
	if err == nil && it.name() != name {
		err = fmt.Errorf("read record %d of day %06d: %w: it is another record's", e.seq, e.day.number, errRecord)
	}
	return it, err
}

// names lists what the index holds, filtered, at one moment.
func (q *Queue) names(want func(name string, e entry) bool) []string {
	q.mu.RLock()
	defer q.mu.RUnlock()
	var names []string
	for n, e := range q.index {
		if want(n, e) {
			names = append(names, n)
		}
	}
	return names
}

// Each calls f for every live record of a kind, in no order, until f returns an error,
// which it returns. Records that go away meanwhile are left out. f may use the queue.
func (q *Queue) Each(kind Kind, f func(key string, value []byte) error) error {
	for _, n := range q.names(func(n string, _ entry) bool { return n[0] == byte(kind) }) {
		it, err := q.item(n)
		if err == ErrNotFound {
			continue
		}
		if err != nil {
			return err
		}
		if err := f(it.key, it.value); err != nil {
			return err
		}
	}
	return nil
}
