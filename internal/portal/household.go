package portal

import (
	"context"
	"net/http"
	"net/url"
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
	Departing   []departingView
	Done        string // what was just done
	Problem     *problem
}

type memberView struct {
	ID    string
	Name  string
	Admin bool
	You   bool
	Last  bool // the last admin of others, who stays one
	Since clock
}

// offerView is an invitation that is open, or waits for a keyholder.
type offerView struct {
	ID      string
	To      string // "The household", "“Living room”, with what was kept before"
	From    string
	Waits   string // who accepted; empty while it is open
	May     bool   // the caller may withdraw it
	Expires clock
}

type houseDoorView struct {
	ID, Label, Kind, Vault, State string
	Since                         clock
	Permanent                     bool
}

// departingView is somebody whom rows alone keep out of a shared vault, until
// it has new keys.
type departingView struct {
	Name, Vault string
	Since       clock
}

func (p *portal) household(w http.ResponseWriter, r *http.Request, v *visit) error {
	page, err := p.householdPage(r.Context(), v.who, p.frameOf(v, "Household", "household"))
	if err != nil {
		return err
	}
	page.Done = householdDone(r.URL.Query().Get("done"))
	p.show(w, http.StatusOK, "household", page)
	return nil
}

// householdDone says what a change did. The address of the page names which.
func householdDone(what string) string {
	switch what {
	case "joined":
		return "You belong to this household now."
	case "left":
		return "You left. This household is your own."
	case "removed":
		return "They belong to this household no more."
	case "withdrawn":
		return "The invitation is withdrawn. Its link no longer works."
	case "disconnected":
		return "The door is disconnected. It adds nothing any more."
	case "named":
		return "It has its new name."
	}
	return ""
}

// frameFor is the frame of a page for an admin, who has no vault open for it.
func (p *portal) frameFor(ctx context.Context, who identity.Verified, title string) frame {
	f := p.frame(title)
	f.Name, f.Here, f.Failing, f.notices = who.Name(), "household", p.Keep.Status().Failing, p.noticesOf(ctx, who)()
	return f
}

func (p *portal) householdPage(ctx context.Context, who identity.Verified, f frame) (*householdPage, error) {
	home, err := p.Identity.Household(ctx, who)
	if err != nil {
		return nil, err
	}
	page := &householdPage{frame: f, Named: home.Name, Admin: home.Admin, Alone: len(home.Members) == 1}
	if home.Name != "" {
		page.Title = home.Name
	}
	admins := 0
	for _, m := range home.Members {
		if m.Admin {
			admins++
		}
	}
	for _, m := range home.Members {
		page.Members = append(page.Members, memberView{m.Account.String(), m.Name, m.Admin, m.You, m.Admin && admins == 1, p.clock(m.Since)})
	}
	for _, o := range home.Invitations {
		page.Invitations = append(page.Invitations, offerView{o.ID.String(), offerText(o), o.From, o.Accepted, true, p.clock(o.Expires)})
	}
	if !home.Admin {
		return page, nil
	}
	return page, p.forAdmins(ctx, who, page)
}

// forAdmins adds what the household's admins alone see: doors of shared
// vaults, and where new keys are still to be made.
func (p *portal) forAdmins(ctx context.Context, who identity.Verified, page *householdPage) error {
	doors, err := p.Keep.HouseDoors(ctx, who)
	if err != nil {
		return err
	}
	for _, d := range doors {
		page.Doors = append(page.Doors, houseDoorView{
			d.ID.String(), d.Door.Name, sourceKind(d.Source), d.VaultName, houseDoorState(d), p.clock(d.Created), d.Source == hearkeep.SourceUpload,
		})
	}
	departing, err := p.Keep.Departing(ctx, who)
	for _, d := range departing {
		page.Departing = append(page.Departing, departingView{d.Name, d.VaultName, p.clock(d.Since)})
	}
	return err
}

// housed goes back to the page of the household, which says what was done;
// what its person can mend is said there, too.
func (p *portal) housed(w http.ResponseWriter, r *http.Request, who identity.Verified, err error, done string) error {
	if pr := told(err); pr != nil {
		page, pageErr := p.householdPage(r.Context(), who, p.frameFor(r.Context(), who, "Household"))
		if pageErr != nil {
			return pageErr
		}
		page.Problem = pr
		p.show(w, pr.Status, "household", page)
		return nil
	}
	if err != nil {
		return err
	}
	there := "/household"
	if done != "" {
		there += "?done=" + done
	}
	http.Redirect(w, r, there, http.StatusSeeOther)
	return nil
}

func houseDoorState(d vault.HouseDoor) string {
	if d.Rule.Paused {
		return doorPaused.Text()
	}
	return ruleText(d.Rule)
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
	return p.housed(w, r, who, p.Identity.RenameHousehold(r.Context(), who, r.PostFormValue("name")), "named")
}

// inviteForm stands before the link so that an unlocker is asked for here,
// and nothing that was typed is lost.
func (p *portal) inviteForm(w http.ResponseWriter, r *http.Request, who identity.Verified) error {
	p.show(w, http.StatusOK, "invite", &linkPage{frame: p.frameFor(r.Context(), who, "Invite to the household"), Back: "/household"})
	return nil
}

func (p *portal) invite(w http.ResponseWriter, r *http.Request, who identity.Verified) error {
	if err := form(r); err != nil {
		return err
	}
	secret, err := p.Identity.Invite(r.Context(), who, r.PostFormValue("admin") == "yes")
	if err != nil {
		return p.housed(w, r, who, err, "")
	}
	p.show(w, http.StatusOK, "link", &linkPage{
		frame: p.frameFor(r.Context(), who, "An invitation to the household"), Link: p.joinLink(secret), Back: "/household",
		Says: []string{
			linkSays,
			"Whoever uses it belongs to the household and has a keep of their own. They hold none of your vaults by that, and you none of theirs.",
		},
	})
	return nil
}

func (p *portal) joinLink(secret string) string { return p.origin.String() + "/join/" + secret }

// withdraw goes back to the page that showed the invitation.
func (p *portal) withdraw(w http.ResponseWriter, r *http.Request, v *visit) error {
	id, err := pathID[hearkeep.InvitationID](r)
	if err != nil {
		return err
	}
	if err := form(r); err != nil {
		return err
	}
	if err := p.Identity.Withdraw(r.Context(), v.who, id); err != nil {
		return err
	}
	if of := r.PostFormValue("of"); of != "" {
		http.Redirect(w, r, "/sharing?"+url.Values{"of": {of}, "done": {"withdrawn"}}.Encode(), http.StatusSeeOther)
		return nil
	}
	return p.housed(w, r, v.who, nil, "withdrawn")
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

// setAdminForm asks whether a member is to manage the household, or no longer.
func (p *portal) setAdminForm(w http.ResponseWriter, r *http.Request, who identity.Verified) error {
	m, err := p.memberOf(r, who)
	if err != nil {
		return err
	}
	page := &confirmPage{
		frame: p.frameFor(r.Context(), who, "Make "+m.Name+" an admin?"), Button: "Make admin",
		Action: "/household/members/" + m.Account.String() + "/admin", Back: "/household",
		Field: "admin", Value: "yes",
		Says: []string{
			"An admin invites and removes members, you among them, makes other admins, and disconnects doors of shared vaults. They open no vault by that.",
			"Every admin of the household is told.",
		},
	}
	if m.Admin {
		page.Title, page.Button, page.Value = m.Name+" is to be admin no longer?", "No longer admin", "no"
		page.Says = []string{"They stay a member, and hold what they hold. Their invitations to the household end.", "Every admin of the household is told."}
	}
	return p.confirm(w, page)
}

func (p *portal) setAdmin(w http.ResponseWriter, r *http.Request, who identity.Verified) error {
	m, err := p.memberOf(r, who)
	if err != nil {
		return err
	}
	if err := form(r); err != nil {
		return err
	}
	err = p.Identity.SetAdmin(r.Context(), who, m.Account, r.PostFormValue("admin") == "yes")
	return p.housed(w, r, who, err, "")
}

func (p *portal) removeMemberForm(w http.ResponseWriter, r *http.Request, who identity.Verified) error {
	m, err := p.memberOf(r, who)
	if err != nil {
		return err
	}
	return p.confirm(w, &confirmPage{
		frame: p.frameFor(r.Context(), who, "Remove "+m.Name+"?"), Button: "Remove " + m.Name,
		Action: "/household/members/" + m.Account.String() + "/remove", Back: "/household",
		Says: []string{
			"They hold the household’s shared vaults no more, from this moment on. Each of these gets new keys, which they do not have, when one of the others next opens a page.",
			"Their own vaults stay theirs: they keep their account, in a household of their own. A shared vault that they alone hold goes with them.",
		},
	})
}

func (p *portal) removeMember(w http.ResponseWriter, r *http.Request, who identity.Verified) error {
	m, err := p.memberOf(r, who)
	if err != nil {
		return err
	}
	if err := p.Identity.RemoveMember(context.WithoutCancel(r.Context()), who, m.Account); err != nil {
		return p.housed(w, r, who, err, "")
	}
	return p.housed(w, r, who, p.changed(r.Context()), "removed")
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
	return p.housed(w, r, v.who, p.Identity.Leave(context.WithoutCancel(r.Context()), v.who), "left")
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
	i := slices.IndexFunc(doors, func(d vault.HouseDoor) bool { return d.ID == id })
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
	return p.confirm(w, &confirmPage{
		frame: p.frameFor(r.Context(), who, "Disconnect this door?"), What: d.Door.Name, Button: "Disconnect it",
		Action: "/household/doors/" + d.ID.String() + "/disconnect", Back: "/household",
		Says: []string{
			"It is a door of “" + d.VaultName + "”. It can add nothing any more; to use it again, somebody who holds that vault adds it as a new door.",
			"What was kept through it stays with those who hold the vault.",
		},
	})
}

func (p *portal) disconnectHouse(w http.ResponseWriter, r *http.Request, who identity.Verified) error {
	d, err := p.houseDoorOf(r, who)
	if err != nil {
		return err
	}
	if err := p.Keep.Disconnect(context.WithoutCancel(r.Context()), who, d.ID); err != nil {
		return p.housed(w, r, who, err, "")
	}
	p.codes.unbound(d.ID)
	return p.housed(w, r, who, p.changed(r.Context()), "disconnected")
}
