package portal

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/hearkeep/hearkeep/internal/identity"
)

// kitPage shows a recovery kit, once.
type kitPage struct {
	frame
	First  bool   // it comes with a new account, and is in force already
	For    string // the person
	Origin string
	Made   clock
	Groups []string
	Check  checkForm
}

// checkForm carries a check from the page of the kit to the page that asks for
// two of its groups.
type checkForm struct {
	Ticket string
	Groups [2]int // which, from 1
	Next   string // where to go on
}

func (p *portal) kitPage(who identity.Verified, kit string, check identity.KitCheck, next string) *kitPage {
	return &kitPage{
		frame: p.frame("Your recovery kit"), For: who.Name(), Origin: p.origin.String(), Made: p.clock(p.Now()),
		Groups: kitGroups(kit), Check: checkForm{check.Ticket, check.Groups, next},
	}
}

// kitGroups splits a kit as it is printed into its groups.
func kitGroups(kit string) []string {
	return strings.FieldsFunc(kit, func(r rune) bool { return r == '-' || r == ' ' })
}

// plainPage says something, and has at most one form without fields of its own.
type plainPage struct {
	frame
	Problem *problem
}

func (p *portal) newKitForm(w http.ResponseWriter, _ *http.Request, v *visit) error {
	p.show(w, http.StatusOK, "newkit", &plainPage{frame: p.frameOf(v, "Make a recovery kit", "account")})
	return nil
}

// newKit answers with the page instead of a redirect because the kit is kept
// nowhere. The page has no way elsewhere but on: see kit.html.
func (p *portal) newKit(w http.ResponseWriter, r *http.Request, v *visit) error {
	kit, check, err := p.Identity.NewKit(r.Context(), v.who)
	if pr := mendable(err); pr != nil {
		p.show(w, pr.Status, "newkit", &plainPage{p.frameOf(v, "Make a recovery kit", "account"), pr})
		return nil
	}
	if err != nil {
		return err
	}
	p.show(w, http.StatusOK, "kit", p.kitPage(v.who, kit, check, "/account?done=kit"))
	return nil
}

// kitCheckPage asks for two groups of the kit.
type kitCheckPage struct {
	frame
	Check   checkForm
	Problem *problem
}

// checkKit asks for two groups and, once they are typed, compares them. It
// begins with a post so that the ticket stands in no address.
func (p *portal) checkKit(w http.ResponseWriter, r *http.Request, v *visit) error {
	if err := form(r); err != nil {
		return err
	}
	page := &kitCheckPage{frame: p.frameOf(v, "Check your recovery kit", "account")}
	page.KitUnchecked = false // this page is about it
	page.Check = checkForm{r.PostFormValue("ticket"), [2]int{groupNumber(r, "a"), groupNumber(r, "b")}, localPath(r.PostFormValue("next"), "/account")}
	if !r.PostForm.Has("first") {
		p.show(w, http.StatusOK, "kitcheck", page)
		return nil
	}
	typed := [2]string{r.PostFormValue("first"), r.PostFormValue("second")}
	in, err := p.Identity.CheckKit(r.Context(), v.who, page.Check.Ticket, typed, p.visitor(r))
	if pr := mendable(err); pr != nil {
		page.Problem = pr
		p.show(w, pr.Status, "kitcheck", page)
		return nil
	}
	if err != nil {
		return err
	}
	p.goOn(w, v, in)
	http.Redirect(w, r, page.Check.Next, http.StatusSeeOther)
	return nil
}

// groupNumber reads which group is asked for. The desk knows which ones they
// are: another number misleads only whoever sent it.
func groupNumber(r *http.Request, field string) int {
	n, err := strconv.Atoi(r.PostFormValue(field))
	if err != nil {
		return 1
	}
	return max(1, min(n, 9))
}
