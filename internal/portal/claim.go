package portal

import (
	"context"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/hearkeep/hearkeep/internal/rights"
)

// claimRoutes: what somebody without an account asks, and who answers.
func (p *portal) claimRoutes() []route {
	return []route{
		{method: "GET", pattern: "/claim", anyone: p.claimForm},
		{method: "POST", pattern: "/claim", on: claim, anyone: p.fileClaim, body: formBytes},
		{method: "GET", pattern: "/claim/{secret}", on: claim, claimant: p.claimed},
		{method: "POST", pattern: "/claim/{secret}/withdraw", on: claim, claimant: p.withdrawClaim, body: formBytes},
		{method: "GET", pattern: "/claims", on: vaults, keyholder: p.claims},
		{method: "POST", pattern: "/claims/{id}", on: claim, keyholder: p.answerClaim, body: formBytes},
	}
}

// claimPage asks somebody without an account when and where they were heard.
// What they typed comes back after a mistake.
type claimPage struct {
	frame
	Given   claimForm
	Problem *problem
}

// claimForm is a claim as somebody typed it.
type claimForm struct{ Door, Place, Day, From, To, About, Reach string }

const claimTitle = "A device here heard me"

func (p *portal) claimForm(w http.ResponseWriter, r *http.Request) error {
	p.show(w, http.StatusOK, "claim", &claimPage{frame: p.frame(claimTitle), Given: claimForm{Door: r.URL.Query().Get("door")}})
	return nil
}

// fileClaim takes a claim. Its answer is the same whether its door is known.
func (p *portal) fileClaim(w http.ResponseWriter, r *http.Request) error {
	if err := form(r); err != nil {
		return err
	}
	value := r.PostFormValue
	given := claimForm{value("door"), value("place"), value("day"), value("from"), value("to"), value("about"), value("reach")}
	c := rights.Claim{Door: given.Door, Place: given.Place, About: given.About, Reach: given.Reach}
	c.From, c.To = p.window(given)
	secret, err := p.Rights.FileClaim(context.WithoutCancel(r.Context()), c, networkOf(p.visitor(r).Addr), p.Now())
	if pr := mendable(err); pr != nil && !wantsJSON(r) {
		p.show(w, pr.Status, "claim", &claimPage{p.frame(claimTitle), given, pr})
		return nil
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, "/claim/"+secret, http.StatusSeeOther)
	return nil
}

// networkOf is what files claims as one: an IPv6 customer has a /64 to himself.
func networkOf(a netip.Addr) string {
	if a = a.WithZone(""); a.Is6() {
		if net, err := a.Prefix(64); err == nil {
			return net.String()
		}
	}
	return a.String()
}

// window reads a day and two times of it; an end before the begin is of the
// day after. The minute that is named as the end is in it. Zero times where
// they cannot be read.
func (p *portal) window(f claimForm) (begin, end time.Time) {
	const form = time.DateOnly + " 15:04"
	begin, err := time.ParseInLocation(form, f.Day+" "+f.From, p.Zone)
	if err != nil {
		return time.Time{}, time.Time{}
	}
	if end, err = time.ParseInLocation(form, f.Day+" "+f.To, p.Zone); err != nil {
		return time.Time{}, time.Time{}
	}
	if end.Before(begin) {
		end = end.AddDate(0, 0, 1)
	}
	return begin, end.Add(time.Minute)
}

// claimedPage is a claim as its claimant sees it.
type claimedPage struct {
	frame
	Link     string // the path of this page
	From, To clock
	Made     clock
	Due      clock
	Ended    *clock // nil while it waits
	Answer   string
	Complain bool
	Invited  string // the path of an invitation
	Remark   string
}

func (p *portal) claimed(w http.ResponseWriter, r *http.Request, secret string) error {
	c, err := p.Rights.ClaimStatus(r.Context(), secret)
	if err != nil {
		return err
	}
	p.show(w, http.StatusOK, "claimed", p.claimedPage(secret, c))
	return nil
}

func (p *portal) claimedPage(secret string, c rights.ClaimStatus) *claimedPage {
	page := &claimedPage{
		frame: p.frame("Your claim"), Link: "/claim/" + secret, Made: p.clock(c.Made), Due: p.clock(c.Due), Ended: p.clockOf(c.Ended),
		Answer: claimantText(c), Complain: c.State == "unanswered", Remark: c.Remark,
	}
	if _, link, ok := strings.Cut(c.Link, "/join/"); ok { // here, whatever else the link says
		page.Invited = "/join/" + link
	}
	page.From, page.To = p.clock(c.From), p.clock(c.To.Add(-time.Minute))
	return page
}

// claimantText says what became of a claim, without a word of what was said.
func claimantText(c rights.ClaimStatus) string {
	is, was := "are", "were"
	if c.Count == 1 {
		is, was = "is", "was"
	}
	switch kept := countText(c.Count, "recording"); c.State {
	case "counted":
		return kept + " of that time " + is + " kept. What was said is not given out: it lies sealed to those who live with the device."
	case "erased":
		return kept + " of that time " + was + " erased, sound and words."
	case "invited":
		return "Those who live with the device invite you to it."
	case "nothing":
		return "Nothing is kept of that time."
	case "withdrawn":
		return "You withdrew it."
	case "unanswered":
		return "It was not answered in time: no device here could be matched with it, or those who live with the device did not answer."
	}
	return ""
}

func (p *portal) withdrawClaim(w http.ResponseWriter, r *http.Request, secret string) error {
	if err := form(r); err != nil {
		return err
	}
	if err := p.Rights.WithdrawClaim(context.WithoutCancel(r.Context()), secret, p.Now()); err != nil {
		return err
	}
	http.Redirect(w, r, "/claim/"+secret, http.StatusSeeOther)
	return nil
}
