package incident

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/store"
)

// opened is what somebody opened of a vault, in the ledger.
func (b *bureau) opened(by hearkeep.AccountID, rec store.Recording) {
	b.Helper()
	_, err := b.home.Ledger.Write(b.Context(), ledger.Entry{
		Kind: ledger.KindOpened, Account: &by, Role: hearkeep.RoleKeyholder, Session: "00112233aabbccdd", Vault: new(rec.Vault), Count: 1,
		Items: []hearkeep.Run{{Binding: rec.Binding, From: rec.Number, To: rec.Number}}, Purpose: "listen",
	})
	b.must(err)
}

// The operator widens and narrows by causes with reasons, and types nobody in;
// whoever is new is told within the hour, and nobody twice of the same.
func TestWidenAndNarrow(t *testing.T) {
	b := openBureau(t)
	anna, bert, carl := b.person("Anna"), b.person("Bert"), b.person("Carl")
	hers, his := b.recording(anna, "one"), b.recording(carl, "two")
	archive, _ := b.hands(bert, false, hers)
	id := b.files(byForm(archive.String(), "")).Incident
	ctx := t.Context()
	b.must(b.desk.Tell(ctx, id))
	if c := b.theCase(id); !c.TellBy.IsZero() || c.People != 1 {
		t.Fatalf("told: got %+v", c.Summary)
	}
	b.opened(bert.Who.Account(), his)
	session := Clause{Session: "00112233aabbccdd"}
	b.wants(hearkeep.Invalid, "without a reason", b.desk.Widen(ctx, id, session))
	session.Reason = "The same session."
	for name, c := range map[string]Clause{
		"two things":          {Session: "a", Vault: anna.Vault, Reason: "x"},
		"everything ever":     {Reason: "x"},
		"half a window":       {From: time.Now(), Reason: "x"},
		"backwards":           {Vault: anna.Vault, From: time.Now(), To: time.Now().Add(-time.Hour), Reason: "x"},
		"an archive's window": {Archive: archive, From: time.Now(), Reason: "x"},
	} {
		b.wants(hearkeep.Invalid, name, b.desk.Widen(ctx, id, c))
		b.wants(hearkeep.Invalid, name, b.desk.Narrow(ctx, id, c))
	}
	b.wants(hearkeep.NotFound, "no such case", b.desk.Widen(ctx, hearkeep.NewID[hearkeep.IncidentID](), session))
	b.must(b.desk.Widen(ctx, id, session))
	c := b.theCase(id)
	if left := time.Until(c.TellBy); c.People != 2 || left <= 50*time.Minute || left > time.Hour {
		t.Errorf("widened: got %+v, want two people and an hour to tell the second", c.Summary)
	}
	if got, err := b.desk.NoticesOf(ctx, carl.Who.Account()); err != nil || len(got) != 0 {
		t.Errorf("before the hour: got %+v, %v", got, err)
	}
	b.expire(c.TellBy)
	if got := b.topics(anna.Who.Account()); len(got) != 2 { // frozen, told
		t.Errorf("Anna: got letters %v, want her told once", got)
	}
	if got, err := b.desk.NoticesOf(ctx, carl.Who.Account()); err != nil || len(got) != 1 {
		t.Errorf("after the hour: got %+v, %v", got, err)
	}
	b.must(b.desk.Narrow(ctx, id, Clause{Vault: carl.Vault, Reason: "That was his own."}))
	if c := b.theCase(id); c.People != 1 || c.Affected[0].Account != anna.Who.Account() || c.Affected[0].Told.IsZero() || !c.TellBy.IsZero() {
		t.Errorf("narrowed: got %+v, want Anna, who was told", c)
	}
	b.checked()
}

// While the operator holds it, with reasons, nobody is told by themselves; the
// operator's telling ends that.
func TestHold(t *testing.T) {
	b := openBureau(t)
	anna, bert := b.person("Anna"), b.person("Bert")
	archive, _ := b.hands(bert, false, b.recording(anna, "one"))
	id := b.files(byForm(archive.String(), "")).Incident
	ctx := t.Context()
	b.wants(hearkeep.Invalid, "without reasons", b.desk.Hold(ctx, id, " \n"))
	b.must(b.desk.Hold(ctx, id, "The police asked for two days."))
	b.files(byForm(archive.String(), "Again.")) // what comes in does not end it
	b.expire(time.Now().AddDate(0, 0, 2))
	if got, err := b.desk.NoticesOf(ctx, anna.Who.Account()); err != nil || len(got) != 0 {
		t.Errorf("held: got %+v, %v", got, err)
	}
	b.must(b.desk.Tell(ctx, id))
	b.wants(hearkeep.Conflict, "once told", b.desk.Hold(ctx, id, "Too late."))
	if got, err := b.desk.NoticesOf(ctx, anna.Who.Account()); err != nil || len(got) != 1 {
		t.Errorf("told: got %+v, %v", got, err)
	}
	b.checked()
}

// A case is not closed before its people are told or that is held, and before
// it is decided whether the authority is notified, with reasons.
func TestClose(t *testing.T) {
	b := openBureau(t)
	anna, bert := b.person("Anna"), b.person("Bert")
	archive, _ := b.hands(bert, false, b.recording(anna, "one"))
	filing := byForm(archive.String(), "")
	filing.Reach = "carl@example.org"
	id := b.files(filing).Incident
	ctx := t.Context()
	end := func() error { return b.desk.Close(ctx, id, "The archive was deleted.") }
	b.wants(hearkeep.Conflict, "nobody told", end())
	b.must(b.desk.Tell(ctx, id))
	b.wants(hearkeep.Conflict, "undecided", end())
	b.wants(hearkeep.Conflict, "notified before it was decided", b.desk.Notified(ctx, id, "", "", nil))
	b.wants(hearkeep.Invalid, "decided without reasons", b.desk.Decide(ctx, id, true, ""))
	b.must(b.desk.Decide(ctx, id, true, "It was opened."))
	b.wants(hearkeep.Conflict, "to be notified", end())
	b.must(b.desk.Decide(ctx, id, false, "It was noise after all."))
	b.must(b.desk.Decide(ctx, id, true, "It was not."))
	b.must(b.desk.Notified(ctx, id, "AZ 7", "", []byte("{}")))
	b.wants(hearkeep.Conflict, "decided anew once notified", b.desk.Decide(ctx, id, false, "No."))
	b.wants(hearkeep.Invalid, "an assessment without scores", b.desk.Assess(ctx, id, Assessment{Reasons: "x"}))
	b.must(b.desk.Assess(ctx, id, Assessment{Confidentiality: true, Sensitivity: 3, Identification: 4, Reasons: "A home."}))
	b.must(b.desk.Offer(ctx, id, "A year without cost."))
	if got, err := b.desk.NoticesOf(ctx, anna.Who.Account()); err != nil || len(got) != 1 || got[0].Offer != "A year without cost." {
		t.Errorf("the offer: got %+v, %v", got, err)
	}
	b.wants(hearkeep.Invalid, "without a conclusion", b.desk.Close(ctx, id, "\u200b \t"))
	b.must(end())
	b.wants(hearkeep.Conflict, "closed twice", end())
	c := b.theCase(id)
	if c.State != hearkeep.IncidentClosed || c.Closed.IsZero() || c.Severity == "" || c.Conclusion == "" || len(b.frozen(anna.Vault)) != 0 {
		t.Errorf("got %+v, want it closed, weighed and free", c)
	}
	if got := b.topics(hearkeep.AccountID{}); !slices.Equal(got, []string{topicReceived, "case closed"}) {
		t.Errorf("Carl's letters: got %v", got)
	}
	for what, err := range map[string]error{
		"widen": b.desk.Widen(ctx, id, Clause{Vault: anna.Vault, Reason: "x"}), "hold": b.desk.Hold(ctx, id, "x"), "tell": b.desk.Tell(ctx, id),
		"decide": b.desk.Decide(ctx, id, false, "x"), "notified": b.desk.Notified(ctx, id, "", "", nil), "offer": b.desk.Offer(ctx, id, "x"),
		"assess": b.desk.Assess(ctx, id, Assessment{Sensitivity: 1, Identification: 1, Reasons: "x"}),
	} {
		b.wants(hearkeep.Conflict, what+", closed", err)
	}
	// A new report of the same is another case, and freezes anew.
	again := b.files(byForm(archive.String(), ""))
	if again.Incident == id || len(b.frozen(anna.Vault)) != 1 {
		t.Errorf("got case %s and %d frozen, want another case", again.Incident, len(b.frozen(anna.Vault)))
	}
	b.checked()
}

// Texts are the operator's and reporters' own, and nothing else: no control
// character, nothing that turns the direction around, none too long.
func TestTexts(t *testing.T) {
	b := openBureau(t)
	id := b.files(byForm("", "One\x1b[31m two\u202e three\r\nfour\x00 \ufeff\u2066 \xff")).Incident
	if got, want := b.theCase(id).Reports[0].About, "One [31m two three\nfour   \ufffd"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	_, err := b.desk.File(t.Context(), byForm("", strings.Repeat("ä", MaxAbout+1)), "")
	b.wants(hearkeep.TooLarge, "too long a report", err)
	b.files(byForm("", strings.Repeat("ä", MaxAbout)))
	_, err = b.desk.File(t.Context(), byForm(strings.Repeat("x", maxReceipt+1), ""), "")
	b.wants(hearkeep.TooLarge, "too long a receipt", err)
	b.wants(hearkeep.TooLarge, "too long an offer", b.desk.Offer(t.Context(), id, strings.Repeat("x", maxReasons+1)))
	for _, reach := range []string{"nobody", "a@b\nBcc: c@d", "Anna <anna@example.org>", "a@b, c@d", strings.Repeat("x", 250) + "@example.org"} {
		f := byForm("", "Something.")
		f.Reach = reach
		_, err := b.desk.File(t.Context(), f, "")
		b.wants(hearkeep.Invalid, "the address "+reach, err)
	}
	for name, f := range map[string]Filing{
		"nothing said":            byForm("", " "),
		"an unknown kind":         {What: "restored", Via: hearkeep.ReportForm, About: "x"},
		"Hearkeep's own":          {What: WhatOther, Via: hearkeep.ReportSelf, About: "x"},
		"no way at all":           {What: WhatOther, About: "x"},
		"signed in as nobody":     {What: WhatOther, Via: hearkeep.ReportPortal, About: "x"},
		"a form of an account":    {What: WhatOther, Via: hearkeep.ReportForm, By: hearkeep.AccountID{1}, About: "x"},
		"spoken without a door":   {What: WhatOther, Via: hearkeep.ReportVoice, Vault: hearkeep.VaultID{1}},
		"two things":              {What: WhatNotMine, Via: hearkeep.ReportPortal, By: hearkeep.AccountID{1}, Recording: hearkeep.RecordingID{1}, Archive: hearkeep.ArchiveID{1}},
		"a letter with its vault": {What: WhatOther, Via: hearkeep.ReportMail, Vault: hearkeep.VaultID{1}, About: "x"},
	} {
		_, err := b.desk.File(t.Context(), f, "")
		b.wants(hearkeep.Invalid, name, err)
	}
}
