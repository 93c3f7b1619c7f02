package portal

import (
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/rights"
)

// furnishRights lets somebody ask for everything: one of each kind, of which
// one was spoken and is to be confirmed. Mia froze her own vault, and Sven the
// studio; the links of an operator are made with Anna's.
func (w *town) furnishRights(p *resident) {
	w.t.Helper()
	ctx, who := w.t.Context(), w.as(p.name)
	in, err := w.room(p.name, p.own).Uploads(ctx)
	w.must(err)
	w.must(w.rights.Spoken(ctx, p.own, in.Binding(), hearkeep.RequestPortability))
	for _, kind := range hearkeep.RequestKinds() {
		if kind != hearkeep.RequestPortability {
			_, err := w.rights.Ask(ctx, who, kind, hearkeep.ViaPortal)
			w.must(err)
		}
	}
	all, err := w.rights.Requests(ctx, who)
	w.must(err)
	if len(all) != len(hearkeep.RequestKinds()) {
		w.t.Fatalf("%s has %d requests", p.name, len(all))
	}
	for _, r := range all {
		w.things = append(w.things, thing{kind: request, whose: p.name + "'s " + string(r.Kind), id: r.ID.String(), account: p.account})
		switch {
		case r.Kind == hearkeep.RequestRestriction && p.name == "Mia":
			w.freeze(p, p.own, r.ID)
		case r.Kind == hearkeep.RequestRestriction && p.name == "Sven":
			w.freeze(p, w.vaults["studio"], r.ID)
		case r.Kind == hearkeep.RequestAccess && p.name == "Anna":
			w.asked = r.ID.String()
		}
	}
	if p.name == "Anna" {
		w.operators()
	}
}

func (w *town) freeze(p *resident, id hearkeep.VaultID, of hearkeep.RequestID) {
	w.t.Helper()
	frozen, err := w.room(p.name, id).Restrict(w.t.Context(), of, hearkeep.RecordingID{})
	w.must(err)
	w.things = append(w.things, thing{kind: restriction, whose: p.name + "'s", id: frozen.String(), vault: id, account: p.account})
}

// claimed lets somebody without an account claim that a door heard them.
func (w *town) claimed(name, whose string, id hearkeep.VaultID, door hearkeep.BindingID) {
	w.t.Helper()
	ctx, who := w.t.Context(), w.as(name)
	about := rights.Claim{Door: rights.DoorNumber(door), From: time.Now(), To: time.Now().Add(time.Minute), About: w.says(id)}
	secret, err := w.rights.FileClaim(ctx, about, whose, about.From)
	w.must(err)
	all, err := w.rights.ClaimsTo(ctx, who, id)
	w.must(err)
	last := all[len(all)-1]
	if last.Door != door || last.Count != 0 {
		w.t.Fatalf("a claim about %s: %+v", whose, last)
	}
	w.things = append(w.things, thing{kind: claim, whose: whose, id: last.ID.String(), vault: id}, thing{kind: claimLink, whose: whose, id: secret, works: true})
}

// operators makes an operator's cookie, and a link that works.
func (w *town) operators() {
	w.t.Helper()
	ctx := w.t.Context()
	used, err := w.desk.OperatorLink(ctx)
	w.must(err)
	w.operating, _, err = w.desk.UseOperatorLink(ctx, used)
	w.must(err)
	link, err := w.desk.OperatorLink(ctx)
	w.must(err)
	w.things = append(w.things, thing{kind: clockLink, whose: "for the operator", id: link, works: true},
		thing{kind: clockLink, whose: "used", id: used})
}

// prepare prepares archives in the open copy: they are in memory, so that the
// copies that follow have none.
func (w *town) prepare() {
	w.t.Helper()
	for _, name := range []string{"Anna", "Otto"} {
		who := w.as(name)
		all, err := w.rights.Requests(w.t.Context(), who)
		w.must(err)
		for _, r := range all {
			if r.Kind == hearkeep.RequestAccess {
				open, err := w.rights.Prepare(w.t.Context(), who, r.ID)
				w.must(err)
				w.things = append(w.things, thing{kind: archive, whose: name + "'s", id: open.ID.String(), account: who.Account()})
			}
		}
	}
}
