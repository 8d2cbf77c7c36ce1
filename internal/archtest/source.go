package archtest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Source is the parsed files of one package of ours, without its tests.
type Source struct {
	Path  string // from the module's root: "agent/sale"
	Fset  *token.FileSet
	Files []*ast.File
}

// Parse reads the files of a package.
func Parse(p Package) (Source, error) {
	s := Source{Path: rel(p.ImportPath), Fset: token.NewFileSet()}
	for _, name := range p.GoFiles {
		f, err := parser.ParseFile(s.Fset, filepath.Join(p.Dir, name), nil, 0)
		if err != nil {
			return s, err
		}
		s.Files = append(s.Files, f)
	}
	return s, nil
}

// Breaches says what the statements of a package break, one line each.
func (s Source) Breaches() []string {
	var found []string
	say := func(pos token.Pos, format string, args ...any) {
		at := s.Fset.Position(pos)
		found = append(found, fmt.Sprintf("%s/%s:%d: ", s.Path, filepath.Base(at.Filename), at.Line)+fmt.Sprintf(format, args...))
	}
	vars := s.packageVars()
	for _, f := range s.Files {
		registrations(f, say)
		systemCalls(s.Path, f, say)
		effects(s.Path, f, say)
		defaults(s.Path, f, say)
		packageState(f, vars, say)
	}
	slices.Sort(found)
	return found
}

type report func(pos token.Pos, format string, args ...any)

// registrations finds init functions and imports for their side effects: drivers and
// wallets are rows of a table.
func registrations(f *ast.File, say report) {
	for _, d := range f.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
			say(fn.Pos(), "func init: drivers and wallets are rows of a table")
		}
	}
	for _, i := range f.Imports {
		path, _ := strconv.Unquote(i.Path.Value)
		if i.Name != nil && i.Name.Name == "_" && path != "embed" && path != "time/tzdata" {
			say(i.Pos(), "import of %s for its side effects", path)
		}
	}
}

// harmless are the names of package syscall that are values or types, not calls.
var harmless = regexp.MustCompile(`^(SIG[A-Z0-9]+|E[A-Z0-9]+|Errno|Signal|SysProcAttr|WaitStatus|Stat_t)$`)

// systemCalls finds uses of syscall and x/sys/unix outside drivers and internal, other than
// names of errors and signals.
func systemCalls(path string, f *ast.File, say report) {
	if under(path, "drivers") || under(path, "internal") {
		return
	}
	for _, pkg := range []string{"syscall", "golang.org/x/sys/unix"} {
		name, ok := importName(f, pkg)
		if !ok {
			continue
		}
		selectors(f, name, func(pos token.Pos, sel string) {
			if !harmless.MatchString(sel) {
				say(pos, "%s.%s: only drivers and internal make system calls", name, sel)
			}
		})
	}
}

// forbidden are the functions with effects in the packages that agent/sale may import.
var forbidden = map[string]*regexp.Regexp{
	"time":     regexp.MustCompile(`^(Now|Since|Until|Sleep|After|AfterFunc|Tick|NewTimer|NewTicker|Local|LoadLocation)$`),
	"fmt":      regexp.MustCompile(`^(Print.*|Fprint.*|Fscan.*|Scan.*)$`),
	"log/slog": regexp.MustCompile(`^(Debug.*|Info.*|Warn.*|Error.*|Log.*|Default|SetDefault|New.*|With)$`),
}

// effects finds, in agent/sale, calls that look at the clock or the world, and goroutines.
func effects(path string, f *ast.File, say report) {
	if path != "agent/sale" {
		return
	}
	for pkg, bad := range forbidden {
		if name, ok := importName(f, pkg); ok {
			selectors(f, name, func(pos token.Pos, sel string) {
				if bad.MatchString(sel) && sel != "LogValuer" {
					say(pos, "%s.%s: agent/sale has no clock and no I/O", name, sel)
				}
			})
		}
	}
	ast.Inspect(f, func(n ast.Node) bool {
		if g, ok := n.(*ast.GoStmt); ok {
			say(g.Pos(), "go statement: agent/sale has no goroutine")
		}
		return true
	})
}

// defaultMux are the functions of net/http that serve the process-wide mux, on which any
// linked package may have put a page; defaultClient those that use the process-wide client,
// which follows redirects and takes proxies from the environment.
var (
	defaultMux    = regexp.MustCompile(`^(Handle|HandleFunc|DefaultServeMux|ListenAndServe|ListenAndServeTLS|Serve|ServeTLS)$`)
	defaultClient = regexp.MustCompile(`^(Get|Head|Post|PostForm|DefaultClient|DefaultTransport|ProxyFromEnvironment)$`)
)

// defaults finds uses of them, of the client in what ships only.
func defaults(path string, f *ast.File, say report) {
	name, ok := importName(f, "net/http")
	if !ok {
		return
	}
	ships := under(path, "agent") || under(path, "cmd/tilld")
	selectors(f, name, func(pos token.Pos, sel string) {
		if defaultMux.MatchString(sel) {
			say(pos, "%s.%s: serves the process-wide mux", name, sel)
		}
		if ships && defaultClient.MatchString(sel) {
			say(pos, "%s.%s: follows redirects and proxies of the environment", name, sel)
		}
	})
}

// importName is the name under which a file uses a package.
func importName(f *ast.File, path string) (string, bool) {
	for _, i := range f.Imports {
		if p, _ := strconv.Unquote(i.Path.Value); p != path {
			continue
		}
		if i.Name != nil {
			return i.Name.Name, true
		}
		return path[strings.LastIndex(path, "/")+1:], true
	}
	return "", false
}

// selectors calls f for every name.sel where name is not a local variable.
func selectors(file *ast.File, name string, f func(pos token.Pos, sel string)) {
	ast.Inspect(file, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := s.X.(*ast.Ident); ok && x.Name == name && x.Obj == nil {
				f(s.Pos(), s.Sel.Name)
			}
		}
		return true
	})
}
