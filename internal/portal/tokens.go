package portal

import (
	"net/http"
	"strconv"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/vault"
)

// newTokenPage asks what a program's token is for.
type newTokenPage struct {
	frame
	Waits   *clock // tokens wait until then; nil where they do not
	Vaults  []vaultView
	Chosen  string // of the vaults
	Given   string
	Write   bool
	Days    string
	Problem *problem
}

// madeTokenPage shows a token's secret, once.
type madeTokenPage struct {
	frame
	Token  tokenView
	Secret string
}

// tokenDays is the life that is offered: long enough to forget, short enough
// to end by itself.
const tokenDays = 90

func (p *portal) newTokenPage(v *visit) *newTokenPage {
	return &newTokenPage{
		frame: p.frameOf(v, "Make a token", "account"), Waits: p.clockOf(v.who.Waits()),
		Vaults: v.vaults(), Chosen: v.room.ID().String(), Days: strconv.Itoa(tokenDays),
	}
}

func (p *portal) newTokenForm(w http.ResponseWriter, _ *http.Request, v *visit) error {
	p.show(w, http.StatusOK, "newtoken", p.newTokenPage(v))
	return nil
}

// makeToken answers with the page instead of a redirect because the secret is
// kept nowhere.
func (p *portal) makeToken(w http.ResponseWriter, r *http.Request, v *visit) error {
	in, err := p.entering(r, v)
	if err != nil {
		return err
	}
	page := p.newTokenPage(v)
	page.Chosen, page.Given = in.room.ID().String(), r.PostFormValue("name")
	page.Write, page.Days = r.PostFormValue("write") == "yes", r.PostFormValue("days")
	days, err := strconv.Atoi(page.Days)
	if err != nil || days < 1 || days > 365 {
		err = hearkeep.Errorf(hearkeep.Invalid, "A token lasts from 1 to 365 days.")
	}
	made := &madeTokenPage{frame: p.frameOf(v, "Your token", "account")}
	if err == nil {
		var t vault.Token
		made.Secret, t, err = in.room.MakeToken(r.Context(), page.Given, page.Write, time.Duration(days)*24*time.Hour)
		made.Token = p.tokenView(v, t)
	}
	if page.Problem = mendable(err); page.Problem != nil {
		p.show(w, page.Problem.Status, "newtoken", page)
		return nil
	}
	if err != nil {
		return err
	}
	p.show(w, http.StatusOK, "token", made)
	return nil
}

func (p *portal) endToken(w http.ResponseWriter, r *http.Request, v *visit) error {
	id, err := pathID[hearkeep.TokenID](r)
	if err != nil {
		return err
	}
	if err := p.Keep.EndToken(r.Context(), v.who, id); err != nil {
		return err
	}
	http.Redirect(w, r, "/account?done=token#tokens", http.StatusSeeOther)
	return nil
}
