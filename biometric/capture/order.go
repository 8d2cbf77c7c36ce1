package capture

import (
	"errors"
	"fmt"
	"io"
	"math/bits"
)

// Phases is how many phases an order has.
const Phases = 8

// Order is which light shines in each phase. Every light comes at least once, so that the
// three can be told apart whatever the order; runs of one light are fine, because frames are
// matched to phases by time and not by edges.
type Order [Phases]Light

// Orders is how many there are: 3^8 sequences less those that lack a light.
const Orders = 6561 - 3*256 + 3

// OrderBits is what an order is worth to who must guess it, in whole bits.
func OrderBits() int { return bits.Len(Orders) - 1 }

// drawLimit bounds what a broken source of randomness can cost; a good one fails this often
// once in 2^250.
const drawLimit = 128

// DrawOrder takes an order from random, each of the Orders equally likely.
func DrawOrder(random io.Reader) (Order, error) {
	const sequences = 6561
	const whole = 1 << 16 / sequences * sequences // what is above would favour low numbers
	var b [2]byte
	for range drawLimit {
		if _, err := io.ReadFull(random, b[:]); err != nil {
			return Order{}, fmt.Errorf("draw a lamp order: %w", err)
		}
		if v := int(b[0])<<8 | int(b[1]); v < whole {
			if o := sequence(v % sequences); o.Valid() {
				return o, nil
			}
		}
	}
	return Order{}, errors.New("draw a lamp order: the source of randomness gives no usable number")
}

// sequence is v written in base 3.
func sequence(v int) (o Order) {
	for i := range o {
		o[i] = Light(v % 3)
		v /= 3
	}
	return o
}

// Valid reports whether every light comes, and nothing else.
func (o Order) Valid() bool {
	seen := 0
	for _, l := range o {
		if l > White {
			return false
		}
		seen |= 1 << l
	}
	return seen == 1<<Dark|1<<NIR|1<<White
}

func (l Light) String() string {
	switch l {
	case Dark:
		return "dark"
	case NIR:
		return "nir"
	case White:
		return "white"
	}
	return fmt.Sprintf("light(%d)", uint8(l))
}
