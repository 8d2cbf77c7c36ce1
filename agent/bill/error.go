package bill

import "fmt"

// Error is what is wrong with a bill, and where.
type Error struct {
	Line int // from 1; 0 where there is none
	Text string
	Hint string
}

func (e *Error) Error() string {
	if e.Line == 0 {
		return e.Text
	}
	return fmt.Sprintf("line %d: %s", e.Line, e.Text)
}

// HintText says what to do about it.
func (e *Error) HintText() string { return e.Hint }

const (
	hintAgain   = "nothing was changed; get the bill again and compare it once more"
	hintColumns = "nothing was changed; the wallet has changed its bill, and an unknown column may hold data of persons: a newer tilld is needed"
)

// Errorf is an Error of a damaged file.
func Errorf(line int, format string, args ...any) error {
	return &Error{Line: line, Text: fmt.Sprintf(format, args...), Hint: hintAgain}
}

// Truncated is the Error of a file that ends too early.
func Truncated(line int, missing string) error {
	return &Error{Line: line, Text: "the file ends here, before " + missing, Hint: hintAgain}
}
