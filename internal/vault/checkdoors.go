package vault

import (
	"context"
	"fmt"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/seal"
	"github.com/hearkeep/hearkeep/internal/store"
)

// CheckedDoor is a bound door as an operator may see it: not its name, which
// is its keyholder's.
type CheckedDoor struct {
	Vault   hearkeep.VaultID
	Binding hearkeep.BindingID
	Source  hearkeep.Source
	Paused  bool
	Listen  string // host:port of a Wyoming listener
	Refused error  // why its speech is refused: the row is not what was signed, or does not open
}

// CheckDoors looks at every door that has not ended. It opens no recording and
// writes nothing, so it may run beside a working Keep; Check does more.
func CheckDoors(ctx context.Context, st store.Store, house seal.HouseKey) (doors []CheckedDoor, err error) {
	k := &Keep{store: st, house: house}
	err = st.View(ctx, func(tx *store.Tx) error {
		vaults, err := tx.Vaults.AllVaults(ctx)
		if err != nil {
			return err
		}
		for _, id := range vaults {
			rows, err := tx.Vaults.Bindings(ctx, id)
			if err != nil {
				return err
			}
			for _, b := range rows {
				if b.Ended.IsZero() {
					doors = append(doors, k.checkDoor(b))
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("vault: check doors: %w", err)
	}
	return doors, nil
}

func (k *Keep) checkDoor(b store.Binding) CheckedDoor {
	found := CheckedDoor{Vault: b.Vault, Binding: b.ID, Source: b.Source, Paused: b.Rule.Paused}
	p, err := k.readPin(b)
	if err == nil {
		err = seal.VerifyBinding(p.SignedBy, bindingStatement(b), b.Signature)
	}
	var d Door
	if err == nil {
		d, err = k.openDoor(b)
	}
	found.Listen, found.Refused = d.Listen, err
	return found
}
