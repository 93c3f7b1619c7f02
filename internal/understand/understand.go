// Package understand turns a sentence into an intent with slots, from
// sentence templates in the format of Home Assistant's intents project.
//
// It keeps nothing: a Sentences is immutable, may be used concurrently, and
// forgets every text it was given. It promises that the work of one match is
// bounded whatever the text and the templates are, and that Grammar covers
// exactly what can be spoken of the templates. It refuses templates that it
// cannot carry out (unknown rules and lists, rules that contain themselves)
// when they are loaded, with file and line, rather than when they are spoken.
//
// Templates are compiled to a graph in which every rule and list stands once,
// never to the sentences they expand to. Matching walks that graph with a
// memory of (node, position), so that its cost grows with the size of the
// source text and not with the number of sentences. See docs/sentences.md.
package understand

import (
	"embed"
	"io/fs"

	"github.com/hearkeep/hearkeep"
)

// MaxText is the longest text in bytes, once folded, that Match looks at.
// Nobody says more in one request; a longer text matches nothing.
const MaxText = 511

// Sentences is a compiled set of sentence templates.
type Sentences struct {
	templates []*template
	lists     []*list        // every list once; nodes refer to them by index
	global    map[string]int // the lists that With may replace, by name
	skip      []string       // words that may be left out of a text, folded
	fragments []string       // literal pieces that templates require
}

// template is one sentence of one block.
type template struct {
	intent   string
	text     string // as written
	node     *node
	fixed    []hearkeep.Slot // slots that the block gives by itself
	keywords []string        // one of them must be a word of the text
	context  bool            // needs a context, which Match is never given
	require  [][]int         // of each row, one fragment must be in the text
}

// Value is one value of a list: In is a template of what is spoken, Out the
// canonical form. An empty Out stands for In as it was spoken.
type Value struct{ In, Out string }

// Match is what a sentence means.
type Match struct {
	Intent   string
	Slots    []hearkeep.Slot // in spoken order, then those the template gives
	Template string          // the template as written; it holds no speech
}

//go:embed all:sentences/en
var english embed.FS

// English loads the sentences of what Hearkeep acts on by itself.
func English() (*Sentences, error) {
	sub, err := fs.Sub(english, "sentences/en")
	if err != nil {
		return nil, err
	}
	return Load(sub)
}

// Lists returns the names of the lists that With can replace, unsorted.
func (s *Sentences) Lists() []string {
	names := make([]string, 0, len(s.global))
	for name := range s.global {
		names = append(names, name)
	}
	return names
}

// With returns Sentences in which the named lists hold these values instead,
// such as the names of a home. Lists that no template speaks of are ignored.
// The receiver is not changed.
func (s *Sentences) With(lists map[string][]Value) (*Sentences, error) {
	c := *s
	c.lists = append([]*list(nil), s.lists...)
	for name, values := range lists {
		i, ok := s.global[name]
		if !ok {
			continue
		}
		l, err := newTextList(name, values)
		if err != nil {
			return nil, err
		}
		c.lists[i] = l
	}
	return &c, nil
}
