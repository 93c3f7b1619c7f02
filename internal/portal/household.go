package portal

import (
	"context"
	"net/http"
	"slices"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/identity"
	"github.com/hearkeep/hearkeep/internal/vault"
)

// householdPage is who lives together. What is for admins only is empty for
// others.
type householdPage struct {
	frame
	Named       string
	Admin       bool
	Alone       bool
	Members     []memberView
	Invitations []offerView
	Doors       []houseDoorView
	Problem     *problem
}

type memberView struct {
	ID    string
	Name  string
	Admin bool
	You   bool
	Since clock
}

// offerView is an invitation that is open, or waits for a keyholder.
type offerView struct {
	ID      string
	To      string // "the household", "“Living room”, with what was kept before"
	From    string
	Waits   string // who accepted; empty while it is open
	Expires clock
}

type houseDoorView struct {
	ID, Label, Kind, Vault, State string
	Since                         clock
}

func (p *portal) household(w http.ResponseWriter, r *http.Request, v *visit) error {
	page, err := p.householdPage(r.Context(), v)
	if err != nil {
		return err
	}
	p.show(w, http.StatusOK, "household", page)
	return nil
}

func (p *portal) householdPage(ctx context.Context, v *visit) (*householdPage, error) {
	home, err := p.Identity.Household(ctx, v.who)
	if err != nil {
		return nil, err
	}
	page := &householdPage{
		frame: p.frameOf(v, "Household", "household"),
		Named: home.Name, Admin: home.Admin, Alone: len(home.Members) == 1,
	}
	if home.Name != "" {
		page.Title = home.Name
	}
	for _, m := range home.Members {
		page.Members = append(page.Members, memberView{m.Account.String(), m.Name, m.Admin, m.You, p.clock(m.Since)})
	}
	for _, o := range home.Invitations {
		page.Invitations = append(page.Invitations, p.offerView(o))
	}
	if !home.Admin {
		return page, nil
	}
	doors, err := p.Keep.HouseDoors(ctx, v.who)
	if err != nil {
		return nil, err
	}
	for _, d := range doors {
		if d.Ended.IsZero() {
			page.Doors = append(page.Doors, houseDoorView{
				d.ID.String(), d.Door.Name, sourceKind(d.Source), d.VaultName, houseDoorState(d), p.clock(d.Created),
			})
		}
	}
	return page, nil
}

func houseDoorState(d vault.HouseDoor) string {
	if d.Rule.Paused {
		return doorPaused.Text()
	}
	return ruleText(d.Rule)
}

func (p *portal) offerView(o identity.Offer) offerView {
	return offerView{o.ID.String(), offerText(o), o.From, o.Accepted, p.clock(o.Expires)}
}

// offerText says what an invitation is to.
func offerText(o identity.Offer) string {
	switch {
	case o.Vault.IsZero() && o.Admin:
		return "The household, as an admin"
	case o.Vault.IsZero():
		return "The household"
	}
	text := "“" + o.VaultName + "”"
	switch o.As {
	case "guardian":
		text += ", as a guardian"
	case "child":
		text += ", as the child it is for"
	}
	if o.Past {
		return text + ", with what was kept before"
	}
	return text + ", from then on"
}

func (p *portal) nameHousehold(w http.ResponseWriter, r *http.Request, who identity.Verified) error {
	if err := form(r); err != nil {
		return err
	}
	if err := p.Identity.RenameHousehold(r.Context(), who, r.PostFormValue("name")); err != nil {
		return err
	}
	http.Redirect(w, r, "/household", http.StatusSeeOther)
	return nil
}

// inviteForm stands before the link so that an unlocker is asked for here,
// and nothing that was typed is lost.
func (p *portal) inviteForm(w http.ResponseWriter, r *http.Request, who identity.Verified) error {
	page := &linkPage{frame: p.frame("Invite somebody to the household"), Back: "/household"}
	page.Name, page.Here, page.notices = who.Name(), "household", p.noticesOf(r.Context(), who)()
	p.show(w, http.StatusOK, "invite", page)
	return nil
}

func (p *portal) invite(w http.ResponseWriter, r *http.Request, who identity.Verified) error {
	if err := form(r); err != nil {
		return err
	}
	secret, err := p.Identity.Invite(r.Context(), who, r.PostFormValue("admin") == "yes")
	if err != nil {
		return err
	}
	page := &linkPage{
		frame: p.frame("An invitation to the household"), Link: p.joinLink(secret), Back: "/household",
		Says: []string{
			"Give this link to the one person it is for, on a way that only they read. It works once, for seven days.",
			"Whoever uses it belongs to the household and has a keep of their own. They hold none of your vaults by that, and you none of theirs.",
		},
	}
	page.Name, page.Here, page.notices = who.Name(), "household", p.noticesOf(r.Context(), who)()
	p.show(w, http.StatusOK, "link", page)
	return nil
}

func (p *portal) joinLink(secret string) string { return p.origin.String() + "/join/" + secret }

func (p *portal) withdraw(w http.ResponseWriter, r *http.Request, v *visit) error {
	id, err := pathID[hearkeep.InvitationID](r)
	if err != nil {
		return err
	}
	if err := p.Identity.Withdraw(r.Context(), v.who, id); err != nil {
		return err
	}
	http.Redirect(w, r, "/household", http.StatusSeeOther)
	return nil
}

// memberOf is the member of the caller's household that a route names.
func (p *portal) memberOf(r *http.Request, who identity.Verified) (identity.Member, error) {
	id, err := pathID[hearkeep.AccountID](r)
	if err != nil {
		return identity.Member{}, err
	}
	home, err := p.Identity.Household(r.Context(), who)
	if err != nil {
		return identity.Member{}, err
	}
	i := slices.IndexFunc(home.Members, func(m identity.Member) bool { return m.Account == id })
	if i < 0 {
		return identity.Member{}, errNowhere
	}
	return home.Members[i], nil
}

func (p *portal) setAdmin(w http.ResponseWriter, r *http.Request, who identity.Verified) error {
	m, err := p.memberOf(r, who)
	if err != nil {
		return err
	}
	if err := form(r); err != nil {
		return err
	}
	if err := p.Identity.SetAdmin(r.Context(), who, m.Account, r.PostFormValue("admin") == "yes"); err != nil {
		return err
	}
	http.Redirect(w, r, "/household", http.StatusSeeOther)
	return nil
}

func (p *portal) removeMemberForm(w http.ResponseWriter, r *http.Request, who identity.Verified) error {
	m, err := p.memberOf(r, who)
	if err != nil {
		return err
	}
	page := &confirmPage{
		frame: p.frame("Remove this member?"), What: m.Name, Button: "Remove " + m.Name,
		Action: "/household/members/" + m.Account.String() + "/remove", Back: "/household",
		Says: []string{
			"They hold the household’s shared vaults no more, from this moment on. The next of the others to open one gives it new keys, which they do not have.",
			"Their own vaults stay theirs: they keep their account, in a household of their own. A shared vault that they alone hold goes with them.",
		},
	}
	page.Name, page.Here, page.notices = who.Name(), "household", p.noticesOf(r.Context(), who)()
	return p.confirm(w, page)
}

func (p *portal) removeMember(w http.ResponseWriter, r *http.Request, who identity.Verified) error {
	m, err := p.memberOf(r, who)
	if err != nil {
		return err
	}
	if err := p.Identity.RemoveMember(context.WithoutCancel(r.Context()), who, m.Account); err != nil {
		return err
	}
	if err := p.changed(r.Context()); err != nil {
		return err
	}
	http.Redirect(w, r, "/household", http.StatusSeeOther)
	return nil
}

func (p *portal) leaveForm(w http.ResponseWriter, _ *http.Request, v *visit) error {
	return p.confirm(w, &confirmPage{
		frame: p.frameOf(v, "Leave the household?", "household"), Button: "Leave", Action: "/household/leave", Back: "/household",
		Says: []string{
			"You hold its shared vaults no more. What you alone hold goes with you, and so does your account: it is then in a household of its own.",
			"To come back you need a new invitation.",
		},
	})
}

func (p *portal) leave(w http.ResponseWriter, r *http.Request, v *visit) error {
	if err := p.Identity.Leave(context.WithoutCancel(r.Context()), v.who); err != nil {
		return err
	}
	http.Redirect(w, r, "/household", http.StatusSeeOther)
	return nil
}

// houseDoorOf is the door of a shared vault of the caller's household that a
// route names.
func (p *portal) houseDoorOf(r *http.Request, who identity.Verified) (vault.HouseDoor, error) {
	id, err := pathID[hearkeep.BindingID](r)
	if err != nil {
		return vault.HouseDoor{}, err
	}
	doors, err := p.Keep.HouseDoors(r.Context(), who)
	if err != nil {
		return vault.HouseDoor{}, err
	}
	i := slices.IndexFunc(doors, func(d vault.HouseDoor) bool { return d.ID == id && d.Ended.IsZero() })
	if i < 0 {
		return vault.HouseDoor{}, errNowhere
	}
	return doors[i], nil
}

func (p *portal) disconnectHouseForm(w http.ResponseWriter, r *http.Request, who identity.Verified) error {
	d, err := p.houseDoorOf(r, who)
	if err != nil {
		return err
	}
	page := &confirmPage{
		frame: p.frame("Disconnect this door?"), What: d.Door.Name, Button: "Disconnect it",
		Action: "/household/doors/" + d.ID.String() + "/disconnect", Back: "/household",
		Says: []string{
			"It is a door of “" + d.VaultName + "”. It can add nothing any more; to use it again, somebody who holds that vault adds it as a new door.",
			"What was kept through it stays with those who hold the vault.",
		},
	}
	page.Name, page.Here, page.notices = who.Name(), "household", p.noticesOf(r.Context(), who)()
	return p.confirm(w, page)
}

func (p *portal) disconnectHouse(w http.ResponseWriter, r *http.Request, who identity.Verified) error {
	d, err := p.houseDoorOf(r, who)
	if err != nil {
		return err
	}
	if err := p.Keep.Disconnect(context.WithoutCancel(r.Context()), who, d.ID); err != nil {
		return err
	}
	p.codes.unbound(d.ID)
	if err := p.changed(r.Context()); err != nil {
		return err
	}
	http.Redirect(w, r, "/household", http.StatusSeeOther)
	return nil
}
