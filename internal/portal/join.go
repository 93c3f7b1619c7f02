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

// joinPage is what an invitation offers, and what accepting it means for who
// is signed in.
type joinPage struct {
	frame
	Link          string
	Offer         identity.Offer
	Until         clock
	MinPassphrase int
	Given         string   // a name for a new account, as typed
	As            string   // the account that would accept; empty where nobody is signed in
	Cannot        *problem // why they cannot
	Moves         bool     // from a household of their own to this one
	Stays         bool     // with the others of their household, and only holds the vault
	Own           []string // shared vaults that do not become the household's
	SignIn        string   // where to sign in, and come back
	Problem       *problem
}

// Role is what an invitation to a vault makes of who accepts.
func (pg *joinPage) Role() string {
	switch pg.Offer.As {
	case "guardian":
		return "as a guardian"
	case "child":
		return "as the child it is for"
	}
	return ""
}

func (p *portal) joinForm(w http.ResponseWriter, r *http.Request, link string) error {
	return p.offer(w, r, link, "", nil)
}

// offer shows an invitation, with what went wrong in accepting it.
func (p *portal) offer(w http.ResponseWriter, r *http.Request, link, given string, pr *problem) error {
	offer, err := p.Identity.Offered(r.Context(), link)
	if err != nil {
		return err
	}
	page := &joinPage{
		frame: p.frame("You are invited"), Link: link, Offer: offer, Until: p.clock(offer.Expires),
		MinPassphrase: identity.MinPassphrase, Given: given, Problem: pr,
		SignIn: "/sign-in?" + url.Values{"next": {"/join/" + link}}.Encode(),
	}
	v, err := p.visit(r)
	switch {
	case err == nil:
		page.frame, page.As = p.frameOf(v, page.Title, ""), v.who.Account().String()
		if err := p.weigh(r.Context(), page, v); err != nil {
			return err
		}
	case hearkeep.CodeOf(err) != hearkeep.Unauthorized:
		return err
	}
	status := http.StatusOK
	if pr != nil {
		status = pr.Status
	}
	p.show(w, status, "join", page)
	return nil
}

// weigh says what accepting means for who is signed in. Room identity decides.
func (p *portal) weigh(ctx context.Context, page *joinPage, v *visit) error {
	home, err := p.Identity.Household(ctx, v.who)
	if err != nil {
		return err
	}
	awaits, err := p.Identity.Awaits(ctx, v.who)
	if err != nil {
		return err
	}
	o, alone := page.Offer, page.Offer.Vault.IsZero()
	var cannot *hearkeep.Error
	switch {
	case o.By == v.who.Account():
		cannot = hearkeep.Errorf(hearkeep.Conflict, "This is your own invitation.").WithHint("Give its link to the person it is for.")
	case alone && home.ID == o.House:
		cannot = hearkeep.Errorf(hearkeep.Conflict, "You belong to this household already.").WithHint("The link still works for somebody else.")
	case alone && len(home.Members) > 1:
		cannot = hearkeep.Errorf(hearkeep.Conflict, "You belong to another household.").WithHint("Leave it first, on its page; then open this link again.")
	case !alone && slices.ContainsFunc(v.held, func(h vault.Held) bool { return h.ID == o.Vault }):
		cannot = hearkeep.Errorf(hearkeep.Conflict, "You hold this vault already.").WithHint("The link still works for somebody else.")
	case !alone && slices.ContainsFunc(awaits, func(a identity.Offer) bool { return a.Vault == o.Vault }):
		cannot = hearkeep.Errorf(hearkeep.Conflict, "You accepted an invitation to this vault already.").
			WithHint("It opens to you once somebody who holds it opens a page here.")
	}
	if cannot != nil {
		pr := explain(cannot)
		page.Cannot = &pr
		return nil
	}
	page.Moves = home.ID != o.House && len(home.Members) == 1
	page.Stays = home.ID != o.House && len(home.Members) > 1
	for _, h := range v.held {
		if page.Moves && h.Kind != vault.Personal {
			page.Own = append(page.Own, h.Name)
		}
	}
	return nil
}

// join accepts an invitation: as who is signed in, or with a new account. The
// form says for which of these it was shown.
func (p *portal) join(w http.ResponseWriter, r *http.Request, link string) error {
	if err := form(r); err != nil {
		return err
	}
	as := r.PostFormValue("as")
	v, err := p.visit(r)
	signedOut := hearkeep.CodeOf(err) == hearkeep.Unauthorized
	switch {
	case err != nil && !signedOut:
		return err
	case signedOut && as == "":
		return p.joinAnew(w, r, link)
	case signedOut:
		pr := explain(hearkeep.Errorf(hearkeep.Unauthorized, "Nothing was accepted: you are signed out by now.").WithHint("Sign in, and accept again."))
		return p.offer(w, r, link, "", &pr)
	case as != v.who.Account().String():
		pr := explain(hearkeep.Errorf(hearkeep.Conflict, "Nothing was accepted: this browser is signed in as somebody else by now.").
			WithHint("See below as whom, and decide again."))
		return p.offer(w, r, link, "", &pr)
	}
	offer, err := p.Identity.Offered(r.Context(), link)
	if err != nil {
		return err
	}
	err = p.Identity.Accept(context.WithoutCancel(r.Context()), v.who, link)
	if hearkeep.CodeOf(err) == hearkeep.StepUp {
		p.askToUnlock(w, r, err) // and back to the invitation
		return nil
	}
	if pr := told(err); pr != nil {
		return p.offer(w, r, link, "", pr)
	}
	if err != nil {
		return err
	}
	there := "/vaults" // which says what it waits for
	if offer.Vault.IsZero() {
		there = "/household?done=joined"
	}
	http.Redirect(w, r, there, http.StatusSeeOther)
	return nil
}

// joinAnew makes an account for who accepts.
func (p *portal) joinAnew(w http.ResponseWriter, r *http.Request, link string) error {
	name := r.PostFormValue("name")
	in, kit, check, err := p.Identity.CreateInvited(context.WithoutCancel(r.Context()), link, name, r.PostFormValue("passphrase"), p.visitor(r))
	if pr := told(err); pr != nil {
		return p.offer(w, r, link, name, pr)
	}
	if err != nil {
		return err
	}
	return p.madeAccount(w, r, in, kit, check)
}
