package portal

import (
	"context"
	"net/http"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/rights"
)

// claimsPage is what people without an account say of doors whose vaults the
// person holds.
type claimsPage struct {
	frame
	Open    []claimView
	Ended   []claimView
	Problem *problem
}

// claimView is a claim as a keyholder sees it.
type claimView struct {
	ID, Door, Number, Vault string
	From, To                clock
	Received, Due           clock
	Left                    string
	Late                    bool
	Before                  bool   // somebody else answers: it is of before they held the vault
	Count                   int    // recordings in that time
	Kept                    string // the same in words
	Place, About, Reach     string
	Said                    string // how it was answered
}

func (p *portal) claims(w http.ResponseWriter, r *http.Request, v *visit) error {
	return p.showClaims(w, r, v, nil)
}

func (p *portal) showClaims(w http.ResponseWriter, r *http.Request, v *visit, pr *problem) error {
	page, status := &claimsPage{frame: p.frameOf(v, "Claims by others", "rights"), Problem: pr}, http.StatusOK
	if pr != nil {
		status = pr.Status
	}
	for _, of := range v.vaults() {
		views, err := p.claimViews(r.Context(), v, of)
		if err != nil {
			return err
		}
		for _, view := range views {
			if view.Said == "" {
				page.Open = append(page.Open, view)
			} else {
				page.Ended = append(page.Ended, view)
			}
		}
	}
	p.show(w, status, "claims", page)
	return nil
}

// claimViews are the claims about doors of one vault.
func (p *portal) claimViews(ctx context.Context, v *visit, of vaultView) ([]claimView, error) {
	id, err := hearkeep.ParseID[hearkeep.VaultID](of.ID)
	if err != nil {
		return nil, err
	}
	all, err := p.Rights.ClaimsTo(ctx, v.who, id)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	room := v.room
	if id != room.ID() {
		if room, err = p.Keep.Enter(ctx, v.who, id); err != nil {
			return nil, err
		}
	}
	doors, err := room.Bindings(ctx)
	if err != nil {
		return nil, err
	}
	names := map[hearkeep.BindingID]string{}
	for _, b := range doors {
		names[b.ID] = b.Door.Name
	}
	views := make([]claimView, 0, len(all))
	for _, c := range all {
		view := p.claimView(c, names[c.Door])
		if len(v.held) > 1 {
			view.Vault = of.Name
		}
		views = append(views, view)
	}
	return views, nil
}

func (p *portal) claimView(c rights.ToAnswer, door string) claimView {
	view := claimView{
		ID: c.ID.String(), Door: door, Number: rights.DoorNumber(c.Door),
		From: p.clock(c.From), To: p.clock(c.To.Add(-time.Minute)), Received: p.clock(c.Made), Due: p.clock(c.Due),
		Before: c.Before, Count: c.Count, Kept: countText(c.Count, "recording"), Place: c.Place, About: c.About, Reach: c.Reach,
	}
	if view.Door == "" {
		view.Door = "A device"
	}
	if c.Ended.IsZero() {
		view.Left, view.Late = p.left(c.Due)
	} else {
		view.Said = answeredText(c)
	}
	return view
}

// answeredText says to those who live with a door what became of a claim.
func answeredText(c rights.ToAnswer) string {
	kept := countText(c.Count, "recording")
	switch c.State {
	case "counted":
		if c.Before {
			return "They were told how many recordings there are."
		}
		return "They were told how many: " + kept + "."
	case "erased":
		if c.Before {
			return "It was erased."
		}
		return "Erased: " + kept + "."
	case "invited":
		return "They were given an invitation."
	case "nothing":
		return "They were told that nothing is kept of that time."
	case "withdrawn":
		return "They withdrew it."
	}
	return "Nobody answered in time, and they were told so."
}

// answerClaim answers a claim about a door of any vault that the person holds.
// To all others it is not there.
func (p *portal) answerClaim(w http.ResponseWriter, r *http.Request, v *visit) error {
	id, err := pathID[hearkeep.ClaimID](r)
	if err != nil {
		return err
	}
	if err := form(r); err != nil {
		return err
	}
	of, err := p.claimVault(r.Context(), v, id)
	if err != nil {
		return err
	}
	a := rights.ClaimAnswer{How: r.PostFormValue("how"), Link: r.PostFormValue("link"), Remark: r.PostFormValue("remark")}
	if a.How == rights.AnswerErase && r.PostFormValue("sure") != "yes" {
		err = errNotSure()
	} else {
		err = p.Rights.AnswerClaim(context.WithoutCancel(r.Context()), v.who, of, id, a, p.Now())
	}
	if pr := mendable(err); pr != nil && pr.Code != hearkeep.NotFound && !wantsJSON(r) {
		return p.showClaims(w, r, v, pr)
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, "/claims", http.StatusSeeOther)
	return nil
}

// claimVault finds whose door a claim is about among the person's vaults.
func (p *portal) claimVault(ctx context.Context, v *visit, id hearkeep.ClaimID) (hearkeep.VaultID, error) {
	for _, h := range v.held {
		all, err := p.Rights.ClaimsTo(ctx, v.who, h.ID)
		if err != nil {
			return hearkeep.VaultID{}, err
		}
		for _, c := range all {
			if c.ID == id {
				return h.ID, nil
			}
		}
	}
	return hearkeep.VaultID{}, errNowhere
}

// claimsWaiting counts what waits for an answer in all vaults of a visit's person.
func (p *portal) claimsWaiting(ctx context.Context, v *visit) (n int, err error) {
	for _, h := range v.held {
		waiting, err := p.Rights.ClaimsWaiting(ctx, v.who, h.ID)
		if err != nil {
			return 0, err
		}
		n += waiting
	}
	return n, nil
}
