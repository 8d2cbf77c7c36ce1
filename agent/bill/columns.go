package bill

import "bytes"

// Field is what a column is read for.
type Field int

// Fields of a Row, and what only totals need. Dropped columns are known and never looked at:
// names, accounts, banks and notes of payers, and what is of no use here.
const (
	Dropped Field = iota
	FieldAt
	FieldMerchant
	FieldSubMerchant
	FieldTerminal
	FieldTransaction
	FieldOrder
	FieldState
	FieldCurrency
	FieldTotal    // the order's total
	FieldSettled  // what of it the merchant gets, after the wallet's coupons
	FieldRefundID // our number of a refund
	FieldRefunded // what goes back of the settled sum
	FieldAsked    // what was asked to go back of the total
	FieldRefundState
	FieldRefundAt // when it was asked to go back
	FieldText     // free text in the middle of a row; its place matters, it is not read
	FieldMade     // when the order was made, where that differs from when it was paid
	fields
)

// Columns says at which cell each field is.
type Columns struct {
	at    [fields]int // -1: no such column
	Count int
}

// maxColumns bounds a header.
const maxColumns = 64

// ReadColumns reads the line that names the columns, already split and decoded. A name that
// is not in known, or comes twice, is an error that names it and the line; so is the lack of a
// field in need.
func ReadColumns(line int, names []string, known map[string]Field, need ...Field) (Columns, error) {
	c := Columns{Count: len(names)}
	for i := range c.at {
		c.at[i] = -1
	}
	if len(names) > maxColumns {
		return c, &Error{Line: line, Text: "more columns than any bill has", Hint: hintColumns}
	}
	seen := map[string]bool{}
	for i, name := range names {
		field, ok := known[name]
		switch {
		case !ok:
			return c, columnError(line, i, name, "is not known")
		case seen[name]:
			return c, columnError(line, i, name, "comes twice")
		}
		seen[name] = true
		if field != Dropped {
			c.at[field] = i
		}
	}
	for _, field := range need {
		if c.at[field] < 0 {
			for name, f := range known {
				if f == field {
					return c, &Error{Line: line, Text: "there is no column " + name, Hint: hintColumns}
				}
			}
		}
	}
	return c, nil
}

func columnError(line, i int, name, what string) error {
	return &Error{Line: line, Text: "column " + itoa(i+1) + " " + quote(name) + " " + what, Hint: hintColumns}
}

// Has reports whether the bill has the column.
func (c *Columns) Has(f Field) bool { return c.at[f] >= 0 }

// At is the field's place in a row, -1 where the bill has no such column.
func (c *Columns) At(f Field) int { return c.at[f] }

// Cell is the field's cell of a row, or nil where the bill has no such column.
func (c *Columns) Cell(cells [][]byte, f Field) []byte {
	if c.at[f] < 0 {
		return nil
	}
	return cells[c.at[f]]
}

// Split cuts a line at commas into cells, reusing dst. A cell that begins with a quotation
// mark goes on to the next one that stands alone, commas included ("a, ""b"""). White space
// around cells goes.
func Split(dst [][]byte, line []byte) [][]byte {
	dst = dst[:0]
	for {
		cell, rest, more := cutCell(line)
		dst = append(dst, cell)
		if !more || len(dst) > 4*maxColumns {
			return dst
		}
		line = rest
	}
}

func cutCell(line []byte) (cell, rest []byte, more bool) {
	if len(line) == 0 || line[0] != '"' {
		cell, rest, more = bytes.Cut(line, []byte{','})
		return bytes.TrimSpace(cell), rest, more
	}
	for i := 1; i < len(line); i++ {
		if line[i] != '"' {
			continue
		}
		if i+1 < len(line) && line[i+1] == '"' {
			i++
			continue
		}
		_, rest, more = bytes.Cut(line[i+1:], []byte{','})
		return bytes.TrimSpace(bytes.ReplaceAll(line[1:i], []byte(`""`), []byte(`"`))), rest, more
	}
	return bytes.TrimSpace(line[1:]), nil, false
}
