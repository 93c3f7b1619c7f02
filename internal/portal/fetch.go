package portal

import (
	"context"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/rights"
)

// ticketCookie holds leave to fetch one sealed archive. Browsers send it below
// /fetch only.
const ticketCookie = "hearkeep-fetch"

// Bounds of looking codes up, in all and from one address.
const (
	redeemsAtOnce = 16
	redeemsOfOne  = 2
)

// fetchPage takes a one-time code, or leads to what it stands for.
type fetchPage struct {
	frame
	Archive *archiveView // nil before a code was typed
	Problem *problem
}

// ticketName is the name of the cookie. Its path is not the whole host's, so
// over https it is bound to https and not to the host as well.
func (p *portal) ticketName() string {
	if p.origin.Scheme == "https" {
		return "__Secure-" + ticketCookie
	}
	return ticketCookie
}

// fetchForm shows where a code goes, or the archive that it gave.
func (p *portal) fetchForm(w http.ResponseWriter, r *http.Request) error {
	page := &fetchPage{frame: p.frame("Fetch a sealed archive")}
	c, err := r.Cookie(p.ticketName())
	if err != nil {
		p.show(w, http.StatusOK, "fetch", page)
		return nil
	}
	open, _, err := p.Rights.Sealed(r.Context(), c.Value)
	if pr := mendable(err); pr != nil { // of a ticket that is over, too
		page.Problem = pr
		p.show(w, pr.Status, "fetch", page)
		return nil
	}
	if err != nil {
		return err
	}
	page.Archive = p.archiveView(open)
	p.show(w, http.StatusOK, "fetch", page)
	return nil
}

// fetch takes a one-time code and hands the browser the ticket for it.
func (p *portal) fetch(w http.ResponseWriter, r *http.Request) error {
	if err := form(r); err != nil {
		return err
	}
	leave, err := p.redeeming.enter(p.visitor(r).Addr.String())
	if err != nil {
		return err
	}
	defer leave()
	code := r.PostFormValue("code")
	ticket, err := "", error(hearkeep.Errorf(hearkeep.Invalid, "Type the code of the letter."))
	if strings.TrimSpace(code) != "" {
		ticket, err = p.Rights.Redeem(context.WithoutCancel(r.Context()), code)
	}
	if pr := mendable(err); pr != nil && !wantsJSON(r) {
		p.show(w, pr.Status, "fetch", &fetchPage{frame: p.frame("Fetch a sealed archive"), Problem: pr})
		return nil
	}
	if err != nil {
		return err
	}
	http.SetCookie(w, &http.Cookie{
		Name: p.ticketName(), Value: ticket, Path: "/fetch", MaxAge: int(rights.FetchLife / time.Second),
		Secure: p.origin.Scheme == "https", HttpOnly: true, SameSite: http.SameSiteStrictMode,
	})
	http.Redirect(w, r, "/fetch", http.StatusSeeOther)
	return nil
}

// withTicket admits whoever has the ticket that a one-time code gave.
func (p *portal) withTicket(w http.ResponseWriter, r *http.Request, row route) error {
	c, err := r.Cookie(p.ticketName())
	if err != nil {
		return errNowhere
	}
	err = row.fetching(w, r, c.Value)
	if code := hearkeep.CodeOf(err); code == hearkeep.NotFound || code == hearkeep.Unauthorized {
		return errNowhere
	}
	return err
}

// sealedArchive sends the sealed archive that a ticket stands for.
func (p *portal) sealedArchive(w http.ResponseWriter, r *http.Request, ticket string) error {
	open, leave, err := p.Rights.Sealed(r.Context(), ticket)
	if err != nil {
		return err
	}
	send := func(ctx context.Context, w io.Writer, from, to int64) error {
		return p.Rights.SendSealed(ctx, leave, w, from, to)
	}
	return p.download(w, r, download{open, leave.Account(), "tickets of " + leave.Account().String(), true, send})
}

// sendOpen writes ranges of an open archive of a visit's person.
func (p *portal) sendOpen(v *visit, id hearkeep.ArchiveID) func(context.Context, io.Writer, int64, int64) error {
	return func(ctx context.Context, w io.Writer, from, to int64) error {
		return p.Rights.Send(ctx, v.who, id, w, from, to)
	}
}
