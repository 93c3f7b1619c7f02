package papers

import (
	"bytes"
	"compress/zlib"
	"encoding/csv"
	"encoding/json"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"
	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/incident"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/sfnt"
)

var update = flag.Bool("update", false, "write the golden files anew")

func documents(t testing.TB) map[string]Document {
	on := Basis{Made: at(21, 21, 0), Zone: berlin(t), Checkpoint: checkpoint()}
	closed := later(t)
	closed.State, closed.Closed, closed.Conclusion = hearkeep.IncidentClosed, at(25, 9, 0), "It was one letter."
	late := on
	late.Made = at(24, 12, 0)
	return map[string]Document{
		"initial":  Notification(mistake(), muster(), Basis{Made: at(20, 22, 0), Zone: berlin(t), Checkpoint: checkpoint()}),
		"late":     Notification(mistake(), incident.Controller{}, late),
		"update":   Notification(later(t), muster(), on),
		"register": Register([]incident.Case{closed, mistake()}, muster(), on),
		"empty":    Register(nil, muster(), on),
		"dpia":     DPIA(settings(), muster(), on),
		"bare":     DPIA(Settings{}, incident.Controller{}, Basis{Made: at(21, 21, 0)}),
	}
}

// The pages are what they were, letter by letter.
func TestPages(t *testing.T) {
	for name, d := range documents(t) {
		var page, again bytes.Buffer
		if err := d.HTML(&page); err != nil {
			t.Fatal(err)
		}
		if err := documents(t)[name].HTML(&again); err != nil || !bytes.Equal(page.Bytes(), again.Bytes()) {
			t.Errorf("%s is another page the second time, %v", name, err)
		}
		if bytes.Contains(page.Bytes(), []byte("<script")) || bytes.Contains(page.Bytes(), []byte("secret@")) || bytes.Contains(page.Bytes(), []byte("Secret Reporter")) || bytes.Contains(page.Bytes(), []byte("wrong@example.org")) {
			t.Errorf("%s lets a text be markup, or names somebody", name)
		}
		golden := filepath.Join("testdata", name+".html")
		if *update {
			if err := os.WriteFile(golden, page.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), page.String()); diff != "" {
			t.Errorf("%s (go test ./internal/incident/papers -update writes it anew): %s", name, diff)
		}
	}
}

// The PDF says what the page says, and is the same file each time.
func TestPDF(t *testing.T) {
	for name, d := range documents(t) {
		var file, again bytes.Buffer
		if err := d.PDF(&file); err != nil {
			t.Fatal(err)
		}
		if err := documents(t)[name].PDF(&again); err != nil || !bytes.Equal(file.Bytes(), again.Bytes()) {
			t.Errorf("%s is another file the second time, %v", name, err)
		}
		got := squeezed(printed(t, file.Bytes()))
		want := append([]string{d.Title}, d.Lead...)
		for _, s := range d.Sections {
			want = append(want, s.Heading)
			want = append(want, s.Text...)
			for _, f := range s.Facts {
				want = append(want, f[0])
			}
		}
		for _, w := range want {
			for _, word := range strings.Fields(w) {
				if !strings.Contains(got, squeezed(strings.ReplaceAll(word, "日本", "□□"))) {
					t.Errorf("%s: the print lacks %q of %q", name, word, w)
				}
			}
		}
		if !strings.Contains(got, squeezed("Page 1 of ")) || d.Mark != "" && !strings.Contains(got, squeezed(d.Mark)) {
			t.Errorf("%s: the print has no page numbers, or not its mark", name)
		}
		if strings.Contains(got, "{pages}") {
			t.Errorf("%s: the number of pages was not filled in", name)
		}
	}
}

// printed reads the text of a PDF that fpdf wrote: strings of UTF-16 in
// compressed streams.
func printed(t *testing.T, file []byte) string {
	t.Helper()
	var out strings.Builder
	for _, rest := range bytes.Split(file, []byte("stream\n"))[1:] {
		r, err := zlib.NewReader(bytes.NewReader(rest))
		if err != nil {
			continue // the end of the one before
		}
		page, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		for {
			_, after, found := bytes.Cut(page, []byte(" Td ("))
			if !found {
				break
			}
			end := bytes.Index(after, []byte(")Tj"))
			raw := unescaped.Replace(string(after[:end]))
			var units []uint16
			for i := 0; i+1 < len(raw); i += 2 {
				units = append(units, uint16(raw[i])<<8|uint16(raw[i+1]))
			}
			out.WriteString(string(utf16.Decode(units)) + "\n")
			page = after[end:]
		}
	}
	return out.String()
}

var unescaped = strings.NewReplacer(`\\`, `\`, `\(`, `(`, `\)`, `)`, `\r`, "\r")

// squeezed is a text without white space: where lines break is another matter.
func squeezed(s string) string { return strings.Join(strings.Fields(s), "") }

// All that six languages are written with is in the fonts.
func TestFonts(t *testing.T) {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789" +
		"ÄÖÜäöüßÀÂÆÇÈÉÊËÎÏÔŒÙÛÜŸàâæçèéêëîïôœùûüÿÁÍÑÓÚáíñóú¿¡ÌÒìòĲĳ" + "–—‘’‚“”„«»‹›…·×≥€§°□\u00a0"
	for name, file := range map[string][]byte{"regular": goregular.TTF, "bold": gobold.TTF} {
		face, err := sfnt.Parse(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range letters {
			if i, err := face.GlyphIndex(nil, r); err != nil || i == 0 {
				t.Errorf("%s lacks %q (%U)", name, r, r)
			}
		}
	}
}

// A document that was frozen reads back as it was.
func TestFrozen(t *testing.T) {
	for name, d := range documents(t) {
		data, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		var back Document
		if err := json.Unmarshal(data, &back); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(d, back); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// section is one of a document by the begin of its heading.
func section(t *testing.T, d Document, heading string) Section {
	t.Helper()
	for _, s := range d.Sections {
		if strings.HasPrefix(s.Heading, heading) {
			return s
		}
	}
	t.Fatalf("%s has no section %q", d.Title, heading)
	return Section{}
}

func flat(s Section) string {
	out := strings.Join(s.Text, "\n")
	for _, f := range s.Facts {
		out += "\n" + f[0] + ": " + f[1]
	}
	return out + "\n" + strings.Join(lines(s.Rows), "\n")
}

// Everything that Art. 33(3) asks for is there, and what is not known is named.
func TestNotification(t *testing.T) {
	docs := documents(t)
	says := func(doc, heading string, want ...string) {
		t.Helper()
		got := flat(section(t, docs[doc], heading))
		for _, w := range want {
			if !strings.Contains(got, w) {
				t.Errorf("%s, %s: got\n%s\nwant it to say %q", doc, heading, got, w)
			}
		}
	}
	says("initial", headWho, "Maria Muster", "20 November 2026, 22:30 CET (21:30 UTC)", "23 November 2026, 22:30 CET", "Initial notification")
	says("initial", headNature, "2 people", "1700 recordings", "1017", "2026-11-18 10:02:07 CET 2026-11-18 09:02:07 UTC")
	says("initial", headContact, "privacy@keep.example")
	says("initial", headMeasures, "Frozen: since", "nobody was asked yet")
	says("initial", headTold, "0 of 2 were told", "20 November 2026, 23:30 CET")
	says("initial", headUnknown, "How it came about; by 23 November 2026", "Severity")
	says("initial", headBasis, "1042", "drawn from the report", "by form, without an account")
	says("late", headDelay, "To be filled in", "14 h 30 min after it was due")
	says("late", headWho, "to be filled in: --controller-name")
	says("late", headUnknown, "Who notifies, and whom to ask")
	says("update", headWho, "Phase 2: update", "Phase 1 was handed in: 20 November 2026, 23:20 CET (22:20 UTC); reference BLN-2026-77")
	says("update", headChanged, "Nature of the breach", "Severity", "very high (4.25)", "was asked on")
	says("update", headConseq, "very high (4.25)", "4 × 1 + 0.25 = 4.25", "Children")
	says("update", headTold, "2 people are concerned, and all were told", "e-mail; 1; taken by the receiving server", "webhook; 1; on its way", "their page alone")
	says("update", headUnknown, "Whether recipient 1 deleted", "18 February 2027", "Whether all letters arrive; at the latest on 23 November 2026")
	for _, s := range docs["update"].Sections {
		if s.Heading == headDelay {
			t.Error("an update gives reasons for a delay that was none")
		}
	}
	reasoned := Notification(mistake(), muster(), Basis{Made: at(24, 12, 0), Late: "The building burned."})
	if got := flat(section(t, reasoned, headDelay)); !strings.Contains(got, "The building burned.") {
		t.Errorf("got %q", got)
	}
	sealed := mistake()
	sealed.Assessment.SealedOnly = true
	if got := flat(section(t, Notification(sealed, muster(), Basis{Made: at(20, 22, 0)}), headConseq)); !strings.Contains(got, "34(3)(a)") {
		t.Errorf("got %q", got)
	}
	held := mistake()
	held.TellBy, held.Steps = time.Time{}, append(held.Steps, step(incident.StepHeld, hearkeep.RoleOperator, 9, "The police asked for a day."))
	if got := flat(section(t, Notification(held, muster(), Basis{Made: at(20, 22, 0)}), headTold)); !strings.Contains(got, "The police asked for a day.") {
		t.Errorf("got %q", got)
	}
}

// An update of what did not change says so.
func TestNothingChanged(t *testing.T) {
	c := mistake()
	on := Basis{Made: at(20, 22, 0)}
	frozen, _ := json.Marshal(Notification(c, muster(), on))
	handed := step(incident.StepNotified, hearkeep.RoleOperator, 50, "")
	handed.Document = frozen
	c.Phase, c.Steps = 1, append(c.Steps, handed)
	got := section(t, Notification(c, muster(), on), headChanged)
	for _, row := range got.Rows {
		if row[0] != headSteps && !strings.HasPrefix(row[0], headWho) && !strings.HasPrefix(row[0], "What is not known yet") {
			t.Errorf("got %q", row)
		}
	}
}

// The register's files open in other programs, and do nothing there.
func TestRegisterFiles(t *testing.T) {
	c := later(t)
	c.Assessment.Nature, c.Offer = "=HYPERLINK(\"http://x\")", "@A1"
	var table, file bytes.Buffer
	if err := RegisterCSV(&table, []incident.Case{c, mistake()}); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&table).ReadAll()
	if err != nil || len(rows) != 3 || len(rows[1]) != len(rows[0]) {
		t.Fatalf("got %d rows, %v", len(rows), err)
	}
	for _, row := range rows {
		for _, cell := range row {
			if cell != "" && strings.ContainsRune("=+-@", rune(cell[0])) {
				t.Errorf("a spreadsheet takes %q for a formula", cell)
			}
		}
	}
	if err := RegisterJSON(&file, []incident.Case{c}, muster(), Basis{Made: at(21, 1, 0), Checkpoint: checkpoint()}); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Format string
		Cases  []line
	}
	if err := json.Unmarshal(file.Bytes(), &got); err != nil || got.Format != "hearkeep/register/v1" || len(got.Cases) != 1 {
		t.Fatalf("got %+v, %v", got, err)
	}
	l := got.Cases[0]
	if l.Case != c.ID || l.People != 2 || l.Told != 2 || len(l.Notified) != 1 || l.Recipients != "1 asked" || l.Notify != "yes" || !l.FirstTold.Equal(at(20, 22, 30)) {
		t.Errorf("got %+v", l)
	}
	for _, secret := range []string{"secret@", "Secret Reporter", "wrong@example.org"} {
		if strings.Contains(file.String(), secret) || strings.Contains(table.String(), secret) {
			t.Errorf("the register says %q", secret)
		}
	}
}

// A case with very many reports, people and entries is still a document that
// can be read.
func TestFlood(t *testing.T) {
	c := mistake()
	one := c.Affected[0]
	for i := range 5000 {
		c.Reports = append(c.Reports, c.Reports[0])
		c.Steps = append(c.Steps, step(incident.StepJoined, hearkeep.RoleSystem, i, ""), step(incident.StepAcknowledged, hearkeep.RoleSystem, i, ""))
		one.Account, one.Entry = hearkeep.AccountID{byte(i), byte(i >> 8), 7}, int64(2000+2*i)
		c.Affected = append(c.Affected, one)
	}
	c.Steps = append(c.Steps, step(incident.StepHeld, hearkeep.RoleOperator, 5001, strings.Repeat("A very long reason. ", 400)))
	d := Notification(c, muster(), Basis{Made: at(21, 1, 0)})
	if got := flat(section(t, d, headNature)); !strings.Contains(got, "5001 entries, from 1017 to 11998") {
		t.Errorf("got %s", got)
	}
	if got := section(t, d, headSteps); len(got.Rows) > 60 || !strings.Contains(got.Text[0], "more steps") || !strings.Contains(lines(got.Rows)[len(got.Rows)-1], "A very long reason.") {
		t.Errorf("got %d rows, %q", len(got.Rows), got.Text)
	}
	var file bytes.Buffer
	if err := d.PDF(&file); err != nil {
		t.Fatal(err)
	}
	if pages := bytes.Count(file.Bytes(), []byte("/Type /Page\n")); pages < 4 || pages > 14 {
		t.Errorf("got %d pages", pages)
	}
}
