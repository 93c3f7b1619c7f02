// Package papers writes what room incident knows as documents: the
// notification to the authority (Art. 33(3)) as HTML and PDF, the register
// (Art. 33(5)), the data protection impact assessment (Art. 35).
//
// It promises the same words in both forms, and that a document is made from
// what it is given alone: it reads no store and has no clock, so that the same
// case gives the same bytes.
package papers

import (
	"errors"
	"io"
	"time"

	"github.com/hearkeep/hearkeep/internal/incident"
)

// Document is what is printed: a title and sections, each of paragraphs and of
// tables. It is written once and shown as HTML or as PDF.
type Document struct {
	Title    string
	Mark     string // stands in every page's footer: the case's id
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

// Notification is the Art. 33(3) notification of a case, in the phase that
// comes next (B3): initial, or an update that says what changed since the
// documents that c.Steps froze.
func Notification(c incident.Case, by incident.Controller, on Basis) Document { return Document{} }

// Register is the register of Art. 33(5): every case with its facts, effects
// and what was done, also where nobody was notified.
func Register(cases []incident.Case, by incident.Controller, on Basis) Document { return Document{} }

// RegisterCSV writes the register as a table: a line a case, RFC 4180.
func RegisterCSV(w io.Writer, cases []incident.Case) error { return errNotYet }

// RegisterJSON writes the register for programs.
func RegisterJSON(w io.Writer, cases []incident.Case, by incident.Controller, on Basis) error {
	return errNotYet
}

// Settings are what a running Hearkeep has set, as the impact assessment says
// it. Their zero values read as "off" or "none".
type Settings struct {
	Version    string
	Origin     string
	Vaults     int // that are kept
	Accounts   int
	Households int
	Retention  []Retention
	Doors      []Count // kinds of doors, in words, and how many are bound
	LongVaults int     // vaults that keep longer than the defaults
	Mail       string  // how e-mail leaves: "over TLS", "within this machine"; empty for none
	Webhooks   []string
	Engines    []Engine
	Backups    string // where to and how often, in words; empty for none
	BackupKeys time.Duration
	HTTPS      string // how the network is protected, in words
	Operator   bool   // the operator's pages are shown
	Wait       time.Duration
	Clock      time.Duration // of the notification
	TellWithin time.Duration
	Thresholds incident.Thresholds
	Witnesses  []string
	Agents     bool // agents may send requests in people's names
	Corpus     bool // recordings are used to improve recognition
}

// Retention is for how long a kind of thing is kept where nobody chose otherwise.
type Retention struct {
	Of  string
	For time.Duration
}

// Count is how many there are of something.
type Count struct {
	Of string
	N  int
}

// Engine is what turns sound into words, or words into sound.
type Engine struct {
	Name     string
	Does     string
	External bool   // it is a program that the operator named, beyond this machine's own
	Where    string // its address; empty within this machine
}

// DPIA is the data protection impact assessment (Art. 35(7)) of a keep, filled
// in from its settings. What only its controller knows is left as a question.
func DPIA(s Settings, by incident.Controller, on Basis) Document { return Document{} }

// HTML writes a document as a page that stands alone.
func (d Document) HTML(w io.Writer) error { return errNotYet }

// PDF writes a document for printing, A4.
func (d Document) PDF(w io.Writer) error { return errNotYet }

var errNotYet = errors.New("papers: not built yet")
