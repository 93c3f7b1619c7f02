package incident

import (
	"context"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/store"
)

// Clause is one cause: what it names is looked for in the ledger and the rows.
// Exactly one of Archive, Session, Account, Binding and Vault is set, or none,
// which is a window of time over everything.
type Clause struct {
	Archive hearkeep.ArchiveID // what that archive handed over
	Session string             // what was opened in that session (ledger.Entry.Session)
	Account hearkeep.AccountID // what that account opened or was handed, or could: keys that changed hands
	Binding hearkeep.BindingID // what that door kept: a device in the wrong home
	Vault   hearkeep.VaultID   // what of that vault was opened, or handed over
	From    time.Time          // of the window, zero for open; not used with Archive
	To      time.Time
	Without bool   // narrowing: what it finds is taken out
	Reason  string // the operator's; empty where Hearkeep drew it from a report
}

// How recordings were concerned, the gravest first.
const (
	HowHanded = "handed over"  // they left in an archive
	HowOpened = "opened"       // they became sound or words
	HowReach  = "within reach" // keys to them were in other hands
	HowKept   = "kept wrongly" // they lie in a vault that is not their speaker's
)

// affected computes whose recordings the clauses concern: the union of what
// they find, less what those Without find, as runs, for each keyholder of the
// vault; of what several find, the gravest How and the first time. It reads
// the ledger and rows, and opens nothing.
func affected(ctx context.Context, tx *store.Tx, clauses []Clause) ([]store.Affected, error) {
	return nil, errNotYet
}
