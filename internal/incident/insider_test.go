package incident

import (
	"testing"

	"github.com/hearkeep/hearkeep/internal/store"
)

// What was told stays told: whoever has the operator's pages narrows a case
// afterwards, and the person still finds the notice that the letter spoke of.
func TestNarrowingUntellsNobody(t *testing.T) {
	b := openBureau(t)
	anna, bert := b.person("Anna"), b.person("Bert")
	archive, _ := b.hands(bert, false, b.recording(anna, "one"))
	id := b.files(byForm(archive.String(), "")).Incident
	ctx := t.Context()
	b.must(b.desk.Tell(ctx, id))
	b.must(b.desk.Narrow(ctx, id, Clause{Archive: archive, Reason: "They were not concerned."}))
	if got, err := b.desk.NoticesOf(ctx, anna.Who.Account()); err != nil || len(got) != 1 {
		t.Errorf("narrowed after it was told: got %+v, %v, want the notice", got, err)
	}
	if got, err := b.desk.Unread(ctx, anna.Who.Account()); err != nil || len(got) != 1 {
		t.Errorf("unread: got %v, %v", got, err)
	}
	b.checked()
}

// Whoever writes rows says that people were told who were not: that is found,
// and they are told.
func TestToldByNobody(t *testing.T) {
	b := openBureau(t)
	anna, bert := b.person("Anna"), b.person("Bert")
	archive, _ := b.hands(bert, false, b.recording(anna, "one"))
	id := b.files(byForm(archive.String(), "")).Incident
	ctx := t.Context()
	due := b.theCase(id).TellBy
	b.update(func(tx *store.Tx) error { return tx.Incidents.ToldAffected(ctx, id, anna.Who.Account(), stamp()) })
	if faults, err := b.desk.Check(ctx); err != nil || len(faults) == 0 {
		t.Errorf("told by nobody: got %v, %v, want it found", faults, err)
	}
	b.expire(due)
	if got := b.topics(anna.Who.Account()); len(got) != 2 { // frozen, told
		t.Errorf("got letters %v, want her told", got)
	}
}

// A case whose text somebody garbled keeps nobody from the notices of others.
func TestGarbledCaseAmongNotices(t *testing.T) {
	b := openBureau(t)
	anna, bert := b.person("Anna"), b.person("Bert")
	ctx := t.Context()
	var last store.Incident
	for _, words := range []string{"one", "two"} {
		archive, _ := b.hands(bert, false, b.recording(anna, words))
		id := b.files(byForm(archive.String(), "")).Incident
		b.must(b.desk.Tell(ctx, id))
		b.view(func(tx *store.Tx) (err error) { last, err = tx.Incidents.Incident(ctx, id); return err })
	}
	last.Sealed = []byte("garbled")
	b.update(func(tx *store.Tx) error { return tx.Incidents.SetIncident(ctx, last) })
	if got, err := b.desk.NoticesOf(ctx, anna.Who.Account()); err != nil || len(got) == 0 {
		t.Errorf("got %d notices, %v", len(got), err)
	}
}

// So is it where all others were told since, and nobody is left to wait for.
func TestToldByNobodyAmongOthers(t *testing.T) {
	b := openBureau(t)
	anna, bert, carl := b.person("Anna"), b.person("Bert"), b.person("Carl")
	archive, _ := b.hands(bert, false, b.recording(anna, "one"), b.recording(carl, "two"))
	id := b.files(byForm(archive.String(), "")).Incident
	ctx := t.Context()
	b.update(func(tx *store.Tx) error { return tx.Incidents.ToldAffected(ctx, id, anna.Who.Account(), stamp()) })
	b.must(b.desk.Tell(ctx, id))
	if got := b.topics(carl.Who.Account()); len(got) != 2 {
		t.Errorf("Carl: got letters %v", got)
	}
	b.checkedNot()
	b.expire(stamp())
	b.expire(stamp())
	if got := b.topics(anna.Who.Account()); len(got) != 2 {
		t.Errorf("Anna: got letters %v, want her told", got)
	}
	if got := b.topics(carl.Who.Account()); len(got) != 2 {
		t.Errorf("Carl: got letters %v, want him told once", got)
	}
	b.checked()
}

func (b *bureau) checkedNot() {
	b.Helper()
	if faults, err := b.desk.Check(b.Context()); err != nil || len(faults) == 0 {
		b.Errorf("got no fault, %v", err)
	}
}

// What people are shown of the operator's words leads nowhere.
func TestOwnWordsLeadNowhere(t *testing.T) {
	for _, text := range []string{
		"See hearkeep-help.dev", "bit.ly/abc", "Go to t.me now", "evil。com", "evil．example", "xn--bcher-kva.example", "192.168.1.7/x", "пример.рф", "HEARKEEP.SUPPORT",
	} {
		if ownWords(text, MaxOffer) == nil {
			t.Errorf("%q: want it refused", text)
		}
	}
	for _, text := range []string{
		"A new device, worth 49.90 euros.", "We paid 1.000 EUR on 2.11.2026.", "Art. 33 GDPR. We are sorry.", "z.B. ein Gutschein, d.h. 20 Euro", "e.g. a voucher",
		"Call 030 1234567, from 9.30 to 17.00.", "Sorry...\nWe mean it.",
	} {
		if err := ownWords(text, MaxOffer); err != nil {
			t.Errorf("%q: got %v", text, err)
		}
	}
}
