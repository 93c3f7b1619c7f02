package vault

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/identity"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/store"
)

// HouseDoor is a door of a household's shared vault, as its admins see it.
type HouseDoor struct {
	Binding
	Vault     hearkeep.VaultID
	VaultName string
}

// HouseDoors lists the open doors of the household's shared and children's
// vaults: for its admins, who need not hold them. It shows what the doors are,
// and nothing of what they kept.
func (k *Keep) HouseDoors(ctx context.Context, who identity.Verified) ([]HouseDoor, error) {
	if !who.Valid() {
		return nil, errNobody()
	}
	var (
		rows  []store.Binding
		names = map[hearkeep.VaultID]string{}
	)
	err := k.store.View(ctx, func(tx *store.Tx) error {
		vaults, err := houseVaults(ctx, tx, who)
		if err != nil {
			return err
		}
		for _, v := range vaults {
			doors, err := tx.Vaults.Bindings(ctx, v.ID)
			if err != nil {
				return err
			}
			names[v.ID] = k.name(v)
			rows = append(rows, doors...)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("vault: doors of the household of %s: %w", who.Account(), err)
	}
	var out []HouseDoor
	for _, b := range rows {
		if b.Ended.IsZero() {
			out = append(out, HouseDoor{Binding{b.ID, b.Source, k.door(ctx, b), b.Rule, b.Created, b.Ended}, b.Vault, names[b.Vault]})
		}
	}
	return out, nil
}

// adminOf returns the household of which who is an admin, or fails with NotFound.
func adminOf(ctx context.Context, tx *store.Tx, who identity.Verified) (hearkeep.HouseholdID, error) {
	m, err := tx.Houses.Member(ctx, who.Account())
	if errors.Is(err, store.ErrNotFound) || err == nil && m.Role != "admin" {
		return hearkeep.HouseholdID{}, errGone()
	}
	return m.Household, err
}

// houseVaults are the shared and children's vaults of the household that who
// is an admin of.
func houseVaults(ctx context.Context, tx *store.Tx, who identity.Verified) ([]store.Vault, error) {
	house, err := adminOf(ctx, tx, who)
	if err != nil {
		return nil, err
	}
	vaults, err := tx.Vaults.VaultsIn(ctx, house)
	return slices.DeleteFunc(vaults, func(v store.Vault) bool { return !ofHouse(v, house) }), err
}

// ofHouse reports whether a vault is one that the household's admins manage:
// a personal one never is.
func ofHouse(v store.Vault, house hearkeep.HouseholdID) bool {
	return v.Household == house && !house.IsZero() && (v.Kind == Shared || v.Kind == Child)
}

// Disconnect closes one of them for good: for admins. An admin has no key to
// sign that with, so that the row alone says it until the next keyholder
// enters, who signs it (sealEnded).
func (k *Keep) Disconnect(ctx context.Context, who identity.Verified, id hearkeep.BindingID) error {
	if !who.Valid() {
		return errNobody()
	}
	err := k.store.Update(ctx, func(tx *store.Tx) error {
		b, err := houseDoor(ctx, tx, who, id)
		if err != nil {
			return err
		}
		if b.Source == hearkeep.SourceUpload {
			return errUploads()
		}
		if err := tx.Vaults.EndBinding(ctx, b.Vault, b.ID, time.Now()); err != nil {
			return err
		}
		if err := tx.Identity.DeleteToken(ctx, b.ID); err != nil {
			return err
		}
		if err := tx.Acts.Count(ctx, b.ID, countNoticesDue, 1); err != nil {
			return err
		}
		e := entryOf(personOf(who), b.Vault, ledger.KindUnbound, string(b.Source)+" by an admin")
		e.Role, e.Binding = hearkeep.RoleAdmin, &b.ID
		_, err = k.ledger.Append(ctx, tx, e)
		return err
	})
	if err != nil {
		return fmt.Errorf("vault: disconnect %s: %w", id, err)
	}
	k.dropEnvelope(id)
	return nil
}

// houseDoor returns the row of a door that who may disconnect. All that they
// may not is not there.
func houseDoor(ctx context.Context, tx *store.Tx, who identity.Verified, id hearkeep.BindingID) (store.Binding, error) {
	house, err := adminOf(ctx, tx, who)
	if err != nil {
		return store.Binding{}, err
	}
	// Looked for among the household's: other vaults' rows are not even read.
	vaults, err := tx.Vaults.VaultsIn(ctx, house)
	if err != nil {
		return store.Binding{}, err
	}
	for _, v := range vaults {
		if !ofHouse(v, house) {
			continue
		}
		doors, err := tx.Vaults.Bindings(ctx, v.ID)
		if err != nil {
			return store.Binding{}, err
		}
		for _, b := range doors {
			if b.ID == id && b.Ended.IsZero() {
				return b, nil
			}
		}
	}
	return store.Binding{}, errGone()
}

func errUploads() error {
	return hearkeep.Errorf(hearkeep.Invalid, "Uploads cannot be disconnected: this page is their door.").
		WithHint("They can be paused.")
}

// unsealedEnds returns the doors of this vault that were ended without a
// keyholder: their last rule still keeps something.
func (r *Room) unsealedEnds(ctx context.Context, tx *store.Tx) ([]store.Binding, error) {
	rows, err := tx.Vaults.Bindings(ctx, r.vault.ID)
	var out []store.Binding
	for _, b := range rows {
		if !b.Ended.IsZero() && b.Rule != shutRule() {
			out = append(out, b)
		}
	}
	return out, err
}

// sealEnded signs that an ended door keeps nothing and listens to nobody, so
// that a row that is opened again is a door that stays shut.
func (r *Room) sealEnded(ctx context.Context, tx *store.Tx, b store.Binding) error {
	if b.Vault != r.vault.ID || b.Ended.IsZero() {
		return fmt.Errorf("vault: binding %s is not an ended door of %s", b.ID, r.vault.ID)
	}
	door, err := r.keep.openSet(b)
	if err != nil {
		r.keep.log.Warn("an ended door does not open: it is shut under the name of its kind", "binding", b.ID, "err", err)
		door = setDoor{Door: Door{Name: string(b.Source)}}
	}
	b.Rule = shutRule()
	if err := r.keep.signBinding(r.keys[r.current], r.current, &b, door); err != nil {
		return fmt.Errorf("vault: shut binding %s: %w", b.ID, err)
	}
	return tx.Vaults.SetBinding(ctx, b)
}

// shutRule is the last rule of every door.
func shutRule() hearkeep.RoomRule {
	return hearkeep.RoomRule{Keep: hearkeep.KeepNothing, Paused: true}
}
