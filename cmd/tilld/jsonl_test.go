package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tilld/tilld/scanner/paycode"
)

// fileVector is one example of the published vectors; what it expects is compared whole.
type fileVector struct {
	Name   string
	Input  json.RawMessage
	Expect map[string]any
}

func readVectors(t testing.TB, file string) []fileVector {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var f struct{ Vectors []fileVector }
	if err := json.Unmarshal(text, &f); err != nil {
		t.Fatal(err)
	}
	if len(f.Vectors) < 40 {
		t.Fatalf("only %d vectors", len(f.Vectors))
	}
	return f.Vectors
}

// pipe runs the program itself with lines on standard input.
func pipe(t *testing.T, in []byte, args ...string) (lines []string, code int) {
	t.Helper()
	cmd := exec.Command("tilld", args...) // this test binary under another name, see TestMain
	cmd.Stdin = bytes.NewReader(in)
	var out, diag bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &diag
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	if diag.Len() > 0 {
		t.Errorf("standard error: %s", diag.String())
	}
	text := strings.TrimSuffix(out.String(), "\n")
	return strings.Split(text, "\n"), cmd.ProcessState.ExitCode()
}

// TestVectorsThroughTheProgram sends every published example through the program: the answer
// is what is expected and a hint, and nothing else.
func TestVectorsThroughTheProgram(t *testing.T) {
	for command, file := range map[string]string{
		"classify": "../../scanner/paycode/testdata/codes.json",
		"emv":      "../../scanner/emvco/testdata/emv.json",
	} {
		t.Run(command, func(t *testing.T) {
			all := readVectors(t, file)
			var in bytes.Buffer
			for _, v := range all {
				if err := json.Compact(&in, v.Input); err != nil {
					t.Fatal(err)
				}
				in.WriteByte('\n')
			}
			lines, code := pipe(t, in.Bytes(), command, "--jsonl")
			if code != exitDone || len(lines) != len(all) {
				t.Fatalf("exit %d, %d answers to %d lines", code, len(lines), len(all))
			}
			for i, v := range all {
				var got map[string]any
				if err := json.Unmarshal([]byte(lines[i]), &got); err != nil {
					t.Fatalf("%s: %v", v.Name, err)
				}
				if hint, _ := got["hint"].(string); hint == "" {
					t.Errorf("%s: no hint", v.Name)
				}
				delete(got, "hint")
				delete(v.Expect, "note")
				if d := cmp.Diff(v.Expect, got); d != "" {
					t.Errorf("%s: %s", v.Name, d)
				}
			}
		})
	}
}

// TestBadLinesDoNotStopTheStream: each bad line is answered with its number, says nothing of
// what it held, and the good lines around it are answered.
func TestBadLinesDoNotStopTheStream(t *testing.T) {
	const canary = "130061098828009406"
	const goodCode, goodEMV = `{"text":"6901234567892"}`, `{"kind":"cpm","text":"hQVDUFYwMQ=="}`
	bad := []string{"", "  ", "x" + canary, `{"text":` + canary + `}`, `{"text":"` + canary, `["` + canary + `"]`, `"` + canary + `"`, "null", "{}",
		`{"text":"` + canary + `","kind":"` + canary + `","profile":"mars"}`, `{"text":"` + canary + `","kind":"cpm","hex":"00","profile":"mars"}`,
		`{"hex":"` + canary + `x","kind":"cpm"}`, `{"text":["` + canary + `"]}`, strings.Repeat(canary, 20_000), goodCode + goodEMV, "\x00", "\xff\xfe",
		strings.Repeat("[", 20_000), `{"text":null,"kind":"mpm"}`}
	for command, good := range map[string]string{"classify": goodCode, "emv": goodEMV} {
		t.Run(command, func(t *testing.T) {
			in := good + "\n"
			for _, b := range bad {
				in += b + "\r\n" + good + "\n"
			}
			in += good // without a line end
			lines, code := pipe(t, []byte(in), command, "--jsonl")
			if code != exitNotDone || len(lines) != 2*len(bad)+2 {
				t.Fatalf("exit %d, %d answers", code, len(lines))
			}
			if strings.Contains(strings.Join(lines, ""), canary) {
				t.Error("an answer shows what a bad line held")
			}
			for i, line := range lines {
				var got struct {
					Line             int
					Error, Hint      string
					Decision, Reason string
				}
				if err := json.Unmarshal([]byte(line), &got); err != nil {
					t.Fatal(err)
				}
				isBad := i%2 == 1 && i < 2*len(bad)
				if got.Hint == "" || (got.Error != "") != isBad || isBad && got.Line != i+1 || !isBad && got.Reason == "" {
					t.Errorf("line %d: %s", i+1, line)
				}
			}
		})
	}
}

// TestAnswersComeAtOnce: whoever asks line by line gets each answer before the next question.
func TestAnswersComeAtOnce(t *testing.T) {
	inR, inW := io.Pipe()
	outR, outW := io.Pipe()
	done := make(chan int)
	go func() { done <- run(t.Context(), []string{"classify", "--jsonl"}, inR, outW, io.Discard) }()
	answers := json.NewDecoder(outR)
	for _, want := range []string{"goods-code", "empty", "goods-code"} {
		text := map[string]string{"goods-code": "6901234567892", "empty": ""}[want]
		fmt.Fprintf(inW, "{\"text\":%q}\n", text)
		var got struct{ Reason string }
		if err := answers.Decode(&got); err != nil || got.Reason != want {
			t.Fatalf("%q, %v, want %q", got.Reason, err, want)
		}
	}
	inW.Close()
	if code := <-done; code != exitDone {
		t.Errorf("exit %d", code)
	}
}

// TestRedactedLines: with --redact nothing of card data and names is in the answers.
func TestRedactedLines(t *testing.T) {
	var in bytes.Buffer
	for _, v := range readVectors(t, "../../scanner/emvco/testdata/emv.json") {
		json.Compact(&in, v.Input)
		in.WriteByte('\n')
	}
	lines, code := pipe(t, in.Bytes(), "emv", "--jsonl", "--redact")
	all := strings.Join(lines, "\n")
	if code != exitDone || strings.Count(all, "[redacted]") < 20 {
		t.Fatalf("exit %d, %d values redacted", code, strings.Count(all, "[redacted]"))
	}
	for _, secret := range []string{"1234567890123458", "6200000000000005", "43415244484F4C444552", "BEST TRANSPORT", "TILL TEST", "0066812345678", `"factor"`, "416264756C"} {
		if strings.Contains(all, secret) {
			t.Errorf("%s is shown", secret)
		}
	}
}

// FuzzLines: whatever comes, every line gets one line of JSON, and the stream goes on.
func FuzzLines(f *testing.F) {
	for _, file := range []string{"../../scanner/paycode/testdata/codes.json", "../../scanner/emvco/testdata/emv.json"} {
		for _, v := range readVectors(f, file) {
			var line bytes.Buffer
			json.Compact(&line, v.Input)
			f.Add(line.Bytes())
		}
	}
	f.Add([]byte("\n\n{}\r\nnull\n[]\n{\"text\":1}"))
	f.Add(bytes.Repeat([]byte("a"), maxLine+1))
	codes := &codeTables{made: map[string]*paycode.Table{}}
	f.Fuzz(func(t *testing.T, in []byte) {
		want := bytes.Count(in, []byte("\n"))
		if len(in) > 0 && in[len(in)-1] != '\n' && len(bytes.Trim(in[bytes.LastIndexByte(in, '\n')+1:], "\r")) > 0 {
			want++
		}
		for name, answer := range map[string]func(*env) error{
			"classify":     func(e *env) error { return e.classifyLines(codes) },
			"emv":          func(e *env) error { return e.emvLines(false) },
			"emv redacted": func(e *env) error { return e.emvLines(true) },
		} {
			var out bytes.Buffer
			if err := answer(&env{stdin: bytes.NewReader(in), stdout: &out}); err != nil && !errors.Is(err, errSaid) {
				t.Fatal(err)
			}
			lines := bytes.Split(bytes.TrimSuffix(out.Bytes(), []byte("\n")), []byte("\n"))
			if out.Len() == 0 {
				lines = nil
			}
			if len(lines) != want {
				t.Fatalf("%s: %d answers to %d lines", name, len(lines), want)
			}
			for _, line := range lines {
				var got struct{ Hint string }
				if err := json.Unmarshal(line, &got); err != nil || got.Hint == "" {
					t.Fatalf("%s: %s", name, line)
				}
			}
		}
	})
}
