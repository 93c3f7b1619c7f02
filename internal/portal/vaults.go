package portal

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

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

// vaultView is a vault as its keyholder sees it.
type vaultView struct {
	ID   string
	Name string
	Open bool   // this page shows it
	Who  string // who else opens it: "Shared by 3"
}

// vaults lists what the visit's person holds, the first one first.
func (v *visit) vaults() []vaultView {
	views := make([]vaultView, len(v.held))
	for i, h := range v.held {
		views[i] = vaultView{h.ID.String(), h.Name, h.ID == v.room.ID(), whoHolds(h)}
		if h.Name == "" {
			views[i].Name = "Your keep"
		}
	}
	return views
}

// whoHolds says of a vault that is not personal whose it is.
func whoHolds(h vault.Held) string {
	switch {
	case h.Kind == vault.Child && h.As == "child":
		return "Yours, with guardians"
	case h.Kind == vault.Child:
		return "A child’s"
	case h.Kind == vault.Shared && h.Holders > 1:
		return fmt.Sprintf("Shared by %d", h.Holders)
	case h.Kind == vault.Shared:
		return "Shared, so far with nobody"
	}
	return ""
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

// addVault makes one more vault. The one that is open stays open.
func (p *portal) addVault(w http.ResponseWriter, r *http.Request, v *visit) error {
	if err := form(r); err != nil {
		return err
	}
	name, kind := r.PostFormValue("name"), r.PostFormValue("kind")
	if kind == "" {
		kind = vault.Personal
	}
	made := vault.NewVault{Name: name, Kind: kind}
	var err error
	if kind == vault.Child {
		made.OfAge, err = time.ParseInLocation(time.DateOnly, r.PostFormValue("of-age"), p.Zone)
		if err != nil {
			err = hearkeep.Errorf(hearkeep.Invalid, "A child’s vault needs the day on which the child may take it over.").WithHint("Such as the child’s 16th or 18th birthday.").Because(err)
		}
	}
	if err == nil {
		_, err = p.Keep.Add(context.WithoutCancel(r.Context()), v.who, made)
	}
	if err == nil {
		http.Redirect(w, r, "/doors#vaults", http.StatusSeeOther)
		return nil
	}
	if code := hearkeep.CodeOf(err); code != hearkeep.Invalid && code != hearkeep.TooMany {
		return err
	}
	page, pageErr := p.doorsPage(r.Context(), v)
	if pageErr != nil {
		return pageErr
	}
	pr := explain(err)
	page.NewVault, page.Problem = name, &pr
	p.show(w, pr.Status, "doors", page)
	return nil
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

// moveRecording takes a recording into another vault of the same person.
func (p *portal) moveRecording(w http.ResponseWriter, r *http.Request, v *visit) error {
	id, err := pathID[hearkeep.RecordingID](r)
	if err != nil {
		return err
	}
	there, err := p.entering(r, v)
	if err != nil {
		return err
	}
	_, err = vault.Move(context.WithoutCancel(r.Context()), v.room, there.room, id)
	if err != nil {
		return err
	}
	p.open(w, v, there.room)
	http.Redirect(w, r, "/", http.StatusSeeOther)
	return nil
}
