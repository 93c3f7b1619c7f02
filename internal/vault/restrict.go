package vault

import (
	"context"
	"errors"
	"time"

	"github.com/hearkeep/hearkeep"
)

var errNotYet = errors.New("vault: not built yet")

// Restriction freezes release, expiry and training of a vault, of a door's
// recordings or of one recording. Keyholders still play and erase (Art. 18).
type Restriction struct {
	ID        hearkeep.RestrictionID
	Binding   hearkeep.BindingID   // zero: all of the vault's
	Recording hearkeep.RecordingID // zero: all of the door's, or the vault's
	Request   hearkeep.RequestID   // zero where a report is the cause
	Mine      bool                 // asked for by this Room's account, which may lift it
	At        time.Time
}

// Restrict freezes this vault, or with a recording that one alone, for a
// request of this Room's account.
func (r *Room) Restrict(ctx context.Context, request hearkeep.RequestID, id hearkeep.RecordingID) (hearkeep.RestrictionID, error) {
	return hearkeep.RestrictionID{}, errNotYet
}

// Restrictions returns what is frozen here, oldest first.
func (r *Room) Restrictions(ctx context.Context) ([]Restriction, error) { return nil, errNotYet }

// Lift frees what this Room's account had frozen. What a report froze is for
// its desk to free: Forbidden.
func (r *Room) Lift(ctx context.Context, id hearkeep.RestrictionID) error { return errNotYet }
