package portal

import (
	"net/http"
	"time"

	"github.com/hearkeep/hearkeep"
)

// farewellPage is about erasing an account: for who is signed in, or for whom
// a link leads here.
type farewellPage struct {
	frame
	Given   string // whose account
	Link    string // empty where they are signed in
	Wait    string // "72 hours"
	Due     *clock // once it is agreed
	Problem *problem
}

func (p *portal) farewellForm(w http.ResponseWriter, r *http.Request, v *visit) error {
	p.show(w, http.StatusOK, "farewell", p.farewellPage(v))
	return nil
}

func (p *portal) farewellPage(v *visit) *farewellPage {
	return &farewellPage{frame: p.frameOf(v, "Erase my account", "account"), Given: v.who.Name(), Wait: p.waiting()}
}

func errNotSure() error {
	return hearkeep.Errorf(hearkeep.Invalid, "Nothing was done: the box was not ticked.").WithHint("Tick it if you are sure.")
}

func (p *portal) sayFarewell(w http.ResponseWriter, r *http.Request, v *visit) error {
	if err := form(r); err != nil {
		return err
	}
	err := errNotSure()
	if r.PostFormValue("sure") == "yes" {
		_, err = p.Identity.SayFarewell(r.Context(), v.who)
	}
	if pr := mendable(err); pr != nil {
		page := p.farewellPage(v)
		page.Problem = pr
		p.show(w, pr.Status, "farewell", page)
		return nil
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, "/account", http.StatusSeeOther) // whose banner says the rest
	return nil
}

func (p *portal) stopFarewell(w http.ResponseWriter, r *http.Request, v *visit) error {
	if err := p.Identity.StopFarewell(r.Context(), v.who); err != nil {
		return err
	}
	http.Redirect(w, r, "/account?done=stays", http.StatusSeeOther)
	return nil
}

// signInHelp says what can be done without signing in. It is the same for
// everybody.
func (p *portal) signInHelp(w http.ResponseWriter, _ *http.Request) error {
	p.show(w, http.StatusOK, "help", &farewellPage{frame: p.frame("Help with signing in"), Wait: p.waiting()})
	return nil
}

// lostPage asks where a letter may go. Its answer knows nothing of anybody.
type lostPage struct {
	frame
	Problem *problem
}

func (p *portal) lostForm(w http.ResponseWriter, _ *http.Request) error {
	p.show(w, http.StatusOK, "lost", &lostPage{frame: p.frame("Every way in is lost")})
	return nil
}

func (p *portal) lost(w http.ResponseWriter, r *http.Request) error {
	if err := form(r); err != nil {
		return err
	}
	err := p.Identity.AskFarewell(r.Context(), r.PostFormValue("name"), r.PostFormValue("address"), p.visitor(r))
	if pr := mendable(err); pr != nil {
		p.show(w, pr.Status, "lost", &lostPage{p.frame("Every way in is lost"), pr})
		return nil
	}
	if err != nil {
		return err
	}
	p.show(w, http.StatusOK, "lostsent", &lostPage{frame: p.frame("Look for a letter")})
	return nil
}

// leavingForm changes nothing: programs that look through letters open their
// links too.
func (p *portal) leavingForm(w http.ResponseWriter, r *http.Request, link string) error {
	page, err := p.leavingPage(r, link)
	if err != nil {
		return err
	}
	p.show(w, http.StatusOK, "leaving", page)
	return nil
}

func (p *portal) leavingPage(r *http.Request, link string) (*farewellPage, error) {
	name, err := p.Identity.FarewellLink(r.Context(), link)
	if err != nil {
		return nil, err
	}
	return &farewellPage{frame: p.frame("Nobody can open it any more"), Given: name, Link: link, Wait: p.waiting()}, nil
}

func (p *portal) leaving(w http.ResponseWriter, r *http.Request, link string) error {
	if err := form(r); err != nil {
		return err
	}
	page, err := p.leavingPage(r, link)
	if err != nil {
		return err
	}
	if r.PostFormValue("sure") != "yes" {
		page.Problem = mendable(errNotSure())
		p.show(w, page.Problem.Status, "leaving", page)
		return nil
	}
	due, err := p.Identity.ConfirmFarewell(r.Context(), link)
	if page.Problem = mendable(err); page.Problem != nil {
		p.show(w, page.Problem.Status, "leaving", page)
		return nil
	}
	if err != nil {
		return err
	}
	page.Title, page.Due = "It will be erased", p.clockOf(due)
	p.show(w, http.StatusOK, "leaving", page)
	return nil
}

// waiting is how long everybody has to stop it.
func (p *portal) waiting() string {
	if wait := p.Identity.Wait(); wait < time.Hour {
		return lengthText(wait)
	}
	return spanText(p.Identity.Wait())
}
