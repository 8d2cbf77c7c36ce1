package bill_test

import (
	"archive/zip"
	"bytes"
	"crypto/sha1"
	"encoding/json"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/tilld/tilld/agent/bill"
)

func TestMinor(t *testing.T) {
	for cell, want := range map[string]int64{"12.80": 1280, "0": 0, "0.0": 0, "-0.01": -1, "7.79000": 779, "5": 500, "100000000000000.00": 1e16} {
		if got, ok := bill.Minor([]byte(cell), 2); !ok || got != want {
			t.Errorf("%s: %d %t, want %d", cell, got, ok, want)
		}
	}
	for _, cell := range []string{"", "-", ".5", "5.", "1.005", "1,00", "1e3", "٣", "+1", "--1", "1000000000000000", "0.0000000000000"} {
		if got, ok := bill.Minor([]byte(cell), 2); ok {
			t.Errorf("%q: %d, want none", cell, got)
		}
	}
	if got, ok := bill.Minor([]byte("120.00"), 0); !ok || got != 120 {
		t.Errorf("yen: %d %t", got, ok)
	}
}

func TestTime(t *testing.T) {
	at, ok := bill.Time([]byte("2026-11-21 23:59:59"))
	if !ok || at.UTC().Format("2006-01-02 15:04:05") != "2026-11-21 15:59:59" {
		t.Errorf("%v %t", at, ok)
	}
	if _, ok := bill.Time([]byte("2026-11-21  23:59:59")); !ok {
		t.Error("two spaces, as in the documents, are not read")
	}
	for _, bad := range []string{"", "2026-11-21", "2026-02-30 00:00:00", "2026-11-21T10:00:00", "2026/11/21 10:00:00", "2026-11-21 24:00:00", "20a6-11-21 10:00:00"} {
		if at, ok := bill.Time([]byte(bad)); ok {
			t.Errorf("%q is %v", bad, at)
		}
	}
}

func TestDay(t *testing.T) {
	d, err := bill.ParseDay("2026-11-21")
	if err != nil {
		t.Fatal(err)
	}
	first, last := d.Start(), d.End().Add(-1)
	if !d.Has(first) || !d.Has(last) || d.Has(d.End()) || d.Has(first.Add(-1)) || bill.DayOf(last) != d {
		t.Errorf("%v: %v to %v", d, first, last)
	}
	if got := d.Ready().UTC().Format("2006-01-02 15:04"); got != "2026-11-22 02:00" {
		t.Errorf("ready at %s UTC", got)
	}
	for _, bad := range []string{"", "2026-11", "21.11.2026", "2026-02-29"} {
		if d, err := bill.ParseDay(bad); err == nil {
			t.Errorf("%q is %v", bad, d)
		}
	}
}

// The example of the signature vectors: the hash covers the unpacked file with its byte order
// mark.
func TestHash(t *testing.T) {
	text, sum := billHashVector(t)
	if _, err := io.ReadAll(bill.Hashed(strings.NewReader(text), sha1.New(), strings.ToUpper(sum))); err != nil {
		t.Error(err)
	}
	changed := text[:len(text)-1] + "\r"
	_, err := io.ReadAll(bill.Hashed(strings.NewReader(changed), sha1.New(), sum))
	var e *bill.Error
	if !errors.As(err, &e) || !strings.Contains(e.Text, sum) || e.Hint == "" {
		t.Errorf("a changed byte: %v", err)
	}
	lines := bill.NewLines(bill.Hashed(strings.NewReader(changed), sha1.New(), sum))
	for _, ok := lines.Next(); ok; _, ok = lines.Next() {
	}
	if err := lines.Err(); !errors.As(err, &e) || e.Line != 2 {
		t.Errorf("the error does not name the last line: %v", err)
	}
}

func billHashVector(t *testing.T) (text, sum string) {
	t.Helper()
	file, err := os.ReadFile("../wallet/testdata/signatures.json")
	if err != nil {
		t.Fatal(err)
	}
	var set struct {
		Vectors []struct {
			Input  struct{ Kind, Text string }
			Expect struct{ SHA1 string }
		}
	}
	if err := json.Unmarshal(file, &set); err != nil {
		t.Fatal(err)
	}
	for _, v := range set.Vectors {
		if v.Input.Kind == "bill-sha1" {
			return v.Input.Text, v.Expect.SHA1
		}
	}
	t.Fatal("no bill among the vectors")
	return "", ""
}

func TestSplit(t *testing.T) {
	for line, want := range map[string][]string{
		"a,b,c":             {"a", "b", "c"},
		"a\t,\t,c\t":        {"a", "", "c"},
		`"a, b",c`:          {"a, b", "c"},
		`"a ""b""",c`:       {`a "b"`, "c"},
		`a "quoted" b,c`:    {`a "quoted" b`, "c"},
		`"never closed, c`:  {"never closed, c"},
		"":                  {""},
		",":                 {"", ""},
		`"a"  ,"b"trailing`: {"a", "b"},
	} {
		var got []string
		for _, c := range bill.Split(nil, []byte(line)) {
			got = append(got, string(c))
		}
		if strings.Join(got, "|") != strings.Join(want, "|") || len(got) != len(want) {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
}

func TestLines(t *testing.T) {
	read := func(r io.Reader) ([]string, error) {
		l := bill.NewLines(r)
		var out []string
		for line, ok := l.Next(); ok; line, ok = l.Next() {
			out = append(out, string(line))
		}
		return out, l.Err()
	}
	for text, want := range map[string]string{"\xef\xbb\xbfa\r\nb\r\n": "a|b", "a\nb": "a|b", "": "", "\n\n": "|"} {
		got, err := read(strings.NewReader(text))
		if err != nil || strings.Join(got, "|") != want {
			t.Errorf("%q: %q %v", text, got, err)
		}
	}
	var e *bill.Error
	if _, err := read(strings.NewReader("a\n" + strings.Repeat("x", 70<<10) + "\n")); !errors.As(err, &e) || e.Line != 2 {
		t.Errorf("a line without end: %v", err)
	}
}

// archive packs files in the order given, as streams (with sizes behind) or with sizes in front.
func archive(t testing.TB, files ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i := 0; i < len(files); i += 2 {
		w, err := z.Create(files[i])
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(w, files[i+1])
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func csv(name []byte) bool { return bytes.HasSuffix(name, []byte(".csv")) }

func TestUnzip(t *testing.T) {
	text := strings.Repeat("a line of a bill\r\n", 5000)
	whole := archive(t, "summary.txt", "sums", "bill.csv", text, "after.txt", strings.Repeat("z", 100000))
	got, err := io.ReadAll(bill.Unzip(bytes.NewReader(whole), csv))
	if err != nil || string(got) != text {
		t.Fatalf("%d bytes, want %d: %v", len(got), len(text), err)
	}
	// Cut anywhere, it is an error; never less text without one.
	for n := 0; n < len(whole); n++ {
		if got, err := io.ReadAll(bill.Unzip(bytes.NewReader(whole[:n]), csv)); err == nil {
			t.Fatalf("cut to %d of %d bytes: %d bytes and no error", n, len(whole), len(got))
		}
	}
	for _, at := range []int{200, 300} {
		bad := bytes.Clone(whole)
		bad[at] ^= 0x40
		if _, err := io.ReadAll(bill.Unzip(bytes.NewReader(bad), csv)); err == nil {
			t.Errorf("byte %d changed: no error", at)
		}
	}
	if _, err := io.ReadAll(bill.Unzip(bytes.NewReader(archive(t, "a.txt", "x")), csv)); err == nil {
		t.Error("an archive without a bill gives no error")
	}
	if _, err := io.ReadAll(bill.Unzip(strings.NewReader("#no archive"), csv)); err == nil {
		t.Error("a text is read as an archive")
	}
}

// Stored files with their sizes in front, as some tools write them.
func TestUnzipStored(t *testing.T) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	text := "stored text"
	w, err := z.CreateRaw(&zip.FileHeader{Name: "bill.csv", Method: zip.Store, CRC32: 0x3e1ec9a9,
		CompressedSize64: uint64(len(text)), UncompressedSize64: uint64(len(text))})
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(w, text)
	z.Close()
	want, err := zip.NewReader(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil || len(want.File) != 1 {
		t.Fatal(err)
	}
	_, err = io.ReadAll(bill.Unzip(bytes.NewReader(b.Bytes()), csv))
	var e *bill.Error
	if !errors.As(err, &e) || !strings.Contains(e.Text, "checksum") {
		t.Errorf("a wrong checksum: %v", err)
	}
}

func FuzzUnzip(f *testing.F) {
	f.Add(archive(f, "bill.csv", "a,b\r\n1,2\r\n"))
	f.Add(archive(f, "sums.txt", "x", "bill.csv", strings.Repeat("y", 4000)))
	f.Add([]byte("PK\x03\x04"))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := io.ReadAll(io.LimitReader(bill.Unzip(bytes.NewReader(b), csv), 1<<20))
		if err != nil {
			return
		}
		// What is read without an error, the standard library reads too.
		z, zerr := zip.NewReader(bytes.NewReader(b), int64(len(b)))
		if zerr != nil || len(got) == 1<<20 {
			return
		}
		for _, file := range z.File {
			if !csv([]byte(file.Name)) || file.Flags&1 != 0 {
				continue
			}
			r, err := file.Open()
			if err != nil {
				return
			}
			if want, err := io.ReadAll(io.LimitReader(r, 1<<20)); err == nil && z.File[0] == file && !bytes.Equal(want, got) {
				t.Errorf("%d bytes, the standard library has %d", len(got), len(want))
			}
			return
		}
	})
}
