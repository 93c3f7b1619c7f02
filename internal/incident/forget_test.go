package incident

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/store"
)

// What others wrote goes 90 days after their case was closed; the case stays,
// and so does why a letter was entered late. Of an open case nothing goes.
func TestWhatOthersWroteIsForgotten(t *testing.T) {
	b := openBureau(t)
	b.posts()
	anna, eve := b.person("Anna"), b.person("Eve")
	report := func(about string) hearkeep.IncidentID {
		archive, _ := b.hands(eve, false, b.recording(anna, about))
		f := byForm(archive.String(), about)
		f.Via, f.Reach = hearkeep.ReportMail, "reporter@example.org"
		f.At, f.Late = time.Now().Add(-50*time.Hour), "It lay in the wrong box."
		return b.files(f).Incident
	}
	closed, open := report("This is not mine, says Rita."), report("This is another.")
	link, err := b.desk.AskRecipient(t.Context(), closed, hearkeep.AccountID{}, "wrong@example.org", "it")
	b.must(err)
	b.must(b.desk.Attest(t.Context(), link[strings.LastIndex(link, "/")+1:], "Eve Example", "I have deleted it."))
	b.must(b.desk.Tell(t.Context(), closed))
	b.must(b.desk.Decide(t.Context(), closed, false, "It was asked for and deleted."))
	b.must(b.desk.Close(t.Context(), closed, "It is deleted."))

	before := b.theCase(closed)
	b.must(b.desk.forget(t.Context(), before.Closed.Add(WrittenFor-time.Minute)))
	if c := b.theCase(closed); c.Reports[0].Reach != "reporter@example.org" || c.Recipients[0].Reach != "wrong@example.org" {
		t.Errorf("before its time: got %+v and %+v, want what was written", c.Reports, c.Recipients)
	}
	at := before.Closed.Add(WrittenFor + 2*lookEvery)
	b.must(b.desk.forget(t.Context(), at))
	c := b.theCase(closed)
	if r := c.Reports[0]; r.About != "" || r.Reach != "" || r.Named != "" || r.Late != "It lay in the wrong box." || r.Hash != before.Reports[0].Hash {
		t.Errorf("report: got %+v, want why it was late, and nothing else that was written", r)
	}
	if r := c.Recipients[0]; r.Reach != "" || r.Attested != "" || r.Link != "" || r.State != RecipientAttested || r.Ended.IsZero() {
		t.Errorf("recipient: got %+v, want that they attested, and when", r)
	}
	if c.Conclusion != before.Conclusion || len(c.Steps) != len(before.Steps) || len(c.Affected) != len(before.Affected) {
		t.Errorf("the case: got %+v, want all of it", c)
	}
	if c := b.theCase(open); c.Reports[0].About != "This is another." || c.Reports[0].Reach == "" {
		t.Errorf("an open case: got %+v, want what was written", c.Reports)
	}
	b.checked()

	sealed := func() (all []byte) {
		b.view(func(tx *store.Tx) error {
			reports, err := tx.Incidents.ReportsIn(t.Context(), closed)
			for _, r := range reports {
				all = append(all, r.Sealed...)
			}
			return err
		})
		return all
	}
	was := sealed()
	b.must(b.desk.forget(t.Context(), at.Add(2*lookEvery)))
	if !bytes.Equal(was, sealed()) {
		t.Error("what was forgotten is written anew each time")
	}
}
