package portal

import (
	"context"
	"strings"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/vault"
)

// acquainted is what somebody may know of those whom entries name: who holds a
// vault with them or lives with them, their own programs, doors of their
// vaults. Nobody else has a name.
type acquainted struct {
	me       hearkeep.AccountID
	open     hearkeep.VaultID
	names    map[hearkeep.AccountID]string
	programs map[string]string // names of the account's tokens, as the ledger names those
	rooms    map[hearkeep.VaultID]*vault.Room
	vaults   map[hearkeep.VaultID]string
	doors    map[hearkeep.BindingID]vault.Binding
	one      bool // there is one vault alone, whose name need not be said
}

// acquaintances collects that. Every vault of the person is entered; nothing
// of it is opened.
func (p *portal) acquaintances(ctx context.Context, v *visit) (*acquainted, error) {
	a := &acquainted{
		me: v.who.Account(), open: v.room.ID(), names: map[hearkeep.AccountID]string{}, programs: map[string]string{},
		rooms: map[hearkeep.VaultID]*vault.Room{}, vaults: map[hearkeep.VaultID]string{}, doors: map[hearkeep.BindingID]vault.Binding{}, one: len(v.held) == 1,
	}
	house, err := p.Identity.Household(ctx, v.who)
	if err != nil {
		return nil, err
	}
	for _, m := range house.Members {
		a.names[m.Account] = m.Name
	}
	views := v.vaults()
	for i, h := range v.held {
		room := v.room
		if h.ID != room.ID() {
			if room, err = p.Keep.Enter(ctx, v.who, h.ID); err != nil {
				return nil, err
			}
		}
		a.rooms[h.ID], a.vaults[h.ID] = room, views[i].Name
		holders, err := room.Holders(ctx)
		if err != nil {
			return nil, err
		}
		for _, one := range holders {
			a.names[one.Account] = one.Name
		}
		doors, err := room.Bindings(ctx)
		if err != nil {
			return nil, err
		}
		for _, b := range doors {
			a.doors[b.ID] = b
		}
	}
	tokens, err := p.Keep.Tokens(ctx, v.who)
	if err != nil {
		return nil, err
	}
	for _, t := range tokens {
		a.programs[t.ID.String()[:16]] = t.Name
	}
	return a, nil
}

// sentence is who did something, and what: "Ben", "played the sound of 1
// recording."
func (a *acquainted) sentence(e ledger.Entry) (who, what string, yours bool) {
	what, _ = says(e)
	who, yours = a.who(e)
	if about, ok := happened(e); ok { // to an account, and not by it
		what = about
	}
	if e.Role == hearkeep.RoleSystem && e.Account != nil && *e.Account == a.me {
		what = strings.Replace(what, "somebody", "you", 1)
	}
	return who, counted(what, e), yours
}

// who is whom an entry names, as far as somebody may know them.
func (a *acquainted) who(e ledger.Entry) (name string, yours bool) {
	yours = e.Account != nil && *e.Account == a.me
	person := "Somebody who held it then"
	if e.Vault == nil {
		person = "Somebody"
	}
	if e.Account != nil && a.names[*e.Account] != "" {
		person = a.names[*e.Account]
	}
	if yours {
		person = "You"
	}
	_, about := happened(e)
	switch {
	case e.Role == hearkeep.RoleKeyholder, about:
		return person, yours
	case e.Role == hearkeep.RoleAdmin && e.Session != "":
		return person + ", as an admin of the household,", yours
	case e.Role == hearkeep.RoleAdmin:
		return "An admin of the household", false
	case e.Role == hearkeep.RoleToken && yours:
		if program, ok := a.programs[e.Session]; ok {
			return "Your program “" + program + "”", true
		}
		return "A program of yours, whose token has ended,", true
	case e.Role == hearkeep.RoleToken && person == "Somebody who held it then":
		return "A program of somebody who held it then", false
	case e.Role == hearkeep.RoleToken:
		return "A program of " + person, false
	case e.Role == hearkeep.RoleDevice && e.Vault != nil && e.Binding != nil:
		return "The door “" + a.door(*e.Vault, *e.Binding) + "”", false
	case e.Role == hearkeep.RoleDevice:
		return "A door", false
	case e.Role == hearkeep.RoleOperator:
		return "The operator", false
	}
	return "Hearkeep itself", false
}

// happened is what became of the account that an entry names, where another
// one did it: such an entry has no session. Its twin has, and says who.
func happened(e ledger.Entry) (string, bool) {
	if e.Session != "" || e.Account == nil {
		return "", false
	}
	switch e.Kind {
	case ledger.KindKeys:
		if e.Role != hearkeep.RoleKeyholder {
			return "", false
		}
		text, ok := map[string]string{
			"keyholder added": "received the keys of a vault", "keyholder removed": "lost the keys of a vault",
			"past given": "received the keys to what was kept before", "invitation ended: no place": "came too late to hold a vault",
		}[e.Purpose]
		return text, ok
	case ledger.KindHousehold:
		if e.Role != hearkeep.RoleAdmin {
			return "", false
		}
		text, ok := map[string]string{
			"admin made": "became an admin of the household", "admin no longer": "ceased to be an admin of the household",
			"member removed": "had to leave the household",
		}[e.Purpose]
		return text, ok
	}
	return "", false
}

// counted ends a sentence with how many recordings it is about.
func counted(what string, e ledger.Entry) string {
	switch e.Kind {
	case ledger.KindOpened, ledger.KindOpeningFailed, ledger.KindErased, ledger.KindExpired, ledger.KindKeepFailed, ledger.KindCorrected, ledger.KindDisclosed:
		switch {
		case e.Count > 0:
			return what + " " + countText(e.Count, "recording") + "."
		case e.Kind == ledger.KindDisclosed:
			return what + " nothing: nothing is kept."
		}
	}
	return strings.TrimRight(what, ":,") + "."
}

// vaultName is empty where it need not be said.
func (a *acquainted) vaultName(id hearkeep.VaultID) string {
	if name, ok := a.vaults[id]; !ok {
		return "a vault that you do not hold"
	} else if !a.one {
		return name
	}
	return ""
}

// door names a door of a vault that the person holds.
func (a *acquainted) door(of hearkeep.VaultID, id hearkeep.BindingID) string {
	b, ok := a.doors[id]
	switch {
	case !ok || a.rooms[of] == nil:
		return "a door that is no more"
	case b.Door.Name == "":
		return sourceLabel(b.Source)
	}
	return b.Door.Name
}

func (a *acquainted) recording(p *portal, of hearkeep.VaultID, n vault.Numbered) openedRecording {
	one := openedRecording{ID: n.ID.String(), When: p.clock(n.Start), Door: a.door(of, n.Binding)}
	if of != a.open {
		one.Of = of.String()
	}
	return one
}
