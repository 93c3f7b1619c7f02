package portal

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/identity"
	"github.com/hearkeep/hearkeep/internal/vault"
)

// visit is one request of somebody signed in, with one of their vaults entered.
type visit struct {
	who    identity.Verified
	room   *vault.Room
	cookie string
	held   []vault.Held // all their vaults, the first one first

	notices func() notices // what every page tells them; asked for once
}

// knownFor is how long a browser stays known, which spares its person the
// limits that strangers' attempts run into.
const knownFor = 400 * 24 * time.Hour // the longest a browser keeps a cookie: RFC 6265bis

// visit admits whoever the session cookie shows, to the vault that their
// browser has open.
func (p *portal) visit(r *http.Request) (*visit, error) {
	cookie, err := r.Cookie(p.cookieName("hearkeep"))
	if err != nil {
		return nil, errSignIn
	}
	who, err := p.Identity.Authenticate(r.Context(), cookie.Value)
	if err != nil {
		return nil, err
	}
	p.usedBy(r, who.Account())
	return p.enter(r.Context(), who, cookie.Value, p.opened(r))
}

// enter opens the wanted vault if who holds it, else their first. That one is
// made here if the program was stopped between making the account and its keep.
func (p *portal) enter(ctx context.Context, who identity.Verified, cookie string, want hearkeep.VaultID) (*visit, error) {
	v := &visit{who: who, cookie: cookie, notices: p.noticesOf(ctx, who)}
	var err error
	if v.held, err = p.Keep.Vaults(ctx, who); err != nil {
		return nil, err
	}
	if len(v.held) == 0 {
		first, err := p.Keep.Create(ctx, who)
		if err != nil {
			return nil, err
		}
		v.held = []vault.Held{{ID: first}}
	}
	open := v.held[0].ID
	if slices.ContainsFunc(v.held, func(h vault.Held) bool { return h.ID == want }) {
		open = want
	}
	if v.room, err = p.Keep.Enter(ctx, who, open); err != nil {
		return nil, err
	}
	return v, p.complete(ctx, v)
}

// complete does what waits for somebody who holds a vault in all vaults of a
// visit's person: whoever accepted an invitation need not wait until that very
// vault is opened. Entering has done it for the open one.
func (p *portal) complete(ctx context.Context, v *visit) (err error) {
	waits := false
	for _, h := range v.held {
		waits = waits || h.Waits
		if !h.Waits || h.ID == v.room.ID() {
			continue
		}
		if _, err := p.Keep.Enter(ctx, v.who, h.ID); err != nil { // it goes on waiting
			p.Log.Error("what waits for a keyholder was not done", "vault", h.ID, "err", err)
		}
	}
	if waits {
		v.held, err = p.Keep.Vaults(ctx, v.who)
	}
	return err
}

// inbox admits the device whose token the request bears.
func (p *portal) inbox(r *http.Request) (*vault.Inbox, error) {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return nil, hearkeep.Errorf(hearkeep.Unauthorized, "This needs a device token.").
			WithHint("Pair this terminal: the portal shows the line to paste.")
	}
	device, err := p.Identity.Device(r.Context(), token)
	if err != nil {
		return nil, err
	}
	in, err := p.Keep.Device(r.Context(), device)
	if err == nil {
		p.heardAt(r, in)
	}
	return in, err
}

// visitor is what identity may know of a caller to limit attempts.
func (p *portal) visitor(r *http.Request) identity.Visitor {
	v := identity.Visitor{Agent: r.UserAgent()}
	if ap, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		v.Addr = ap.Addr().Unmap()
	}
	if c, err := r.Cookie(p.cookieName("hearkeep-known")); err == nil {
		v.Known = c.Value
	}
	return v
}

// cookieName adds __Host- on https: such a cookie is bound to this very host
// by the browser. Over http a browser refuses the prefix.
func (p *portal) cookieName(name string) string {
	if p.origin.Scheme == "https" {
		return "__Host-" + name
	}
	return name
}

// setCookie with a zero end removes the cookie.
func (p *portal) setCookie(w http.ResponseWriter, name, value string, end time.Time) {
	c := &http.Cookie{
		Name: p.cookieName(name), Value: value, Path: "/",
		Secure: p.origin.Scheme == "https", HttpOnly: true, SameSite: http.SameSiteStrictMode,
	}
	if end.IsZero() {
		c.MaxAge = -1
	} else {
		c.Expires = end.UTC()
		c.MaxAge = max(1, int(end.Sub(p.Now()).Seconds()))
	}
	http.SetCookie(w, c)
}

// welcome hands a browser its session.
func (p *portal) welcome(w http.ResponseWriter, in identity.SignedIn) {
	p.setCookie(w, "hearkeep", in.Cookie, in.Expires)
	if in.Known != "" {
		p.setCookie(w, "hearkeep-known", in.Known, p.Now().Add(knownFor))
	}
}

// askToSignIn sends a person's browser to the sign-in page; whatever else
// asks is told so in its own form.
func (p *portal) askToSignIn(w http.ResponseWriter, r *http.Request, err error) {
	switch {
	case r.Header.Get("HX-Request") != "":
		w.Header().Set("HX-Redirect", "/sign-in")
		w.WriteHeader(http.StatusUnauthorized)
	case (r.Method == http.MethodGet || r.Method == http.MethodHead) && !wantsJSON(r) && !isMedia(r):
		http.Redirect(w, r, "/sign-in", http.StatusSeeOther)
	default:
		p.fail(w, r, err)
	}
}

// isMedia reports a request by an <audio> element, which a page would not help.
func isMedia(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/audio") }

// pathID reads the id of a route. What is not an id names nothing, and is
// answered like an id that names nothing.
func pathID[T ~[16]byte](r *http.Request) (T, error) {
	id, err := hearkeep.ParseID[T](r.PathValue("id"))
	if err != nil {
		var none T
		return none, errNowhere
	}
	return id, nil
}

// form reads a posted form of at most the row's size.
func form(r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			return errTooLarge(tooLarge.Limit)
		}
		return hearkeep.Errorf(hearkeep.Invalid, "The form could not be read.").Because(err)
	}
	return nil
}
