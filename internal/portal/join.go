package portal

import (
	"context"
	"net/http"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/identity"
)

// joinPage is what an invitation offers.
type joinPage struct {
	frame
	Link          string
	Offer         identity.Offer
	To            string
	Given         string
	MinPassphrase int
	Until         clock
	Problem       *problem
}

func (p *portal) joinForm(w http.ResponseWriter, r *http.Request, link string) error {
	page, err := p.joinPage(r, link)
	if err != nil {
		return err
	}
	p.show(w, http.StatusOK, "join", page)
	return nil
}

func (p *portal) joinPage(r *http.Request, link string) (*joinPage, error) {
	offer, err := p.Identity.Offered(r.Context(), link)
	if err != nil {
		return nil, err
	}
	page := &joinPage{
		frame: p.frame("You are invited"), Link: link, Offer: offer, To: offerText(offer),
		MinPassphrase: identity.MinPassphrase, Until: p.clock(offer.Expires),
	}
	if v, err := p.visit(r); err == nil {
		page.frame = p.frameOf(v, page.Title, "")
	}
	return page, nil
}

// join accepts an invitation: as who is signed in, or with a new account.
func (p *portal) join(w http.ResponseWriter, r *http.Request, link string) error {
	if err := form(r); err != nil {
		return err
	}
	if v, err := p.visit(r); err == nil {
		if r.PostFormValue("as") != v.who.Account().String() && r.PostFormValue("as") != "" {
			return hearkeep.Errorf(hearkeep.Conflict, "This browser is signed in as somebody else by now.").WithHint("Open the invitation again.")
		}
		if err := p.Identity.Accept(context.WithoutCancel(r.Context()), v.who, link); err != nil {
			return err
		}
		http.Redirect(w, r, "/household", http.StatusSeeOther)
		return nil
	}
	name := r.PostFormValue("name")
	in, kit, check, err := p.Identity.CreateInvited(r.Context(), link, name, r.PostFormValue("passphrase"), p.visitor(r))
	if code := hearkeep.CodeOf(err); err != nil && (code == hearkeep.Invalid || code == hearkeep.Conflict) {
		page, pageErr := p.joinPage(r, link)
		if pageErr != nil {
			return pageErr
		}
		pr := explain(err)
		page.Given, page.Problem = name, &pr
		p.show(w, pr.Status, "join", page)
		return nil
	}
	if err != nil {
		return err
	}
	return p.madeAccount(w, r, in, kit, check)
}
