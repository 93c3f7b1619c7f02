package archive

import (
	"bufio"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// byteOrderMark makes spreadsheets read UTF-8 as UTF-8.
const byteOrderMark = "\uFEFF"

// Times as spreadsheets take them for times.
const (
	wallTime = "2006-01-02 15:04:05"
	utcTime  = "2006-01-02T15:04:05.000Z"
)

// writeRow writes cells as RFC 4180 has them: every cell in quotes, lines end
// with CR LF.
func writeRow(w io.StringWriter, cells ...string) {
	for i, c := range cells {
		if i > 0 {
			w.WriteString(",")
		}
		w.WriteString(`"`)
		w.WriteString(strings.ReplaceAll(Cell(c), `"`, `""`))
		w.WriteString(`"`)
	}
	w.WriteString("\r\n")
}

// formula finds where a spreadsheet would take text for a formula: at a cell's
// start, and after what starts a cell where another separator is set, as
// semicolons are in much of Europe. The last four are full-width.
var formula = regexp.MustCompile("(^|[;\t\r\n])([\\s\"']*)([=+\\-@\uff1d\uff0b\uff0d\uff20])")

// Cell is text that no spreadsheet calculates: what would begin a formula gets
// an apostrophe before it (CWE-1236). What is spoken is somebody else's input.
// Control characters become U+FFFD. data.json has the text as it is.
func Cell(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' && r != '\r' && r != '\n' || r == 0x7f {
			return '\uFFFD'
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	if strings.HasPrefix(s, "\t") || strings.HasPrefix(s, "\r") || strings.HasPrefix(s, "\n") {
		s = "'" + s
	}
	const begins = "=+-@\uff1d\uff0b\uff0d\uff20"
	start := strings.TrimLeft(s, " \f\v\"'")
	if !strings.ContainsAny(s, ";\t\r\n") && !strings.ContainsRune(begins, firstRune(start)) {
		return s // nearly all are; the expression below is slow
	}
	return formula.ReplaceAllString(s, "$1$2'$3")
}

func firstRune(s string) rune {
	r, _ := utf8.DecodeRuneInString(s)
	return r
}

// transcripts is transcripts.csv: a row a recording.
type transcripts struct{ t *table }

func (transcripts) begin(w *bufio.Writer) {
	w.WriteString(byteOrderMark)
	writeRow(w, "Local time", "UTC", "Vault", "Door", "Number", "Seconds", "Words", "Corrected",
		"Understood as", "Done", "Answer", "Note", "Processed by", "Kept until (UTC)", "Sound", "Id")
}

func (s transcripts) recording(w *bufio.Writer, i int, r *Recording) {
	row := &s.t.rows[i]
	place := s.t.doors[row.door]
	corrected := ""
	if r.HasWords && r.Version > 1 {
		corrected = "yes"
	}
	writeRow(w, row.local(s.t.zone).Format(wallTime), r.Start.UTC().Format(utcTime), place.vault.Name, r.From,
		strconv.FormatUint(uint64(r.Number), 10), strconv.FormatFloat(r.Duration.Seconds(), 'f', 1, 64),
		r.Words.Reveal(), corrected, r.Turn.Intent, r.Turn.Did, r.Turn.Answer.Reveal(), r.Turn.Note,
		processedBy(r), utc(r.Until), strings.TrimPrefix(s.t.nameOf(i), "data/"), r.ID.String())
}

func (transcripts) opening(*bufio.Writer, *Opening) {}
func (transcripts) end(*bufio.Writer)               {}

// processedBy lists what carried out the stages of a turn (V17).
func processedBy(r *Recording) string {
	var by []string
	for _, s := range r.Turn.Stages {
		if s.Engine != "" {
			by = append(by, string(s.Stage)+": "+s.Engine)
		}
	}
	return strings.Join(by, ", ")
}

func utc(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(utcTime)
}

// openings is who-opened.csv (A5).
type openings struct{ t *table }

func (openings) begin(w *bufio.Writer) {
	w.WriteString(byteOrderMark)
	writeRow(w, "Local time", "UTC", "Vault", "What", "Role", "Who", "Purpose", "How many", "Numbers", "Ledger entry")
}

func (openings) recording(*bufio.Writer, int, *Recording) {}

func (s openings) opening(w *bufio.Writer, o *Opening) {
	vault := o.Vault.String()
	for _, p := range s.t.doors {
		if p.vault.ID == o.Vault {
			vault = p.vault.Name
			break
		}
	}
	writeRow(w, o.At.In(s.t.zone).Format(wallTime), o.At.UTC().Format(utcTime), vault, o.Kind, string(o.Role), o.Who, o.Purpose,
		strconv.Itoa(o.Count), s.items(o), strconv.FormatInt(o.Entry, 10))
}

// items is such as "Kitchen 3-7; Bathroom 1".
func (s openings) items(o *Opening) string {
	var items []string
	for _, r := range o.Items {
		door := r.Binding.String()
		if d, ok := s.t.byID[placeKey{o.Vault, r.Binding}]; ok {
			door = s.t.doors[d].door.Name
		}
		if r.From == r.To {
			items = append(items, fmt.Sprintf("%s %d", door, r.From))
		} else {
			items = append(items, fmt.Sprintf("%s %d-%d", door, r.From, r.To))
		}
	}
	return strings.Join(items, "; ")
}

func (openings) end(*bufio.Writer) {}

// numbers is numbers.csv: how every number that a door gave out is accounted for.
func numbers(t *table) []byte {
	var b strings.Builder
	b.WriteString(byteOrderMark)
	writeRow(&b, "Vault", "Door", "Kind of door", "In file names", "Numbers given out", "In this archive",
		"Erased", "Expired", "Nothing was kept", "Withheld")
	for _, p := range t.doors {
		d := p.door
		row := []string{p.vault.Name, d.Name, string(d.Source), p.slug}
		for _, n := range []int{d.Last, d.In, d.Erased, d.Expired, d.Failed, d.Withheld} {
			row = append(row, strconv.Itoa(n))
		}
		writeRow(&b, row...)
	}
	return []byte(b.String())
}

// withheld is withheld.csv: what is left out, and why (A3).
func withheld(f *Facts) []byte {
	var b strings.Builder
	b.WriteString(byteOrderMark)
	writeRow(&b, "Vault", "Door", "How many", "Why")
	for _, h := range f.Withheld {
		vault := h.Vault.String()
		for _, v := range f.Vaults {
			if v.ID == h.Vault {
				vault = v.Name
			}
		}
		writeRow(&b, vault, h.Door, strconv.Itoa(h.Count), h.Why)
	}
	return []byte(b.String())
}
