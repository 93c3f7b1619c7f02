package vault

import (
	"context"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/identity"
)

// Move takes recordings into another vault of the same person: they are opened
// here, sealed anew there, and erased here. What was moved when it fails half
// way stays moved; nothing is lost.
func Move(ctx context.Context, from, to *Room, ids ...hearkeep.RecordingID) (Receipt, error) {
	return Receipt{}, errNotYet
}

// together refuses two Rooms that are not the same person's. A program has
// the key of one vault, so that nothing moves between two by a token.
func together(from, to *Room) error {
	if from.actor.account != to.actor.account || from.keep != to.keep {
		return errGone()
	}
	if err := from.keyholder(); err != nil {
		return err
	}
	return to.keyholder()
}

// Rename gives this vault another name.
func (r *Room) Rename(ctx context.Context, name string) error { return errNotYet }

// HouseDoor is a door of a household's shared vault, as its admins see it.
type HouseDoor struct {
	Binding
	Vault     hearkeep.VaultID
	VaultName string
}

// HouseDoors lists the doors of the household's shared and children's vaults:
// for its admins, who need not hold them.
func (k *Keep) HouseDoors(ctx context.Context, who identity.Verified) ([]HouseDoor, error) {
	return nil, errNotYet
}

// Disconnect closes one of them for good: for admins.
func (k *Keep) Disconnect(ctx context.Context, who identity.Verified, id hearkeep.BindingID) error {
	return errNotYet
}
