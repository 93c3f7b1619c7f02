package understand

import (
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
)

// maxFile is the largest sentence file that is read, in bytes.
const maxFile = 4 << 20

// file is one sentence file. What Hearkeep has no use for (responses,
// metadata) is left out.
type file struct {
	Language string            `yaml:"language"`
	Intents  map[string]intent `yaml:"intents"`
	Lists    map[string]rows   `yaml:"lists"`
	Rules    map[string]line   `yaml:"expansion_rules"`
	Skip     []string          `yaml:"skip_words"`
}

type intent struct {
	Data []block `yaml:"data"`
}

// block is sentences that share slots, lists, rules and conditions.
type block struct {
	Sentences []line          `yaml:"sentences"`
	Slots     map[string]any  `yaml:"slots"`
	Lists     map[string]rows `yaml:"lists"`
	Rules     map[string]line `yaml:"expansion_rules"`
	Requires  map[string]any  `yaml:"requires_context"`
	Keywords  []string        `yaml:"required_keywords"`
}

// rows is a list as written: values, a range, or anything at all.
type rows struct {
	Values   []row `yaml:"values"`
	Range    *span `yaml:"range"`
	Wildcard bool  `yaml:"wildcard"`
}

// row is one value: a bare scalar, or in and out.
type row struct {
	In  line
	Out any
}

// line is a scalar that remembers where it stood.
type line struct {
	text string
	at   int
}

// UnmarshalYAML keeps the line number.
func (l *line) UnmarshalYAML(n ast.Node) error {
	if s, ok := n.(*ast.LiteralNode); ok {
		n = s.Value
	}
	scalar, ok := n.(ast.ScalarNode)
	if !ok {
		return fmt.Errorf("line %d: a sentence is expected", lineOf(n))
	}
	l.text, l.at = fmt.Sprint(scalar.GetValue()), lineOf(n)
	if s, ok := n.(*ast.StringNode); ok {
		l.text = s.Value
	}
	return nil
}

// UnmarshalYAML reads a bare scalar or a mapping.
func (r *row) UnmarshalYAML(n ast.Node) error {
	if _, ok := n.(ast.ScalarNode); ok {
		return r.In.UnmarshalYAML(n)
	}
	var m struct {
		In  line `yaml:"in"`
		Out any  `yaml:"out"`
	}
	if err := yaml.NodeToValue(n, &m); err != nil {
		return err
	}
	r.In, r.Out = m.In, m.Out
	return nil
}

// lineOf is the line of a node in its file, from 1.
func lineOf(n ast.Node) int {
	if n == nil || n.GetToken() == nil || n.GetToken().Position == nil {
		return 0
	}
	return n.GetToken().Position.Line
}

// Load reads every .yaml and .yml file below the root of fsys as one set, in
// the order of their names. A name that two files give is the later file's.
// An error names the file and the line.
func Load(fsys fs.FS) (*Sentences, error) {
	c := newCompiler()
	err := fs.WalkDir(fsys, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !slices.Contains([]string{".yaml", ".yml"}, path.Ext(name)) {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		if info.Size() > maxFile {
			return fmt.Errorf("%s: a sentence file has at most %d bytes", name, maxFile)
		}
		data, err := fs.ReadFile(fsys, name)
		if err != nil {
			return err
		}
		return c.add(name, data)
	})
	if err != nil {
		return nil, fmt.Errorf("understand: %w", err)
	}
	s, err := c.compile()
	if err != nil {
		return nil, fmt.Errorf("understand: %w", err)
	}
	return s, nil
}

// add reads one file into the compiler.
func (c *compiler) add(name string, data []byte) error {
	var f file
	if err := yaml.Unmarshal(data, &f); err != nil {
		return fmt.Errorf("%s: %s", name, yaml.FormatError(err, false, false))
	}
	for rule, text := range f.Rules {
		c.rules[rule] = source{name, text}
	}
	for list, r := range f.Lists {
		c.rows[list] = sourceRows{name, r}
	}
	for _, w := range f.Skip {
		c.skip = append(c.skip, fold(w))
	}
	for _, in := range slices.Sorted(maps.Keys(f.Intents)) {
		for _, b := range f.Intents[in].Data {
			c.blocks = append(c.blocks, sourceBlock{name, in, b})
		}
	}
	return nil
}
