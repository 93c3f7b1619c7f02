package incident

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/store"
)

// What happened in 2018: an archive holds a stranger's recordings. Its
// recipient has no account and names its id; within the transaction of that
// report it is acknowledged, frozen, and known whom it concerns; within the
// hour they are told.
func TestReportOfAnArchive(t *testing.T) {
	b := openBureau(t)
	anna, bert := b.person("Anna"), b.person("Bert")
	theirs := b.recording(anna, "a canary of Anna's")
	b.recording(bert, "a canary of Bert's")
	archive, seq := b.hands(bert, false, theirs)
	filing := byForm(archive.String(), "These are not mine.")
	filing.Reach = "finder@example.org"
	taken := b.files(filing)
	if taken.Frozen || taken.Secret == "" || taken.Text == "" || taken.Report.IsZero() {
		t.Errorf("got %+v, want a form's answer: a secret, a text, and nothing of what is frozen", taken)
	}
	c := b.theCase(taken.Incident)
	if diff := cmp.Diff([]string{StepOpened, StepScoped, StepFrozen, StepAcknowledged}, kinds(c)); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
	want := []store.Affected{{
		Incident: c.ID, Account: anna.Who.Account(), Vault: anna.Vault, Run: hearkeep.Run{Binding: theirs.Binding, From: theirs.Number, To: theirs.Number},
		How: HowHanded, Entry: seq, At: c.Affected[0].At,
	}}
	if diff := cmp.Diff(want, c.Affected); diff != "" {
		t.Errorf("affected (-want +got):\n%s", diff)
	}
	if c.State != hearkeep.IncidentOpen || !c.Due.Equal(c.AwareAt.Add(72*time.Hour)) || !c.TellBy.Equal(c.AwareAt.Add(time.Hour)) || !c.AwareAt.Equal(taken.At) {
		t.Errorf("got the clock %+v, want 72 hours and one from %s", c.Summary, taken.At)
	}
	if got := b.frozen(anna.Vault); len(got) != 1 || got[0].Binding != theirs.Binding || got[0].Report != taken.Report || !got[0].Account.IsZero() {
		t.Errorf("Anna's vault: got %+v, want what the archive held frozen", got)
	}
	if got := b.frozen(bert.Vault); len(got) != 0 {
		t.Errorf("Bert's vault, of which nothing was handed over: got %+v frozen", got)
	}
	if diff := cmp.Diff([]string{topicFroze}, b.topics(anna.Who.Account())); diff != "" {
		t.Errorf("Anna's letters (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{topicReceived}, b.topics(hearkeep.AccountID{})); diff != "" {
		t.Errorf("the finder's letters (-want +got):\n%s", diff)
	}
	notices := func() []Notice {
		list, err := b.desk.NoticesOf(t.Context(), anna.Who.Account())
		b.must(err)
		return list
	}
	b.expire(c.TellBy.Add(-time.Second))
	if got := notices(); len(got) != 0 {
		t.Errorf("before the hour: got %+v, want nothing told", got)
	}
	b.expire(c.TellBy)
	got := notices()
	if len(got) != 1 || got[0].Incident != c.ID || len(got[0].Items) != 1 || got[0].Items[0].Run != want[0].Run || got[0].Text.Subject == "" {
		t.Errorf("after the hour: got %+v, want that recording", got)
	}
	if list, err := b.desk.NoticesOf(t.Context(), bert.Who.Account()); err != nil || len(list) != 0 {
		t.Errorf("Bert: got %+v, %v", list, err)
	}
	status, err := b.desk.StatusBy(t.Context(), taken.Secret)
	b.must(err)
	if status.Report != taken.Report || status.Frozen || len(status.Steps) == 0 {
		t.Errorf("got %+v, want the report with what was done", status)
	}
	b.checked()
}

// What is frozen does not expire, is played and erased as before, and is
// freed when its case is closed; what another froze stays.
func TestFrozenUntilClosed(t *testing.T) {
	b := openBureau(t)
	anna := b.person("Anna")
	one, two := b.recording(anna, "one"), b.recording(anna, "two")
	due := func() (ids []hearkeep.RecordingID) {
		b.view(func(tx *store.Tx) error {
			parts, err := tx.Vaults.DueParts(t.Context(), time.Now().AddDate(10, 0, 0), 100)
			for _, p := range parts {
				if !slices.Contains(ids, p.Recording) {
					ids = append(ids, p.Recording)
				}
			}
			return err
		})
		slices.SortFunc(ids, func(a, b hearkeep.RecordingID) int { return slices.Compare(a[:], b[:]) })
		return ids
	}
	if got := due(); len(got) != 2 {
		t.Fatalf("due one day: got %v, want both", got)
	}
	taken := b.files(Filing{What: WhatNotMine, Via: hearkeep.ReportPortal, By: anna.Who.Account(), Vault: anna.Vault, Recording: one.ID})
	if got := due(); !taken.Frozen || !slices.Equal(got, []hearkeep.RecordingID{two.ID}) {
		t.Errorf("frozen: got %v due, want the other alone", got)
	}
	if shown, err := anna.Room.Restrictions(t.Context()); err != nil || len(shown) != 1 || shown[0].Mine || shown[0].Recording != one.ID {
		t.Errorf("Anna's page: got %+v, %v", shown, err)
	}
	own := store.Restriction{ID: hearkeep.NewID[hearkeep.RestrictionID](), Vault: anna.Vault, Recording: two.ID, Account: anna.Who.Account(), Request: hearkeep.NewID[hearkeep.RequestID](), At: stamp()}
	b.update(func(tx *store.Tx) error { return tx.Rights.InsertRestriction(t.Context(), own) })
	b.expire(time.Now().Add(2 * time.Hour))
	b.must(b.desk.Decide(t.Context(), taken.Incident, false, "It was her own."))
	b.must(b.desk.Close(t.Context(), taken.Incident, "It was her own."))
	if got := b.frozen(anna.Vault); len(got) != 1 || got[0].ID != own.ID {
		t.Errorf("closed: got %+v frozen, want what Anna froze", got)
	}
	status, err := b.desk.StatusesOf(t.Context(), anna.Who.Account())
	b.must(err)
	if len(status) != 1 || status[0].Closed.IsZero() || status[0].Frozen {
		t.Errorf("got %+v, want it closed and free", status)
	}
	b.wants(hearkeep.Conflict, "what is closed", b.desk.Offer(t.Context(), taken.Incident, "A year for nothing."))
	b.checked()
}

// What is evidence, and what is not: with one something is frozen and known to
// concern somebody; without, a case opens, and that is all.
func TestEvidence(t *testing.T) {
	b := openBureau(t)
	anna, bert := b.person("Anna"), b.person("Bert")
	hers, his := b.recording(anna, "one"), b.recording(bert, "two")
	archive, seq := b.hands(bert, false, hers)
	_, other := b.hands(bert, false, his)
	proof := func(seq int64) string {
		p, err := b.home.Ledger.Proof(t.Context(), seq)
		b.must(err)
		return string(p.Text())
	}
	handed, err := b.home.Ledger.Proof(t.Context(), seq)
	b.must(err)
	link, err := ledger.Receipt{Proof: handed}.Link()
	b.must(err)
	bound := int64(-1)
	entries, err := b.home.Ledger.Entries(t.Context(), hearkeep.VaultID{}, 0, 1000)
	b.must(err)
	for _, e := range entries {
		if e.Kind == ledger.KindBound {
			bound = e.Seq
		}
	}
	forged := strings.Replace(proof(seq), "index ", "index 1", 1)
	portal := func(f Filing) Filing {
		f.What, f.Via, f.By, f.Vault = WhatNotMine, hearkeep.ReportPortal, bert.Who.Account(), bert.Vault
		return f
	}
	nobody := hearkeep.NewID[hearkeep.ArchiveID]()
	for _, test := range []struct {
		name string
		f    Filing
		want []hearkeep.VaultID // that are frozen
	}{
		{"an archive's id", byForm(archive.String(), ""), []hearkeep.VaultID{anna.Vault}},
		{"an archive's id, as it was copied", byForm("  "+strings.ToUpper(archive.String()[:16])+" - "+archive.String()[16:]+"\r\n", ""), []hearkeep.VaultID{anna.Vault}},
		{"an archive, signed in", portal(Filing{Archive: archive}), []hearkeep.VaultID{anna.Vault}},
		{"the receipt of a hand-over", byForm(proof(seq), ""), []hearkeep.VaultID{anna.Vault}},
		{"the address of such a receipt", byForm("https://keep.example/verify#"+link, ""), []hearkeep.VaultID{anna.Vault}},
		{"by mail", Filing{What: WhatNotMine, Via: hearkeep.ReportMail, Receipt: proof(other)}, []hearkeep.VaultID{bert.Vault}},
		{"one's own recording", portal(Filing{Recording: his.ID}), []hearkeep.VaultID{bert.Vault}},
		{"one's own device", portal(Filing{Binding: his.Binding}), []hearkeep.VaultID{bert.Vault}},

		{"another's recording", portal(Filing{Recording: hers.ID}), nil},
		{"another's device", portal(Filing{Binding: hers.Binding}), nil},
		{"a recording, without an account", Filing{What: WhatNotMine, Via: hearkeep.ReportForm, Recording: his.ID}, nil},
		{"a device, without an account", Filing{What: WhatNotMine, Via: hearkeep.ReportForm, Binding: his.Binding}, nil},
		{"a recording, by mail", Filing{What: WhatNotMine, Via: hearkeep.ReportMail, Recording: his.ID}, nil},
		{"the id of no archive", byForm(nobody.String(), ""), nil},
		{"the id of a recording as an archive's", byForm(his.ID.String(), ""), nil},
		{"a receipt that is altered", byForm(forged, ""), nil},
		{"a receipt of something else", byForm(proof(bound), ""), nil},
		{"words alone", byForm("", "Somebody has my voice."), nil},
		{"spoken at a door", Filing{What: WhatNotMine, Via: hearkeep.ReportVoice, Vault: anna.Vault, Binding: hers.Binding}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := &bureau{T: t, home: b.home, desk: b.desk}
			b.desk.forms.of = nil // a network's share of a day
			taken := b.files(test.f)
			var got []hearkeep.VaultID
			for _, p := range []hearkeep.VaultID{anna.Vault, bert.Vault} {
				if len(b.frozen(p)) > 0 {
					got = append(got, p)
				}
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("frozen: got %v, want %v", got, test.want)
			}
			c := b.theCase(taken.Incident)
			if (len(c.Affected) > 0) != (test.want != nil) {
				t.Errorf("affected: got %+v", c.Affected)
			}
			if test.want == nil && (len(c.Clauses) > 0 || !c.Reports[0].Archive.IsZero() || !c.Reports[0].Recording.IsZero()) {
				t.Errorf("without evidence: got %+v, want nothing looked for", c)
			}
			b.expire(c.TellBy)
			if got := untold(b.theCase(c.ID).Affected); got != 0 {
				t.Errorf("after the hour: %d people were not told", got)
			}
			if test.want != nil {
				b.must(b.desk.Decide(t.Context(), c.ID, false, "A test."))
			}
			b.must(b.desk.Close(t.Context(), c.ID, "It names nothing of ours."))
			for _, p := range []hearkeep.VaultID{anna.Vault, bert.Vault} {
				if got := b.frozen(p); len(got) != 0 {
					t.Errorf("closed: got %+v frozen", got)
				}
			}
		})
	}
	b.checked()
}
