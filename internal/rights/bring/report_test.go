package bring

import (
	"encoding/csv"
	"strings"
	"testing"
)

// TestReportIsNoProgram: names of files are somebody else's, and a spreadsheet
// that separates by semicolons begins cells where commas do not.
func TestReportIsNoProgram(t *testing.T) {
	for _, name := range []string{"=1+1.wav", "a;=1+1.wav", " =1+1.wav", "a\n=1+1.wav", "\uff1d1+1.wav", "\t=1.wav", "+1.wav"} {
		var b strings.Builder
		if err := (&Archive{Unread: []Unread{{name, "It is damaged."}}}).Report(&b); err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(strings.NewReader(b.String())).ReadAll()
		if err != nil || len(rows) != 2 {
			t.Fatalf("got %d rows, %v", len(rows), err)
		}
		for piece := range strings.FieldsFuncSeq(rows[1][0], func(r rune) bool { return strings.ContainsRune(";\t\r\n", r) }) {
			if strings.HasPrefix(strings.TrimSpace(piece), "=") || strings.HasPrefix(piece, "\uff1d") || strings.HasPrefix(piece, "+") {
				t.Errorf("%q: got %q, which a spreadsheet calculates", name, rows[1][0])
			}
		}
	}
}
