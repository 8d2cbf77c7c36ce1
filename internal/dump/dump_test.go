package dump

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"
)

func show(lines []Line) string {
	var got []string
	for _, l := range lines {
		got = append(got, fmt.Sprintf("%d %v %s %x", l.Number, l.At, l.Kind, l.Data))
	}
	return strings.Join(got, "; ")
}

func TestRead(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"timed":       {"# x\n0.5 < 5d51\n\n1.25 > 06 07\n2 gone\n", "2 500ms < 5d51; 4 1.25s > 0607; 5 2s gone "},
		"tabs, BOM":   {"\uFEFF0.5\t<\t5d 51\r\n", "1 500ms < 5d51"},
		"no time":     {"< 5d51\nout 06\ngone\n", "1 0s < 5d51; 2 1ms > 06; 3 2ms gone "},
		"binary":      {"]Q1123\r", "1 0s < 5d51313132330d"},
		"digits":      {"134567890123456789\r\n", "1 0s < 3133343536373839303132333435363738390d0a"},
		"nothing":     {"", ""},
		"no events":   {"# nobody scanned\n", ""},
		"long binary": {strings.Repeat("\x00", piece+1), "1 0s < " + strings.Repeat("00", piece) + "; 2 1ms < 00"},
	} {
		lines, err := Read(strings.NewReader(c.in))
		if got := show(lines); got != c.want || err != nil {
			t.Errorf("%s: %.200s, %v", name, got, err)
		}
	}
	lines, err := Read(strings.NewReader("2026-11-01T10:00:00.5Z < 5d\n2026-11-01T10:00:01.5Z < 5d\n"))
	if err != nil || len(lines) != 2 || lines[1].At-lines[0].At != time.Second {
		t.Errorf("dates: %v %v", lines, err)
	}
	for _, bad := range []string{"0.000 < 5x\n", "< 5d\n< 5\n", "1.0 < 5d\n0.5 < 5d\n", "< 5d\nnonsense\n", "< 5d\ngone 5d\n", "< 5d\n<\n",
		"< 5d\n< " + strings.Repeat("00", longestLine)} {
		if _, err := Read(strings.NewReader(bad)); err == nil {
			t.Errorf("%.40q was read", bad)
		}
	}
}

func TestPiecesHoldWholeRecords(t *testing.T) {
	for _, record := range []int{16, 24, 64} {
		if piece%record != 0 {
			t.Errorf("a piece of %d bytes ends within a record of %d", piece, record)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte("0.5 < 5d51\n1.25 > 06 07\n2 gone\n"))
	f.Add([]byte("]Q1134567890123456789\r"))
	f.Add([]byte("< zz\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		lines, err := Read(bytes.NewReader(data))
		last := time.Duration(-1)
		for _, l := range lines {
			if l.At < last || err != nil {
				t.Fatalf("line %d at %v after %v, %v", l.Number, l.At, last, err)
			}
			last = l.At
		}
		var out bytes.Buffer
		for i := range lines {
			lines[i].At = lines[i].At.Truncate(time.Millisecond)
			if err := Write(&out, lines[i]); err != nil {
				t.Fatal(err)
			}
			lines[i].Number = i + 1
		}
		again, err := ReadText(&out)
		if err != nil || show(again) != show(lines) {
			t.Fatalf("%s, then %s, %v", show(lines), show(again), err)
		}
	})
}
