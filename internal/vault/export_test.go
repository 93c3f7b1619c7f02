package vault

import "github.com/hearkeep/hearkeep/internal/identity"

// Unfresh makes a Room's session one whose unlocker was shown long ago.
func Unfresh(r *Room) { r.actor.fresh = identity.Verified{}.Fresh }
