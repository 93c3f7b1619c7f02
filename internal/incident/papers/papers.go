// Package papers writes what room incident knows as documents: the
// notification to the authority (Art. 33(3)) as HTML and PDF, the register
// (Art. 33(5)), the data protection impact assessment (Art. 35).
//
// It promises the same words in both forms, and that a document is made from
// what it is given alone: it reads no store and has no clock, so that the same
// case gives the same bytes. It refuses names and what people wrote to the
// desk about themselves or others: a document has counts, ids, times, and the
// operator's own texts.
package papers

import (
	"time"

	"github.com/hearkeep/hearkeep/internal/incident"
)

// Document is what is printed: a title and sections, each of paragraphs and of
// tables. It is written once and shown as HTML or as PDF. Line ends in its
// texts stay.
type Document struct {
	Title    string
	Mark     string    // stands in every page's footer: the case's id
	Made     time.Time // stands in the file
	Lead     []string
	Sections []Section
}

// Section is a heading with paragraphs, then lines of two columns, then a table.
type Section struct {
	Heading string
	Text    []string
	Facts   [][2]string
	Head    []string
	Rows    [][]string
}

// Basis is what a document stands on besides the case.
type Basis struct {
	Made       time.Time
	Zone       *time.Location // times are written in it and in UTC; nil is UTC alone
	Checkpoint string         // the ledger's signed checkpoint at that time; may be empty
	Late       string         // reasons for the delay, of a notification made after Due (Art. 33(1))
}

// fact adds a line of two columns.
func (s *Section) fact(label, value string) { s.Facts = append(s.Facts, [2]string{label, value}) }

// row adds a line of a table.
func (s *Section) row(cells ...string) { s.Rows = append(s.Rows, cells) }

// controller says who notifies, and whom to ask.
func controller(s *Section, by incident.Controller) {
	s.fact("Controller", orElse(by.Name, "to be filled in: --controller-name"))
	s.fact("Contact", orElse(by.Contact, "to be filled in: --controller-contact"))
	s.fact("Authority", orElse(by.Authority, "to be filled in: --authority"))
}
