package portal

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/hearkeep/hearkeep"
)

// Links are what a {secret} names. They are the matrix's own words: on such
// rows the table names what the link is about.
const (
	setUpLink object = "set-up link"
	joinLink  object = "invitation link"
	leaveLink object = "farewell link"
	clockLink object = "operator link"
	claimLink object = "claim link"
	tellLink  object = "report link"
	askLink   object = "link of a letter that asks to delete"
)

// outcome is what becomes of a call, as its row of the table decides it.
type outcome string

const (
	answered outcome = "answered"                  // anybody is, in some way
	served   outcome = "served"                    // and what else is wrong is said
	signIn   outcome = "asked to sign in"          // 401, or the way to /sign-in
	unlock   outcome = "asked to show an unlocker" // 403 step_up, or the way to /unlock
	refused  outcome = "refused"                   // 403
	nowhere  outcome = "there is nothing here"     // 404
)

// asker is somebody with one credential.
type asker struct {
	name    string
	header  http.Header
	who     *resident           // whose session it is; nil for all others
	browser bool                // it is a cookie: pages take no other credential
	device  bool                // it is the token of a door
	program hearkeep.VaultID    // it is an API token of this vault
	since   hearkeep.Generation // of a program: its keys
	writes  bool                // of a program
	fresh   bool                // of a session
	clocks  bool                // it is the cookie of an operator
}

// callers are everybody that there is.
func (w *town) callers() []asker {
	all := []asker{
		{name: "nobody"},
		{name: "a device", header: bears(w.device), device: true},
		{name: "a made-up session", header: cookies(strings.Repeat("A", 64)), browser: true},
		{name: "a made-up token", header: bears("hkt_" + strings.Repeat("A", 64))},
		{name: "a made-up ticket", header: http.Header{"Cookie": {ticketCookie + "=" + strings.Repeat("A", 26)}}},
		{name: "an operator", header: http.Header{"Cookie": {operatorCookie + "=" + w.operating}}, clocks: true},
		{name: "a made-up operator", header: http.Header{"Cookie": {operatorCookie + "=" + strings.Repeat("a", 26)}}},
	}
	for _, over := range []string{"signed out", "expired"} {
		all = append(all, asker{name: "a session that is " + over, header: cookies(w.ended[over]), browser: true},
			asker{name: "a terminal's session that is " + over, header: bears(sessionPrefix + w.ended[over])})
	}
	for name, in := range map[string]string{
		"Anna's, reads": "Anna's", "Anna's, writes": "Anna's", "the shared vault's, writes": "shared",
		"Sven's, reads": "Sven's", "Sven's, writes": "Sven's", "ended": "", "expired": "",
	} {
		c := asker{name: "a token: " + name, header: bears(w.tokens[name]), writes: strings.HasSuffix(name, "writes")}
		if in != "" {
			c.program, c.since = w.vaults[in], 1
		}
		if in == "shared" {
			c.since = 5
		}
		all = append(all, c)
	}
	for name, p := range w.people {
		all = append(all,
			asker{name: name, header: cookies(p.fresh), who: p, browser: true, fresh: true},
			asker{name: name + ", stale", header: cookies(p.stale), who: p, browser: true},
			asker{name: name + "'s terminal", header: bears(sessionPrefix + p.fresh), who: p, fresh: true},
			asker{name: name + "'s terminal, stale", header: bears(sessionPrefix + p.stale), who: p})
	}
	slices.SortFunc(all, func(a, b asker) int { return strings.Compare(a.name, b.name) })
	return all
}

func bears(secret string) http.Header { return http.Header{"Authorization": {"Bearer " + secret}} }
func cookies(session string) http.Header {
	return http.Header{"Cookie": {"hearkeep=" + session}}
}

// holds reports whether a caller holds a vault, and with which keys at first.
func (w *town) held(c asker, id hearkeep.VaultID) (since hearkeep.Generation, ok bool) {
	if !c.program.IsZero() {
		return c.since, c.program == id
	}
	if c.who == nil {
		return 0, false
	}
	since, ok = w.holds[c.who.account][id]
	return since, ok
}

// own is the vault that a caller has open where they ask for none they hold.
func own(c asker) hearkeep.VaultID {
	if c.who != nil {
		return c.who.own
	}
	return c.program
}

// reaches says whether an object is there for a caller who has a vault open.
// A kind of object without a rule here fails the test of every route that
// works on it.
func (w *town) reaches(c asker, o thing, open hearkeep.VaultID) bool {
	switch o.kind {
	case recording: // lies in the open vault, and was kept with keys that they were given
		since, ok := w.held(c, open)
		return ok && o.vault == open && since <= o.since
	case receipt, timer, binding: // lies in the open vault
		_, ok := w.held(c, open)
		return ok && o.vault == open
	case holder: // holds the open vault, as they do
		_, they := w.held(c, open)
		_, other := w.holds[o.account][open]
		return they && other
	case wayIn, channel, session, token: // is the account's own
		return c.who != nil && o.account == c.who.account
	case entry: // is about their account, or any vault that they hold
		_, ok := w.held(c, o.vault)
		return c.who != nil && (ok || o.account == c.who.account)
	case claim: // is about a door of any vault that they hold
		_, ok := w.held(c, o.vault)
		return ok
	case notice: // tells of recordings of theirs
		return c.who != nil && o.account == c.who.account
	case request: // is the account's own
		return c.who != nil && o.account == c.who.account
	case archive: // was prepared in that very session
		return c.who != nil && o.account == c.who.account && c.fresh
	case restriction: // of the open vault, and they asked for it
		_, ok := w.held(c, open)
		return ok && o.vault == open && c.who != nil && o.account == c.who.account
	case member: // lives with them
		return c.who != nil && o.house == c.who.house
	case invitation: // they made it, or are an admin where it leads to
		return c.who != nil && (o.account == c.who.account || c.who.admin && o.house == c.who.house)
	case houseDoor: // is the door of a vault that the household shares
		return c.who != nil && o.house == c.who.house && w.isShared(o.vault)
	case breach: // is the operator's to look after, whomever it concerns
		return c.clocks
	case setUpLink, joinLink, leaveLink, clockLink, claimLink, tellLink, askLink: // whoever has a link has it
		return o.works
	}
	w.t.Fatalf("no rule says who reaches an object of the kind %q", o.kind)
	return false
}

func (w *town) vaultNames() []string { return slices.Sorted(maps.Keys(w.vaults)) }

func (w *town) isShared(id hearkeep.VaultID) bool {
	return slices.Contains([]hearkeep.VaultID{w.vaults["shared"], w.vaults["child's"], w.vaults["grown child's"], w.vaults["studio"]}, id)
}

// cell is one call of the matrix.
type cell struct {
	row    route
	caller asker
	label  string            // of the object
	object *thing            // nil where the row names none
	open   hearkeep.VaultID  // the vault that the address or a cookie names
	odd    string            // in place of open, of an address: not an id
	to     *hearkeep.VaultID // the vault that a body names; the caller's own where nil
	absent bool              // what it names never was
}

// rule is the table in words: what becomes of a cell.
func (w *town) rule(c cell) outcome {
	row, who := c.row, c.caller
	open := c.open
	person, program := who.who != nil, !who.program.IsZero()
	switch {
	case row.anyone != nil, row.api != nil && row.scope == scopeNone:
		return answered
	case row.forAgents(): // the town has no directory of agents; drp_test.go has one
		return nowhere
	case row.fetching != nil: // nobody in the town has a ticket; fetch_test.go has one
		return nowhere
	case row.operator != nil:
		if who.clocks && (c.object == nil || !c.absent && w.reaches(who, *c.object, open)) {
			return served
		}
		return nowhere
	case row.setUp != nil, row.invited != nil, row.leaving != nil, row.operating != nil, row.claimant != nil, row.reporter != nil, row.recipient != nil:
		if c.object != nil && w.reaches(who, *c.object, open) {
			return served
		}
		return nowhere
	case row.device != nil:
		if who.device {
			return served
		}
		return signIn
	case row.api != nil:
		// A session or a token; a token where its scope is enough.
		if !person && !program {
			return signIn
		}
		if program && (row.scope == scopePerson || row.scope == scopeWrite && !who.writes) {
			return refused
		}
	default:
		// A page is for a session's cookie. Which vault is open is the caller's
		// own where the cookie names none that they hold.
		if !person || !who.browser {
			return signIn
		}
		if _, ok := w.held(who, open); !ok {
			open = own(who)
		}
	}
	// To whoever is no admin, what admins do is not there.
	if (row.admin != nil || row.admins) && !who.who.admin {
		return nowhere
	}
	if row.fresh && !who.fresh {
		return unlock
	}
	if _, ok := w.held(who, open); strings.Contains(row.pattern, "{vault}") && (!ok || c.odd != "") {
		return nowhere
	}
	if c.to != nil && row.freshFor == intoShared && !who.fresh && w.isShared(*c.to) {
		// A door, and a text that is no id, is looked for first; a recording after.
		_, ok := w.held(who, *c.to)
		first := c.object.kind == binding || c.object.whose == "malformed"
		if ok && (!first || !c.absent && w.reaches(who, *c.object, open)) {
			return unlock
		}
	}
	if c.object != nil && c.object.kind == restriction && !c.absent {
		if row.api == nil { // the page finds it in whichever vault of theirs it is
			open = c.object.vault
		}
		if _, ok := w.held(who, open); ok && c.object.vault == open && !w.reaches(who, *c.object, open) {
			return refused // another's: it is seen, and not theirs to end
		}
	}
	if c.object != nil && (c.absent || !w.reaches(who, *c.object, open)) {
		return nowhere
	}
	if c.to != nil {
		if _, ok := w.held(who, *c.to); !ok {
			return nowhere
		}
	}
	return served
}

// named is the kind of object that a row's address, or its body, names.
func named(row route) (kind object, inBody bool) {
	switch {
	case row.forAgents():
		return nothing, false
	case strings.Contains(row.pattern, "{id}"):
		return row.on, false
	case row.setUp != nil:
		return setUpLink, false
	case row.invited != nil:
		return joinLink, false
	case row.leaving != nil:
		return leaveLink, false
	case row.operating != nil:
		return clockLink, false
	case row.claimant != nil:
		return claimLink, false
	case row.reporter != nil:
		return tellLink, false
	case row.recipient != nil:
		return askLink, false
	}
	switch pattern(row) {
	case "POST /v1/vaults/{vault}/erase", "POST /v1/vaults/{vault}/move":
		return recording, true
	case "PATCH /v1/vaults/{vault}/doors":
		return binding, true
	case "POST /v1/invitations/offer", "POST /v1/invitations/accept":
		return joinLink, true
	}
	return nothing, false
}

// takesVault reports whether a row's body names a vault.
func takesVault(row route) bool {
	return strings.HasSuffix(row.pattern, "/move") || row.pattern == "/vaults/enter" || pattern(row) == "POST /account/tokens"
}

// cells are what a caller can ask a row for: each object of the town's of that
// kind, in its own vault and in theirs, and what never was.
func (w *town) cells(row route, who asker, odds []string) (out []cell) {
	kind, inBody := named(row)
	none := hearkeep.NewID[hearkeep.VaultID]()
	add := func(label string, o *thing, open hearkeep.VaultID) *cell {
		c := cell{row: row, caller: who, label: label, object: o, open: open}
		if strings.HasSuffix(row.pattern, "/move") { // elsewhere, where they have another vault
			from := open
			if _, ok := w.held(who, open); !ok {
				from = own(who)
			}
			c.to = &none
			for _, name := range w.vaultNames() {
				id := w.vaults[name]
				if _, ok := w.held(who, id); ok && id != from {
					c.to = &id
				}
			}
		}
		out = append(out, c)
		return &out[len(out)-1]
	}
	inVault := row.api == nil && slices.Contains([]object{keep, recording, receipt, timer, binding, holder}, row.on) || strings.Contains(row.pattern, "{vault}")
	if kind == nothing {
		if !inVault {
			add("", nil, own(who))
		} else {
			for _, name := range w.vaultNames() {
				add("vault: "+name, nil, w.vaults[name])
			}
			add("vault: absent", nil, none).absent = true
			for _, odd := range odds {
				add("vault: malformed", nil, own(who)).odd = odd
			}
		}
	} else {
		never := &thing{kind: kind, whose: "absent", id: none.String()}
		add("absent", never, own(who)).absent = true
		count := 0
		for i := range w.things {
			o := &w.things[i]
			if o.kind != kind {
				continue
			}
			count++
			add(o.whose, o, own(who))
			if inVault && !o.vault.IsZero() && o.vault != own(who) {
				add(o.whose+", in its vault", o, o.vault)
			}
		}
		if count == 0 {
			w.t.Fatalf("%s: the town has no object of the kind %q", pattern(row), kind)
		}
		for _, odd := range odds {
			if inBody && kind != joinLink {
				break // its schema refuses it, as what is no request
			}
			add("malformed", &thing{kind: kind, whose: "malformed", id: odd}, own(who)).absent = true
		}
		if strings.Contains(row.pattern, "{vault}") {
			add("in an absent vault", never, none).absent = true
		}
	}
	if !takesVault(row) {
		return out
	}
	var to []cell
	for _, c := range out {
		if c.absent || c.object != nil && !w.reaches(who, *c.object, c.open) || c.object == nil && c.open != own(who) || c.odd != "" {
			continue
		}
		for _, name := range w.vaultNames() {
			d, id := c, w.vaults[name]
			d.label, d.to = c.label+" to "+name, &id
			to = append(to, d)
		}
		d := c
		d.label, d.to, d.absent = c.label+" to an absent vault", &none, c.object == nil
		to = append(to, d)
	}
	return append(out, to...)
}
