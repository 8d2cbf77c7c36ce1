package hands

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// Mark begins a line that holds a Verdict, among lines meant for people. JSON follows.
const Mark = "verdict "

// Verdict is one line of a report: one device, one rule.
type Verdict struct {
	Device string `json:"device"` // its class, or its name where a class has several
	Rule   string `json:"rule"`   // "unplugged while reading"
	// Found is what was measured: "noticed in 12 ms, back in 430 ms".
	Found string `json:"found,omitempty"`
	Done  int    `json:"done,omitempty"`
	Of    int    `json:"of,omitempty"` // tries; 0 where it is no matter of tries
	OK    bool   `json:"ok"`
	// Why is what went wrong, in one line; empty when OK.
	Why  string        `json:"why,omitempty"`
	Took time.Duration `json:"took,omitempty"`
}

// Text is the line for people:
//
//	arm64  hidpos  unplugged while reading: noticed in 12 ms, back in 430 ms, 100 of 100  ok
func (v Verdict) Text(board string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %s  %s", board, v.Device, v.Rule)
	sep := ": "
	if v.Found != "" {
		b.WriteString(sep + v.Found)
		sep = ", "
	}
	if v.Of > 0 {
		fmt.Fprintf(&b, "%s%d of %d", sep, v.Done, v.Of)
		sep = ", "
	}
	if v.OK {
		b.WriteString("  ok")
	} else {
		b.WriteString("  FAILED")
		if v.Why != "" {
			b.WriteString(": " + v.Why)
		}
	}
	return b.String()
}

// Line is the line for programs.
func (v Verdict) Line() string {
	text, err := json.Marshal(v)
	if err != nil {
		return Mark + `{"rule":"a verdict that cannot be written"}` // strings and numbers always can
	}
	return Mark + string(text)
}

// ParseVerdict reads a line that Line wrote. Other lines are not ok.
func ParseVerdict(line string) (v Verdict, ok bool) {
	text, is := strings.CutPrefix(strings.TrimSpace(line), Mark)
	if !is {
		return v, false
	}
	return v, json.Unmarshal([]byte(text), &v) == nil
}
