package vault

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/blob"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/seal"
	"github.com/hearkeep/hearkeep/internal/store"
)

// Courier gives the ciphertext and the wraps of what one account holds of one
// vault, for a sealed archive. It opens nothing, and no keyholder need be
// there. It may be used concurrently.
type Courier struct {
	keep    *Keep
	account hearkeep.AccountID
	of      held
}

// Couriers returns a Courier for each vault that an account holds, as it is
// pinned to; its own first. It fails with Stopped, over a *Stop, where what the
// account holds is not what was signed: none of it is quietly left out.
func (k *Keep) Couriers(ctx context.Context, account hearkeep.AccountID) ([]*Courier, error) {
	var out []*Courier
	err := k.store.View(ctx, func(tx *store.Tx) error {
		held, err := k.holdings(ctx, tx, account)
		for _, h := range held {
			out = append(out, &Courier{keep: k, account: account, of: h})
		}
		return err
	})
	if err != nil {
		return nil, k.asStopped(account, err)
	}
	return out, nil
}

// Name is what the vault is called; empty for an account's first.
func (c *Courier) Name() string { return c.keep.name(c.of.vault) }

// Vault is whose ciphertext it carries.
func (c *Courier) Vault() store.Vault { return c.of.vault }

// HeldKey is a generation's secret as it is sealed to the account, with the
// public keys that the account is pinned to.
type HeldKey struct {
	Generation hearkeep.Generation
	Wrap       []byte
	Public     seal.VaultPublic
}

// Keys returns the account's wraps, ascending by generation.
func (c *Courier) Keys() []HeldKey {
	keys := make([]HeldKey, len(c.of.rows))
	for i, row := range c.of.rows {
		keys[i] = HeldKey{row.Generation, row.Wrap, publicOf(c.of.lineage.gens[row.Generation-1])}
	}
	return keys
}

// Sealed is what a Courier carries of one recording.
type Sealed struct {
	Recording store.Recording
	Envelope  []byte // the envelope key's wrap
	Parts     []SealedPart
	by        *Courier
}

// SealedPart is a part as ciphertext and its wrapped key.
type SealedPart struct {
	store.Part        // Bytes is nil for audio
	Wrap       []byte // the part key's
}

// mayCarry fails where the account does not hold the vault as it did when the
// Courier was made, and while a restriction freezes some of it.
func (c *Courier) mayCarry(ctx context.Context, tx *store.Tx) error {
	now, holds, err := c.keep.heldOf(ctx, tx, c.account, c.of.vault.ID)
	if err != nil {
		return err
	}
	if !holds {
		return errNoVault(nil)
	}
	if !slices.EqualFunc(now.rows, c.of.rows, func(a, b store.Keyholder) bool {
		return a.Generation == b.Generation && bytes.Equal(a.Wrap, b.Wrap)
	}) {
		return errChanged()
	}
	return notRestricted(ctx, tx, c.of.vault.ID)
}

// Freeze lists what there is to carry, the oldest first, and fails as
// Room.Release does where a restriction freezes it, where numbers are missing,
// or where a row, a key or a blob is. With Changed it fails where the vault has
// new keys since the Courier was made.
func (c *Courier) Freeze(ctx context.Context, archive hearkeep.ArchiveID) (*Cargo, error) {
	k, vault := c.keep, c.of.vault.ID
	var f *frozen
	err := errMoved
	for range 5 { // what is erased while it is looked at is left out
		if !errors.Is(err, errMoved) {
			break
		}
		if f, err = k.freeze(ctx, vault, c.of.span(), c.mayCarry); err == nil {
			err = c.examine(ctx, f)
		}
	}
	var stop *Stop
	switch {
	case errors.Is(err, errMoved):
		return nil, errUnsettled()
	case errors.As(err, &stop):
		if err := c.failed(ctx, stop, f); err != nil {
			k.log.Error("a failed release is not in the ledger", "vault", vault, "err", err)
		}
		return nil, stopped(vault, stop)
	case err != nil:
		return nil, fmt.Errorf("vault: carry %s: %w", vault, err)
	}
	return &Cargo{frozen: f, account: c.account, archive: archive}, nil
}

// examine looks at everything that is to be carried, without opening it.
func (c *Courier) examine(ctx context.Context, f *frozen) error {
	for from := 0; from < len(f.items); from += pageLen {
		err := c.keep.settled(ctx, f.vault, func() error {
			p, err := c.keep.page(ctx, f, from, min(from+pageLen, len(f.items)), c.mayCarry)
			if err != nil {
				return err
			}
			wraps := envelopes{}
			for i := range p.recs {
				rec := &p.recs[i]
				if !f.is(from+i, rec) {
					return errMoved
				}
				if err := c.check(ctx, wraps, rec); passing(ctx, err) {
					return err
				} else if err != nil {
					return &Stop{What: WhatOpening, Binding: rec.Binding, Recording: rec.ID, cause: err}
				}
				f.items[from+i].print = rec.print()
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// check holds a recording's parts, wraps and blob against its rows.
func (c *Courier) check(ctx context.Context, wraps envelopes, rec *rowsOf) error {
	if err := rec.whole(); err != nil {
		return err
	}
	if _, err := wraps.of(ctx, c.keep, rec); err != nil {
		return fmt.Errorf("its envelope key: %w", err)
	}
	row, ok := rec.parts[hearkeep.PartAudio]
	if !ok {
		return nil
	}
	b, err := c.keep.blobs.Open(ctx, rec.Blob)
	if err != nil {
		return err
	}
	defer b.Close()
	if b.Size() != row.Size {
		return errors.New("its audio file is not as long as what was stored")
	}
	return nil
}

// envelopes are wraps of envelope keys, which many recordings share.
type envelopes map[hearkeep.EnvelopeID][]byte

func (e envelopes) of(ctx context.Context, k *Keep, rec *rowsOf) ([]byte, error) {
	if wrap, ok := e[rec.Envelope]; ok {
		return wrap, nil
	}
	wrap, err := k.store.Keys().Envelope(ctx, rec.Vault, rec.Envelope)
	if err == nil {
		e[rec.Envelope] = wrap
	}
	return wrap, err
}

// Cargo is what a Courier has frozen, for its account alone. It may be used
// concurrently.
type Cargo struct {
	frozen  *frozen
	account hearkeep.AccountID
	archive hearkeep.ArchiveID
}

// Len is how many recordings it holds.
func (c *Cargo) Len() int { return len(c.frozen.items) }

// Accounts is as Release.Accounts.
func (c *Cargo) Accounts() []Accounted { return c.frozen.doors }

// Items is as Release.Items.
func (c *Cargo) Items() []hearkeep.Run { return c.frozen.runs() }

// Each calls fn with every recording from the from-th on, a page at a time.
// What was erased or changed since fails with Changed; a Cargo of another
// vault or account with NotFound.
func (c *Courier) Each(ctx context.Context, cargo *Cargo, from int, fn func(i int, s Sealed) error) error {
	if cargo == nil || cargo.account != c.account || cargo.frozen.vault != c.of.vault.ID {
		return errGone()
	}
	f := cargo.frozen
	for at := max(from, 0); at < len(f.items); at += pageLen {
		p, err := c.keep.page(ctx, f, at, min(at+pageLen, len(f.items)), c.mayCarry)
		var stop *Stop
		if errors.As(err, &stop) {
			return stopped(f.vault, stop)
		}
		if err != nil {
			return fmt.Errorf("vault: carry %s: %w", f.vault, err)
		}
		wraps := envelopes{}
		for i := range p.recs {
			s, err := c.sealed(ctx, wraps, &p.recs[i], f.items[at+i].print)
			if err != nil {
				return err
			}
			if err := fn(at+i, s); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}

func (c *Courier) sealed(ctx context.Context, wraps envelopes, rec *rowsOf, print [32]byte) (Sealed, error) {
	if rec.print() != print || c.keep.isErasing(rec.ID) {
		return Sealed{}, errChanged()
	}
	s := Sealed{Recording: rec.Recording, by: c}
	err := rec.whole()
	if err == nil {
		s.Envelope, err = wraps.of(ctx, c.keep, rec)
	}
	for _, part := range hearkeep.Parts() {
		row, ok := rec.parts[part]
		if !ok || err != nil {
			continue
		}
		p := SealedPart{Part: row}
		p.Wrap, err = c.keep.wrap(ctx, rec, part)
		s.Parts = append(s.Parts, p)
	}
	if err != nil {
		return Sealed{}, c.notCarried(ctx, s, err)
	}
	return s, nil
}

// notCarried says why something cannot be carried whose rows are what was
// frozen: it is being erased, or it was altered.
func (c *Courier) notCarried(ctx context.Context, s Sealed, cause error) error {
	id := s.Recording.ID
	if passing(ctx, cause) {
		return fmt.Errorf("vault: carry %s: %w", id, cause)
	}
	if c.keep.isErasing(id) || c.keep.silenced(id) {
		return errChanged()
	}
	err := c.keep.store.View(ctx, func(tx *store.Tx) error {
		_, err := tx.Vaults.Recording(ctx, c.of.vault.ID, id)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return errChanged()
	}
	if err := c.Damaged(ctx, s, cause); err != nil {
		c.keep.log.Error("a failed release is not in the ledger", "vault", c.of.vault.ID, "err", err)
	}
	return stopped(c.of.vault.ID, &Stop{What: WhatOpening, Binding: s.Recording.Binding, Recording: id, cause: cause})
}

// Audio opens the ciphertext of a recording's audio, of exactly the size that
// its row says. Whoever reads it holds what they read against the row's hash,
// and reports what is altered with Damaged. It fails as Each does; a read fails
// with Changed once the recording is erased.
func (c *Courier) Audio(ctx context.Context, s Sealed) (io.ReadCloser, error) {
	at := slices.IndexFunc(s.Parts, func(p SealedPart) bool { return p.Part.Part == hearkeep.PartAudio })
	if s.by == nil || s.by.account != c.account || s.by.of.vault.ID != c.of.vault.ID || s.Recording.Vault != c.of.vault.ID || at < 0 {
		return nil, errGone()
	}
	if c.keep.silenced(s.Recording.ID) {
		return nil, errChanged()
	}
	b, err := c.keep.blobs.Open(ctx, s.Recording.Blob)
	if err != nil {
		return nil, c.notCarried(ctx, s, err)
	}
	if b.Size() != s.Parts[at].Size {
		b.Close()
		return nil, c.notCarried(ctx, s, errors.New("its audio file is not as long as what was stored"))
	}
	return &carried{io.NewSectionReader(b, 0, b.Size()), b, func() bool { return c.keep.silenced(s.Recording.ID) }}, nil
}

// carried is ciphertext on its way.
type carried struct {
	*io.SectionReader
	blob   blob.Reader
	erased func() bool
}

func (c *carried) Read(b []byte) (int, error) {
	if c.erased() {
		return 0, errChanged()
	}
	return c.SectionReader.Read(b)
}

func (c *carried) ReadAt(b []byte, off int64) (int, error) {
	if c.erased() {
		return 0, errChanged()
	}
	return c.SectionReader.ReadAt(b, off)
}

func (c *carried) Close() error { return c.blob.Close() }

// Damaged writes down that a recording's ciphertext is not what was stored.
func (c *Courier) Damaged(ctx context.Context, s Sealed, cause error) error {
	if s.Recording.Vault != c.of.vault.ID {
		return errGone()
	}
	return c.failed(ctx, &Stop{What: WhatOpening, Binding: s.Recording.Binding, Recording: s.Recording.ID, cause: cause}, &frozen{items: []item{{id: s.Recording.ID, number: s.Recording.Number}}})
}

func (c *Courier) failed(ctx context.Context, s *Stop, f *frozen) error {
	vault := c.of.vault.ID
	c.keep.log.Error("a sealed archive does not add up", "vault", vault, "err", s)
	e := ledger.Entry{Kind: ledger.KindOpeningFailed, At: time.Now(), Account: &c.account, Role: hearkeep.RoleSystem, Vault: &vault, Purpose: purposeArchive}
	if !s.Recording.IsZero() && f != nil {
		n := f.numberOf(s.Recording)
		e.Count, e.Items = 1, []hearkeep.Run{{Binding: s.Binding, From: n, To: n}}
	}
	_, err := c.keep.ledger.Write(ctx, e)
	return err
}
