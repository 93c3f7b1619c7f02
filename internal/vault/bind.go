package vault

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/seal"
	"github.com/hearkeep/hearkeep/internal/store"
)

// Binding is a door's tie to this vault, as its keyholders see it.
type Binding struct {
	ID      hearkeep.BindingID
	Source  hearkeep.Source
	Door    Door
	Rule    hearkeep.RoomRule
	Created time.Time
	Ended   time.Time // zero while bound
}

// Bind ties a new door to this vault: signed by the vault's key, pinned under
// the house key, in the ledger, and due to be announced by the device. A door
// that relays needs Fresh.
func (r *Room) Bind(ctx context.Context, source hearkeep.Source, door Door, rule hearkeep.RoomRule) (hearkeep.BindingID, error) {
	if err := r.changes(); err != nil {
		return hearkeep.BindingID{}, err
	}
	door, err := door.check(source)
	if err != nil {
		return hearkeep.BindingID{}, err
	}
	if !rule.Valid() {
		return hearkeep.BindingID{}, errRule()
	}
	if err := r.mayRelay(Door{}, door); err != nil {
		return hearkeep.BindingID{}, err
	}
	b := store.Binding{
		ID: hearkeep.NewID[hearkeep.BindingID](), Vault: r.vault.ID, Source: source, Rule: rule,
		Next: 1, Created: time.Now().UTC().Truncate(time.Millisecond),
	}
	if err := r.keep.signBinding(r.keys[r.current], r.current, &b, setDoor{door, r.actor.account}); err != nil {
		return hearkeep.BindingID{}, fmt.Errorf("vault: bind in %s: %w", r.vault.ID, err)
	}
	if err := r.roomForDoor(ctx); err != nil {
		return hearkeep.BindingID{}, err
	}
	err = r.write(ctx, b, ledger.KindBound, func(tx *store.Tx) error {
		if err := r.keep.claim(ctx, tx, b.ID, door); err != nil {
			return err
		}
		if err := r.tellRelay(ctx, tx, Door{}, door); err != nil {
			return err
		}
		return tx.Vaults.InsertBinding(ctx, b)
	})
	if err != nil {
		return hearkeep.BindingID{}, fmt.Errorf("vault: bind %s: %w", b.ID, err)
	}
	return b.ID, nil
}

// Change gives a door another name, settings or rule. Its numbering, its
// token and what it has kept stay. To relay to another engine needs Fresh.
func (r *Room) Change(ctx context.Context, id hearkeep.BindingID, door Door, rule hearkeep.RoomRule) error {
	if err := r.changes(); err != nil {
		return err
	}
	b, err := r.binding(ctx, id)
	if err != nil {
		return err
	}
	if door, err = door.check(b.Source); err != nil {
		return err
	}
	if !rule.Valid() {
		return errRule()
	}
	before, err := r.keep.openSet(b)
	if err != nil {
		return fmt.Errorf("vault: change %s: %w", id, err)
	}
	if err := r.mayRelay(before.Door, door); err != nil {
		return err
	}
	b.Rule = rule
	if err := r.keep.signBinding(r.keys[r.current], r.current, &b, setDoor{door, before.By}); err != nil {
		return fmt.Errorf("vault: change %s: %w", id, err)
	}
	err = r.write(ctx, b, ledger.KindDoorChanged, func(tx *store.Tx) error {
		if err := r.keep.claim(ctx, tx, b.ID, door); err != nil {
			return err
		}
		if err := r.tellRelay(ctx, tx, before.Door, door); err != nil {
			return err
		}
		return tx.Vaults.SetBinding(ctx, b)
	})
	if err != nil {
		return fmt.Errorf("vault: change %s: %w", id, err)
	}
	return nil
}

// mayRelay asks for an unlocker where a door is to give what it hears to
// another engine than before. Whoever runs that one listens from then on, also
// when the session that said so has long ended.
func (r *Room) mayRelay(before, door Door) error {
	if door.Relay == "" || door.Relay == before.Relay {
		return nil
	}
	return r.actor.fresh()
}

// tellRelay tells everybody who holds the vault of such a change.
func (r *Room) tellRelay(ctx context.Context, tx *store.Tx, before, door Door) error {
	if door.Relay == "" || door.Relay == before.Relay {
		return nil
	}
	l, err := r.keep.lineage(ctx, tx, r.vault.ID)
	if err != nil {
		return err
	}
	letter := letterRelays(r.keep.called(l.vault), nameIn(ctx, tx, r.actor.account))
	for _, account := range accountsOf(l.holders()) {
		if err := r.keep.write(ctx, tx, account, letter); err != nil {
			return err
		}
	}
	return nil
}

// maxDoors is how many open doors a vault may have: each listener costs a
// port and a file descriptor.
const maxDoors = 64

func (r *Room) roomForDoor(ctx context.Context) error {
	doors, err := r.Bindings(ctx)
	if err != nil {
		return err
	}
	open := 0
	for _, d := range doors {
		if d.Ended.IsZero() {
			open++
		}
	}
	if open >= maxDoors {
		return hearkeep.Errorf(hearkeep.TooMany, "This vault has %d open doors, which is as many as there can be.", open).WithHint("Disconnect one first.")
	}
	return nil
}

func errRule() error {
	return hearkeep.Errorf(hearkeep.Invalid, "That is not a rule for what a door may keep.").
		WithHint("Audio and words, words only, or nothing; and quiet hours such as 22:00-07:00.")
}

// write changes a binding's row and announces that.
func (r *Room) write(ctx context.Context, b store.Binding, kind ledger.Kind, change func(*store.Tx) error) error {
	return r.keep.store.Update(ctx, func(tx *store.Tx) error {
		if err := change(tx); err != nil {
			return err
		}
		return r.announce(ctx, tx, b, kind)
	})
}

// announce writes what became of a binding into the ledger, and makes its
// device owe a spoken notice (V1). It fails where the session or token of this
// Room has ended meanwhile: a door would outlive it.
func (r *Room) announce(ctx context.Context, tx *store.Tx, b store.Binding, kind ledger.Kind) error {
	if err := r.actor.lives(ctx, tx, time.Now()); err != nil {
		return err
	}
	if err := tx.Acts.Count(ctx, b.ID, countNoticesDue, 1); err != nil {
		return err
	}
	e := entryOf(r.actor, r.vault.ID, kind, string(b.Source)+" "+b.Rule.String())
	e.Binding = &b.ID
	_, err := r.keep.ledger.Append(ctx, tx, e)
	return err
}

// binding returns the row of a door of this vault that is still bound.
func (r *Room) binding(ctx context.Context, id hearkeep.BindingID) (b store.Binding, err error) {
	err = r.keep.store.View(ctx, func(tx *store.Tx) (err error) {
		b, err = tx.Vaults.Binding(ctx, id)
		return err
	})
	if errors.Is(err, store.ErrNotFound) || err == nil && (b.Vault != r.vault.ID || !b.Ended.IsZero()) {
		return b, errGone()
	}
	if err != nil {
		return b, fmt.Errorf("vault: binding %s: %w", id, err)
	}
	// What is signed anew must be what was signed before: a row that was
	// relabelled as this vault's would otherwise become its door.
	if _, err := r.keep.checkBinding(ctx, b); err != nil {
		return b, r.failed(ctx, "door", nil, err)
	}
	return b, nil
}

// Check says whether a door of this vault is what its keyholders signed.
func (r *Room) Check(ctx context.Context, id hearkeep.BindingID) error {
	_, err := r.binding(ctx, id)
	return err
}

// Unbind closes a door for good. The uploads stay: their pin is the vault's own.
func (r *Room) Unbind(ctx context.Context, id hearkeep.BindingID) error {
	if err := r.changes(); err != nil {
		return err
	}
	b, err := r.binding(ctx, id)
	if err != nil {
		return err
	}
	if b.Source == hearkeep.SourceUpload {
		return errUploads()
	}
	err = r.keep.store.Update(ctx, func(tx *store.Tx) error { return r.end(ctx, tx, b) })
	if err != nil {
		return fmt.Errorf("vault: unbind %s: %w", id, err)
	}
	r.keep.dropEnvelope(id)
	return nil
}

// end closes a binding with its token, and writes it down. Its last signed
// rule keeps nothing and listens to nobody, so that a row that is opened again
// is a door that stays shut.
func (r *Room) end(ctx context.Context, tx *store.Tx, b store.Binding) error {
	door, err := r.keep.openSet(b)
	if err != nil {
		return err
	}
	b.Rule = shutRule()
	if err := r.keep.signBinding(r.keys[r.current], r.current, &b, door); err != nil {
		return err
	}
	if err := tx.Vaults.SetBinding(ctx, b); err != nil {
		return err
	}
	if err := tx.Vaults.EndBinding(ctx, r.vault.ID, b.ID, time.Now()); err != nil {
		return err
	}
	if err := tx.Identity.DeleteToken(ctx, b.ID); err != nil {
		return err
	}
	return r.announce(ctx, tx, b, ledger.KindUnbound)
}

// dropEnvelope ends the envelope of a binding that is no more.
func (k *Keep) dropEnvelope(id hearkeep.BindingID) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.envelopes, id)
}

// MoveDoor ties a door to another vault that the same person holds: a new
// binding there, with the door's settings and rule, and the end of the one
// here. What it has kept stays here. A terminal has to be paired anew, since a
// token names its binding. Needs Fresh as Move does.
func MoveDoor(ctx context.Context, from, to *Room, id hearkeep.BindingID) (hearkeep.BindingID, error) {
	if err := together(from, to); err != nil {
		return hearkeep.BindingID{}, err
	}
	old, err := from.binding(ctx, id)
	if err != nil {
		return hearkeep.BindingID{}, err
	}
	if old.Source == hearkeep.SourceUpload || from.vault.ID == to.vault.ID {
		return hearkeep.BindingID{}, hearkeep.Errorf(hearkeep.Invalid, "This door cannot be moved there.").WithHint("Each vault has its own door for uploads.")
	}
	door, err := from.keep.openDoor(old)
	if err != nil {
		return hearkeep.BindingID{}, err
	}
	moved := store.Binding{
		ID: hearkeep.NewID[hearkeep.BindingID](), Vault: to.vault.ID, Source: old.Source, Rule: old.Rule,
		Next: 1, Created: time.Now().UTC().Truncate(time.Millisecond),
	}
	if err := to.keep.signBinding(to.keys[to.current], to.current, &moved, setDoor{door, to.actor.account}); err != nil {
		return hearkeep.BindingID{}, fmt.Errorf("vault: move %s: %w", id, err)
	}
	err = from.keep.store.Update(ctx, func(tx *store.Tx) error {
		if err := from.end(ctx, tx, old); err != nil {
			return err
		}
		if err := to.keep.claim(ctx, tx, moved.ID, door); err != nil {
			return err
		}
		if err := tx.Vaults.InsertBinding(ctx, moved); err != nil {
			return err
		}
		return to.announce(ctx, tx, moved, ledger.KindBound)
	})
	if err != nil {
		return hearkeep.BindingID{}, fmt.Errorf("vault: move %s: %w", id, err)
	}
	from.keep.dropEnvelope(id)
	return moved.ID, nil
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
		out[i] = Binding{b.ID, b.Source, r.keep.door(ctx, b), b.Rule, b.Created, b.Ended}
	}
	return out, nil
}

// signBinding seals a door's settings into a binding's row, has the vault's
// key sign what the binding is, and pins what its Inbox may seal to.
func (k *Keep) signBinding(key seal.VaultKey, gen hearkeep.Generation, b *store.Binding, door setDoor) (err error) {
	if b.Label, err = k.sealDoor(b.ID, door); err != nil {
		return err
	}
	b.Generation = gen
	if b.Signature, err = seal.SignBinding(key, bindingStatement(*b)); err != nil {
		return err
	}
	public := seal.PublicOfVault(key)
	b.Pin, err = k.makePin(*b, pin{Generation: gen, Public: public, SignedBy: public.Verify})
	return err
}

func bindingStatement(b store.Binding) seal.BindingStatement {
	return seal.BindingStatement{
		Vault: b.Vault, Generation: b.Generation, Binding: b.ID,
		Source: string(b.Source), Rule: b.Rule.String(),
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
