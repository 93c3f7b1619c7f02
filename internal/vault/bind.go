package vault

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/seal"
	"github.com/hearkeep/hearkeep/internal/store"
)

// Binding is a door's tie to this vault, as its keyholders see it.
type Binding struct {
	ID      hearkeep.BindingID
	Source  hearkeep.Source
	Label   string // what the keyholder called it: a room, a terminal
	Rule    hearkeep.RoomRule
	Created time.Time
	Ended   time.Time // zero while bound
}

const maxLabel = 64 // characters

// Bind ties a new door to this vault: signed by the vault's key, pinned under
// the house key, and in the ledger.
func (r *Room) Bind(ctx context.Context, source hearkeep.Source, label string, rule hearkeep.RoomRule) (hearkeep.BindingID, error) {
	label = strings.TrimSpace(label)
	if label == "" || utf8.RuneCountInString(label) > maxLabel || !rule.Valid() {
		return hearkeep.BindingID{}, hearkeep.Errorf(hearkeep.Invalid, "A door needs a name of at most %d characters and a rule for what it may keep.", maxLabel)
	}
	now := time.Now().UTC().Truncate(time.Millisecond)
	b, err := r.keep.signBinding(r.keys[r.current], r.vault.ID, r.current, source, label, rule, now)
	if err != nil {
		return hearkeep.BindingID{}, fmt.Errorf("vault: bind in %s: %w", r.vault.ID, err)
	}
	err = r.keep.store.Update(ctx, func(tx *store.Tx) error {
		if err := tx.Vaults.InsertBinding(ctx, b); err != nil {
			return err
		}
		e := entryOf(r.who, r.vault.ID, ledger.KindBound, string(source))
		e.Binding = &b.ID
		_, err := r.keep.ledger.Append(ctx, tx, e)
		return err
	})
	if err != nil {
		return hearkeep.BindingID{}, fmt.Errorf("vault: bind %s: %w", b.ID, err)
	}
	return b.ID, nil
}

// Unbind closes a door for good. The uploads stay: their pin is the vault's own.
func (r *Room) Unbind(ctx context.Context, id hearkeep.BindingID) error {
	err := r.keep.store.Update(ctx, func(tx *store.Tx) error {
		b, err := tx.Vaults.Binding(ctx, id)
		if err != nil {
			return err
		}
		if b.Vault != r.vault.ID || !b.Ended.IsZero() {
			return store.ErrNotFound
		}
		if b.Source == hearkeep.SourceUpload {
			return hearkeep.Errorf(hearkeep.Invalid, "Uploads cannot be disconnected: this page is their door.")
		}
		if err := tx.Vaults.EndBinding(ctx, r.vault.ID, id, time.Now()); err != nil {
			return err
		}
		if err := tx.Identity.DeleteToken(ctx, id); err != nil {
			return err
		}
		e := entryOf(r.who, r.vault.ID, ledger.KindUnbound, string(b.Source))
		e.Binding = &id
		_, err = r.keep.ledger.Append(ctx, tx, e)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return errGone()
	}
	if err != nil {
		return fmt.Errorf("vault: unbind %s: %w", id, err)
	}
	r.keep.mu.Lock()
	defer r.keep.mu.Unlock()
	delete(r.keep.envelopes, id)
	return nil
}

// Bindings returns the vault's doors, oldest first.
func (r *Room) Bindings(ctx context.Context) ([]Binding, error) {
	var rows []store.Binding
	err := r.keep.store.View(ctx, func(tx *store.Tx) (err error) {
		rows, err = tx.Vaults.Bindings(ctx, r.vault.ID)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("vault: bindings of %s: %w", r.vault.ID, err)
	}
	out := make([]Binding, len(rows))
	for i, b := range rows {
		out[i] = Binding{b.ID, b.Source, r.keep.label(b), b.Rule, b.Created, b.Ended}
	}
	return out, nil
}

// label opens a binding's name, which lies under the house key. One that does
// not open is shown by what it is.
func (k *Keep) label(b store.Binding) string {
	text, err := seal.OpenHouse(k.house, seal.HouseLabel, b.ID, b.Label)
	if err != nil {
		k.log.Warn("a binding's name does not open", "binding", b.ID, "err", err)
		return string(b.Source)
	}
	return string(text)
}

// signBinding makes a binding's row: the vault's key signs what it is, and
// the pin says what its Inbox may seal to.
func (k *Keep) signBinding(key seal.VaultKey, vault hearkeep.VaultID, gen hearkeep.Generation, source hearkeep.Source, label string, rule hearkeep.RoomRule, now time.Time) (store.Binding, error) {
	b := store.Binding{
		ID: hearkeep.NewID[hearkeep.BindingID](), Vault: vault, Generation: gen,
		Source: source, Rule: rule, Next: 1, Created: now,
	}
	var err error
	if b.Label, err = seal.SealHouse(k.house, seal.HouseLabel, b.ID, []byte(label)); err != nil {
		return store.Binding{}, err
	}
	if b.Signature, err = seal.SignBinding(key, bindingStatement(b)); err != nil {
		return store.Binding{}, err
	}
	public := seal.PublicOfVault(key)
	b.Pin, err = k.makePin(b, pin{Generation: gen, Public: public, SignedBy: public.Verify})
	return b, err
}

func bindingStatement(b store.Binding) seal.BindingStatement {
	return seal.BindingStatement{
		Vault: b.Vault, Generation: b.Generation, Binding: b.ID,
		Source: string(b.Source), Rule: string(b.Rule),
		LabelHash: sha256.Sum256(b.Label), Created: b.Created,
	}
}

// pin is the generation that an Inbox seals to. It is stored with a MAC under
// the house key, so that whoever can write rows, but does not have that key,
// cannot point a door at another vault.
type pin struct {
	Generation hearkeep.Generation
	Public     seal.VaultPublic
	SignedBy   []byte // the key that signed the binding; stays when the pin advances
}

type storedPin struct {
	pin
	MAC []byte
}

func pinStatement(b store.Binding, p pin) seal.PinStatement {
	return seal.PinStatement{Binding: b.ID, Vault: b.Vault, Generation: p.Generation, Verify: p.Public.Verify, HPKE: p.Public.HPKE, SignedBy: p.SignedBy}
}

func (k *Keep) makePin(b store.Binding, p pin) ([]byte, error) {
	return json.Marshal(storedPin{p, seal.MACPin(k.house, pinStatement(b, p))})
}

// readPin returns a binding's pin, or fails where the row is not what a
// keyholder signed and the house key pinned.
func (k *Keep) readPin(b store.Binding) (pin, error) {
	var s storedPin
	if err := json.Unmarshal(b.Pin, &s); err != nil {
		return pin{}, fmt.Errorf("vault: pin of binding %s: %w", b.ID, err)
	}
	if err := seal.VerifyPin(k.house, pinStatement(b, s.pin), s.MAC); err != nil {
		return pin{}, fmt.Errorf("vault: pin of binding %s: %w", b.ID, err)
	}
	return s.pin, nil
}

// follow walks the signed chain of generations from a pin and advances it. A
// generation that the one before did not sign is refused, and so is a second
// successor: one number has one generation.
func (k *Keep) follow(ctx context.Context, b store.Binding, p pin) (pin, error) {
	var gens []store.Generation
	err := k.store.View(ctx, func(tx *store.Tx) (err error) {
		gens, err = tx.Vaults.Generations(ctx, b.Vault)
		return err
	})
	if err != nil {
		return pin{}, fmt.Errorf("vault: generations of %s: %w", b.Vault, err)
	}
	at := p
	for _, g := range gens {
		if g.N <= at.Generation {
			continue
		}
		if g.N != at.Generation+1 {
			return pin{}, fmt.Errorf("vault: generation %d of %s has no predecessor", g.N, b.Vault)
		}
		if err := seal.VerifyGeneration(at.Public.Verify, statementOf(g), g.Signature); err != nil {
			return pin{}, fmt.Errorf("vault: generation %d of %s: %w", g.N, b.Vault, err)
		}
		at = pin{g.N, seal.VaultPublic{HPKE: g.HPKEPublic, Verify: g.SignPublic}, p.SignedBy}
	}
	if at.Generation == p.Generation {
		return p, nil
	}
	stored, err := k.makePin(b, at)
	if err != nil {
		return pin{}, err
	}
	err = k.store.Update(ctx, func(tx *store.Tx) error { return tx.Vaults.SetPin(ctx, b.Vault, b.ID, stored) })
	if err != nil {
		return pin{}, fmt.Errorf("vault: advance pin of binding %s: %w", b.ID, err)
	}
	return at, nil
}
