package vault

import (
	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/identity"
)

// Unfresh makes a Room's session one whose unlocker was shown long ago.
func Unfresh(r *Room) { r.actor.fresh = identity.Verified{}.Fresh }

// Moving marks recordings as being moved, until the function that it returns
// is called.
func (k *Keep) Moving(ids ...hearkeep.RecordingID) (done func()) {
	k.claimMoves(ids)
	return func() { k.releaseMoves(ids) }
}

// MaxRestrictions is how many things each who holds a vault may freeze in it.
const MaxRestrictions = maxRestrictions
