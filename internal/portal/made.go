package portal

import (
	"net/http"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/identity"
)

// madeAccount shows the kit of an account that was just made, which stands
// from here on whatever else fails: what is missing is made at the next visit.
func (p *portal) madeAccount(w http.ResponseWriter, r *http.Request, in identity.SignedIn, kit string, check identity.KitCheck) error {
	p.welcome(w, in)
	p.learnLanguage(r.Context(), r, in.Who)
	v, err := p.enter(r.Context(), in.Who, in.Cookie, hearkeep.VaultID{})
	if err == nil {
		err = p.pairing(r.Context(), v)
	}
	if err != nil {
		p.Log.Error("after an account was made", "account", in.Who.Account(), "err", err)
	}
	page := p.kitPage(in.Who, kit, check, "/")
	page.First = true
	p.show(w, http.StatusOK, "kit", page)
	return nil
}
