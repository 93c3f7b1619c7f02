package rights

import (
	"cmp"
	"context"
	"encoding/hex"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/archive"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/store"
)

// Bounds of what is frozen at once. The oldest goes first.
const (
	frozenOfOne     = 2 // session, or ticket
	frozenOfAccount = 4
	frozenInAll     = 64
	frozenLife      = 24 * time.Hour
	// idleLife ends an open archive that nobody reads: an unlocker was shown for
	// it once, and whoever finds the session open later shows none.
	idleLife = time.Hour
)

// frozen is an archive that was planned and can be written. It holds no key
// and no word.
type frozen struct {
	Open
	account hearkeep.AccountID
	request hearkeep.RequestID
	of      string             // whose it is: a session, or a ticket's hash
	sealed  *archive.SealedBag // nil of an open one
	bag     *archive.Bag       // nil of a sealed one
	content *content           // what a bag is made of
	hash    [32]byte
	ends    time.Time
	read    time.Time          // when it was last read, or made; guarded by the desk
	readers int                // that are at it now; guarded by the desk
	given   []given            // what it discloses, by vault
	leftOut []hearkeep.VaultID // in which somebody else froze something

	mu    sync.Mutex // held while its begin or its end is written down
	begun bool
	whole bool
	sent  spans
}

// given is what an archive discloses of one vault.
type given struct {
	vault hearkeep.VaultID
	count int
	runs  []hearkeep.Run
}

// desk is what a Desk remembers.
type desk struct {
	mu        sync.Mutex
	frozen    []*frozen // the oldest first
	preparing map[hearkeep.AccountID]bool
	wrong     allowance // of codes
	claimants claimants
}

// freeze remembers an archive, and forgets older ones beyond the bounds: its
// session's, then its account's, and another's only where very many people
// fetch on one day.
func (d *Desk) freeze(f *frozen) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f.read = time.Now()
	d.frozen = append(d.frozen, f)
	d.keepNewest(frozenOfOne, func(o *frozen) bool { return o.account == f.account && o.of == f.of })
	d.keepNewest(frozenOfAccount, func(o *frozen) bool { return o.account == f.account })
	d.keepNewest(frozenInAll, func(*frozen) bool { return true })
}

// keepNewest forgets all but the newest most of some.
func (d *Desk) keepNewest(most int, is func(*frozen) bool) {
	var kept []*frozen
	for _, o := range slices.Backward(d.frozen) {
		if !is(o) {
			kept = append(kept, o)
		} else if most > 0 {
			kept, most = append(kept, o), most-1
		}
	}
	slices.Reverse(kept)
	d.frozen = kept
}

// thawed finds a frozen archive that has not ended, nil for none.
func (d *Desk) thawed(is func(*frozen) bool) *frozen {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, f := range slices.Backward(d.frozen) {
		if now := time.Now(); is(f) && now.Before(f.ends) && (f.bag == nil || f.readers > 0 || now.Sub(f.read) < idleLife) {
			return f
		}
	}
	return nil
}

// reading notes that an archive is read, until done is called.
func (d *Desk) reading(f *frozen) (done func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f.readers++
	return func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		f.readers--
		f.read = time.Now()
	}
}

// drop forgets frozen archives.
func (d *Desk) drop(is func(*frozen) bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.frozen = slices.DeleteFunc(d.frozen, func(f *frozen) bool { return is(f) })
}

// alone lets one archive of an account be prepared at a time: each reads all
// that is kept.
func (d *Desk) alone(account hearkeep.AccountID) (leave func(), err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.preparing[account] {
		return nil, hearkeep.Errorf(hearkeep.Conflict, "An archive is being prepared already.").WithHint("Wait until it is there.")
	}
	d.preparing[account] = true
	return func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		delete(d.preparing, account)
	}, nil
}

// begin writes down that an archive leaves, before its first byte does, once.
// No entry, no archive.
func (d *Desk) begin(ctx context.Context, f *frozen, by actor, first func(*store.Tx) error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.begun {
		return nil
	}
	err := d.Store.Update(ctx, func(tx *store.Tx) error {
		if err := first(tx); err != nil {
			return err
		}
		row, err := tx.Rights.Request(ctx, f.account, f.request)
		if err != nil {
			return err
		}
		if err := d.check(&row); err != nil {
			return errNothing(err)
		}
		err = tx.Rights.InsertArchive(ctx, store.Archive{
			ID: f.ID, Request: f.request, Account: f.account, Sealed: f.sealed != nil, State: archiveBegun,
			Count: f.Count, Bytes: f.Size, Hash: f.hash, Made: f.Made,
		})
		if err != nil {
			return err
		}
		return d.take(ctx, tx, &row, stepDisclosed, by, f.entries(by, row)...)
	})
	if err == nil {
		f.begun = true
	}
	return err
}

// how is how an archive is handed over.
func (f *frozen) how() string {
	if f.sealed != nil {
		return "sealed"
	}
	return "open"
}

// States of archives.
const (
	archiveBegun   = "begun"
	archiveWhole   = "whole"
	archiveStopped = "stopped"
)

// entries is the disclosure in the ledger, one entry for each vault.
func (f *frozen) entries(by actor, row store.Request) (entries []ledger.Entry) {
	for _, g := range f.given {
		e := by.entry(row, stepDisclosed)
		e.Binding, e.Archive, e.Vault, e.Count, e.Items = nil, &f.ID, &g.vault, g.count, g.runs
		e.Purpose += ", " + f.how()
		entries = append(entries, e)
	}
	return entries
}

// sendTo counts what of an archive was written, and asks now and then whether
// more of it may be: a long download is not finished only since it had begun.
type sendTo struct {
	io.Writer
	n     int64
	asked time.Time
	may   func() error
}

// askEvery is how often sendTo asks, between pieces of at most sendPiece bytes.
const (
	askEvery  = time.Second
	sendPiece = 64 << 10
)

func (s *sendTo) Write(b []byte) (wrote int, err error) {
	for wrote < len(b) {
		if now := time.Now(); now.Sub(s.asked) >= askEvery {
			if err := s.may(); err != nil {
				return wrote, err
			}
			s.asked = now
		}
		n, err := s.Writer.Write(b[wrote:min(len(b), wrote+sendPiece)])
		s.n += int64(n)
		if wrote += n; err != nil {
			return wrote, err
		}
	}
	return wrote, nil
}

// ended writes down that all of an archive was written, once, and answers its
// request with that.
func (d *Desk) ended(ctx context.Context, f *frozen, from, n int64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sent.add(from, from+n)
	if f.whole || !f.sent.cover(f.Size) {
		return nil
	}
	err := d.Store.Update(context.WithoutCancel(ctx), func(tx *store.Tx) error {
		row, err := tx.Rights.Request(ctx, f.account, f.request)
		if err != nil {
			return err
		}
		a, err := tx.Rights.Archive(ctx, f.account, f.ID)
		if err != nil {
			return err
		}
		a.State, a.Ended = archiveWhole, now()
		if err := tx.Rights.SetArchive(ctx, a); err != nil || row.State.Ended() {
			return err
		}
		if row.Answer, err = d.sign(d.answerOf(row, f)); err != nil {
			return err
		}
		return d.take(ctx, tx, &row, stepAnswered, hearkeepItself())
	})
	if err == nil {
		f.whole = true
	}
	return err
}

// answerOf says what was handed over.
func (d *Desk) answerOf(row store.Request, f *frozen) *answer {
	a := d.answerTo(row, "archive")
	opens := "It opens on any computer, and is not protected any more: keep it safe."
	if f.sealed != nil {
		opens = "It opens with the recovery kit of the account, and with nothing else."
	}
	a.add("archive", f.ID, f.how(), hex.EncodeToString(f.hash[:]), f.Size)
	for _, g := range f.given {
		a.add("vault", g.vault, g.count)
	}
	what := "All of what is kept of you was handed over"
	if len(f.leftOut) > 0 {
		what = "What is kept of you was handed over, but for " + some(len(f.leftOut), "vault")
	}
	a.say("%s, as one %s archive that was made on %s. It holds the recordings of %s. %s", what, f.how(), d.day(f.Made), some(len(f.given), "vault"), opens)
	for _, id := range f.leftOut {
		a.add("left-out", id, "restricted")
	}
	if len(f.leftOut) > 0 {
		a.say("Somebody else who holds %s, or a report, froze something in it (GDPR Art. 18), so that nothing of it is handed over until they end that. Ask again then. You can complain about this to a data protection authority, or go to court.", map[bool]string{true: "that vault", false: "each of those vaults"}[len(f.leftOut) == 1])
	}
	a.say("What it leaves out, and why, stands in it. The hash above is that of its manifest, so that it can be told from any other.")
	return a
}

// spans are stretches of bytes, ascending, that neither touch nor overlap.
type spans [][2]int64

// maxSpans bounds what somebody who asks for single bytes makes us remember.
const maxSpans = 4096

func (s *spans) add(from, to int64) {
	if from >= to {
		return
	}
	var out spans
	for _, o := range *s {
		if o[1] < from || to < o[0] {
			out = append(out, o)
			continue
		}
		from, to = min(from, o[0]), max(to, o[1])
	}
	if len(out) == maxSpans {
		return
	}
	at, _ := slices.BinarySearchFunc(out, from, func(o [2]int64, at int64) int { return cmp.Compare(o[0], at) })
	*s = slices.Insert(out, at, [2]int64{from, to})
}

// cover reports whether all of [0, size) is in s.
func (s spans) cover(size int64) bool { return len(s) == 1 && s[0] == [2]int64{0, size} }
