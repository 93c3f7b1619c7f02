package portal

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/vault"
)

// sharingPage is who holds the open vault.
type sharingPage struct {
	frame
	Named       string
	Kind        string // vault.Personal, Shared or Child
	As          string // what the caller is in it
	Holders     []holderView
	Invitations []offerView
	OfAge       *clock // of a child's vault
	MayTakeOver bool
	Back        string
	Problem     *problem
}

type holderView struct {
	ID, Name, As       string
	You, Past, Leaving bool
	MayGo              bool // the caller may remove them
	MayGetPast         bool
}

// Others reports whether anybody else holds the vault.
func (pg *sharingPage) Others() bool {
	return slices.ContainsFunc(pg.Holders, func(h holderView) bool { return !h.You && !h.Leaving })
}

// held is the open vault as the list of the person's vaults has it.
func (v *visit) heldOpen() vault.Held {
	if i := slices.IndexFunc(v.held, func(h vault.Held) bool { return h.ID == v.room.ID() }); i >= 0 {
		return v.held[i]
	}
	return vault.Held{ID: v.room.ID(), Kind: vault.Personal}
}

func (p *portal) sharing(w http.ResponseWriter, r *http.Request, v *visit) error {
	page, err := p.sharingPage(r.Context(), v)
	if err != nil {
		return err
	}
	p.show(w, http.StatusOK, "sharing", page)
	return nil
}

func (p *portal) sharingPage(ctx context.Context, v *visit) (*sharingPage, error) {
	h := v.heldOpen()
	page := &sharingPage{
		frame: p.frameOf(v, "Who holds “"+v.vaultName()+"”", "household"), Named: h.Name, Kind: h.Kind, As: h.As, Back: "/doors#vaults",
	}
	holders, err := v.room.Holders(ctx)
	if err != nil {
		return nil, err
	}
	mePast := slices.ContainsFunc(holders, func(o vault.Holder) bool { return o.You && o.Past })
	for _, o := range holders {
		page.Holders = append(page.Holders, holderView{
			ID: o.Account.String(), Name: o.Name, As: asText(o.As), You: o.You, Past: o.Past, Leaving: o.Leaving,
			MayGo:      !o.You && !o.Leaving && (h.Kind == vault.Shared || o.As == "guardian" && h.As == "guardian"),
			MayGetPast: !o.You && !o.Leaving && !o.Past && mePast,
		})
	}
	if h.Kind == vault.Child && !h.OfAge.IsZero() {
		day := p.clock(h.OfAge)
		page.OfAge = &day
		page.MayTakeOver = h.As == "child" && !p.Now().Before(h.OfAge)
	}
	home, err := p.Identity.Household(ctx, v.who)
	if err != nil {
		return nil, err
	}
	for _, o := range home.Invitations {
		if o.Vault == h.ID {
			page.Invitations = append(page.Invitations, p.offerView(o))
		}
	}
	return page, nil
}

func asText(as string) string {
	switch as {
	case "guardian":
		return "Guardian"
	case "child":
		return "The child it is for"
	}
	return "Holds it"
}

func (p *portal) shareForm(w http.ResponseWriter, _ *http.Request, v *visit) error {
	page := &sharingPage{frame: p.frameOf(v, "Let somebody hold “"+v.vaultName()+"”", "household"), Kind: v.heldOpen().Kind, Back: "/sharing"}
	p.show(w, http.StatusOK, "share", page)
	return nil
}

func (p *portal) share(w http.ResponseWriter, r *http.Request, v *visit) error {
	if err := form(r); err != nil {
		return err
	}
	offer := vault.Invitation{As: r.PostFormValue("as"), Past: r.PostFormValue("past") == "yes"}
	secret, err := v.room.Invite(r.Context(), offer)
	if err != nil {
		return err
	}
	says := []string{
		"Give this link to the one person it is for, on a way that only they read. It works once, for seven days.",
		"They can open what “" + v.vaultName() + "” keeps as soon as they have accepted and somebody who holds it, such as you, has opened a page here after that.",
	}
	if offer.Past {
		says = append(says, "They will also hear and read all that it kept before.")
	} else {
		says = append(says, "What it kept before stays closed to them, unless somebody who has it gives it to them.")
	}
	p.show(w, http.StatusOK, "link", &linkPage{frame: p.frameOf(v, "An invitation to “"+v.vaultName()+"”", "household"), Link: p.joinLink(secret), Says: says, Back: "/sharing"})
	return nil
}

// holderOf is the holder of the open vault that a route names.
func holderOf(r *http.Request, v *visit) (vault.Holder, error) {
	id, err := pathID[hearkeep.AccountID](r)
	if err != nil {
		return vault.Holder{}, err
	}
	holders, err := v.room.Holders(r.Context())
	if err != nil {
		return vault.Holder{}, err
	}
	i := slices.IndexFunc(holders, func(h vault.Holder) bool { return h.Account == id })
	if i < 0 {
		return vault.Holder{}, errNowhere
	}
	return holders[i], nil
}

func (p *portal) removeHolderForm(w http.ResponseWriter, r *http.Request, v *visit) error {
	h, err := holderOf(r, v)
	if err != nil {
		return err
	}
	return p.confirm(w, &confirmPage{
		frame: p.frameOf(v, "Take this vault from them?", "household"), What: h.Name + " and “" + v.vaultName() + "”",
		Button: "Take it from " + h.Name, Action: "/sharing/holders/" + h.Account.String() + "/remove", Back: "/sharing",
		Says: []string{
			"They can open nothing of it any more. The vault gets new keys, and what it keeps from now on is sealed to those alone.",
			"API tokens of this vault end, also yours. They are told.",
		},
	})
}

func (p *portal) removeHolder(w http.ResponseWriter, r *http.Request, v *visit) error {
	h, err := holderOf(r, v)
	if err != nil {
		return err
	}
	if err := v.room.RemoveHolder(context.WithoutCancel(r.Context()), h.Account); err != nil {
		return err
	}
	http.Redirect(w, r, "/sharing", http.StatusSeeOther)
	return nil
}

func (p *portal) givePastForm(w http.ResponseWriter, r *http.Request, v *visit) error {
	h, err := holderOf(r, v)
	if err != nil {
		return err
	}
	return p.confirm(w, &confirmPage{
		frame: p.frameOf(v, "Give them the past?", "household"), What: h.Name + " and “" + v.vaultName() + "”",
		Button: "Give it to " + h.Name, Action: "/sharing/holders/" + h.Account.String() + "/past", Back: "/sharing",
		Says: []string{"They will hear and read all that this vault kept before they came. That cannot be taken back: they can save it."},
	})
}

func (p *portal) givePast(w http.ResponseWriter, r *http.Request, v *visit) error {
	h, err := holderOf(r, v)
	if err != nil {
		return err
	}
	if err := v.room.GivePast(context.WithoutCancel(r.Context()), h.Account); err != nil {
		return err
	}
	http.Redirect(w, r, "/sharing", http.StatusSeeOther)
	return nil
}

func (p *portal) leaveVaultForm(w http.ResponseWriter, _ *http.Request, v *visit) error {
	return p.confirm(w, &confirmPage{
		frame: p.frameOf(v, "Give this vault up?", "household"), What: v.vaultName(), Button: "Give it up", Action: "/sharing/leave", Back: "/sharing",
		Says: []string{
			"You can open nothing of it any more, from this moment on. It stays with the others, who are told.",
			"To hold it again you need an invitation from one of them.",
		},
	})
}

func (p *portal) leaveVault(w http.ResponseWriter, r *http.Request, v *visit) error {
	if err := v.room.Leave(context.WithoutCancel(r.Context())); err != nil {
		return err
	}
	p.setCookie(w, vaultCookie, "", time.Time{})
	http.Redirect(w, r, "/", http.StatusSeeOther)
	return nil
}

func (p *portal) handOverForm(w http.ResponseWriter, _ *http.Request, v *visit) error {
	return p.confirm(w, &confirmPage{
		frame: p.frameOf(v, "Hand this vault over?", "household"), What: v.vaultName(), Button: "Hand it over", Action: "/sharing/hand-over", Back: "/sharing",
		Says: []string{"The child it is for may take it over from now on. Once they do, you and every other guardian hold it no more."},
	})
}

func (p *portal) handOver(w http.ResponseWriter, r *http.Request, v *visit) error {
	if err := v.room.HandOver(context.WithoutCancel(r.Context())); err != nil {
		return err
	}
	http.Redirect(w, r, "/sharing", http.StatusSeeOther)
	return nil
}

func (p *portal) takeOverForm(w http.ResponseWriter, _ *http.Request, v *visit) error {
	return p.confirm(w, &confirmPage{
		frame: p.frameOf(v, "Take this vault over?", "household"), What: v.vaultName(), Button: "Take it over", Action: "/sharing/take-over", Back: "/sharing",
		Says: []string{"It is then yours alone, with all that it keeps. Your guardians can open nothing of it any more, and are told."},
	})
}

func (p *portal) takeOver(w http.ResponseWriter, r *http.Request, v *visit) error {
	if err := v.room.TakeOver(context.WithoutCancel(r.Context())); err != nil {
		return err
	}
	http.Redirect(w, r, "/sharing", http.StatusSeeOther)
	return nil
}

func (p *portal) nameVault(w http.ResponseWriter, r *http.Request, v *visit) error {
	if err := form(r); err != nil {
		return err
	}
	err := v.room.Rename(r.Context(), r.PostFormValue("name"))
	if hearkeep.CodeOf(err) == hearkeep.Invalid && err != nil {
		page, pageErr := p.sharingPage(r.Context(), v)
		if pageErr != nil {
			return pageErr
		}
		pr := explain(err)
		page.Problem = &pr
		p.show(w, pr.Status, "sharing", page)
		return nil
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, "/sharing", http.StatusSeeOther)
	return nil
}
