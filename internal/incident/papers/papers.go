// Package papers writes what room incident knows as documents: the
// notification to the authority (Art. 33(3)) as HTML and PDF, the register
// (Art. 33(5)), the data protection impact assessment (Art. 35).
//
// It promises the same words in both forms, and that a document is made from a
// case alone: it reads no store and has no clock.
package papers

import (
	"errors"
	"io"

	"github.com/hearkeep/hearkeep/internal/incident"
)

// Document is what is printed: a title and sections, each of paragraphs and of
// tables. It is written once and shown as HTML or as PDF.
type Document struct {
	Title    string
	Lead     []string
	Sections []Section
}

// Section is a heading with paragraphs, then lines of two columns, then tables.
type Section struct {
	Heading string
	Text    []string
	Facts   [][2]string
	Head    []string
	Rows    [][]string
}

// Notification is the Art. 33(3) notification of a case, in the phase that
// comes next (B3): initial, or an update that says what changed.
func Notification(c incident.Case, by incident.Controller) Document { return Document{} }

// HTML writes a document as a page that stands alone.
func (d Document) HTML(w io.Writer) error { return errNotYet }

// PDF writes a document for printing, A4.
func (d Document) PDF(w io.Writer) error { return errNotYet }

var errNotYet = errors.New("papers: not built yet")
