// Package vault keeps recordings, and is the one place that can open them.
//
// Its handles are the permission. An Inbox adds to one binding and can read
// nothing. A Room lists, listens, reads, binds and erases in one vault, for a
// keyholder who is signed in. An Eraser erases and counts by metadata alone.
// No method of any names another vault.
//
// It promises that a recording is on the disk before it is acknowledged, that
// an opening whose ledger entry cannot be written does not happen, that what
// is opened is bound to the vault of the handle and never to what a row says,
// and that an erasure is acknowledged only after the keys have left the disk.
// It refuses the zero Verified and the zero Device.
package vault

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
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
	moving   sync.RWMutex // held for writing while recordings are in two vaults, for reading while some are erased

	mu        sync.Mutex
	envelopes map[hearkeep.BindingID]*envelope
	inFlight  map[hearkeep.RecordingID]bool      // being kept: the sweep leaves them alone
	noted     map[opening]time.Time              // openings that are in the ledger, for noteLife
	forgotten map[hearkeep.VaultID]time.Time     // when everything was last erased: what began before is not kept
	erased    map[hearkeep.RecordingID]time.Time // lately: players that are open go silent
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
		envelopes: map[hearkeep.BindingID]*envelope{},
		inFlight:  map[hearkeep.RecordingID]bool{},
		noted:     map[opening]time.Time{},
		forgotten: map[hearkeep.VaultID]time.Time{},
		erased:    map[hearkeep.RecordingID]time.Time{},
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

// uploads is the name of the door that each vault has from the start.
const uploads = "Uploads"

// maxVaults is how many vaults one account may hold.
const maxVaults = 16

// Create returns an account's first vault, made where there is none yet.
func (k *Keep) Create(ctx context.Context, who identity.Verified) (hearkeep.VaultID, error) {
	if held, err := k.Vaults(ctx, who); err != nil || len(held) > 0 {
		if len(held) > 0 {
			return held[0].ID, nil
		}
		return hearkeep.VaultID{}, err
	}
	return k.make(ctx, who, "", func(held []store.Vault) (hearkeep.VaultID, error) {
		if len(held) > 0 {
			return held[0].ID, nil // another request was first
		}
		return hearkeep.VaultID{}, nil
	})
}

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

// Teller queues a letter to an account in a transaction; cmd supplies it.
type Teller interface {
	Tell(ctx context.Context, tx *store.Tx, account hearkeep.AccountID, l hearkeep.Letter) error
}

// Add makes one more vault that this account alone holds at first, such as
// one for a room. Doors can be moved into it.
func (k *Keep) Add(ctx context.Context, who identity.Verified, n NewVault) (hearkeep.VaultID, error) {
	door, err := Door{Name: n.Name}.check(hearkeep.SourceUpload) // a vault is named as a door is
	if err != nil {
		return hearkeep.VaultID{}, hearkeep.Errorf(hearkeep.Invalid, "A vault needs a name of at most %d characters.", maxName).Because(err)
	}
	return k.make(ctx, who, door.Name, func(held []store.Vault) (hearkeep.VaultID, error) {
		if len(held) >= maxVaults {
			return hearkeep.VaultID{}, hearkeep.Errorf(hearkeep.TooMany, "You hold %d vaults, which is as many as there can be.", len(held))
		}
		return hearkeep.VaultID{}, nil
	})
}

// make makes a vault with its first key generation and its door for uploads,
// unless instead, asked with what the account holds, names another or fails.
func (k *Keep) make(ctx context.Context, who identity.Verified, name string, instead func([]store.Vault) (hearkeep.VaultID, error)) (hearkeep.VaultID, error) {
	if !who.Valid() {
		return hearkeep.VaultID{}, errNobody()
	}
	m, err := k.forge(who, name)
	if err != nil {
		return hearkeep.VaultID{}, fmt.Errorf("vault: make %s: %w", m.vault.ID, err)
	}
	id := m.vault.ID
	err = k.store.Update(ctx, func(tx *store.Tx) error {
		held, err := k.heldIn(ctx, tx, who.Account())
		if err != nil {
			return err
		}
		other, err := instead(held)
		if err != nil || !other.IsZero() {
			id = other
			return err
		}
		if err := insertVault(ctx, tx, m.vault, m.generation, m.holder, m.uploads); err != nil {
			return err
		}
		made, bound := entryOf(personOf(who), id, ledger.KindKeys, "vault made"), entryOf(personOf(who), id, ledger.KindBound, string(hearkeep.SourceUpload))
		bound.Binding = &m.uploads.ID
		_, err = k.ledger.Append(ctx, tx, made, bound)
		return err
	})
	if err != nil {
		return hearkeep.VaultID{}, fmt.Errorf("vault: make %s: %w", m.vault.ID, err)
	}
	return id, nil
}

// newVault is a vault before it is stored.
type newVault struct {
	vault      store.Vault
	generation store.Generation
	holder     store.Keyholder
	uploads    store.Binding
}

func (k *Keep) forge(who identity.Verified, name string) (m newVault, err error) {
	now := time.Now().UTC().Truncate(time.Millisecond)
	m.vault = store.Vault{
		ID: hearkeep.NewID[hearkeep.VaultID](), Kind: "personal", Created: now,
		Retention: store.Retention{Audio: hearkeep.DefaultRetention, Words: hearkeep.DefaultRetention, Turn: hearkeep.DefaultRetention},
	}
	if name != "" {
		if m.vault.Label, err = seal.SealHouse(k.house, seal.HouseName, m.vault.ID, []byte(name)); err != nil {
			return m, err
		}
	}
	key, err := seal.NewVaultKey()
	if err != nil {
		return m, err
	}
	if m.generation, m.holder, err = firstGeneration(m.vault.ID, key, who, now); err != nil {
		return m, err
	}
	if m.holder.Pin, err = k.makeHolderPin(m.holder, seal.PublicOfVault(key)); err != nil {
		return m, err
	}
	m.uploads = store.Binding{
		ID: hearkeep.NewID[hearkeep.BindingID](), Vault: m.vault.ID, Source: hearkeep.SourceUpload,
		Rule: hearkeep.RoomRule{Keep: hearkeep.KeepAll}, Next: 1, Created: now,
	}
	return m, k.signBinding(key, m.generation.N, &m.uploads, Door{Name: uploads})
}

func firstGeneration(vault hearkeep.VaultID, key seal.VaultKey, who identity.Verified, now time.Time) (store.Generation, store.Keyholder, error) {
	public := seal.PublicOfVault(key)
	g := store.Generation{
		Vault: vault, N: 1, HPKEPublic: public.HPKE, SignPublic: public.Verify,
		Keyholders: []hearkeep.AccountID{who.Account()}, Created: now,
	}
	var err error
	if g.Signature, err = seal.SignGeneration(key, statementOf(g)); err != nil {
		return store.Generation{}, store.Keyholder{}, err
	}
	h := store.Keyholder{Vault: vault, Generation: 1, Account: who.Account()}
	h.Wrap, err = seal.SealVaultKey(key, seal.PublicOfAccount(who.Private()), vault, 1, who.Account())
	return g, h, err
}

// holderPin says which keys are the vault's that an account holds, with a MAC
// under the house key: anybody can seal a key of his own to an account, and
// doors bound under it would be his.
type holderPin struct {
	Public seal.VaultPublic
	MAC    []byte
}

func (k *Keep) makeHolderPin(h store.Keyholder, public seal.VaultPublic) ([]byte, error) {
	return json.Marshal(holderPin{public, seal.MACHolder(k.house, holderStatement(h, public))})
}

func holderStatement(h store.Keyholder, public seal.VaultPublic) seal.HolderStatement {
	return seal.HolderStatement{Account: h.Account, Vault: h.Vault, Generation: h.Generation, Public: public}
}

// checkHolder returns the keys that a keyholder's row is pinned to.
func (k *Keep) checkHolder(h store.Keyholder) (seal.VaultPublic, error) {
	var p holderPin
	err := json.Unmarshal(h.Pin, &p)
	if err == nil {
		err = seal.VerifyHolder(k.house, holderStatement(h, p.Public), p.MAC)
	}
	if err != nil {
		return seal.VaultPublic{}, fmt.Errorf("vault: %s is not known to hold generation %d of %s: %w", h.Account, h.Generation, h.Vault, err)
	}
	return p.Public, nil
}

func statementOf(g store.Generation) seal.GenerationStatement {
	return seal.GenerationStatement{
		Vault: g.Vault, N: g.N, Keyholders: g.Keyholders,
		Public: seal.VaultPublic{HPKE: g.HPKEPublic, Verify: g.SignPublic},
	}
}

func insertVault(ctx context.Context, tx *store.Tx, v store.Vault, g store.Generation, h store.Keyholder, b store.Binding) error {
	if err := tx.Vaults.InsertVault(ctx, v); err != nil {
		return err
	}
	if err := tx.Vaults.InsertGeneration(ctx, g); err != nil {
		return err
	}
	if err := tx.Vaults.InsertKeyholder(ctx, h); err != nil {
		return err
	}
	return tx.Vaults.InsertBinding(ctx, b)
}

// Held is a vault as its keyholder knows it.
type Held struct {
	ID      hearkeep.VaultID
	Name    string // empty for an account's first vault
	Kind    string // Personal, Shared or Child
	As      string // "holder", "guardian" or "child"
	Holders int
	OfAge   time.Time // of a child's vault
}

// Vaults returns the vaults that an account holds, the first one first.
func (k *Keep) Vaults(ctx context.Context, who identity.Verified) ([]Held, error) {
	if !who.Valid() {
		return nil, errNobody()
	}
	var held []Held
	err := k.store.View(ctx, func(tx *store.Tx) error {
		rows, err := k.heldIn(ctx, tx, who.Account())
		for _, v := range rows {
			held = append(held, Held{ID: v.ID, Name: k.name(v), Kind: v.Kind})
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("vault: vaults of %s: %w", who.Account(), err)
	}
	return held, nil
}

// heldIn returns the vaults that an account is pinned to hold, oldest first.
// A row that somebody else made is passed over, and Enter reports it.
func (k *Keep) heldIn(ctx context.Context, tx *store.Tx, account hearkeep.AccountID) (held []store.Vault, err error) {
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
		held = append(held, v)
	}
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

// Enter returns the Room of a vault that the account holds. A vault that is
// not there and one that is not theirs fail alike, with NotFound.
func (k *Keep) Enter(ctx context.Context, who identity.Verified, id hearkeep.VaultID) (*Room, error) {
	if !who.Valid() {
		return nil, errNobody()
	}
	r := &Room{keep: k, actor: personOf(who), keys: map[hearkeep.Generation]seal.VaultKey{}, envelopes: map[hearkeep.EnvelopeID]seal.EnvelopeKey{}}
	var held []store.Keyholder
	err := k.store.View(ctx, func(tx *store.Tx) (err error) {
		if held, err = tx.Vaults.Keyholder(ctx, id, who.Account()); err != nil {
			return err
		}
		r.vault, err = tx.Vaults.Vault(ctx, id)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, errNoVault(err)
	}
	if err != nil {
		return nil, fmt.Errorf("vault: enter %s: %w", id, err)
	}
	for _, h := range held {
		public, err := k.checkHolder(h)
		if err != nil {
			return nil, r.failed(ctx, "enter", nil, err)
		}
		key, err := seal.OpenVaultKey(h.Wrap, who.Private(), id, h.Generation, who.Account())
		if err == nil && !seal.PublicOfVault(key).Equal(public) {
			err = errors.New("the key is not the pinned one")
		}
		if err != nil {
			return nil, r.failed(ctx, "enter", nil, fmt.Errorf("vault: generation %d of %s: %w", h.Generation, id, err))
		}
		r.keys[h.Generation], r.current = key, h.Generation
	}
	return r, nil
}

func errNobody() error {
	return hearkeep.Errorf(hearkeep.Unauthorized, "Please sign in.")
}

func errNoVault(err error) error {
	return hearkeep.Errorf(hearkeep.NotFound, "There is nothing here.").Because(err)
}
