package portal

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/identity"
	"github.com/hearkeep/hearkeep/internal/vault"
)

// sharingPage is who holds a vault. Every link and form of it names the vault.
type sharingPage struct {
	frame
	Of          string // the vault
	Named       string // its own name; empty for an account's first
	Kind        string // vault.Personal, Shared or Child
	As          string // what the caller is in it
	Holders     []holderView
	Invitations []offerView
	MayInvite   bool
	MayLeave    bool
	Age         *ageView // of a child's vault
	Done        string   // what was just done
	Problem     *problem
}

type holderView struct {
	ID, Name, As       string
	You, Past, Leaving bool
	MayGo              bool // the caller may remove them
	MayGetPast         bool
}

// ageView is when a child takes its vault over, and what the caller may do
// about that.
type ageView struct {
	Day         clock
	Come        bool // the day is over, or a guardian handed the vault over
	Child       bool // a child holds the vault
	MayTakeOver bool
	MayHandOver bool
}

func (p *portal) sharing(w http.ResponseWriter, r *http.Request, v *visit) error {
	v, err := p.named(w, r, v)
	if err != nil {
		return err
	}
	page, err := p.sharingPage(r.Context(), v)
	if err != nil {
		return err
	}
	page.Done = sharingDone(r.URL.Query().Get("done"))
	p.show(w, http.StatusOK, "sharing", page)
	return nil
}

// sharingDone says what a change did. The address of the page names which.
func sharingDone(what string) string {
	switch what {
	case "removed":
		return "They hold this vault no more. It has new keys, which they do not have."
	case "past":
		return "They can open what was kept before, too."
	case "handed":
		return "The child may take this vault over from now on."
	case "taken":
		return "This vault is yours alone now."
	case "named":
		return "It has its new name."
	case "withdrawn":
		return "The invitation is withdrawn. Its link no longer works."
	}
	return ""
}

func (p *portal) sharingPage(ctx context.Context, v *visit) (*sharingPage, error) {
	h := v.heldOpen()
	page := &sharingPage{
		frame: p.frameOf(v, v.vaultName(), "vaults"), Of: h.ID.String(), Named: h.Name, Kind: h.Kind, As: h.As,
		MayInvite: h.Kind == vault.Shared || h.Kind == vault.Child && h.As == "guardian",
	}
	holders, err := v.room.Holders(ctx)
	if err != nil {
		return nil, err
	}
	if h.Kind == vault.Child {
		page.Age = p.ageView(h, holders)
	}
	mePast := slices.ContainsFunc(holders, func(o vault.Holder) bool { return o.You && o.Past })
	for _, o := range holders {
		there := !o.You && !o.Leaving
		page.MayLeave = page.MayLeave || there
		page.Holders = append(page.Holders, holderView{
			ID: o.Account.String(), Name: o.Name, As: asText(o.As), You: o.You, Past: o.Past, Leaving: o.Leaving,
			MayGo: there && mayGo(h, page.Age, o), MayGetPast: there && !o.Past && mePast,
		})
	}
	page.Invitations, err = p.invitations(ctx, v)
	return page, err
}

func (p *portal) ageView(h vault.Held, holders []vault.Holder) *ageView {
	age := &ageView{
		Day: p.clock(h.OfAge), Come: !p.Now().Before(h.OfAge),
		Child: slices.ContainsFunc(holders, func(o vault.Holder) bool { return o.As == "child" && !o.Leaving }),
	}
	age.MayTakeOver = age.Come && h.As == "child"
	age.MayHandOver = !age.Come && h.As == "guardian" && age.Child
	return age
}

// mayGo reports whether the page offers to take the vault from another: of a
// child's, guardians may until the child is of age, and then the child may.
// Room vault decides.
func mayGo(h vault.Held, age *ageView, other vault.Holder) bool {
	switch {
	case h.Kind == vault.Shared:
		return true
	case age == nil:
		return false
	case h.As == "child":
		return age.Come
	}
	return other.As != "child" || !age.Come
}

// invitations lists those to the visit's vault. Who made one may withdraw it,
// and so may an admin of the household that it belongs to.
func (p *portal) invitations(ctx context.Context, v *visit) ([]offerView, error) {
	invited, err := v.room.Invited(ctx)
	if err != nil || len(invited) == 0 {
		return nil, err
	}
	home, err := p.Identity.Household(ctx, v.who)
	if err != nil {
		return nil, err
	}
	var views []offerView
	for _, i := range invited {
		views = append(views, offerView{
			ID: i.ID.String(), To: invitedText(i.As, i.Past), From: i.From, Waits: i.Accepted, Expires: p.clock(i.Expires),
			May: i.Yours || slices.ContainsFunc(home.Invitations, func(o identity.Offer) bool { return o.ID == i.ID && home.Admin }),
		})
	}
	return views, nil
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

// invitedText says what somebody is invited to in a vault.
func invitedText(as string, past bool) string {
	text := "To hold it"
	switch as {
	case "guardian":
		text = "As a guardian"
	case "child":
		text = "As the child it is for"
	}
	if past {
		return text + ", with what was kept before"
	}
	return text + ", from then on"
}

// shareDone goes back to the page of the visit's vault, which says what was
// done; what its person can mend is said there, too.
func (p *portal) shared(w http.ResponseWriter, r *http.Request, v *visit, err error, done string) error {
	if pr := told(err); pr != nil {
		page, pageErr := p.sharingPage(r.Context(), v)
		if pageErr != nil {
			return pageErr
		}
		page.Problem = pr
		p.show(w, pr.Status, "sharing", page)
		return nil
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, "/sharing?of="+v.room.ID().String()+"&done="+done, http.StatusSeeOther)
	return nil
}

// sharePage asks what somebody is invited to.
type sharePage struct {
	frame
	Of      string
	Kind    string
	Child   bool // a child can be invited still
	As      string
	Past    bool
	Problem *problem
}

func (p *portal) sharePage(ctx context.Context, v *visit) (*sharePage, error) {
	h := v.heldOpen()
	page := &sharePage{frame: p.frameOf(v, "Invite to “"+v.vaultName()+"”", "vaults"), Of: h.ID.String(), Kind: h.Kind, As: "holder"}
	if h.Kind != vault.Child {
		return page, nil
	}
	page.As = "guardian"
	holders, err := v.room.Holders(ctx)
	page.Child = !slices.ContainsFunc(holders, func(o vault.Holder) bool { return o.As == "child" && !o.Leaving })
	return page, err
}

func (p *portal) shareForm(w http.ResponseWriter, r *http.Request, v *visit) error {
	v, err := p.named(w, r, v)
	if err != nil {
		return err
	}
	if v.heldOpen().Kind == vault.Personal {
		return p.shared(w, r, v, hearkeep.Errorf(hearkeep.Invalid, "This vault is for you alone.").WithHint("Add a shared one, and invite to that."), "")
	}
	page, err := p.sharePage(r.Context(), v)
	if err != nil {
		return err
	}
	p.show(w, http.StatusOK, "share", page)
	return nil
}

func (p *portal) share(w http.ResponseWriter, r *http.Request, v *visit) error {
	if err := form(r); err != nil {
		return err
	}
	v, err := p.named(w, r, v)
	if err != nil {
		return err
	}
	offer := vault.Invitation{As: r.PostFormValue("as"), Past: r.PostFormValue("past") == "yes"}
	secret, err := v.room.Invite(r.Context(), offer)
	if pr := told(err); pr != nil {
		page, pageErr := p.sharePage(r.Context(), v)
		if pageErr != nil {
			return pageErr
		}
		page.As, page.Past, page.Problem = offer.As, offer.Past, pr
		p.show(w, pr.Status, "share", page)
		return nil
	}
	if err != nil {
		return err
	}
	says := []string{
		linkSays,
		"Whoever uses it makes an account here, or accepts with the one they have. Unless they live with others here, they then belong to your household, which opens nothing.",
		"Once they have accepted, “" + v.vaultName() + "” opens to them as soon as you, or somebody else who holds it, opens a page here.",
	}
	if offer.Past || offer.As == "child" {
		says = append(says, "They can also hear and read what it kept before.")
	} else {
		says = append(says, "What it kept before stays closed to them, until somebody who has it gives it to them.")
	}
	p.show(w, http.StatusOK, "link", &linkPage{
		frame: p.frameOf(v, "An invitation to “"+v.vaultName()+"”", "vaults"), Link: p.joinLink(secret), Says: says, Back: "/sharing?of=" + v.room.ID().String(),
	})
	return nil
}

// linkSays stands above every link of an invitation.
const linkSays = "Give this link to the one person it is for, in a way that nobody else reads. It works once, for seven days."

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

// holderIn is holderOf in the vault that the address names.
func (p *portal) holderIn(w http.ResponseWriter, r *http.Request, v *visit) (*visit, vault.Holder, error) {
	v, err := p.named(w, r, v)
	if err != nil {
		return nil, vault.Holder{}, err
	}
	h, err := holderOf(r, v)
	return v, h, err
}

// confirmIn asks before something is done with the visit's vault.
func (p *portal) confirmIn(w http.ResponseWriter, v *visit, page *confirmPage) error {
	of := "?of=" + v.room.ID().String()
	page.frame = p.frameOf(v, page.Title, "vaults")
	page.Action, page.Back = page.Action+of, "/sharing"+of
	return p.confirm(w, page)
}

func (p *portal) removeHolderForm(w http.ResponseWriter, r *http.Request, v *visit) error {
	v, h, err := p.holderIn(w, r, v)
	if err != nil {
		return err
	}
	return p.confirmIn(w, v, &confirmPage{
		frame: frame{Title: "Take “" + v.vaultName() + "” from " + h.Name + "?"}, Button: "Take it from " + h.Name,
		Action: "/sharing/holders/" + h.Account.String() + "/remove",
		Says: []string{
			"They can open nothing of it any more. The vault gets new keys, and what it keeps from now on is sealed to those who stay.",
			"What they heard or saved before, nobody can take back. Their addresses are told, if they have any, and so are those of everybody who holds the vault.",
			"API tokens and open invitations of this vault end, also yours.",
			"Doors that ask another speech engine first are paused, and terminals that they connected are disconnected; what only they could open is erased.",
		},
	})
}

func (p *portal) removeHolder(w http.ResponseWriter, r *http.Request, v *visit) error {
	v, h, err := p.holderIn(w, r, v)
	if err != nil {
		return err
	}
	return p.shared(w, r, v, v.room.RemoveHolder(context.WithoutCancel(r.Context()), h.Account), "removed")
}

func (p *portal) givePastForm(w http.ResponseWriter, r *http.Request, v *visit) error {
	v, h, err := p.holderIn(w, r, v)
	if err != nil {
		return err
	}
	return p.confirmIn(w, v, &confirmPage{
		frame: frame{Title: "Give " + h.Name + " the past of “" + v.vaultName() + "”?"}, Button: "Give it to " + h.Name,
		Action: "/sharing/holders/" + h.Account.String() + "/past",
		Says:   []string{"They will hear and read all that this vault kept before they came. That cannot be taken back: they can save it."},
	})
}

func (p *portal) givePast(w http.ResponseWriter, r *http.Request, v *visit) error {
	v, h, err := p.holderIn(w, r, v)
	if err != nil {
		return err
	}
	return p.shared(w, r, v, v.room.GivePast(context.WithoutCancel(r.Context()), h.Account), "past")
}

func (p *portal) leaveVaultForm(w http.ResponseWriter, r *http.Request, v *visit) error {
	v, err := p.named(w, r, v)
	if err != nil {
		return err
	}
	return p.confirmIn(w, v, &confirmPage{
		frame: frame{Title: "Give “" + v.vaultName() + "” up?"}, Button: "Give it up", Action: "/sharing/leave",
		Says: []string{
			"You can open nothing of it any more, from this moment on. It stays with the others; their addresses are told.",
			"To hold it again you need an invitation from one of them.",
		},
	})
}

// leaveVault shows the list of what is still held: the vault that was open is
// not among it.
func (p *portal) leaveVault(w http.ResponseWriter, r *http.Request, v *visit) error {
	v, err := p.named(w, r, v)
	if err != nil {
		return err
	}
	if err := v.room.Leave(context.WithoutCancel(r.Context())); err != nil {
		return p.shared(w, r, v, err, "")
	}
	p.setCookie(w, vaultCookie, "", time.Time{})
	http.Redirect(w, r, "/vaults", http.StatusSeeOther)
	return nil
}

func (p *portal) handOverForm(w http.ResponseWriter, r *http.Request, v *visit) error {
	v, err := p.named(w, r, v)
	if err != nil {
		return err
	}
	return p.confirmIn(w, v, &confirmPage{
		frame: frame{Title: "Hand “" + v.vaultName() + "” over?"}, Button: "Hand it over", Action: "/sharing/hand-over",
		Says: []string{"The child it is for may take it over from now on. Once they do, you and every other guardian hold it no more."},
	})
}

func (p *portal) handOver(w http.ResponseWriter, r *http.Request, v *visit) error {
	v, err := p.named(w, r, v)
	if err != nil {
		return err
	}
	return p.shared(w, r, v, v.room.HandOver(context.WithoutCancel(r.Context())), "handed")
}

func (p *portal) takeOverForm(w http.ResponseWriter, r *http.Request, v *visit) error {
	v, err := p.named(w, r, v)
	if err != nil {
		return err
	}
	return p.confirmIn(w, v, &confirmPage{
		frame: frame{Title: "Take “" + v.vaultName() + "” over?"}, Button: "Take it over", Action: "/sharing/take-over",
		Says: []string{"It is then yours alone, with all that it keeps. Your guardians can open nothing of it any more; their addresses are told."},
	})
}

func (p *portal) takeOver(w http.ResponseWriter, r *http.Request, v *visit) error {
	v, err := p.named(w, r, v)
	if err != nil {
		return err
	}
	return p.shared(w, r, v, v.room.TakeOver(context.WithoutCancel(r.Context())), "taken")
}

func (p *portal) nameVault(w http.ResponseWriter, r *http.Request, v *visit) error {
	if err := form(r); err != nil {
		return err
	}
	v, err := p.named(w, r, v)
	if err != nil {
		return err
	}
	return p.shared(w, r, v, v.room.Rename(r.Context(), r.PostFormValue("name")), "named")
}
