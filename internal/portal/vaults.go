package portal

import (
	"context"
	"net/http"
	"net/url"
	"slices"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/vault"
)

// vaultCookie says which vault a browser has open. It is no secret: whoever
// does not hold that vault is shown their own.
const vaultCookie = "hearkeep-vault"

// opened is the vault that a browser asks for; zero where it asks for none.
func (p *portal) opened(r *http.Request) hearkeep.VaultID {
	c, err := r.Cookie(p.cookieName(vaultCookie))
	if err != nil {
		return hearkeep.VaultID{}
	}
	id, err := hearkeep.ParseID[hearkeep.VaultID](c.Value)
	if err != nil {
		return hearkeep.VaultID{}
	}
	return id
}

// open lets a browser show a vault from now on, until its session ends.
func (p *portal) open(w http.ResponseWriter, v *visit, room *vault.Room) {
	p.setCookie(w, vaultCookie, room.ID().String(), v.who.Expires())
}

// entering is a visit to the vault that a form names. One that is not there
// and one that is somebody else's are nowhere alike.
func (p *portal) entering(r *http.Request, v *visit) (*visit, error) {
	if err := form(r); err != nil {
		return nil, err
	}
	id, err := hearkeep.ParseID[hearkeep.VaultID](r.PostFormValue("vault"))
	if err != nil {
		return nil, errNowhere
	}
	room, err := p.Keep.Enter(r.Context(), v.who, id)
	if err != nil {
		return nil, err
	}
	there := *v
	there.room = room
	return &there, nil
}

// others are the vaults that are not open.
func (v *visit) others() []vaultView {
	return slices.DeleteFunc(v.vaults(), func(view vaultView) bool { return view.Open })
}

// vaultName is the name of the open vault.
func (v *visit) vaultName() string {
	views := v.vaults()
	if i := slices.IndexFunc(views, func(view vaultView) bool { return view.Open }); i >= 0 {
		return views[i].Name
	}
	return ""
}

// enterVault opens another vault of the person's.
func (p *portal) enterVault(w http.ResponseWriter, r *http.Request, v *visit) error {
	there, err := p.entering(r, v)
	if err != nil {
		return err
	}
	p.open(w, v, there.room)
	http.Redirect(w, r, "/", http.StatusSeeOther)
	return nil
}

// named is the visit to the vault that an address names, which is the open one
// from then on: a page goes on to be about its vault, whatever was opened in
// another tab meanwhile. An address that names none is about the open one.
func (p *portal) named(w http.ResponseWriter, r *http.Request, v *visit) (*visit, error) {
	of := r.URL.Query().Get("of")
	if of == "" || of == v.room.ID().String() {
		return v, nil
	}
	id, err := hearkeep.ParseID[hearkeep.VaultID](of)
	if err != nil {
		return nil, errNowhere
	}
	room, err := p.Keep.Enter(r.Context(), v.who, id)
	if err != nil {
		return nil, err
	}
	p.open(w, v, room)
	there := *v
	there.room = room
	return &there, nil
}

// moveDoor ties a door to another vault of the same person. A terminal is then
// shown its new line there; any other door goes on by itself.
func (p *portal) moveDoor(w http.ResponseWriter, r *http.Request, v *visit) error {
	b, err := doorOf(r, v)
	if err != nil {
		return err
	}
	there, err := p.entering(r, v)
	if err != nil {
		return err
	}
	ctx := context.WithoutCancel(r.Context())
	if b.Source == hearkeep.SourceBrowser { // one at most in a vault, as bind has it
		if _, open, _, err := browserDoor(ctx, there); err != nil {
			return err
		} else if open && there.room.ID() != v.room.ID() {
			return hearkeep.Errorf(hearkeep.Conflict, "The browser is a door of that vault already.").
				WithHint("Disconnect it here, or disconnect it there first.")
		}
	}
	id, err := vault.MoveDoor(ctx, v.room, there.room, b.ID)
	if err != nil {
		return err
	}
	p.codes.unbound(b.ID)
	if err := p.changed(ctx); err != nil {
		return err
	}
	if b.Source != hearkeep.SourceSay {
		query := url.Values{"moved": {b.ID.String()}, "to": {there.room.ID().String()}}
		http.Redirect(w, r, "/doors?"+query.Encode(), http.StatusSeeOther)
		return nil
	}
	if err := p.pairingOf(ctx, there, id); err != nil {
		return err
	}
	p.open(w, v, there.room)
	http.Redirect(w, r, "/doors#d-"+id.String(), http.StatusSeeOther)
	return nil
}

// movedView tells of a door that has left the open vault.
type movedView struct {
	Label string
	To    vaultView
}

// moved finds the door and the vault that the address of a notice names: a
// door that has ended here, and another vault of the person's. Anything else
// is no notice.
func (v *visit) moved(ended []doorView, query url.Values) *movedView {
	others := v.others()
	door := slices.IndexFunc(ended, func(d doorView) bool { return d.ID == query.Get("moved") })
	to := slices.IndexFunc(others, func(view vaultView) bool { return view.ID == query.Get("to") })
	if door < 0 || to < 0 {
		return nil
	}
	return &movedView{ended[door].Label, others[to]}
}

// moveRecording takes a recording into another vault of the same person, and
// shows that one, with a notice of where it came from.
func (p *portal) moveRecording(w http.ResponseWriter, r *http.Request, v *visit) error {
	id, err := pathID[hearkeep.RecordingID](r)
	if err != nil {
		return err
	}
	there, err := p.entering(r, v)
	if err != nil {
		return err
	}
	if _, err := vault.Move(context.WithoutCancel(r.Context()), v.room, there.room, id); err != nil {
		return err
	}
	p.open(w, v, there.room)
	http.Redirect(w, r, "/?from="+v.room.ID().String(), http.StatusSeeOther)
	return nil
}

// cameFrom is the name of the vault that the address of a notice names:
// another one of the person's; empty where it names none.
func (v *visit) cameFrom(query url.Values) string {
	others := v.others()
	if i := slices.IndexFunc(others, func(view vaultView) bool { return view.ID == query.Get("from") }); i >= 0 {
		return others[i].Name
	}
	return ""
}
