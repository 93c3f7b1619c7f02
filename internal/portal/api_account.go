package portal

import (
	"context"
	"net/http"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/identity"
)

// signInJSON is a name with one unlocker. A passkey needs a browser.
type signInJSON struct {
	Name       string `json:"name" maxLength:"256" doc:"As chosen at set-up"`
	Passphrase string `json:"passphrase,omitempty" maxLength:"1024" doc:"This, or the kit"`
	Kit        string `json:"kit,omitempty" maxLength:"200" doc:"The recovery kit, however it is typed"`
	Terminal   string `json:"terminal,omitempty" maxLength:"100" doc:"What the list of sessions calls this one"`
	Known      string `json:"known,omitempty" maxLength:"200" doc:"What an earlier answer gave: attempts then count apart from strangers'"`
}

// sessionJSON is a session that begins, or goes on under another secret.
type sessionJSON struct {
	Session    string    `json:"session,omitempty" doc:"The session's secret, in place of any earlier one; a browser is given it as a cookie instead"`
	Expires    time.Time `json:"expires"`
	FreshUntil time.Time `json:"fresh_until" doc:"Until when x-fresh calls need no step-up"`
	Known      string    `json:"known,omitempty"`
}

// goesOn hands the caller its session's new secret: a browser as a cookie, a
// terminal as a value.
func (p *portal) goesOn(c *call, in identity.SignedIn) sessionJSON {
	out := sessionJSON{Expires: in.Expires.UTC(), FreshUntil: in.Who.SteppedUp().Add(identity.StepUpLife).UTC(), Known: in.Known}
	if c.session != "" && !c.bearer {
		p.welcome(c.w, in)
		out.Known = ""
		return out
	}
	out.Session = sessionPrefix + in.Cookie
	return out
}

// apiSignIn begins a terminal's session.
func (p *portal) apiSignIn(ctx context.Context, c *call, in signInJSON) (sessionJSON, error) {
	from := p.visitor(c.r)
	from.Agent = "Terminal"
	if in.Terminal != "" {
		from.Agent += " " + in.Terminal
	}
	if in.Known != "" {
		from.Known = in.Known
	}
	if (in.Passphrase == "") == (in.Kit == "") {
		return sessionJSON{}, errOneProof
	}
	var began identity.SignedIn
	var err error
	if in.Kit != "" {
		began, err = p.Identity.SignInWithKit(ctx, in.Name, in.Kit, from)
	} else {
		began, err = p.Identity.SignIn(ctx, in.Name, in.Passphrase, from)
	}
	if err != nil {
		return sessionJSON{}, err
	}
	if err := p.Keep.Complete(ctx, began.Who); err != nil { // it is tried again at each entry
		p.Log.Warn("what waits for a keyholder goes on waiting", "account", began.Who.Account(), "err", err)
	}
	c.bearer = true
	return p.goesOn(c, began), nil
}

var errOneProof = hearkeep.Errorf(hearkeep.Invalid, "Give a passphrase or a recovery kit, and one of them only.")

// stepUpJSON is one unlocker, shown again.
type stepUpJSON struct {
	Passphrase string `json:"passphrase,omitempty" maxLength:"1024"`
	Kit        string `json:"kit,omitempty" maxLength:"200"`
}

func (p *portal) apiStepUp(ctx context.Context, c *call, in stepUpJSON) (sessionJSON, error) {
	if (in.Passphrase == "") == (in.Kit == "") {
		return sessionJSON{}, errOneProof
	}
	on, err := p.Identity.StepUp(ctx, c.who, identity.Proof{Passphrase: in.Passphrase, Kit: in.Kit}, p.visitor(c.r))
	if err != nil {
		return sessionJSON{}, err
	}
	return p.goesOn(c, on), nil
}

// sessionRowJSON is one signed-in browser or terminal.
type sessionRowJSON struct {
	ID      string    `json:"id" doc:"16 hexadecimal digits, as in the ledger"`
	Agent   string    `json:"agent" doc:"The browser or terminal, as it named itself"`
	Created time.Time `json:"created"`
	Used    time.Time `json:"used" doc:"To the minute"`
	Expires time.Time `json:"expires"`
	Current bool      `json:"current" doc:"This very session"`
}

type sessionsJSON struct {
	Sessions []sessionRowJSON `json:"sessions"`
}

func (p *portal) apiSessions(ctx context.Context, c *call, _ none) (sessionsJSON, error) {
	all, err := p.Identity.Sessions(ctx, c.who)
	out := sessionsJSON{make([]sessionRowJSON, 0, len(all))}
	for _, s := range all {
		out.Sessions = append(out.Sessions, sessionRowJSON{s.ID, s.Agent, s.Created.UTC(), s.Used.UTC(), s.Expires.UTC(), s.Current})
	}
	return out, err
}

// apiEndSession ends a session of the caller's; "current" is this one.
func (p *portal) apiEndSession(ctx context.Context, c *call, _ none) (none, error) {
	id := c.r.PathValue("id")
	if id != "current" && id != c.who.Session() {
		return none{}, p.Identity.EndSession(ctx, c.who, id)
	}
	if err := p.Identity.SignOut(ctx, c.session); err != nil {
		return none{}, err
	}
	p.codes.forget(c.session)
	if !c.bearer {
		p.setCookie(c.w, "hearkeep", "", time.Time{})
		p.setCookie(c.w, vaultCookie, "", time.Time{})
	}
	return none{}, nil
}

type endedJSON struct {
	Ended int `json:"ended" doc:"How many"`
}

func (p *portal) apiEndOthers(ctx context.Context, c *call, _ none) (endedJSON, error) {
	n, err := p.Identity.EndOthers(ctx, c.who)
	return endedJSON{n}, err
}

// meJSON is who is signed in.
type meJSON struct {
	Account    hearkeep.AccountID `json:"account"`
	Name       string             `json:"name"`
	Session    string             `json:"session" doc:"Its name in the list of sessions"`
	Expires    time.Time          `json:"expires"`
	FreshUntil time.Time          `json:"fresh_until" doc:"Until when x-fresh calls need no step-up; past where one is due"`
	WaitsUntil time.Time          `json:"waits_until,omitzero" doc:"Until when tokens cannot be made, since a way in or an address was changed lately"`
	Farewell   time.Time          `json:"farewell,omitzero" doc:"When this account is to be erased, which DELETE /v1/farewell stops"`
}

func (p *portal) apiMe(ctx context.Context, c *call, _ none) (meJSON, error) {
	due, err := p.Identity.Farewell(ctx, c.who)
	return meJSON{
		Account: c.who.Account(), Name: c.who.Name(), Session: c.who.Session(), Expires: c.who.Expires().UTC(),
		FreshUntil: c.who.SteppedUp().Add(identity.StepUpLife).UTC(), WaitsUntil: utc(c.who.Waits()), Farewell: utc(due),
	}, err
}

// wayJSON is one way into the account.
type wayJSON struct {
	ID      hearkeep.UnlockerID `json:"id"`
	Kind    string              `json:"kind" doc:"passphrase, passkey or kit"`
	Name    string              `json:"name,omitempty" doc:"Of a passkey"`
	Created time.Time           `json:"created"`
	Used    time.Time           `json:"used,omitzero"`
	Unlocks bool                `json:"unlocks" doc:"False for a passkey that only signs in"`
	Checked bool                `json:"checked" doc:"Of a kit: two of its groups were typed back"`
}

type waysJSON struct {
	Ways []wayJSON `json:"ways"`
}

func (p *portal) apiWays(ctx context.Context, c *call, _ none) (waysJSON, error) {
	all, err := p.Identity.Ways(ctx, c.who)
	out := waysJSON{make([]wayJSON, 0, len(all))}
	for _, w := range all {
		out.Ways = append(out.Ways, wayJSON{w.ID, w.Kind, w.Name, w.Created.UTC(), utc(w.Used), w.Unlocks, w.Checked})
	}
	return out, err
}

// utc is the time in UTC; what is no time stays none.
func utc(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC()
}

type nameJSON struct {
	Name string `json:"name" maxLength:"256"`
}

func (p *portal) apiRenameWay(ctx context.Context, c *call, in nameJSON) (none, error) {
	id, err := pathID[hearkeep.UnlockerID](c.r)
	if err != nil {
		return none{}, err
	}
	return none{}, p.Identity.RenameWay(ctx, c.who, id, in.Name)
}

func (p *portal) apiRemoveWay(ctx context.Context, c *call, _ none) (sessionJSON, error) {
	id, err := pathID[hearkeep.UnlockerID](c.r)
	if err != nil {
		return sessionJSON{}, err
	}
	on, err := p.Identity.RemoveWay(context.WithoutCancel(ctx), c.who, id, p.visitor(c.r))
	if err != nil {
		return sessionJSON{}, err
	}
	return p.goesOn(c, on), nil
}

type passphraseJSON struct {
	Passphrase string `json:"passphrase" maxLength:"1024" doc:"At least 12 characters"`
}

func (p *portal) apiSetPassphrase(ctx context.Context, c *call, in passphraseJSON) (sessionJSON, error) {
	on, err := p.Identity.SetPassphrase(ctx, c.who, in.Passphrase, p.visitor(c.r))
	if err != nil {
		return sessionJSON{}, err
	}
	return p.goesOn(c, on), nil
}

// kitJSON is a new recovery kit. It is told once, and in force when checked.
type kitJSON struct {
	Kit    string `json:"kit" doc:"Nine groups of four; this is the only time it is told"`
	Ticket string `json:"ticket" doc:"For POST /v1/ways/kit/check, within an hour"`
	Groups []int  `json:"groups" doc:"Which two groups to type back, from 1"`
}

func (p *portal) apiNewKit(ctx context.Context, c *call, _ none) (kitJSON, error) {
	kit, check, err := p.Identity.NewKit(ctx, c.who)
	return kitJSON{kit, check.Ticket, check.Groups[:]}, err
}

type kitCheckJSON struct {
	Ticket string   `json:"ticket" maxLength:"200"`
	Groups []string `json:"groups" minItems:"2" maxItems:"2" maxLength:"40"`
}

func (p *portal) apiCheckKit(ctx context.Context, c *call, in kitCheckJSON) (sessionJSON, error) {
	if len(in.Groups) != 2 {
		return sessionJSON{}, hearkeep.Errorf(hearkeep.Invalid, "Type two groups back.")
	}
	on, err := p.Identity.CheckKit(ctx, c.who, in.Ticket, [2]string(in.Groups), p.visitor(c.r))
	if err != nil {
		return sessionJSON{}, err
	}
	return p.goesOn(c, on), nil
}

// addressJSON is where letters go.
type addressJSON struct {
	ID        hearkeep.ChannelID `json:"id"`
	Kind      string             `json:"kind" doc:"email, webhook, or spoken: at a door, by its id"`
	Address   string             `json:"address"`
	Created   time.Time          `json:"created"`
	Confirmed time.Time          `json:"confirmed,omitzero" doc:"Nothing but the code is sent there before"`
}

type addressesJSON struct {
	Addresses []addressJSON `json:"addresses"`
}

func (p *portal) apiAddresses(ctx context.Context, c *call, _ none) (addressesJSON, error) {
	all, err := p.Identity.Addresses(ctx, c.who)
	out := addressesJSON{make([]addressJSON, 0, len(all))}
	for _, a := range all {
		out.Addresses = append(out.Addresses, addressJSON{a.ID, a.Kind, a.Address, a.Created.UTC(), utc(a.Confirmed)})
	}
	return out, err
}

type newAddressJSON struct {
	Kind    string `json:"kind" enum:"email,webhook"`
	Address string `json:"address" maxLength:"2000"`
}

type channelJSON struct {
	ID hearkeep.ChannelID `json:"id" doc:"For /v1/addresses/{id}/confirm, with the code that was sent there"`
}

func (p *portal) apiAddAddress(ctx context.Context, c *call, in newAddressJSON) (channelJSON, error) {
	id, err := p.Identity.AddAddress(ctx, c.who, in.Kind, in.Address)
	return channelJSON{id}, err
}

type codeJSON struct {
	Code string `json:"code" maxLength:"100"`
}

func (p *portal) apiConfirmAddress(ctx context.Context, c *call, in codeJSON) (sessionJSON, error) {
	id, err := pathID[hearkeep.ChannelID](c.r)
	if err != nil {
		return sessionJSON{}, err
	}
	on, err := p.Identity.ConfirmAddress(ctx, c.who, id, in.Code, p.visitor(c.r))
	if err != nil {
		return sessionJSON{}, err
	}
	return p.goesOn(c, on), nil
}

func (p *portal) apiRemoveAddress(ctx context.Context, c *call, _ none) (sessionJSON, error) {
	id, err := pathID[hearkeep.ChannelID](c.r)
	if err != nil {
		return sessionJSON{}, err
	}
	on, err := p.Identity.RemoveAddress(ctx, c.who, id, p.visitor(c.r))
	if err != nil {
		return sessionJSON{}, err
	}
	return p.goesOn(c, on), nil
}

// letterJSON is a line of the delivery log.
type letterJSON struct {
	Topic   string    `json:"topic"`
	Kind    string    `json:"kind" doc:"Of the address it went to"`
	State   string    `json:"state" doc:"queued, sent or failed"`
	Created time.Time `json:"created"`
	Sent    time.Time `json:"sent,omitzero"`
}

type lettersJSON struct {
	Letters []letterJSON `json:"letters"`
}

func (p *portal) apiLetters(ctx context.Context, c *call, _ none) (lettersJSON, error) {
	all, err := p.Identity.Letters(ctx, c.who)
	out := lettersJSON{make([]letterJSON, 0, len(all))}
	for _, l := range all {
		out.Letters = append(out.Letters, letterJSON{l.Topic, l.Kind, l.State, l.Created.UTC(), utc(l.Sent)})
	}
	return out, err
}

type farewellJSON struct {
	Due time.Time `json:"due,omitzero" doc:"When the account and all that it alone holds is erased; absent where it is not"`
}

func (p *portal) apiFarewell(ctx context.Context, c *call, _ none) (farewellJSON, error) {
	due, err := p.Identity.Farewell(ctx, c.who)
	return farewellJSON{utc(due)}, err
}

func (p *portal) apiSayFarewell(ctx context.Context, c *call, _ none) (farewellJSON, error) {
	due, err := p.Identity.SayFarewell(ctx, c.who)
	return farewellJSON{utc(due)}, err
}

func (p *portal) apiStopFarewell(ctx context.Context, c *call, _ none) (none, error) {
	return none{}, p.Identity.StopFarewell(ctx, c.who)
}

// pairJSON and deviceJSON are what `hearkeep pair` sends and gets.
type pairJSON struct {
	Code string `json:"code" doc:"The one-use code from the keep's page"`
}

type deviceJSON struct {
	Token string `json:"token" doc:"The device token: it adds, and reads nothing"`
}

// pairing and saying are endpoints that are not for people.
func pairEndpoint() *endpoint {
	return &endpoint{says: "Change a pairing code for a device token.", in: typeOf[pairJSON](), out: typeOf[deviceJSON](), status: http.StatusOK}
}

func sayEndpoint() *endpoint {
	return &endpoint{says: "Say something, as sound or as text; what becomes of it comes back line by line.",
		takes: []string{"audio/*", "text/plain", "application/octet-stream"}, gives: "application/x-ndjson", status: http.StatusOK}
}

func documentEndpoint() *endpoint {
	return &endpoint{says: "This document.", gives: "application/vnd.oai.openapi+json;version=3.1", status: http.StatusOK}
}
