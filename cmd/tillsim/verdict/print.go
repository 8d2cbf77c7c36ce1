package verdict

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Print writes the rows as a table for people, then one line for each difference.
func (v Verdict) Print(w io.Writer) error {
	cells := [][]string{{"", "SCENARIO", "AMOUNT", "POINT OF SALE WAS TOLD", "WALLET", "LEDGER"}}
	for _, r := range v.Rows {
		mark := "ok"
		switch {
		case !r.OK:
			mark = "!!"
		case r.Undecided:
			mark = "??"
		}
		name := r.Scenario
		if name == "" {
			name = r.Basket
		}
		ledger := string(r.Ledger)
		if r.Net != 0 {
			ledger += " " + amount(r.Net, r.Amount.Currency)
		}
		cells = append(cells, []string{mark, name, r.Amount.String(), r.Told, r.Wallet, ledger})
	}
	if err := table(w, cells); err != nil {
		return err
	}
	for _, s := range v.Sums {
		if _, err := fmt.Fprintf(w, "sum: points of sale were told %s, wallets hold %s\n", amount(s.Told, s.Currency), amount(s.Held, s.Currency)); err != nil {
			return err
		}
	}
	if v.Undecided > 0 {
		if _, err := fmt.Fprintf(w, "undecided: %d, in progress or left to an operator (marked ??), not in the sums\n", v.Undecided); err != nil {
			return err
		}
	}
	for _, d := range v.Differences {
		if _, err := fmt.Fprintf(w, "difference: %s: %s\n", d.Kind, d.Text); err != nil {
			return err
		}
	}
	return nil
}

// Summary is the last line: "31 sales, 0 differences".
func (v Verdict) Summary() string {
	s := "s"
	if len(v.Differences) == 1 {
		s = ""
	}
	return fmt.Sprintf("%d sales, %d difference%s", v.Sales, len(v.Differences), s)
}

func table(w io.Writer, cells [][]string) error {
	width := make([]int, len(cells[0]))
	for _, row := range cells {
		for i, c := range row {
			width[i] = max(width[i], utf8.RuneCountInString(c))
		}
	}
	for _, row := range cells {
		var line strings.Builder
		for i, c := range row {
			line.WriteString(c)
			line.WriteString(strings.Repeat(" ", width[i]-utf8.RuneCountInString(c)+2))
		}
		if _, err := fmt.Fprintln(w, strings.TrimRight(line.String(), " ")); err != nil {
			return err
		}
	}
	return nil
}
