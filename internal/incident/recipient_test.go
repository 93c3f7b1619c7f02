package incident

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/seal"
	"github.com/hearkeep/hearkeep/internal/store"
)

// Whoever was handed what is another's is asked in their language, and
// attests with their name; everybody else's link leads nowhere.
func TestRecipient(t *testing.T) {
	b := openBureau(t)
	p := b.posts()
	anna, eve := b.person("Anna"), b.person("Eve")
	archive, _ := b.hands(eve, false, b.recording(anna, "canary"))
	id := b.files(byForm(archive.String(), "not mine")).Incident
	if n := b.theCase(id).Unasked(); n != 1 {
		t.Errorf("%d hand-overs nobody was asked about, want 1 (B7)", n)
	}
	link, err := b.desk.AskRecipient(t.Context(), id, hearkeep.AccountID{}, " Wrong@Example.org ", "it")
	b.must(err)
	secret := link[strings.LastIndex(link, "/")+1:]
	if !strings.HasPrefix(link, "https://keep.example/attest/") || len(secret) < 26 {
		t.Fatalf("got %q", link)
	}
	c := b.theCase(id)
	if c.Unasked() != 0 || len(c.Recipients) != 1 || c.Recipients[0].Reach != "wrong@example.org" || c.Recipients[0].State != RecipientAsked || c.Recipients[0].Link != "" {
		t.Errorf("got %+v, want no link: it stands in a letter", c.Recipients)
	}
	b.deliver(0)
	b.must(b.desk.followLetters(t.Context(), time.Now()))
	got := p.to("wrong@example.org")
	if len(got) != 1 || got[0].subject != italian().askSubject || !strings.Contains(got[0].text, link) || !strings.Contains(got[0].text, italian().askDont) ||
		strings.Contains(got[0].text, italian().askThanks) || strings.Contains(got[0].text, "Anna") || strings.Contains(got[0].text, archive.String()) {
		t.Errorf("got %+v", got)
	}
	if l := b.theCase(id).Letters; len(l) != 1 || l[0].State != "sent" || l[0].Topic != topicAsked || !l[0].Account.IsZero() {
		t.Errorf("got %+v", l)
	}

	page, err := b.desk.Attesting(t.Context(), strings.ToUpper(secret))
	b.must(err)
	if page.State != RecipientAsked || page.Language != "it" || page.Yes != italian().attestYes || len(page.Text) != 5 || !page.Until.Equal(page.Asked.Add(askedFor)) {
		t.Errorf("got %+v", page)
	}
	for _, wrong := range []string{"", "x", secret[1:], secret + "a"} {
		_, err := b.desk.Attesting(t.Context(), wrong)
		b.wants(hearkeep.NotFound, "a wrong link", err)
		b.wants(hearkeep.NotFound, "attesting by a wrong link", b.desk.Attest(t.Context(), wrong, "Eve", ""))
	}
	b.wants(hearkeep.Invalid, "nobody's attestation", b.desk.Attest(t.Context(), secret, " \u202e ", "x"))
	b.wants(hearkeep.TooLarge, "a long one", b.desk.Attest(t.Context(), secret, "Eve", strings.Repeat("x", maxAttestation+1)))
	b.wants(hearkeep.TooLarge, "a long name", b.desk.Attest(t.Context(), secret, strings.Repeat("x", maxAttestName+1), ""))

	b.must(b.desk.Refuse(t.Context(), secret, "Eve\nExample", "It is on my phone and I am away."))
	b.wants(hearkeep.Conflict, "refusing twice", b.desk.Refuse(t.Context(), secret, "Eve", ""))
	if got := b.theCase(id).Recipients[0]; got.State != RecipientRefused || !strings.HasPrefix(got.Attested, "Eve Example: "+italian().attestNo) || got.Ended.IsZero() {
		t.Errorf("got %+v", got)
	}
	b.must(b.desk.Attest(t.Context(), secret, "Eve Example", "Now I have."))
	b.wants(hearkeep.Conflict, "attesting twice", b.desk.Attest(t.Context(), secret, "Eve", ""))
	b.wants(hearkeep.Conflict, "taking it back", b.desk.Refuse(t.Context(), secret, "Eve", ""))
	got1 := b.theCase(id).Recipients[0]
	for _, want := range []string{italian().attestNo, "I am away.", italian().attestYes, "Now I have."} {
		if !strings.Contains(got1.Attested, want) {
			t.Errorf("got %q, want it to hold %q", got1.Attested, want)
		}
	}
	if got1.State != RecipientAttested || got1.Link != "" {
		t.Errorf("got %+v", got1)
	}
	b.must(b.desk.Tell(t.Context(), id))
	b.deliver(0)
	if got := p.to("anna@example.org"); !strings.Contains(got[len(got)-1].text, english().wasAttested) {
		t.Errorf("Anna is not told that it was deleted:\n%s", got[len(got)-1].text)
	}
	b.checked()
	b.onDisk("wrong@example.org", "Eve Example", "I am away", secret, strings.ToUpper(secret))
}

// onDisk fails where a text lies readable in the keep's folder.
func (b *bureau) onDisk(secrets ...string) {
	b.Helper()
	b.must(filepath.WalkDir(b.home.Dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		for _, s := range secrets {
			if bytes.Contains(data, []byte(s)) {
				b.Errorf("%s holds %q", d.Name(), s)
			}
		}
		return err
	}))
}

// A recipient may have an account, or be told by other means, and may answer
// when the case is closed already.
func TestRecipientOtherwise(t *testing.T) {
	b := openBureau(t)
	anna, eve := b.person("Anna"), b.person("Eve")
	archive, _ := b.hands(eve, false, b.recording(anna, "canary"))
	id := b.files(byForm(archive.String(), "not mine")).Incident
	ask := func(account hearkeep.AccountID, reach string) (string, error) {
		return b.desk.AskRecipient(t.Context(), id, account, reach, "")
	}
	_, err := ask(eve.Who.Account(), "eve@example.org")
	b.wants(hearkeep.Invalid, "both", err)
	_, err = ask(hearkeep.AccountID{}, "eve")
	b.wants(hearkeep.Invalid, "no address", err)
	_, err = b.desk.AskRecipient(t.Context(), hearkeep.NewID[hearkeep.IncidentID](), hearkeep.AccountID{}, "", "")
	b.wants(hearkeep.NotFound, "no case", err)
	_, err = ask(eve.Who.Account(), "")
	b.must(err)
	_, err = ask(eve.Who.Account(), "")
	b.wants(hearkeep.Conflict, "asking twice on one day", err)
	if got := b.topics(eve.Who.Account()); len(got) != 1 || got[0] != topicAsked {
		t.Errorf("got %v", got)
	}
	b.desk.Letters = nil // a keep that sends no letters
	byHand, err := ask(hearkeep.AccountID{}, "paper@example.org")
	b.must(err)
	c := b.theCase(id)
	if len(c.Recipients) != 2 || c.Recipients[0].Account != eve.Who.Account() || !strings.Contains(c.Steps[len(c.Steps)-1].Text, "by other means") {
		t.Errorf("got %+v, %q", c.Recipients, c.Steps[len(c.Steps)-1].Text)
	}
	b.must(b.desk.Tell(t.Context(), id))
	b.must(b.desk.Decide(t.Context(), id, false, "One archive, and it was deleted."))
	b.must(b.desk.Close(t.Context(), id, "It was a mistake of ours."))
	b.must(b.desk.Attest(t.Context(), byHand[strings.LastIndex(byHand, "/")+1:], "Eve", ""))
	if got := b.theCase(id); got.Recipients[1].State != RecipientAttested || got.State != hearkeep.IncidentClosed {
		t.Errorf("got %+v in %s", got.Recipients[1], got.State)
	}
	_, err = ask(hearkeep.AccountID{}, "")
	b.wants(hearkeep.Conflict, "asking in a closed case", err)
	b.checked()
}

// A link ends, and what was answered before stays.
func TestAskedFor(t *testing.T) {
	asked := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		state string
		after time.Duration
		want  string
	}{
		{RecipientAsked, askedFor - time.Second, RecipientAsked}, {RecipientAsked, askedFor, RecipientExpired},
		{RecipientAttested, askedFor, RecipientAttested}, {RecipientRefused, 2 * askedFor, RecipientRefused},
	} {
		if got := stateOf(store.Recipient{State: tt.state, Asked: asked}, asked.Add(tt.after)); got != tt.want {
			t.Errorf("%s after %s: got %s, want %s", tt.state, tt.after, got, tt.want)
		}
	}
	b := openBureau(t)
	id := b.files(byForm("", "something")).Incident
	old := store.Recipient{ID: hearkeep.NewID[hearkeep.RecipientID](), Incident: id, Hash: attestHash("OLD"), State: RecipientAsked, Asked: stamp().Add(-askedFor)}
	var err error
	old.Sealed, err = b.desk.seal(seal.HouseRecipient, old.ID, askedOf{Language: "nl", Secret: "OLD"})
	b.must(err)
	b.update(func(tx *store.Tx) error { return tx.Incidents.InsertRecipient(t.Context(), old) })
	page, err := b.desk.Attesting(t.Context(), "old")
	if err != nil || page.State != RecipientExpired {
		t.Errorf("got %+v, %v", page, err)
	}
	b.wants(hearkeep.Conflict, "attesting too late", b.desk.Attest(t.Context(), "old", "Eve", ""))
	if got := b.theCase(id).Recipients[0]; got.State != RecipientExpired || got.Link != "" {
		t.Errorf("got %+v", got)
	}
}

// What the rows say before anybody judged.
func TestPreset(t *testing.T) {
	b := openBureau(t)
	anna, eve := b.person("Anna"), b.person("Eve")
	rec := b.recording(anna, "canary")
	open, _ := b.hands(eve, false, rec)
	sealed, _ := b.hands(eve, true, b.recording(anna, "second"))
	preset := func(id hearkeep.IncidentID) Assessment {
		t.Helper()
		a, err := b.desk.Preset(t.Context(), id)
		b.must(err)
		return a
	}
	id := b.files(byForm(sealed.String(), "not mine")).Incident
	if diff := cmp.Diff(Assessment{Confidentiality: true, SealedOnly: true}, preset(id)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(preset(id), b.theCase(id).Assessment); diff != "" {
		t.Error(diff)
	}
	b.must(b.desk.Widen(t.Context(), id, Clause{Archive: open, Reason: "There was another."}))
	if diff := cmp.Diff(Assessment{Confidentiality: true}, preset(id)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(Assessment{}, preset(b.files(byForm("", "nothing")).Incident)); diff != "" {
		t.Error(diff)
	}
	b.update(func(tx *store.Tx) error {
		v, err := tx.Vaults.Vault(t.Context(), anna.Vault)
		if err != nil {
			return err
		}
		v.Kind = "child"
		return tx.Vaults.SetVault(t.Context(), v)
	})
	if !preset(id).Children {
		t.Error("a child's vault is not noticed")
	}
}
