package vault

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/identity"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/seal"
	"github.com/hearkeep/hearkeep/internal/store"
)

// uploads is the name of the door that each vault has from the start.
const uploads = "Uploads"

// maxVaults is how many vaults one account may hold.
const maxVaults = 16

// childRetention is how long a child's vault keeps (DESIGN "Defaults").
const childRetention = 30 * 24 * time.Hour

// maxChildhood bounds when a child may take its vault over.
const maxChildhood = 25 * 366 * 24 * time.Hour

// Kinds of vaults.
const (
	Personal = "personal" // one keyholder
	Shared   = "shared"   // several, of a household
	Child    = "child"    // guardians, until the child takes it over
)

// NewVault is what a vault is made with.
type NewVault struct {
	Name  string
	Kind  string    // Personal, Shared or Child
	OfAge time.Time // of a child: when it may take the vault over by itself
}

// Create returns an account's first vault, which nobody else holds, made where
// there is none yet.
func (k *Keep) Create(ctx context.Context, who identity.Verified) (hearkeep.VaultID, error) {
	if !who.Valid() {
		return hearkeep.VaultID{}, errNobody()
	}
	var first hearkeep.VaultID
	err := k.store.View(ctx, func(tx *store.Tx) error {
		held, err := k.heldIn(ctx, tx, who.Account())
		first = firstOf(held)
		return err
	})
	if err != nil || !first.IsZero() {
		return first, err
	}
	return k.make(ctx, who, NewVault{Kind: Personal}, func(held []holding) (hearkeep.VaultID, error) {
		return firstOf(held), nil // another request may have been first
	})
}

// firstOf is the vault that is an account's own: the oldest that it alone
// holds. One that is damaged stays the first one: to make another in its place
// would hide that.
func firstOf(held []holding) hearkeep.VaultID {
	for _, h := range held {
		if h.own() || h.altered != nil && h.vault.Kind == Personal {
			return h.vault.ID
		}
	}
	return hearkeep.VaultID{}
}

// Add makes one more vault that this account alone holds at first, such as
// one for a room. Doors can be moved into it. A shared vault and a child's
// belong to the maker's household; of a child's, the maker is a guardian.
func (k *Keep) Add(ctx context.Context, who identity.Verified, n NewVault) (hearkeep.VaultID, error) {
	name, ok := nameOf(n.Name)
	if !ok {
		return hearkeep.VaultID{}, hearkeep.Errorf(hearkeep.Invalid, "A vault needs a name of at most %d characters.", maxName)
	}
	n.Name = name
	switch now := time.Now(); n.Kind {
	case Personal, Shared:
		n.OfAge = time.Time{}
	case Child:
		if !n.OfAge.After(now) || n.OfAge.After(now.Add(maxChildhood)) {
			return hearkeep.VaultID{}, hearkeep.Errorf(hearkeep.Invalid, "A child’s vault needs a day ahead, on which the child may take it over.").
				WithHint("Such as the child's 16th or 18th birthday.")
		}
	default:
		return hearkeep.VaultID{}, hearkeep.Errorf(hearkeep.Invalid, "A vault is for one person, shared, or a child's.")
	}
	return k.make(ctx, who, n, func(held []holding) (hearkeep.VaultID, error) {
		if len(held) >= maxVaults {
			return hearkeep.VaultID{}, hearkeep.Errorf(hearkeep.TooMany, "You hold %d vaults, which is as many as there can be.", len(held))
		}
		return hearkeep.VaultID{}, nil
	})
}

// make makes a vault with its first key generation and its door for uploads,
// unless instead, asked with what the account holds, names another or fails.
func (k *Keep) make(ctx context.Context, who identity.Verified, n NewVault, instead func([]holding) (hearkeep.VaultID, error)) (hearkeep.VaultID, error) {
	if !who.Valid() {
		return hearkeep.VaultID{}, errNobody()
	}
	m, err := k.forge(who, n)
	id := m.vault.ID
	if err != nil {
		return hearkeep.VaultID{}, fmt.Errorf("vault: make %s: %w", id, err)
	}
	err = k.store.Update(ctx, func(tx *store.Tx) error {
		if err := personOf(who).lives(ctx, tx, time.Now()); err != nil {
			return err
		}
		held, err := k.heldIn(ctx, tx, who.Account())
		if err != nil {
			return err
		}
		other, err := instead(held)
		if err != nil || !other.IsZero() {
			id = other
			return err
		}
		if n.Kind != Personal {
			if m.vault.Household, err = householdOf(ctx, tx, who.Account()); err != nil {
				return err
			}
		}
		if err := m.insert(ctx, tx); err != nil {
			return err
		}
		made := entryOf(personOf(who), id, ledger.KindKeys, "vault made")
		bound := entryOf(personOf(who), id, ledger.KindBound, string(hearkeep.SourceUpload))
		bound.Binding = &m.uploads.ID
		_, err = k.ledger.Append(ctx, tx, made, bound)
		return err
	})
	if err != nil {
		return hearkeep.VaultID{}, fmt.Errorf("vault: make %s: %w", m.vault.ID, err)
	}
	return id, nil
}

// householdOf is the household that an account belongs to.
func householdOf(ctx context.Context, tx *store.Tx, account hearkeep.AccountID) (hearkeep.HouseholdID, error) {
	m, err := tx.Houses.Member(ctx, account)
	if errors.Is(err, store.ErrNotFound) {
		return m.Household, hearkeep.Errorf(hearkeep.Conflict, "You belong to no household.").
			WithHint("A vault that is shared belongs to one.").Because(err)
	}
	return m.Household, err
}

// newVault is a vault before it is stored.
type newVault struct {
	vault      store.Vault
	generation store.Generation
	holder     store.Keyholder
	uploads    store.Binding
}

func (m newVault) insert(ctx context.Context, tx *store.Tx) error {
	if err := tx.Vaults.InsertVault(ctx, m.vault); err != nil {
		return err
	}
	if err := tx.Vaults.InsertGeneration(ctx, m.generation); err != nil {
		return err
	}
	if err := tx.Vaults.InsertKeyholder(ctx, m.holder); err != nil {
		return err
	}
	return tx.Vaults.InsertBinding(ctx, m.uploads)
}

func (k *Keep) forge(who identity.Verified, n NewVault) (m newVault, err error) {
	now := time.Now().UTC().Truncate(time.Millisecond)
	life, as := hearkeep.DefaultRetention, asHolder
	if n.Kind == Child {
		life, as = childRetention, asGuardian
	}
	m.vault = store.Vault{
		ID: hearkeep.NewID[hearkeep.VaultID](), Kind: n.Kind, Created: now, OfAge: n.OfAge.UTC().Truncate(time.Millisecond),
		Retention: store.Retention{Audio: life, Words: life, Turn: life},
	}
	if n.OfAge.IsZero() {
		m.vault.OfAge = time.Time{}
	}
	if n.Name != "" {
		if m.vault.Label, err = seal.SealHouse(k.house, seal.HouseName, m.vault.ID, []byte(n.Name)); err != nil {
			return m, err
		}
	}
	key, err := seal.NewVaultKey()
	if err != nil {
		return m, err
	}
	maker := seal.RosterMember{Account: who.Account(), As: as, Public: seal.PublicOfAccount(who.Private())}
	var holders []store.Keyholder
	if m.generation, holders, err = k.generation(m.vault.ID, 1, key, key, []seal.RosterMember{maker}, now); err != nil {
		return m, err
	}
	m.holder = holders[0]
	m.uploads = store.Binding{
		ID: hearkeep.NewID[hearkeep.BindingID](), Vault: m.vault.ID, Source: hearkeep.SourceUpload,
		Rule: hearkeep.RoomRule{Keep: hearkeep.KeepAll}, Next: 1, Created: now,
	}
	return m, k.signBinding(key, m.generation.N, &m.uploads, setDoor{Door{Name: uploads}, maker.Account})
}

// generation makes the rows of generation n: what by, the key of the
// generation before, signs of it, its roster, and its secret sealed to the
// roster's keys and to no others.
func (k *Keep) generation(vault hearkeep.VaultID, n hearkeep.Generation, key, by seal.VaultKey, members []seal.RosterMember, now time.Time) (g store.Generation, holders []store.Keyholder, err error) {
	public := seal.PublicOfVault(key)
	g = store.Generation{
		Vault: vault, N: n, HPKEPublic: public.HPKE, SignPublic: public.Verify,
		Keyholders: accountsOf(members), Created: now,
	}
	if g.Signature, err = seal.SignGeneration(by, statementOf(g)); err != nil {
		return g, nil, err
	}
	if g.Roster, err = seal.SignRoster(key, vault, n, members); err != nil {
		return g, nil, err
	}
	for _, m := range members {
		h, err := k.holderRow(vault, n, key, m, g.Roster)
		if err != nil {
			return g, nil, err
		}
		holders = append(holders, h)
	}
	return g, holders, nil
}

// holderRow seals one generation to a member of a roster, and pins that.
func (k *Keep) holderRow(vault hearkeep.VaultID, n hearkeep.Generation, key seal.VaultKey, m seal.RosterMember, roster []byte) (h store.Keyholder, err error) {
	h = store.Keyholder{Vault: vault, Generation: n, Account: m.Account}
	if h.Wrap, err = seal.SealVaultKey(key, m.Public, vault, n, m.Account); err != nil {
		return h, err
	}
	h.Pin, err = k.makeHolderPin(h, seal.PublicOfVault(key), roster)
	return h, err
}
