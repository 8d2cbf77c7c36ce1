package archtest

import (
	"go/ast"
	"go/token"
	"strings"
)

// packageVars are the names of the package-level variables of all files.
func (s Source) packageVars() map[string]bool {
	vars := map[string]bool{}
	for _, f := range s.Files {
		for spec := range varSpecs(f) {
			for _, n := range spec.Names {
				vars[n.Name] = n.Name != "_"
			}
		}
	}
	return vars
}

// varSpecs are the package-level var declarations of a file.
func varSpecs(f *ast.File) map[*ast.ValueSpec]bool {
	specs := map[*ast.ValueSpec]bool{}
	for _, d := range f.Decls {
		if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.VAR {
			for _, s := range g.Specs {
				specs[s.(*ast.ValueSpec)] = true
			}
		}
	}
	return specs
}

// packageState finds package-level variables that change: those that a function assigns
// to, takes apart with delete or counts up, and those whose type is made to be changed. A
// table that is only read is no state.
func packageState(f *ast.File, vars map[string]bool, say report) {
	here := varSpecs(f)
	isVar := func(id *ast.Ident) bool {
		if id.Name == "_" {
			return false
		}
		if id.Obj == nil {
			return vars[id.Name]
		}
		spec, ok := id.Obj.Decl.(*ast.ValueSpec)
		return ok && here[spec]
	}
	for spec := range here {
		if made := changeable(spec.Type); made != "" {
			say(spec.Pos(), "package-level variable of type %s: no package state", made)
		}
		for _, v := range spec.Values {
			if lit, ok := v.(*ast.CompositeLit); ok && changeable(lit.Type) != "" {
				say(spec.Pos(), "package-level variable of type %s: no package state", changeable(lit.Type))
			}
		}
	}
	changed := func(e ast.Expr) {
		if id := base(e); id != nil && isVar(id) {
			say(e.Pos(), "%s is a package-level variable and changed here: no package state", id.Name)
		}
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			if n.Tok != token.DEFINE {
				for _, l := range n.Lhs {
					changed(l)
				}
			}
		case *ast.IncDecStmt:
			changed(n.X)
		case *ast.CallExpr:
			if id, ok := n.Fun.(*ast.Ident); ok && (id.Name == "delete" || id.Name == "clear") && len(n.Args) > 0 {
				changed(n.Args[0])
			}
		}
		return true
	})
}

// changeable is the name of a type from sync, sync/atomic, or a channel.
func changeable(t ast.Expr) string {
	switch t := t.(type) {
	case *ast.ChanType:
		return "chan"
	case *ast.IndexExpr:
		return changeable(t.X)
	case *ast.SelectorExpr:
		if x, ok := t.X.(*ast.Ident); ok && (x.Name == "sync" || x.Name == "atomic") && !strings.HasPrefix(t.Sel.Name, "Once") {
			return x.Name + "." + t.Sel.Name
		}
	}
	return ""
}

// base is the variable that an assignment to e changes: x of x.f[i].
func base(e ast.Expr) *ast.Ident {
	for {
		switch x := e.(type) {
		case *ast.Ident:
			return x
		case *ast.SelectorExpr:
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		case *ast.StarExpr:
			e = x.X
		case *ast.ParenExpr:
			e = x.X
		default:
			return nil
		}
	}
}
