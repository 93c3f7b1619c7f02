package portal

import (
	"net/http"
	"slices"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/identity"
	"github.com/hearkeep/hearkeep/internal/rights"
	"github.com/hearkeep/hearkeep/internal/vault"
)

// route is one row of the table. Exactly one of the handlers is set, and
// that says who may call it; each is given what its caller may touch and
// nothing more.
type route struct {
	method, pattern string
	on              object
	body            int64 // most bytes of a request's body; 0 allows none

	// fresh asks for an unlocker shown within the last five minutes
	// (identity.StepUpLife). Whoever is signed in without one is asked for it.
	fresh bool
	// freshFor says for which of its requests alone it asks for one: room vault
	// does, which knows what is in them.
	freshFor string

	// anyone may call it, signed in or not.
	anyone func(http.ResponseWriter, *http.Request) error
	// setUp takes a set-up link that is in force.
	setUp func(w http.ResponseWriter, r *http.Request, link string) error
	// invited takes an invitation link that is in force.
	invited func(w http.ResponseWriter, r *http.Request, link string) error
	// leaving takes a farewell link that is in force.
	leaving func(w http.ResponseWriter, r *http.Request, link string) error
	// keyholder is somebody signed in; visit holds their entered Room.
	keyholder func(http.ResponseWriter, *http.Request, *visit) error
	// admin is somebody signed in who is an admin of their household. It is
	// given no Room: managing a household opens nothing.
	admin func(http.ResponseWriter, *http.Request, identity.Verified) error
	// claimant takes the link of a claim, which its claimant alone was given.
	claimant func(w http.ResponseWriter, r *http.Request, secret string) error
	// reporter takes the link of a report, which whoever made it was given.
	reporter func(w http.ResponseWriter, r *http.Request, secret string) error
	// recipient takes the link of a letter to whoever was handed what is another's.
	recipient func(w http.ResponseWriter, r *http.Request, secret string) error
	// fetching has a ticket that a one-time code gave: leave to fetch one sealed
	// archive, and nothing else.
	fetching func(w http.ResponseWriter, r *http.Request, ticket string) error
	// operating takes an operator's link that is in force.
	operating func(w http.ResponseWriter, r *http.Request, link string) error
	// operator is a browser that used one. It is nobody's, and is given nothing
	// that opens anything. To all others it is not there.
	operator func(http.ResponseWriter, *http.Request) error
	// signed is somebody with a message that an agent of the directory signed.
	signed func(http.ResponseWriter, *http.Request) error
	// agent has the token of an agent, who asks in others' names and is given
	// nothing of theirs. Where there is no directory of agents, neither is there.
	agent func(http.ResponseWriter, *http.Request, rights.Agent) error
	// device has a device token; the Inbox adds and cannot read.
	device func(http.ResponseWriter, *http.Request, *vault.Inbox) error
	// api is a terminal, a program or a browser that has what scope says, on
	// the vault that the address names.
	api   *endpoint
	scope scope
	// admins keeps a row of the API to admins of their household: to others it
	// is not there.
	admins bool
	doc    *endpoint // describes an address of the API that is for anyone, or for devices
}

// object is what a route works on. Every id in a pattern names something
// inside the vault that the caller has open: elsewhere it does not exist.
type object string

const (
	nothing    object = ""           // no data of anybody's
	account    object = "account"    // the caller's sign-in
	keep       object = "keep"       // the caller's open vault as a whole
	vaults     object = "vaults"     // all vaults of the caller; a form names one
	recording  object = "recording"  // {id}, in the caller's keep
	receipt    object = "receipt"    // {id}, in the caller's keep
	entry      object = "entry"      // {id}, a number of the ledger's, about the caller or a vault that they hold
	timer      object = "timer"      // {id}, in the caller's keep
	door       object = "door"       // the binding of a device's token
	binding    object = "binding"    // {id}, a door of the caller's keep
	household  object = "household"  // the caller's household
	member     object = "member"     // {id}, an account of the caller's household
	invitation object = "invitation" // {id}, of the caller's household; {secret}, whose link it is
	houseDoor  object = "house door" // {id}, a door of a shared vault of the caller's household
	holder     object = "holder"     // {id}, an account that holds the caller's open vault
	wayIn      object = "way in"     // {id}, an unlocker of the caller's
	channel    object = "channel"    // {id}, where letters to the caller go
	session    object = "session"    // {id}, one of the caller's
	token      object = "token"      // {id}, an API token of the caller's

	request     object = "request"     // {id}, a request of the caller's
	archive     object = "archive"     // {id}, an open archive that the caller's session prepared
	restriction object = "restriction" // {id}, of a vault that the caller holds
	ticket      object = "ticket"      // leave to fetch a sealed archive
	claim       object = "claim"       // {id}, about a door of a vault that the caller holds; {secret}, whose link it is
	report      object = "report"      // {secret}, whose link it is
	notice      object = "notice"      // {id}, a case that the caller was told of
	handed      object = "handed over" // {secret}, whose link it is: what somebody was handed that is another's
	clocks      object = "clocks"      // of all requests and cases, with no name and no content
	breach      object = "case"        // {id}, of the breach desk
)

// What a session that was left open must not do: both outlive it.
const (
	intoShared = "into a vault that is not personal"
	toRelay    = "to relay to another engine"
)

// formBytes is room for the largest form: a name and a long passphrase;
// listBytes for 1,000 ids.
const (
	formBytes = 16 << 10
	listBytes = 64 << 10
)

// routes is the one table. archtest refuses a mux.Handle outside this file.
func (p *portal) routes() []route {
	return slices.Concat(p.keepRoutes(), p.accountRoutes(), p.householdRoutes(), p.rightsRoutes(), p.claimRoutes(), p.operatorRoutes(), p.apiRoutes(), p.bringRoutes(), p.apiRightsRoutes(), p.agentRoutes(), p.openedRoutes(), p.receiptRoutes(), p.reportRoutes(), p.attestRoutes(), p.apiReportRoutes(), []route{
		{method: "", pattern: "/", anyone: p.nowhere},
	})
}

// accountRoutes: ways in, sessions, addresses, tokens; lost and found.
func (p *portal) accountRoutes() []route {
	return []route{
		{method: "GET", pattern: "/account", on: account, keyholder: p.account},
		{method: "GET", pattern: "/account/passphrase", on: account, keyholder: p.passphraseForm, fresh: true},
		{method: "POST", pattern: "/account/passphrase", on: account, keyholder: p.setPassphrase, body: formBytes, fresh: true},
		{method: "GET", pattern: "/account/kit", on: account, keyholder: p.newKitForm, fresh: true},
		{method: "POST", pattern: "/account/kit", on: account, keyholder: p.newKit, body: formBytes, fresh: true},
		{method: "POST", pattern: "/account/kit/check", on: account, keyholder: p.checkKit, body: formBytes},
		{method: "GET", pattern: "/account/passkeys", on: account, keyholder: p.newPasskeyForm, fresh: true},
		{method: "POST", pattern: "/account/passkeys", on: account, keyholder: p.addPasskey, body: passkeyBytes, fresh: true},
		{method: "POST", pattern: "/account/passkeys/begin", on: account, keyholder: p.beginPasskey, body: formBytes, fresh: true},
		{method: "GET", pattern: "/account/ways/{id}", on: wayIn, keyholder: p.way},
		{method: "POST", pattern: "/account/ways/{id}", on: wayIn, keyholder: p.renameWay, body: formBytes},
		{method: "GET", pattern: "/account/ways/{id}/remove", on: wayIn, keyholder: p.removeWayForm, fresh: true},
		{method: "POST", pattern: "/account/ways/{id}/remove", on: wayIn, keyholder: p.removeWay, body: formBytes, fresh: true},
		{method: "GET", pattern: "/account/addresses", on: account, keyholder: p.newAddressForm, fresh: true},
		{method: "POST", pattern: "/account/addresses", on: account, keyholder: p.addAddress, body: formBytes, fresh: true},
		{method: "GET", pattern: "/account/addresses/{id}", on: channel, keyholder: p.address},
		{method: "POST", pattern: "/account/addresses/{id}", on: channel, keyholder: p.confirmAddress, body: formBytes},
		{method: "GET", pattern: "/account/addresses/{id}/remove", on: channel, keyholder: p.removeAddressForm, fresh: true},
		{method: "POST", pattern: "/account/addresses/{id}/remove", on: channel, keyholder: p.removeAddress, body: formBytes, fresh: true},
		{method: "GET", pattern: "/account/letters", on: account, keyholder: p.letters},
		{method: "POST", pattern: "/account/sessions", on: account, keyholder: p.endOthers, body: formBytes},
		{method: "POST", pattern: "/account/sessions/{id}/end", on: session, keyholder: p.endSession, body: formBytes},
		{method: "GET", pattern: "/account/tokens", on: account, keyholder: p.newTokenForm, fresh: true},
		{method: "POST", pattern: "/account/tokens", on: vaults, keyholder: p.makeToken, body: formBytes, fresh: true},
		{method: "POST", pattern: "/account/tokens/{id}/end", on: token, keyholder: p.endToken, body: formBytes},
		{method: "GET", pattern: "/account/farewell", on: account, keyholder: p.farewellForm, fresh: true},
		{method: "POST", pattern: "/account/farewell", on: account, keyholder: p.sayFarewell, body: formBytes, fresh: true},
		{method: "POST", pattern: "/account/farewell/stop", on: account, keyholder: p.stopFarewell, body: formBytes},

		{method: "GET", pattern: "/unlock", on: account, keyholder: p.unlockForm},
		{method: "POST", pattern: "/unlock", on: account, keyholder: p.unlock, body: passkeyBytes},
		{method: "POST", pattern: "/unlock/passkey", on: account, keyholder: p.unlockWithPasskey, body: formBytes},

		{method: "POST", pattern: "/sign-in/passkey/begin", on: account, anyone: p.beginPasskeySignIn, body: formBytes},
		{method: "POST", pattern: "/sign-in/passkey", on: account, anyone: p.signInWithPasskey, body: passkeyBytes},
		{method: "GET", pattern: "/help/sign-in", anyone: p.signInHelp},
		{method: "GET", pattern: "/lost", anyone: p.lostForm},
		{method: "POST", pattern: "/lost", on: account, anyone: p.lost, body: formBytes},
		{method: "GET", pattern: "/farewell/{secret}", on: account, leaving: p.leavingForm},
		{method: "POST", pattern: "/farewell/{secret}", on: account, leaving: p.leaving, body: formBytes},
	}
}

// householdRoutes: members, invitations, who holds a vault.
func (p *portal) householdRoutes() []route {
	return []route{
		{method: "GET", pattern: "/join/{secret}", on: invitation, invited: p.joinForm},
		{method: "POST", pattern: "/join/{secret}", on: invitation, invited: p.join, body: formBytes},

		{method: "GET", pattern: "/vaults", on: vaults, keyholder: p.vaultsList},
		{method: "GET", pattern: "/vaults/new", on: vaults, keyholder: p.newVaultForm},
		{method: "GET", pattern: "/household", on: household, keyholder: p.household},
		{method: "POST", pattern: "/household/name", on: household, admin: p.nameHousehold, body: formBytes},
		{method: "GET", pattern: "/household/invite", on: household, admin: p.inviteForm, fresh: true},
		{method: "POST", pattern: "/household/invite", on: household, admin: p.invite, body: formBytes, fresh: true},
		{method: "POST", pattern: "/household/invitations/{id}/withdraw", on: invitation, keyholder: p.withdraw, body: formBytes},
		{method: "GET", pattern: "/household/members/{id}/admin", on: member, admin: p.setAdminForm, fresh: true},
		{method: "POST", pattern: "/household/members/{id}/admin", on: member, admin: p.setAdmin, body: formBytes, fresh: true},
		{method: "GET", pattern: "/household/members/{id}/remove", on: member, admin: p.removeMemberForm, fresh: true},
		{method: "POST", pattern: "/household/members/{id}/remove", on: member, admin: p.removeMember, body: formBytes, fresh: true},
		{method: "GET", pattern: "/household/leave", on: household, keyholder: p.leaveForm, fresh: true},
		{method: "POST", pattern: "/household/leave", on: household, keyholder: p.leave, body: formBytes, fresh: true},
		{method: "GET", pattern: "/household/doors/{id}/disconnect", on: houseDoor, admin: p.disconnectHouseForm},
		{method: "POST", pattern: "/household/doors/{id}/disconnect", on: houseDoor, admin: p.disconnectHouse, body: formBytes},

		{method: "GET", pattern: "/sharing", on: keep, keyholder: p.sharing},
		{method: "POST", pattern: "/sharing/name", on: keep, keyholder: p.nameVault, body: formBytes},
		{method: "GET", pattern: "/sharing/invite", on: keep, keyholder: p.shareForm, fresh: true},
		{method: "POST", pattern: "/sharing/invite", on: keep, keyholder: p.share, body: formBytes, fresh: true},
		{method: "GET", pattern: "/sharing/holders/{id}/remove", on: holder, keyholder: p.removeHolderForm, fresh: true},
		{method: "POST", pattern: "/sharing/holders/{id}/remove", on: holder, keyholder: p.removeHolder, body: formBytes, fresh: true},
		{method: "GET", pattern: "/sharing/holders/{id}/past", on: holder, keyholder: p.givePastForm, fresh: true},
		{method: "POST", pattern: "/sharing/holders/{id}/past", on: holder, keyholder: p.givePast, body: formBytes, fresh: true},
		{method: "GET", pattern: "/sharing/leave", on: keep, keyholder: p.leaveVaultForm, fresh: true},
		{method: "POST", pattern: "/sharing/leave", on: keep, keyholder: p.leaveVault, body: formBytes, fresh: true},
		{method: "GET", pattern: "/sharing/hand-over", on: keep, keyholder: p.handOverForm, fresh: true},
		{method: "POST", pattern: "/sharing/hand-over", on: keep, keyholder: p.handOver, body: formBytes, fresh: true},
		{method: "GET", pattern: "/sharing/take-over", on: keep, keyholder: p.takeOverForm, fresh: true},
		{method: "POST", pattern: "/sharing/take-over", on: keep, keyholder: p.takeOver, body: formBytes, fresh: true},
		{method: "POST", pattern: "/recordings/{id}/move", freshFor: intoShared, on: recording, keyholder: p.moveRecording, body: formBytes},
	}
}

// keepRoutes: the keep itself, its doors, and getting in.
func (p *portal) keepRoutes() []route {
	return []route{
		{method: "GET", pattern: "/healthz", anyone: p.healthz},
		{method: "GET", pattern: "/static/{file}", anyone: p.static},
		{method: "GET", pattern: "/trust", anyone: p.trust},
		{method: "GET", pattern: "/trust/{file}", anyone: p.trustFile},

		{method: "GET", pattern: "/setup/{secret}", on: account, setUp: p.setupForm},
		{method: "POST", pattern: "/setup/{secret}", on: account, setUp: p.setup, body: formBytes},
		{method: "GET", pattern: "/sign-in", anyone: p.signInForm},
		{method: "POST", pattern: "/sign-in", on: account, anyone: p.signIn, body: formBytes},
		{method: "GET", pattern: "/sign-in/kit", anyone: p.kitForm},
		{method: "POST", pattern: "/sign-in/kit", on: account, anyone: p.signInWithKit, body: formBytes},
		{method: "POST", pattern: "/sign-out", on: account, anyone: p.signOut, body: formBytes},

		{method: "GET", pattern: "/{$}", on: keep, keyholder: p.home},
		{method: "GET", pattern: "/latest", on: keep, keyholder: p.latest},
		{method: "GET", pattern: "/kept", on: keep, keyholder: p.kept},
		{method: "POST", pattern: "/terminal", on: keep, keyholder: p.terminal, body: formBytes},
		{method: "POST", pattern: "/talk", on: keep, keyholder: p.talk, body: sayBytes},
		{method: "POST", pattern: "/recordings", on: keep, keyholder: p.upload, body: uploadBytes},
		{method: "GET", pattern: "/recordings/{id}", on: recording, keyholder: p.recording},
		{method: "GET", pattern: "/recordings/{id}/audio", on: recording, keyholder: p.audio},
		{method: "GET", pattern: "/recordings/{id}/erase", on: recording, keyholder: p.eraseForm},
		{method: "POST", pattern: "/recordings/{id}/erase", on: recording, keyholder: p.erase, body: formBytes},
		{method: "POST", pattern: "/timers/{id}/cancel", on: timer, keyholder: p.cancel, body: formBytes},
		{method: "GET", pattern: "/doors", on: keep, keyholder: p.doors},
		{method: "POST", pattern: "/doors/pause", on: keep, keyholder: p.pauseAll, body: formBytes},
		{method: "POST", pattern: "/doors/listen", on: keep, keyholder: p.listenAll, body: formBytes},
		{method: "GET", pattern: "/doors/new", on: keep, keyholder: p.newDoorForm},
		{method: "POST", pattern: "/doors/new", freshFor: toRelay, on: keep, keyholder: p.newDoor, body: formBytes},
		{method: "GET", pattern: "/doors/{id}", on: binding, keyholder: p.doorSettings},
		{method: "POST", pattern: "/doors/{id}", freshFor: toRelay, on: binding, keyholder: p.changeDoor, body: formBytes},
		{method: "POST", pattern: "/doors/{id}/pause", on: binding, keyholder: p.pauseDoor, body: formBytes},
		{method: "POST", pattern: "/doors/{id}/listen", on: binding, keyholder: p.listenDoor, body: formBytes},
		{method: "POST", pattern: "/doors/{id}/pair", on: binding, keyholder: p.pairAgain, body: formBytes},
		{method: "GET", pattern: "/doors/{id}/disconnect", on: binding, keyholder: p.disconnectForm},
		{method: "POST", pattern: "/doors/{id}/disconnect", on: binding, keyholder: p.disconnect, body: formBytes},
		{method: "POST", pattern: "/doors/{id}/move", freshFor: intoShared, on: binding, keyholder: p.moveDoor, body: formBytes},
		{method: "POST", pattern: "/vaults", on: vaults, keyholder: p.addVault, body: formBytes},
		{method: "POST", pattern: "/vaults/enter", on: vaults, keyholder: p.enterVault, body: formBytes},
		{method: "GET", pattern: "/erase", on: keep, keyholder: p.eraseAllForm},
		{method: "POST", pattern: "/erase", on: keep, keyholder: p.eraseAll, body: formBytes},
		{method: "GET", pattern: "/receipts/{id}", on: receipt, keyholder: p.receipt},
	}
}

// trustRoutes is the table of the plain-http port of an authority: how to
// trust it, and nothing else. elsewhere takes all other addresses.
func (p *portal) trustRoutes(elsewhere http.Handler) []route {
	return []route{
		{method: "GET", pattern: "/static/{file}", anyone: p.static},
		{method: "GET", pattern: "/{$}", anyone: p.toTrust},
		{method: "GET", pattern: "/trust", anyone: p.trust},
		{method: "GET", pattern: "/trust/{file}", anyone: p.trustFile},
		{method: "", pattern: "/", anyone: func(w http.ResponseWriter, r *http.Request) error {
			elsewhere.ServeHTTP(w, r)
			return nil
		}},
	}
}

// mux registers a table.
func (p *portal) mux(rows []route) http.Handler {
	mux := http.NewServeMux()
	for _, row := range rows {
		mux.Handle(pattern(row), p.serve(row))
	}
	return mux
}

func pattern(row route) string {
	if row.method == "" {
		return row.pattern
	}
	return row.method + " " + row.pattern
}

// serve admits the caller that the row names, and turns what its handler
// returns into a page or a problem.
func (p *portal) serve(row route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, row.body)
		var err error
		switch {
		case row.anyone != nil:
			err = row.anyone(w, r)
		case row.setUp != nil:
			link := r.PathValue("secret")
			if err = p.Identity.CheckSetup(r.Context(), link); err == nil {
				err = row.setUp(w, r, link)
			}
		case row.invited != nil:
			link := r.PathValue("secret")
			if _, err = p.Identity.Offered(r.Context(), link); err == nil {
				err = row.invited(w, r, link)
			}
		case row.leaving != nil:
			link := r.PathValue("secret")
			if _, err = p.Identity.FarewellLink(r.Context(), link); err == nil {
				err = row.leaving(w, r, link)
			}
		case row.claimant != nil:
			link := r.PathValue("secret")
			if _, err = p.Rights.ClaimStatus(r.Context(), link); err == nil {
				err = row.claimant(w, r, link)
			}
		case row.reporter != nil:
			link := r.PathValue("secret")
			if _, err = p.Incidents.StatusBy(r.Context(), link); err == nil {
				err = row.reporter(w, r, link)
			}
		case row.recipient != nil:
			link := r.PathValue("secret")
			if _, err = p.Incidents.Attesting(r.Context(), link); err == nil {
				err = row.recipient(w, r, link)
			}
		case row.fetching != nil:
			err = p.withTicket(w, r, row)
		case row.operating != nil:
			link := r.PathValue("secret")
			if !p.Operator {
				err = errNowhere
			} else if err = p.Identity.CheckOperatorLink(r.Context(), link); err == nil {
				err = row.operating(w, r, link)
			}
		case row.operator != nil:
			if err = p.asOperator(r); err == nil {
				err = row.operator(w, r)
			}
			if hearkeep.CodeOf(err) == hearkeep.NotFound {
				err = errNowhere
			}
		case row.forAgents():
			err = p.asAgent(w, r, row)
		case row.keyholder != nil, row.admin != nil:
			err = p.signedIn(w, r, row)
			if p.asked(w, r, err) {
				return
			}
			if hearkeep.CodeOf(err) == hearkeep.NotFound { // missing, or not yours: one answer for all
				err = errNowhere
			}
		case row.api != nil:
			err = p.called(w, r, row)
			if hearkeep.CodeOf(err) == hearkeep.NotFound && row.scope != scopeNone {
				err = errNowhere
			}
		case row.device != nil:
			var in *vault.Inbox
			if in, err = p.inbox(r); err == nil {
				err = row.device(w, r, in)
			}
		}
		if err != nil {
			p.fail(w, r, err)
		}
	})
}

// signedIn admits somebody signed in, and shows an admin's routes to admins
// only: to others they are not there.
func (p *portal) signedIn(w http.ResponseWriter, r *http.Request, row route) error {
	v, err := p.visit(r)
	if err != nil {
		return err
	}
	if row.admin != nil {
		if err := p.Identity.Admin(r.Context(), v.who); err != nil {
			return err
		}
	}
	if row.fresh {
		if err := v.who.Fresh(); err != nil {
			return err
		}
	}
	if row.admin != nil {
		return row.admin(w, r, v.who)
	}
	return row.keyholder(w, r, v)
}

// asked reports whether what went wrong was answered by asking the person for
// something: to sign in, or to show an unlocker again.
func (p *portal) asked(w http.ResponseWriter, r *http.Request, err error) bool {
	switch hearkeep.CodeOf(err) {
	case hearkeep.Unauthorized:
		p.askToSignIn(w, r, err)
	case hearkeep.StepUp:
		p.askToUnlock(w, r, err)
	default:
		return false
	}
	return true
}

// nowhere answers every address that is not in the table.
func (p *portal) nowhere(http.ResponseWriter, *http.Request) error { return errNowhere }
