package incident

import (
	"testing"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/store"
)

// What other rooms and the watch wrote becomes cases within a minute: one for
// each fault, that freezes nothing, and leads to what it can lead to.
func TestOwnReportsBecomeCases(t *testing.T) {
	b := openBureau(t)
	anna, bert := b.person("Anna"), b.person("Bert")
	hers := b.recording(anna, "one")
	archive, _ := b.hands(anna, false, hers)
	b.opened(bert.Who.Account(), hers)
	door, account := hers.Binding, anna.Who.Account()
	soon := stamp().Add(time.Second)
	reports := map[string]struct {
		r    store.Report
		want string // how Anna's recording is concerned; empty for nobody
	}{
		"a new place":    {store.Report{What: WhatPlace, Account: account, Archive: archive}, HowHanded},
		"two places":     {store.Report{What: WhatTwice, Vault: anna.Vault, Binding: door}, HowKept},
		"no session":     {store.Report{What: WhatSession, Account: bert.Who.Account(), Vault: anna.Vault}, HowHanded},
		"very many":      {store.Report{What: WhatVolume, Account: account}, HowHanded},
		"nobody's":       {store.Report{What: WhatClock}, ""},
		"missing":        {store.Report{What: "numbers missing at start", Account: account, Vault: anna.Vault, Binding: door}, ""},
		"does not open":  {store.Report{What: "does not open", Vault: anna.Vault, Binding: door, Recording: hers.ID}, ""},
		"stopped":        {store.Report{What: "numbers missing", Account: account, Archive: hearkeep.NewID[hearkeep.ArchiveID]()}, ""},
		"a place, no id": {store.Report{What: WhatPlace, Account: account}, ""},
	}
	ids := map[string]hearkeep.ReportID{}
	insert := func(name string) {
		r := reports[name].r
		r.ID, r.At = hearkeep.NewID[hearkeep.ReportID](), soon
		ids[name] = r.ID
		b.update(func(tx *store.Tx) error { return tx.Incidents.InsertReport(t.Context(), r) })
	}
	for name := range reports {
		insert(name)
	}
	b.expire(soon)
	cases := map[hearkeep.IncidentID]string{}
	of := func(id hearkeep.ReportID) (r store.Report) {
		b.view(func(tx *store.Tx) (err error) {
			r, err = tx.Incidents.Report(t.Context(), id)
			return err
		})
		return r
	}
	for name, test := range reports {
		r := of(ids[name])
		c := b.theCase(r.Incident)
		if other, same := cases[c.ID]; same && !(name == "missing" || other == "missing") { // of one door
			t.Errorf("%s: got the case of %s, want its own", name, other)
		}
		cases[c.ID] = name
		how := ""
		for _, a := range c.Affected {
			if a.Account == account && a.From <= hers.Number && hers.Number <= a.To {
				how = a.How
			}
		}
		if name != "missing" && name != "two places" && how != test.want || r.Answered.IsZero() || !c.AwareAt.Equal(soon) {
			t.Errorf("%s: got %q and %+v, want %q, aware when it was noticed", name, how, c.Summary, test.want)
		}
	}
	for _, p := range []hearkeep.VaultID{anna.Vault, bert.Vault} {
		if got := b.frozen(p); len(got) != 0 {
			t.Errorf("got %+v frozen, want nothing", got)
		}
	}
	// The same again joins; after the case is closed it opens another.
	first := of(ids["nobody's"]).Incident
	insert("nobody's")
	b.expire(soon)
	if got := of(ids["nobody's"]).Incident; got != first {
		t.Errorf("again: got case %s, want %s", got, first)
	}
	b.must(b.desk.Close(t.Context(), first, "The battery was changed."))
	insert("nobody's")
	b.expire(soon)
	if got := of(ids["nobody's"]).Incident; got == first || got.IsZero() {
		t.Errorf("after it was closed: got case %s, want another", got)
	}
	if got, err := b.desk.StatusesOf(t.Context(), account); err != nil || len(got) != 0 {
		t.Errorf("Anna's own reports: got %+v, %v, want none: she made none", got, err)
	}
	b.checked()
}
