// Package vault keeps recordings, and is the one place that can open them.
//
// Its handles are the permission. An Inbox adds to one binding and can read
// nothing. A Room lists, listens, reads, binds and erases in one vault, for a
// keyholder who is signed in, and hands over a Release of all of it. An Eraser
// erases and counts by metadata alone. A Courier carries the ciphertext of what
// one account holds, and opens nothing. No method of any names another vault.
//
// It promises that a recording is on the disk before it is acknowledged, that
// an opening whose ledger entry cannot be written does not happen, that what
// is opened is bound to the vault of the handle and never to what a row says,
// that an erasure is acknowledged only after the keys have left the disk, and
// that what is handed over is whole, with every number accounted for, or stops.
// It refuses the zero Verified and the zero Device.
package vault

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/blob"
	"github.com/hearkeep/hearkeep/internal/identity"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/seal"
	"github.com/hearkeep/hearkeep/internal/store"
)

// Config is what a Keep works with.
type Config struct {
	Store   store.Store
	Blobs   blob.Store
	Ledger  *ledger.Ledger
	House   seal.HouseKey
	Journal *store.Journal
	Reserve *store.Reserve // given up when the disk is full, so that erasing goes on; may be nil
	Letters Teller         // may be nil
	Zone    *time.Location // where quiet hours are; nil is the machine's
	Log     *slog.Logger
}

// Keep makes the handles. It may be used concurrently.
type Keep struct {
	store   store.Store
	blobs   blob.Store
	ledger  *ledger.Ledger
	house   seal.HouseKey
	journal *store.Journal
	reserve *store.Reserve
	letters Teller // may be nil
	zone    *time.Location
	log     *slog.Logger

	watched  watched
	listened listened
	numbers  numbers
	moving   sync.RWMutex // held for writing while recordings are in two vaults or words in two versions, for reading while some are erased

	mu        sync.Mutex
	reached   map[hearkeep.VaultID]reached
	envelopes map[hearkeep.BindingID]*envelope
	inFlight  map[hearkeep.RecordingID]bool      // being kept: the sweep leaves them alone
	noted     map[opening]time.Time              // openings that are in the ledger, for noteLife
	forgotten map[hearkeep.VaultID]time.Time     // when everything was last erased: what began before is not kept
	erased    map[hearkeep.RecordingID]time.Time // lately: players that are open go silent
	erasing   map[hearkeep.RecordingID]struct{}  // of which keys go, or are gone, and rows are not
	failing   string
}

// Open returns a Keep after it has finished what a crash left half done:
// erasures that stand in the journal, and numbers that were handed out
// without a recording.
func Open(ctx context.Context, c Config) (*Keep, error) {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Zone == nil {
		c.Zone = time.Local
	}
	k := &Keep{
		store: c.Store, zone: c.Zone, blobs: c.Blobs, ledger: c.Ledger, house: c.House,
		journal: c.Journal, reserve: c.Reserve, letters: c.Letters, log: c.Log,
		reached:   map[hearkeep.VaultID]reached{},
		envelopes: map[hearkeep.BindingID]*envelope{},
		inFlight:  map[hearkeep.RecordingID]bool{},
		noted:     map[opening]time.Time{},
		forgotten: map[hearkeep.VaultID]time.Time{},
		erased:    map[hearkeep.RecordingID]time.Time{},
		erasing:   map[hearkeep.RecordingID]struct{}{},
	}
	if err := k.finishCorrections(ctx); err != nil {
		return nil, fmt.Errorf("vault: finish corrections: %w", err)
	}
	if err := k.finishErasures(ctx); err != nil {
		return nil, fmt.Errorf("vault: finish erasures: %w", err)
	}
	if err := k.accountForNumbers(ctx); err != nil {
		return nil, fmt.Errorf("vault: account for numbers: %w", err)
	}
	if err := k.finishMoves(ctx); err != nil { // in both vaults for now, and tried again by Expire
		k.log.Error("a move is not finished yet", "err", err)
	}
	if err := k.removeBlobs(ctx); err != nil {
		return nil, fmt.Errorf("vault: remove erased audio: %w", err)
	}
	return k, nil
}

// Status says how keeping goes.
type Status struct {
	Failing string // a sentence for people while keeping fails; empty while it works
}

// Status returns how keeping goes.
func (k *Keep) Status() Status {
	k.mu.Lock()
	defer k.mu.Unlock()
	return Status{k.failing}
}

func (k *Keep) setFailing(sentence string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.failing = sentence
}

// Teller queues a letter to an account in a transaction; cmd supplies it.
type Teller interface {
	Tell(ctx context.Context, tx *store.Tx, account hearkeep.AccountID, l hearkeep.Letter) error
}

// Held is a vault as its keyholder knows it.
type Held struct {
	ID      hearkeep.VaultID
	Name    string // empty for an account's first vault
	Kind    string // Personal, Shared or Child
	As      string // "holder", "guardian" or "child"
	Holders int
	With    []string  // names of the others who hold it
	Waits   bool      // for somebody who holds it, to give keys or to make new ones
	OfAge   time.Time // of a child's vault
}

// holding is a vault that an account holds.
type holding struct {
	vault   store.Vault
	lineage lineage
	as      string
	altered error // its rows are not what was signed; the two above are not to be relied on
}

// own reports whether nobody else holds it, and it is not made to be shared.
func (h holding) own() bool {
	return h.altered == nil && h.vault.Kind == Personal && len(h.lineage.members) == 1
}

// Vaults returns the vaults that an account holds, its own first one first.
func (k *Keep) Vaults(ctx context.Context, who identity.Verified) ([]Held, error) {
	if !who.Valid() {
		return nil, errNobody()
	}
	var held []Held
	err := k.store.View(ctx, func(tx *store.Tx) error {
		rows, err := k.heldIn(ctx, tx, who.Account())
		if err != nil {
			return err
		}
		for _, row := range rows {
			h := k.heldBy(ctx, tx, row, who.Account())
			if h.Waits, err = someoneWaits(ctx, tx, row); err != nil {
				return err
			}
			held = append(held, h)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("vault: vaults of %s: %w", who.Account(), err)
	}
	return held, nil
}

// someoneWaits reports whether a vault waits for one of its keyholders:
// somebody left it, or accepted an invitation to it.
func someoneWaits(ctx context.Context, tx *store.Tx, h holding) (bool, error) {
	if len(h.lineage.leaving) > 0 {
		return true, nil
	}
	if h.vault.Kind == Personal {
		return false, nil
	}
	invitations, err := tx.Houses.InvitationsTo(ctx, h.vault.ID)
	return slices.ContainsFunc(invitations, func(i store.Invitation) bool { return !i.Account.IsZero() }), err
}

// heldIn returns the vaults that an account is pinned to hold: those that are
// its own before those that it holds with others, each oldest first, so that
// no row of a shared vault makes it the one where speech goes by itself. A
// row that somebody else made is passed over, and Enter reports it. So does it
// where who holds a vault is not what was signed; that one is returned.
func (k *Keep) heldIn(ctx context.Context, tx *store.Tx, account hearkeep.AccountID) (held []holding, err error) {
	rows, err := tx.Vaults.VaultsOf(ctx, account)
	if err != nil {
		return nil, err
	}
	for _, v := range rows {
		holds, err := tx.Vaults.Keyholder(ctx, v.ID, account)
		if err != nil {
			return nil, err
		}
		if _, err := k.checkHolder(holds[0]); err != nil {
			k.log.Error("a vault is not shown to an account", "err", err)
			continue
		}
		h := holding{vault: v}
		if h.lineage, err = k.lineage(ctx, tx, v.ID); err != nil && !errors.Is(err, errAltered) {
			return nil, err
		}
		if h.altered = err; err == nil {
			me, ok := h.lineage.holder(account)
			if !ok {
				continue // a row that was put back
			}
			h.as = me.As
		}
		held = append(held, h)
	}
	slices.SortStableFunc(held, func(a, b holding) int {
		switch {
		case a.own() == b.own():
			return 0
		case a.own():
			return -1
		}
		return 1
	})
	return held, nil
}

// name opens a vault's name; one that does not open is called by its number.
func (k *Keep) name(v store.Vault) string {
	if v.Label == nil {
		return ""
	}
	text, err := seal.OpenHouse(k.house, seal.HouseName, v.ID, v.Label)
	if err != nil {
		k.log.Warn("a vault's name does not open", "vault", v.ID, "err", err)
		return "Vault " + v.ID.String()[:8]
	}
	return string(text)
}

// Enter returns the Room of a vault that the account holds, after it has done
// what waits for a keyholder there. A vault that is not there and one that is
// not theirs, or not any more, fail alike, with NotFound.
func (k *Keep) Enter(ctx context.Context, who identity.Verified, id hearkeep.VaultID) (*Room, error) {
	for range 4 {
		r, waiting, err := k.open(ctx, who, id)
		if err != nil {
			return nil, err
		}
		if err := r.complete(ctx, waiting); err == nil {
			return r, nil
		} else if !errors.Is(err, errStale) { // what waits goes on waiting; what is kept can be opened
			k.log.Error("what waits for a keyholder was not done", "vault", id, "err", err)
			return r, nil
		}
	}
	return nil, errBusy(nil)
}

// open opens what an account holds of a vault, and returns with the Room what
// waits there for a keyholder.
func (k *Keep) open(ctx context.Context, who identity.Verified, id hearkeep.VaultID) (*Room, waiting, error) {
	if !who.Valid() {
		return nil, waiting{}, errNobody()
	}
	r := &Room{
		keep: k, actor: personOf(who), vault: store.Vault{ID: id},
		keys: map[hearkeep.Generation]seal.VaultKey{}, envelopes: map[hearkeep.EnvelopeID]seal.EnvelopeKey{},
	}
	var held []store.Keyholder
	var w waiting
	err := k.store.View(ctx, func(tx *store.Tx) (err error) {
		if held, err = tx.Vaults.Keyholder(ctx, id, who.Account()); err != nil {
			return err
		}
		w, err = r.waits(ctx, tx)
		return err
	})
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, w, errNoVault(err)
	case errors.Is(err, errAltered):
		return nil, w, r.failed(ctx, "enter", nil, err)
	case err != nil:
		return nil, w, fmt.Errorf("vault: enter %s: %w", id, err)
	}
	if err := r.unlock(held); err != nil {
		return nil, w, r.failed(ctx, "enter", nil, err)
	}
	if _, ok := w.lineage.holder(who.Account()); !ok {
		return nil, w, errNoVault(nil)
	}
	newest := w.lineage.newest()
	err = k.advances(id, newest.N, publicOf(newest))
	if errors.Is(err, errStale) && !k.isCurrent(ctx, id, newest.N) {
		return k.open(ctx, who, id) // a generation was made between the two looks
	}
	if err == nil {
		err = r.belongs(w.lineage)
	}
	if err != nil {
		return nil, w, r.failed(ctx, "enter", nil, err)
	}
	r.vault = w.lineage.vault
	return r, w, nil
}

// isCurrent reports whether n is still the number of a vault's newest generation.
func (k *Keep) isCurrent(ctx context.Context, id hearkeep.VaultID, n hearkeep.Generation) (is bool) {
	err := k.store.View(ctx, func(tx *store.Tx) error {
		newest, err := newestIn(ctx, tx, id)
		is = newest.N == n
		return err
	})
	return is && err == nil
}

// unlock opens the newest generation that an account holds. Older ones are
// opened when something of theirs is: a vault that has changed hands fifty
// times costs no more to enter than one that never has.
func (r *Room) unlock(held []store.Keyholder) error {
	r.held, r.span = held, store.Span{From: held[0].Generation}
	r.current = held[len(held)-1].Generation
	_, err := r.key(r.current)
	return err
}

// key is the key of a generation that this Room's person holds, which must be
// the pinned one.
func (r *Room) key(n hearkeep.Generation) (seal.VaultKey, error) {
	if key, ok := r.keys[n]; ok {
		return key, nil
	}
	at := slices.IndexFunc(r.held, func(h store.Keyholder) bool { return h.Generation == n })
	if at < 0 {
		return seal.VaultKey{}, fmt.Errorf("vault: generation %d of %s is not held", n, r.vault.ID)
	}
	public, err := r.keep.checkHolder(r.held[at])
	if err != nil {
		return seal.VaultKey{}, err
	}
	key, err := seal.OpenVaultKey(r.held[at].Wrap, r.actor.who.Private(), r.vault.ID, n, r.actor.account)
	if err == nil && !seal.PublicOfVault(key).Equal(public) {
		err = errors.New("the key is not the pinned one")
	}
	if err != nil {
		return seal.VaultKey{}, fmt.Errorf("vault: generation %d of %s: %w", n, r.vault.ID, err)
	}
	r.keys[n] = key
	return key, nil
}

// belongs checks that the newest key that is held is of the vault's
// generations.
func (r *Room) belongs(l lineage) error {
	if n := int(r.current); n < 1 || n > len(l.gens) || !publicOf(l.gens[n-1]).Equal(seal.PublicOfVault(r.keys[r.current])) {
		return fmt.Errorf("%w: generation %d of %s is not the pinned one", errAltered, n, r.vault.ID)
	}
	return nil
}

func errNobody() error {
	return hearkeep.Errorf(hearkeep.Unauthorized, "Please sign in.")
}

func errNoVault(err error) error {
	return hearkeep.Errorf(hearkeep.NotFound, "There is nothing here.").Because(err)
}
