package incident

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/store"
)

// Clause is one cause: what it names is looked for in the ledger and the rows.
// Exactly one of Archive, Session, Account, Binding and Vault is set, or none,
// which is a window of time over everything.
type Clause struct {
	Archive hearkeep.ArchiveID // what that archive handed over
	Session string             // what was opened, or handed over, in that session (ledger.Entry.Session)
	Account hearkeep.AccountID // what that account opened or was handed, or could open: keys that changed hands
	Binding hearkeep.BindingID // what that door kept: a device in the wrong home
	Vault   hearkeep.VaultID   // what of that vault was opened, or handed over
	Number  hearkeep.Number    // with Binding: that recording alone, which began at From; zero for all
	From    time.Time          // of the window, zero for open; not used with Archive
	To      time.Time
	Without bool   // narrowing: what it finds is taken out; with Vault, all that happened to that vault
	Reason  string // the operator's; empty where Hearkeep drew it from a report
}

// within reports whether a time is in the window of a clause, to the
// millisecond, which is what the ledger keeps.
func (c Clause) within(at time.Time) bool {
	at = at.Truncate(tick)
	return (c.From.IsZero() || !at.Before(c.From.Truncate(tick))) && (c.To.IsZero() || at.Before(c.To.Truncate(tick)))
}

const tick = time.Millisecond

// How recordings were concerned, the gravest first.
const (
	HowHanded = "handed over"  // they left in an archive
	HowOpened = "opened"       // they became sound or words
	HowReach  = "within reach" // keys to them were in other hands
	HowKept   = "kept wrongly" // they lie in a vault that is not their speaker's
)

// gravity ranks them.
func gravity(how string) int {
	return slices.Index([]string{HowHanded, HowOpened, HowReach, HowKept}, how)
}

// Scope is whom and what clauses lead to.
type Scope struct {
	Affected []store.Affected // by account, vault, binding and number
	// Lost counts entries of the ledger that may fall under the clauses and
	// have lost their bodies to their clock, were altered, or speak of a vault
	// that is not here: what they concerned is not known, and not in Affected.
	Lost int
}

// affected computes whose recordings the clauses concern: the union of what
// they find, less what those Without find, as runs, for each person of each
// recording (see people); of what several find, the gravest How, and of those
// the first. It reads the ledger and rows, and opens nothing.
//
// What of a recording is gone by now counts as what is still there: that it
// was opened, handed over, or within reach while it stood.
func affected(ctx context.Context, tx *store.Tx, clauses []Clause) (Scope, error) {
	s := search{ctx: ctx, tx: tx, vaults: map[hearkeep.VaultID]*lifetime{}}
	var with, without []find
	for _, c := range clauses {
		found, err := s.find(c)
		if err != nil {
			return Scope{}, fmt.Errorf("incident: who is affected: %w", err)
		}
		if c.Without {
			without = append(without, found...)
		} else {
			with = append(with, found...)
		}
	}
	for _, c := range clauses {
		if !c.Without || c.Vault.IsZero() {
			continue
		}
		for _, f := range with {
			if f.vault == c.Vault && c.within(f.at) {
				without = append(without, f)
			}
		}
	}
	rows, err := s.people(less(with, without))
	if err != nil {
		return Scope{}, fmt.Errorf("incident: who is affected: %w", err)
	}
	return Scope{Affected: rows, Lost: s.lost}, nil
}
