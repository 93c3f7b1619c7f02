package rights

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/archive"
	"github.com/hearkeep/hearkeep/internal/identity"
	"github.com/hearkeep/hearkeep/internal/store"
	"github.com/hearkeep/hearkeep/internal/vault"
)

// Fetch is leave to fetch one account's sealed archive, which its one-time
// code gave, or its own session. It opens nothing.
type Fetch struct {
	account hearkeep.AccountID
	request hearkeep.RequestID
	archive hearkeep.ArchiveID
	of      string            // the ticket's hash, or the session
	who     identity.Verified // zero of a ticket
}

// Account is whose archive may be fetched.
func (f *Fetch) Account() hearkeep.AccountID { return f.account }

// ticketSize is how long Fetch.of is of a ticket; a session's name is shorter.
const ticketSize = sha256.Size

// fetchable reads what a code or a ticket stands for: a request that was not
// withdrawn, of an account that is there.
func (d *Desk) fetchable(ctx context.Context, tx *store.Tx, payload []byte) (row store.Request, err error) {
	var account hearkeep.AccountID
	var request hearkeep.RequestID
	if len(payload) != len(account)+len(request) {
		return row, store.ErrNotFound
	}
	copy(account[:], payload)
	copy(request[:], payload[len(account):])
	if _, err := tx.Identity.Account(ctx, account); err != nil {
		return row, err
	}
	if row, err = tx.Rights.Request(ctx, account, request); err != nil {
		return row, err
	}
	if err := d.check(&row); err != nil {
		return row, err
	}
	if row.State == hearkeep.RequestWithdrawn || row.State == hearkeep.RequestLapsed || ofKind(row, archives()...) != nil {
		return row, store.ErrNotFound
	}
	return row, nil
}

// ticket reads what a ticket stands for.
func (d *Desk) ticket(ctx context.Context, tx *store.Tx, hash [ticketSize]byte) (*Fetch, error) {
	l, err := tx.Identity.Link(ctx, linkTicket, hash, time.Now())
	if err != nil {
		return nil, err
	}
	row, err := d.fetchable(ctx, tx, l.Payload)
	if err != nil {
		return nil, err
	}
	f := &Fetch{account: row.Account, request: row.ID, of: string(hash[:])}
	until, err := d.waitsOf(ctx, tx, row.Account)
	if err != nil {
		return nil, err
	}
	return f, d.waits(until)
}

// Sealed freezes the sealed archive that a ticket stands for, or goes on with
// the one that it froze before.
func (d *Desk) Sealed(ctx context.Context, ticket string) (Open, *Fetch, error) {
	var f *Fetch
	err := d.Store.View(ctx, func(tx *store.Tx) (err error) {
		f, err = d.ticket(ctx, tx, ticketHash(ticket))
		return err
	})
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, errAltered) {
		err = hearkeep.Errorf(hearkeep.NotFound, "There is nothing to fetch here.").WithHint("A code gives a day to fetch its archive. Ask for another.").Because(err)
	}
	if err != nil {
		return Open{}, nil, fmt.Errorf("rights: sealed archive: %w", err)
	}
	return d.sealedOf(ctx, f, hearkeepItself())
}

// SealedHere is Sealed for who is signed in: for who has no confirmed address,
// or does not want to wait for a letter. It needs what Prepare needs.
func (d *Desk) SealedHere(ctx context.Context, who identity.Verified, id hearkeep.RequestID) (Open, *Fetch, error) {
	f := &Fetch{account: who.Account(), request: id, of: who.Session(), who: who}
	err := d.Store.View(ctx, func(tx *store.Tx) error { return standing(ctx, tx, who) })
	if err != nil {
		return Open{}, nil, wrapped(err, "sealed archive of", id)
	}
	// What was frozen in this session may be fetched on without being asked again.
	if have := d.frozenFor(f); have != nil {
		f.archive = have.ID
		return have.Open, f, nil
	}
	if _, err := d.mayRelease(ctx, who, id); err != nil {
		return Open{}, nil, err
	}
	return d.sealedOf(ctx, f, person(who))
}

// frozenFor is the sealed archive that was frozen for a ticket or in a session.
func (d *Desk) frozenFor(f *Fetch) *frozen {
	return d.thawed(func(o *frozen) bool {
		return o.sealed != nil && o.account == f.account && o.request == f.request && o.of == f.of
	})
}

func (d *Desk) sealedOf(ctx context.Context, f *Fetch, by actor) (Open, *Fetch, error) {
	if have := d.frozenFor(f); have != nil {
		f.archive = have.ID
		return have.Open, f, nil
	}
	leave, err := d.alone(f.account)
	if err != nil {
		return Open{}, nil, err
	}
	defer leave()
	// What is frozen anew, after a restart or a change, is another archive.
	f.archive = hearkeep.NewID[hearkeep.ArchiveID]()
	made := &frozen{
		Open: Open{ID: f.archive, Made: now()}, account: f.account, request: f.request, of: f.of, ends: time.Now().Add(frozenLife),
	}
	if err := d.load(ctx, made); err != nil {
		return Open{}, nil, wrapped(d.stopped(ctx, store.Request{Account: f.account, ID: f.request}, made, by, err), "seal", f.archive)
	}
	if f.who.Valid() { // as Prepare does; what a code gave was ready when it was sent
		_, err := d.change(ctx, f.who, f.request, "seal for", func(tx *store.Tx, row *store.Request) error {
			return d.take(ctx, tx, row, stepReady, by)
		})
		if err != nil {
			return Open{}, nil, err
		}
	}
	d.freeze(made)
	return made.Open, f, nil
}

// load has the Couriers of an account freeze what they carry, and plans the
// archive. No keyholder is there, and nothing is opened.
func (d *Desk) load(ctx context.Context, f *frozen) error {
	facts := archive.SealedFacts{
		Archive: f.ID, Request: f.request, Account: f.account, Service: d.Origin, Made: f.Made, Zone: d.Zone,
		Key: d.Ledger.Key(), Sign: d.Ledger.Sign,
	}
	err := d.Store.View(ctx, func(tx *store.Tx) error {
		row, err := tx.Rights.Request(ctx, f.account, f.request)
		if err != nil {
			return err
		}
		facts.Kind = row.Kind
		facts.Keys, err = keysOf(ctx, tx, f.account)
		return err
	})
	if err != nil {
		return err
	}
	couriers, err := d.Keep.Couriers(ctx, f.account)
	if err != nil {
		return err
	}
	counted, err := d.frozenByOthers(ctx, f.account)
	if err != nil {
		return err
	}
	for _, c := range couriers {
		id := c.Vault().ID
		v := archive.SealedVault{ID: id, Name: c.Name(), Kind: c.Vault().Kind}
		for _, k := range c.Keys() {
			v.Held = append(v.Held, archive.SealedKey{Generation: k.Generation, Wrap: k.Wrap, Public: k.Public})
		}
		if n, frozen := counted[id]; frozen {
			v.Content, v.Withheld = nothing{}, []archive.Withheld{f.leaveOut(n)}
			facts.Vaults = append(facts.Vaults, v)
			continue
		}
		cargo, err := c.Freeze(ctx, f.ID)
		if err != nil {
			return err
		}
		v.Content = carried{c, cargo}
		for _, a := range cargo.Accounts() {
			v.Doors = append(v.Doors, doorOf(a))
			if a.Withheld > 0 {
				v.Withheld = append(v.Withheld, withheldOf(id, a))
			}
		}
		facts.Vaults = append(facts.Vaults, v)
		f.given = append(f.given, given{id, cargo.Len(), cargo.Items()})
	}
	if f.sealed, err = archive.NewSealed(ctx, facts); err != nil {
		return err
	}
	f.Name, f.Size, f.ETag, f.Count, f.hash = f.sealed.Name(), f.sealed.Size(), f.sealed.ETag(), f.sealed.Count(), f.sealed.Hash()
	return nil
}

// keysOf is what leads from an account's recovery kit to its private key.
func keysOf(ctx context.Context, tx *store.Tx, account hearkeep.AccountID) (k archive.SealedKeys, err error) {
	row, err := tx.Identity.Account(ctx, account)
	if err != nil {
		return k, err
	}
	k.AccountPrivate = row.SealedPrivate
	unlockers, err := tx.Identity.Unlockers(ctx, account)
	for _, u := range unlockers {
		if u.Kind == identity.KindKit && u.Wrap != nil {
			k.Kits = append(k.Kits, archive.SealedKit{Unlocker: u.ID, Wrap: u.Wrap})
		}
	}
	if err == nil && len(k.Kits) == 0 {
		err = hearkeep.Errorf(hearkeep.Conflict, "This account has no recovery kit, which a sealed archive opens with.").
			WithHint("Make one under your account, or fetch an open archive.")
	}
	return k, err
}

// SendSealed writes a range of a sealed archive, as Send does.
func (d *Desk) SendSealed(ctx context.Context, f *Fetch, w io.Writer, from, to int64) error {
	if f == nil {
		return errNoArchive()
	}
	have := d.frozenFor(f)
	if have == nil || have.ID != f.archive {
		return errNoArchive()
	}
	by := hearkeepItself()
	if f.who.Valid() {
		by = person(f.who)
	}
	stands := func(tx *store.Tx) error {
		if f.who.Valid() {
			return standing(ctx, tx, f.who)
		}
		if len(f.of) != ticketSize { // a session that is over
			return errNobody()
		}
		now, err := d.ticket(ctx, tx, [ticketSize]byte([]byte(f.of)))
		if err == nil && (now.account != f.account || now.request != f.request) {
			err = store.ErrNotFound
		}
		return err
	}
	if err := d.Store.View(ctx, stands); err != nil { // also where its first byte left long ago
		return wrapped(err, "send", f.archive)
	}
	return d.send(ctx, have, by, w, from, to, stands, func(w io.Writer) error { return have.sealed.Write(ctx, w, from, to) })
}

// nothing is the content of a vault of which nothing is handed over.
type nothing struct{}

// Len implements archive.SealedContent.
func (nothing) Len() int { return 0 }

// Each implements archive.SealedContent.
func (nothing) Each(context.Context, int, func(int, archive.SealedRecording) error) error { return nil }

// carried is what a Courier carries, as an archive is made of it.
type carried struct {
	courier *vault.Courier
	cargo   *vault.Cargo
}

// Len implements archive.SealedContent.
func (c carried) Len() int { return c.cargo.Len() }

// Each implements archive.SealedContent.
func (c carried) Each(ctx context.Context, from int, fn func(i int, r archive.SealedRecording) error) error {
	return c.courier.Each(ctx, c.cargo, from, func(i int, s vault.Sealed) error {
		r := archive.SealedRecording{
			ID: s.Recording.ID, Binding: s.Recording.Binding, Number: s.Recording.Number, Generation: s.Recording.Generation,
			Envelope: s.Recording.Envelope, EnvelopeWrap: s.Envelope, Start: s.Recording.Start, Duration: s.Recording.Duration,
			Audio:   func(ctx context.Context) (io.ReadCloser, error) { return c.courier.Audio(ctx, s) },
			Damaged: func(ctx context.Context, cause error) error { return c.courier.Damaged(ctx, s, cause) },
		}
		for _, p := range s.Parts {
			r.Parts = append(r.Parts, archive.SealedPart{
				Part: p.Part.Part, Version: p.Version, Size: p.Size, Hash: p.Hash, Until: p.Until, Wrap: p.Wrap, Bytes: p.Bytes,
			})
		}
		return fn(i, r)
	})
}
