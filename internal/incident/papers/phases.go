package papers

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hearkeep/hearkeep/internal/incident"
)

// answersFor is how long a wrong recipient's link works, and triedFor how long
// a letter is tried: by then it is known what became of them.
const (
	answersFor = 90 * 24 * time.Hour
	triedFor   = 72 * time.Hour
)

// unknown lists what is not known yet, and when it will be.
func (n notification) unknown() Section {
	s := Section{Heading: headUnknown, Head: []string{"What", "When"}}
	next := "with the next phase, without undue further delay"
	if n.Phase == 0 && n.on.Made.Before(n.Due) {
		next = "by " + n.on.moment(n.Due)
	}
	if n.by.Name == "" || n.by.Contact == "" { // Art. 33(3)(b) asks for it
		s.row("Who notifies, and whom to ask", "to be filled in before this is handed in")
	}
	if n.Assessment.Nature == "" {
		s.row("How it came about", next)
	}
	if n.People == 0 && n.Lost == 0 {
		s.row("Whether anybody is affected, and who: the ledger shows nobody so far", next)
	}
	if n.Lost > 0 {
		s.row("What the ledger's expired entries concerned", "it cannot be known any more; what else shows it is looked for")
	}
	if !n.assessed() {
		s.row("Severity, and the likely consequences", next)
	}
	if n.Assessment.Measures == "" {
		s.row("Further measures", next)
	}
	for i, r := range n.Recipients {
		if r.State == incident.RecipientAsked {
			s.row(fmt.Sprintf("Whether recipient %d deleted what they were handed", i+1), "at the latest on "+n.on.moment(r.Asked.Add(answersFor))+", when their link ends")
		}
	}
	if n.Unasked() > 0 {
		s.row("Who has what left, where nobody was asked to delete it yet", next)
	}
	s.Rows = append(s.Rows, n.untold(next)...)
	if len(s.Rows) == 0 {
		return Section{Heading: headUnknown, Text: []string{"Nothing that this notification must say."}}
	}
	return s
}

// untold says what is not known of the letters to the people.
func (n notification) untold(next string) (rows [][]string) {
	var last time.Time
	for _, c := range n.Letters {
		if c.State == "queued" && c.Kind != "page" && c.Kind != "spoken" && c.At.After(last) {
			last = c.At
		}
	}
	if !last.IsZero() {
		rows = append(rows, []string{"Whether all letters arrive", "at the latest on " + n.on.moment(last.Add(triedFor)) + ", when they are given up"})
	}
	if all, told := n.people(); told < all {
		when := next
		if !n.TellBy.IsZero() {
			when = "at the latest on " + n.on.moment(n.TellBy)
		}
		rows = append(rows, []string{"That all people concerned were told", when})
	}
	return rows
}

// changes says what an update says otherwise than the phase before.
func changes(before Document, now []Section) Section {
	s := Section{Heading: headChanged}
	was := map[string]Section{}
	for _, old := range before.Sections {
		was[old.Heading] = old
	}
	for _, section := range now {
		old, known := was[section.Heading]
		if section.Heading == "" || section.Heading == headBasis || section.Heading == headUnknown {
			continue // they stand there whole
		}
		if section.Heading == headSteps {
			if more := len(section.Rows) - len(old.Rows); more > 0 {
				s.row(section.Heading, fmt.Sprintf("%d steps", len(old.Rows)), fmt.Sprintf("%d steps", len(section.Rows)))
			}
			continue
		}
		if !known && len(section.Facts)+len(section.Rows)+len(section.Text) > 0 {
			s.row(section.Heading, "–", "was added")
			continue
		}
		s.Rows = append(s.Rows, section.changed(old)...)
	}
	s.Head = []string{"What", "Before", "Now"}
	if len(s.Rows) == 0 {
		return Section{Heading: headChanged, Text: []string{"Nothing but the time."}}
	}
	return s
}

// changed is the lines of s that old has otherwise, or has not.
func (s Section) changed(old Section) (rows [][]string) {
	name := func(of string) string {
		short, _, _ := strings.Cut(s.Heading, " (")
		if of == "" {
			return short
		}
		return short + ": " + of
	}
	if a, b := strings.Join(old.Text, "\n"), strings.Join(s.Text, "\n"); a != b {
		rows = append(rows, []string{name(""), orElse(a, "–"), orElse(b, "–")})
	}
	fact := func(facts [][2]string, label string) string {
		i := slices.IndexFunc(facts, func(f [2]string) bool { return f[0] == label })
		if i < 0 {
			return "–"
		}
		return facts[i][1]
	}
	for _, f := range s.Facts {
		if f[0] == "This document was made" || f[0] == "Phase" {
			continue
		}
		if a := fact(old.Facts, f[0]); a != f[1] {
			rows = append(rows, []string{name(f[0]), a, f[1]})
		}
	}
	for _, f := range old.Facts {
		if fact(s.Facts, f[0]) == "–" {
			rows = append(rows, []string{name(f[0]), f[1], "–"})
		}
	}
	if s.Heading != headNature {
		return rows // the other tables are states that pass
	}
	a, b := lines(old.Rows), lines(s.Rows)
	for _, line := range b {
		if !slices.Contains(a, line) {
			rows = append(rows, []string{name(""), "–", line})
		}
	}
	for _, line := range a {
		if !slices.Contains(b, line) {
			rows = append(rows, []string{name(""), line, "–"})
		}
	}
	return rows
}

// lines writes rows of a table as one line each.
func lines(rows [][]string) []string {
	out := make([]string, len(rows))
	for i, row := range rows {
		out[i] = strings.ReplaceAll(strings.Join(row, "; "), "\n", " ")
	}
	return out
}
