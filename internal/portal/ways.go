package portal

import (
	"context"
	"net/http"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/identity"
)

// ways lists who's ways in, oldest first.
func (p *portal) ways(ctx context.Context, who identity.Verified) ([]wayView, error) {
	all, err := p.Identity.Ways(ctx, who)
	if err != nil {
		return nil, err
	}
	unlocking := 0
	for _, way := range all {
		if way.Unlocks {
			unlocking++
		}
	}
	var views []wayView
	for _, way := range all {
		views = append(views, wayView{
			ID: way.ID.String(), Kind: way.Kind, Label: wayLabel(way), Created: p.clock(way.Created), Used: p.clockOf(way.Used),
			Unlocks: way.Unlocks, Checked: way.Checked, Only: way.Unlocks && unlocking == 1,
		})
	}
	return views, nil
}

func wayLabel(way identity.Way) string {
	switch {
	case way.Kind == identity.KindPassphrase:
		return "Passphrase"
	case way.Kind == identity.KindKit:
		return "Recovery kit"
	case way.Name == "":
		return "Passkey"
	}
	return way.Name
}

// wayPage is one way in.
type wayPage struct {
	frame
	Way     wayView
	Given   string
	Problem *problem
}

func (p *portal) wayOf(r *http.Request, v *visit) (wayView, hearkeep.UnlockerID, error) {
	id, err := pathID[hearkeep.UnlockerID](r)
	if err != nil {
		return wayView{}, id, err
	}
	ways, err := p.ways(r.Context(), v.who)
	if err != nil {
		return wayView{}, id, err
	}
	for _, way := range ways {
		if way.ID == id.String() {
			return way, id, nil
		}
	}
	return wayView{}, id, errNowhere
}

func (p *portal) way(w http.ResponseWriter, r *http.Request, v *visit) error {
	way, _, err := p.wayOf(r, v)
	if err != nil {
		return err
	}
	p.show(w, http.StatusOK, "way", &wayPage{frame: p.frameOf(v, way.Label, "account"), Way: way, Given: way.Label})
	return nil
}

func (p *portal) renameWay(w http.ResponseWriter, r *http.Request, v *visit) error {
	way, id, err := p.wayOf(r, v)
	if err != nil {
		return err
	}
	if err := form(r); err != nil {
		return err
	}
	name := r.PostFormValue("name")
	err = p.Identity.RenameWay(r.Context(), v.who, id, name)
	if pr := mendable(err); pr != nil {
		p.show(w, pr.Status, "way", &wayPage{p.frameOf(v, way.Label, "account"), way, name, pr})
		return nil
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, "/account?done=renamed", http.StatusSeeOther)
	return nil
}

func (p *portal) removeWayForm(w http.ResponseWriter, r *http.Request, v *visit) error {
	way, _, err := p.wayOf(r, v)
	if err != nil {
		return err
	}
	p.show(w, http.StatusOK, "removeway", &wayPage{frame: p.frameOf(v, "Remove this way in?", "account"), Way: way})
	return nil
}

// removeWay goes on when the browser goes away: all that its person holds gets
// new keys.
func (p *portal) removeWay(w http.ResponseWriter, r *http.Request, v *visit) error {
	way, id, err := p.wayOf(r, v)
	if err != nil {
		return err
	}
	in, err := p.Identity.RemoveWay(context.WithoutCancel(r.Context()), v.who, id, p.visitor(r))
	if pr := mendable(err); pr != nil {
		p.show(w, pr.Status, "removeway", &wayPage{frame: p.frameOf(v, "Remove this way in?", "account"), Way: way, Problem: pr})
		return nil
	}
	if err != nil {
		return err
	}
	p.goOn(w, v, in)
	what := "removed"
	if !way.Unlocks {
		what = "half-removed"
	}
	http.Redirect(w, r, "/account?done="+what, http.StatusSeeOther)
	return nil
}

// passphrasePage asks for a new passphrase.
type passphrasePage struct {
	frame
	Given         string // the person's name, for their password manager
	MinPassphrase int
	Problem       *problem
}

func (p *portal) passphrasePage(v *visit, pr *problem) *passphrasePage {
	return &passphrasePage{p.frameOf(v, "Choose a passphrase", "account"), v.who.Name(), identity.MinPassphrase, pr}
}

func (p *portal) passphraseForm(w http.ResponseWriter, _ *http.Request, v *visit) error {
	p.show(w, http.StatusOK, "passphrase", p.passphrasePage(v, nil))
	return nil
}

func (p *portal) setPassphrase(w http.ResponseWriter, r *http.Request, v *visit) error {
	if err := form(r); err != nil {
		return err
	}
	in, err := p.Identity.SetPassphrase(r.Context(), v.who, r.PostFormValue("passphrase"), p.visitor(r))
	if pr := mendable(err); pr != nil {
		p.show(w, pr.Status, "passphrase", p.passphrasePage(v, pr))
		return nil
	}
	if err != nil {
		return err
	}
	p.goOn(w, v, in)
	http.Redirect(w, r, "/account?done=passphrase", http.StatusSeeOther)
	return nil
}
