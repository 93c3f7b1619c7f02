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
