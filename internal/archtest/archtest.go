// Package archtest holds the rules about Hearkeep's source that the compiler
// does not: which room may import which, where cryptography, native code,
// routes and readable speech may stand, and that nothing happens before main.
//
// It parses files. A test that runs `go list` is answered from the test cache
// after a violation is added, because the cache does not see the files that
// another process reads; files opened by the test itself it does see.
//
// The rules are tables in table.go. Where building shows that a row is wrong,
// the row and DESIGN change together, with a page in docs/ that says why.
package archtest

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

const module = "github.com/hearkeep/hearkeep"

// Violation is one place where the source breaks a rule.
type Violation struct {
	File string // slash-separated, from the root of the tree
	Line int    // 0 where the folder itself is wrong
	What string
}

// String is file:line: what, as compilers write it.
func (v Violation) String() string { return fmt.Sprintf("%s:%d: %s", v.File, v.Line, v.What) }

// Check holds every Go file of a source tree against every rule. An error is a
// tree that cannot be read or parsed.
func Check(tree fs.FS) ([]Violation, error) {
	c := checker{positions: token.NewFileSet()}
	folders := map[string][]*source{}
	err := fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir():
			return c.enter(name)
		case path.Ext(name) != ".go":
			return nil
		}
		s, err := c.parse(tree, name)
		if err == nil {
			folders[s.folder] = append(folders[s.folder], s)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("archtest: %w", err)
	}
	for _, files := range folders {
		for _, f := range files {
			c.file(f)
		}
		c.variables(files)
	}
	slices.SortFunc(c.found, func(a, b Violation) int {
		return strings.Compare(fmt.Sprintf("%s:%06d %s", a.File, a.Line, a.What), fmt.Sprintf("%s:%06d %s", b.File, b.Line, b.What))
	})
	return c.found, nil
}

// checker collects violations.
type checker struct {
	positions *token.FileSet
	found     []Violation
}

// source is one parsed file.
type source struct {
	name   string // from the root of the tree
	folder string // "." or "internal/store/sqlite"
	test   bool
	ast    *ast.File
}

// room is the folder below internal: "store/sqlite"; "" outside it.
func (s *source) room() string {
	room, inside := strings.CutPrefix(s.folder, "internal/")
	if !inside {
		return ""
	}
	return room
}

// at notes a violation at a node of f.
func (c *checker) at(f *source, node ast.Node, format string, args ...any) {
	c.found = append(c.found, Violation{f.name, c.positions.Position(node.Pos()).Line, fmt.Sprintf(format, args...)})
}

// enter passes over what go build passes over, and refuses a folder directly
// below internal that is no room, even while it is empty of Go files.
func (c *checker) enter(name string) error {
	base := path.Base(name)
	if name != "." && (base == "testdata" || base == "node_modules" || base[0] == '.' || base[0] == '_') {
		return fs.SkipDir
	}
	if path.Dir(name) == "internal" && rowOf(path.Base(name)) == nil {
		c.found = append(c.found, Violation{name, 0, "is a folder of internal without a row in the import table"})
		return fs.SkipDir
	}
	return nil
}

func (c *checker) parse(tree fs.FS, name string) (*source, error) {
	text, err := fs.ReadFile(tree, name)
	if err != nil {
		return nil, err
	}
	parsed, err := parser.ParseFile(c.positions, name, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	return &source{name, path.Dir(name), strings.HasSuffix(name, "_test.go"), parsed}, nil
}

// file holds one file against the rules that need no more than it.
func (c *checker) file(f *source) {
	for _, spec := range f.ast.Imports {
		if imported, err := strconv.Unquote(spec.Path.Value); err == nil {
			c.imported(f, spec, imported)
		}
	}
	for _, d := range f.ast.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
			c.at(f, fn, "declares init: nothing happens before main")
		}
	}
	if !f.test {
		c.uses(f)
	}
}

// imported holds one import against the tables. Test files keep every rule but
// two: of ours they may import what testMay lists, and of cryptography what
// cryptoOfTests does.
func (c *checker) imported(f *source, spec ast.Node, name string) {
	first, _, _ := strings.Cut(name, "/")
	local, ours := strings.CutPrefix(name, module)
	local = strings.TrimPrefix(local, "/")
	switch {
	case name == "C":
		c.at(f, spec, "imports C: the program is built without cgo")
	case ours:
		c.importedRoom(f, spec, local)
	case f.folder == "." && !f.test && strings.Contains(first, "."):
		c.at(f, spec, "imports %s: the words import the standard library only", name)
	case under(name, "github.com/ebitengine/purego") && f.room() != "speech":
		c.at(f, spec, "imports purego: native code is reached from speech only")
	case isCrypto(name) && !mayImportCrypto(cmp.Or(f.room(), f.folder), name) && !(f.test && slices.Contains(cryptoOfTests(f.room()), name)):
		c.at(f, spec, "imports %s: cryptography stands in seal, and the ledger's signatures in ledger", name)
	}
}

// importedRoom holds an import of ours, local from the root, against the rows.
func (c *checker) importedRoom(f *source, spec ast.Node, local string) {
	to, isRoom := strings.CutPrefix(local, "internal/")
	switch {
	case local == "" || local == f.folder: // the words; a test of a package from outside it
	case local == "verify" && f.room() == "portal": // the second verifier's files, for browsers to run: no code of ours calls them
	case under(f.folder, "cmd"): // wires everything
		if !isRoom {
			c.at(f, spec, "imports %s, which is no room", local)
		}
	case f.room() == "":
		c.at(f, spec, "imports %s: only rooms and cmd import rooms", local)
	case rowOf(f.room()) == nil:
		c.at(f, spec, "is in %s, which has no row in the import table", f.folder)
	case !isRoom || !slices.Contains(rowOf(f.room()).may, to) && !(f.test && slices.Contains(testMay(f.room()), to)):
		c.at(f, spec, "imports %s: the row of %s does not allow it", strings.TrimPrefix(local, "internal/"), f.room())
	}
}

// uses looks at what the code of a file, not of a test, names.
func (c *checker) uses(f *source) {
	web := slices.ContainsFunc(f.ast.Imports, func(s *ast.ImportSpec) bool { return s.Path.Value == `"net/http"` })
	reveals := mayReveal(f.folder)
	ast.Inspect(f.ast, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		switch name := sel.Sel.Name; {
		case name == "Reveal" && !reveals:
			c.at(f, sel, "uses Reveal: %s is not listed among those that make speech readable", f.folder)
		case web && f.name != routeTable && slices.Contains([]string{"Handle", "HandleFunc", "NewServeMux", "DefaultServeMux"}, name):
			c.at(f, sel, "uses %s: routes stand in %s only", name, routeTable)
		}
		return true
	})
}

// under reports whether name is parent or inside it.
func under(name, parent string) bool { return name == parent || strings.HasPrefix(name, parent+"/") }
