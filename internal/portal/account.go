package portal

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/identity"
	"github.com/hearkeep/hearkeep/internal/vault"
)

// accountPage is what belongs to somebody's sign-in. Each change has a page
// of its own.
type accountPage struct {
	frame
	Done      string // what was just done; empty where nothing was
	Waits     *clock // until when archives and tokens wait
	Ways      []wayView
	HasPhrase bool
	HasKit    bool
	Addresses []addressView
	Language  string // of letters about incidents
	Languages []choice
	Sessions  []sessionView
	Tokens    []tokenView
}

// done says what a change did. The address of the page names which.
func done(what string) string {
	switch what {
	case "passphrase":
		return "Your passphrase is set."
	case "kit":
		return "Your recovery kit is checked and in force. An earlier kit is void."
	case "kit-used":
		return "You came in with your recovery kit. If your passphrase is lost, choose a new one here, now: for five minutes you are not asked again."
	case "passkey":
		return "The passkey is added: it signs you in and unlocks."
	case "half-passkey":
		return "The passkey is added. It signs you in, and then asks for your passphrase or kit, since it has no PRF extension to unlock with."
	case "renamed":
		return "It has its new name."
	case "removed":
		return "It is removed. Your keys are new; all other sessions and all tokens of programs have ended."
	case "half-removed":
		return "It is removed."
	case "address":
		return "Letters go there from now on."
	case "spoken":
		return "That door says from now on when there is an important notice for you."
	case "no-address":
		return "No more letters go there."
	case "language":
		return "Letters about incidents come in that language from now on."
	case "others":
		return "Only this browser is signed in now."
	case "session":
		return "It is signed out."
	case "token":
		return "The token is void."
	case "stays":
		return "Your account stays. Nothing was erased."
	}
	return ""
}

// wayView is a way in as its person sees it.
type wayView struct {
	ID      string
	Kind    string
	Label   string
	Created clock
	Used    *clock // nil for never
	Unlocks bool
	Checked bool // of a kit
	Only    bool // the last that unlocks: it cannot go
}

type sessionView struct {
	ID      string
	Device  string
	Created clock
	Used    clock
	Current bool
}

func (p *portal) account(w http.ResponseWriter, r *http.Request, v *visit) error {
	page, err := p.accountPage(r.Context(), v)
	if err != nil {
		return err
	}
	page.Done = done(r.URL.Query().Get("done"))
	p.show(w, http.StatusOK, "account", page)
	return nil
}

func (p *portal) accountPage(ctx context.Context, v *visit) (*accountPage, error) {
	page := &accountPage{frame: p.frameOf(v, "Your account", "account"), Waits: p.clockOf(v.who.Waits())}
	var err error
	if page.Ways, err = p.ways(ctx, v.who); err != nil {
		return nil, err
	}
	for _, way := range page.Ways {
		page.HasPhrase = page.HasPhrase || way.Kind == identity.KindPassphrase
		page.HasKit = page.HasKit || way.Kind == identity.KindKit
	}
	if page.Addresses, err = p.addresses(ctx, v.who); err != nil {
		return nil, err
	}
	language, err := p.Incidents.Language(ctx, v.who.Account())
	if err != nil {
		return nil, err
	}
	page.Language, page.Languages = string(language.Or()), ownLanguages()
	sessions, err := p.Identity.Sessions(ctx, v.who)
	if err != nil {
		return nil, err
	}
	for _, s := range sessions {
		page.Sessions = append(page.Sessions, sessionView{s.ID, deviceText(s.Agent), p.clock(s.Created), p.clock(s.Used), s.Current})
	}
	tokens, err := p.Keep.Tokens(ctx, v.who)
	if err != nil {
		return nil, err
	}
	for _, t := range tokens {
		page.Tokens = append(page.Tokens, p.tokenView(v, t))
	}
	return page, nil
}

// clockOf is a moment that may be none.
func (p *portal) clockOf(t time.Time) *clock {
	if t.IsZero() {
		return nil
	}
	c := p.clock(t)
	return &c
}

// deviceText names a browser by what it says of itself: "Firefox on Linux".
// What says nothing known is shown as it is.
func deviceText(agent string) string {
	browser := firstOf(agent, "Edg/", "Edge", "EdgA/", "Edge", "OPR/", "Opera", "SamsungBrowser/", "Samsung Internet",
		"Firefox/", "Firefox", "FxiOS/", "Firefox", "CriOS/", "Chrome", "Chrome/", "Chrome", "Safari/", "Safari", "hearkeep", "The hearkeep command")
	system := firstOf(agent, "iPhone", "iPhone", "iPad", "iPad", "Android", "Android", "CrOS", "ChromeOS",
		"Windows", "Windows", "Macintosh", "Mac", "Linux", "Linux")
	switch {
	case browser != "" && system != "":
		return browser + " on " + system
	case browser+system != "":
		return browser + system
	case agent == "":
		return "A browser that does not say which"
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' {
			return -1
		}
		return r
	}, agent)
}

// firstOf returns the name behind the first mark that stands in a text.
func firstOf(text string, marksAndNames ...string) string {
	for i := 0; i < len(marksAndNames); i += 2 {
		if strings.Contains(text, marksAndNames[i]) {
			return marksAndNames[i+1]
		}
	}
	return ""
}

func (p *portal) endSession(w http.ResponseWriter, r *http.Request, v *visit) error {
	if err := p.Identity.EndSession(r.Context(), v.who, r.PathValue("id")); err != nil {
		return err
	}
	http.Redirect(w, r, "/account?done=session#sessions", http.StatusSeeOther)
	return nil
}

func (p *portal) endOthers(w http.ResponseWriter, r *http.Request, v *visit) error {
	if _, err := p.Identity.EndOthers(r.Context(), v.who); err != nil {
		return err
	}
	http.Redirect(w, r, "/account?done=others#sessions", http.StatusSeeOther)
	return nil
}

// goOn hands a browser the new cookie of its session, which its other tabs
// send from then on too. What was shown to the session stays shown.
func (p *portal) goOn(w http.ResponseWriter, v *visit, in identity.SignedIn) {
	p.codes.moved(v.cookie, in.Cookie)
	p.welcome(w, in)
}

// mendable is the problem of an error that the form it came from can show, for
// its person to mend; nil for every other error. A handler whose route names
// an object looks that up first, so that what is missing and what is somebody
// else's stay one answer.
func mendable(err error) *problem {
	switch hearkeep.CodeOf(err) {
	case hearkeep.Invalid, hearkeep.NotFound, hearkeep.Conflict, hearkeep.Forbidden, hearkeep.TooMany, hearkeep.Unavailable:
		pr := explain(err)
		return &pr
	}
	return nil
}

// tokenView is an API token as who made it sees it.
type tokenView struct {
	ID      string
	Name    string
	Vault   string
	May     string
	Created clock
	Expires clock
	Used    *clock
}

func (p *portal) tokenView(v *visit, t vault.Token) tokenView {
	view := tokenView{t.ID.String(), t.Name, "A vault that you hold no more", "May read", p.clock(t.Created), p.clock(t.Expires), p.clockOf(t.Used)}
	if t.Write {
		view.May = "May read and change"
	}
	for _, held := range v.vaults() {
		if held.ID == t.Vault.String() {
			view.Vault = held.Name
		}
	}
	return view
}
