package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strings"
	"testing"
)

func TestSourceBreaches(t *testing.T) {
	for _, c := range []struct {
		name, path, src string
		want            string // empty: nothing
	}{
		{"init", "drivers/x", "package p\nfunc init() {}", "func init"},
		{"a method named init", "drivers/x", "package p\ntype t int\nfunc (t) init() {}", ""},
		{"side effects", "cmd/tilld", "package p\nimport _ \"example.org/driver\"", "for its side effects"},
		{"embed", "cmd/tilld", "package p\nimport _ \"embed\"", ""},
		{"system call in agent", "agent/queue", "package p\nimport \"syscall\"\nfunc f() { syscall.Sync() }", "only drivers and internal"},
		{"renamed unix in cmd", "cmd/tilld", "package p\nimport u \"golang.org/x/sys/unix\"\nfunc f() { u.Kill(1, 9) }", "u.Kill"},
		{"system call in drivers", "drivers/x", "package p\nimport \"syscall\"\nfunc f() { syscall.Sync() }", ""},
		{"an error's name", "agent/queue", "package p\nimport \"syscall\"\nvar e error = syscall.ENOSPC", ""},
		{"a signal's name", "cmd/tilld", "package p\nimport \"syscall\"\nvar s = syscall.SIGTERM", ""},

		{"sale reads the clock", "agent/sale", "package p\nimport \"time\"\nfunc f() { _ = time.Now() }", "time.Now"},
		{"sale names a duration", "agent/sale", "package p\nimport \"time\"\nvar d = 2 * time.Second", ""},
		{"sale prints", "agent/sale", "package p\nimport \"fmt\"\nfunc f() { fmt.Println() }", "fmt.Println"},
		{"sale formats", "agent/sale", "package p\nimport \"fmt\"\nfunc f() { _ = fmt.Sprint(1) }", ""},
		{"sale logs", "agent/sale", "package p\nimport \"log/slog\"\nfunc f() { slog.Info(\"x\") }", "slog.Info"},
		{"sale has a log value", "agent/sale", "package p\nimport \"log/slog\"\nfunc f() { _ = slog.StringValue(\"x\") }", ""},
		{"sale starts a goroutine", "agent/sale", "package p\nfunc f() { go f() }", "go statement"},
		{"the till reads the clock", "agent", "package p\nimport \"time\"\nfunc f() { _ = time.Now() }", ""},

		{"the process-wide mux", "cmd/tillsim", "package p\nimport \"net/http\"\nfunc f() { http.HandleFunc(\"/\", nil) }", "process-wide mux"},
		{"the process-wide client", "agent/pos", "package p\nimport \"net/http\"\nvar c = http.DefaultClient", "follows redirects"},
		{"a simulator's client", "cmd/tillsim", "package p\nimport \"net/http\"\nvar c = http.DefaultClient", ""},
		{"a handler of our own", "agent/pos", "package p\nimport \"net/http\"\nvar m = http.NewServeMux()", ""},

		{"a blank assignment", "agent", "package p\nvar _ = 1\nfunc f() { _ = f }", ""},
		{"a variable is set", "agent", "package p\nvar v int\nfunc f() { v = 1 }", "v is a package-level variable"},
		{"a table grows", "agent", "package p\nvar m = map[int]int{}\nfunc f() { m[1] = 2 }", "m is a package-level variable"},
		{"a table shrinks", "agent", "package p\nvar m = map[int]int{}\nfunc f() { delete(m, 1) }", "m is a package-level variable"},
		{"a counter", "agent", "package p\nvar n int\nfunc f() { n++ }", "n is a package-level variable"},
		{"a field is set", "agent", "package p\nvar s struct{ x int }\nfunc f() { s.x = 1 }", "s is a package-level variable"},
		{"a lock", "agent", "package p\nimport \"sync\"\nvar mu sync.Mutex", "sync.Mutex"},
		{"an atomic pointer", "agent", "package p\nimport \"sync/atomic\"\nvar v atomic.Pointer[int]", "atomic.Pointer"},
		{"a channel", "agent", "package p\nvar c chan int", "chan"},
		{"a table that is read", "agent", "package p\nvar m = map[int]int{1: 2}\nfunc f() int { return m[1] }", ""},
		{"a local of the same name", "agent", "package p\nvar v int\nfunc f() { v := 1; v = 2; _ = v }", ""},
		{"a parameter of the same name", "agent", "package p\nvar v int\nfunc f(v int) { v = 2 }", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			fset := token.NewFileSet()
			f, err := parser.ParseFile(fset, "p.go", c.src, 0)
			if err != nil {
				t.Fatal(err)
			}
			found := Source{Path: c.path, Fset: fset, Files: []*ast.File{f}}.Breaches()
			switch {
			case c.want == "" && len(found) > 0:
				t.Errorf("found %q, want nothing", found)
			case c.want != "" && (len(found) != 1 || !strings.Contains(found[0], c.want)):
				t.Errorf("found %q, want one with %q", found, c.want)
			}
		})
	}
}

// TestStateAcrossFiles changes a variable in another file than the one that declares it.
func TestStateAcrossFiles(t *testing.T) {
	fset := token.NewFileSet()
	s := Source{Path: "agent", Fset: fset}
	for name, src := range map[string]string{
		"a.go": "package p\nvar shared int",
		"b.go": "package p\nfunc f() { shared = 1 }",
	} {
		f, err := parser.ParseFile(fset, name, src, 0)
		if err != nil {
			t.Fatal(err)
		}
		s.Files = append(s.Files, f)
	}
	if found := s.Breaches(); len(found) != 1 || !strings.HasPrefix(found[0], "agent/b.go:2: shared") {
		t.Errorf("found %q", found)
	}
}
