package archtest

import (
	"go/ast"
	"go/token"
	"slices"
	"strings"
)

// variables holds the package-level variables of one folder's files, tests
// apart, against the rule that a package has no state. Allowed are
//
//	var _ = …                an assertion
//	//go:embed …             what the compiler filled in
//	var x = errors.New(…)    the result of a function listed in constants
//	var x = []string{…}      an unexported table
//
// the last two only where the package never writes them. A name is written where its name, or what is reached from it, is assigned
// to, incremented, deleted from, cleared, copied into or has its address
// taken. Names are compared without regard to scope: a local variable that
// shadows one and is written counts, and wants another name.
func (c *checker) variables(files []*source) {
	written := map[string]bool{}
	for _, f := range files {
		if !f.test {
			writes(f.ast, written)
		}
	}
	for _, f := range files {
		if f.test {
			continue
		}
		for _, d := range f.ast.Decls {
			if group, ok := d.(*ast.GenDecl); ok && group.Tok == token.VAR {
				c.group(f, group, written)
			}
		}
	}
}

func (c *checker) group(f *source, group *ast.GenDecl, written map[string]bool) {
	for _, s := range group.Specs {
		spec := s.(*ast.ValueSpec)
		if embedded(group.Doc) || embedded(spec.Doc) {
			continue
		}
		for i, name := range spec.Names {
			switch {
			case name.Name == "_":
			case len(spec.Values) != len(spec.Names):
				c.at(f, name, "declares %s, which the program fills in as it runs: a package has no state", name.Name)
			case written[name.Name]:
				c.at(f, name, "declares %s and writes it: a package has no state", name.Name)
			case !isConstant(spec.Values[i]) && (!isTable(spec.Values[i]) || name.IsExported()):
				c.at(f, name, "declares %s, which can change: a package has no state", name.Name)
			}
		}
	}
}

func embedded(doc *ast.CommentGroup) bool {
	return doc != nil && slices.ContainsFunc(doc.List, func(c *ast.Comment) bool { return strings.HasPrefix(c.Text, "//go:embed ") })
}

// isConstant reports whether e is a call of a listed function, or of a method
// on the result of one, as in hearkeep.Errorf(…).WithHint(…).
func isConstant(e ast.Expr) bool {
	call, ok := e.(*ast.CallExpr)
	if !ok {
		return false
	}
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	if pkg, ok := sel.X.(*ast.Ident); ok {
		return slices.Contains(constants(), pkg.Name+"."+sel.Sel.Name)
	}
	return isConstant(sel.X)
}

// isTable reports whether e is a literal, or a pointer to one.
func isTable(e ast.Expr) bool {
	if u, ok := e.(*ast.UnaryExpr); ok && u.Op == token.AND {
		e = u.X
	}
	switch e.(type) {
	case *ast.CompositeLit, *ast.BasicLit:
		return true
	}
	return false
}

// writes notes the names that f writes.
func writes(f *ast.File, to map[string]bool) {
	note := func(e ast.Expr) {
		if name := root(e); name != "" {
			to[name] = true
		}
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			if n.Tok != token.DEFINE {
				for _, left := range n.Lhs {
					note(left)
				}
			}
		case *ast.IncDecStmt:
			note(n.X)
		case *ast.RangeStmt:
			if n.Tok == token.ASSIGN {
				note(n.Key)
				note(n.Value)
			}
		case *ast.UnaryExpr:
			if n.Op == token.AND {
				note(n.X)
			}
		case *ast.CallExpr:
			if fn, ok := n.Fun.(*ast.Ident); ok && len(n.Args) > 0 && slices.Contains([]string{"delete", "clear", "copy"}, fn.Name) {
				note(n.Args[0])
			}
		}
		return true
	})
}

// root is the variable that an expression like a.b[i].c reaches into, "" if
// it is none.
func root(e ast.Expr) string {
	for {
		switch x := e.(type) {
		case *ast.Ident:
			return x.Name
		case *ast.SelectorExpr:
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		case *ast.SliceExpr:
			e = x.X
		case *ast.StarExpr:
			e = x.X
		case *ast.ParenExpr:
			e = x.X
		default:
			return ""
		}
	}
}
