package rights

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/archive"
	"github.com/hearkeep/hearkeep/internal/identity"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/store"
	"github.com/hearkeep/hearkeep/internal/vault"
)

// content is what an open archive is made of: the releases of the vaults that
// an account holds, in the order in which it is shown them. It opens nothing;
// entered does, for one session and one writing.
type content struct {
	desk     *Desk
	releases []*vault.Release
	names    *names
	before   int64 // entries of the ledger from this number on came later

	// The ledger forgets the bodies of entries after a year. Those which it may
	// forget while the archive can be fetched, of before this time, are left
	// out already: the archive stays what it was, on every day of its fetching.
	since time.Time
}

// count is how many recordings there are.
func (c *content) count() (n int) {
	for _, r := range c.releases {
		n += r.Len()
	}
	return n
}

// entered is content in a session: the Rooms of its vaults, which are entered
// anew for each writing, so that who does not hold a vault any more gets
// nothing of it.
type entered struct {
	*content
	rooms []*vault.Room
}

func (c *content) enter(ctx context.Context, who identity.Verified) (*entered, error) {
	e := &entered{content: c}
	for _, r := range c.releases {
		room, err := c.desk.Keep.Enter(ctx, who, r.Vault())
		if err != nil {
			return nil, err
		}
		e.rooms = append(e.rooms, room)
	}
	return e, nil
}

// Count implements archive.Content.
func (e *entered) Count() int { return e.count() }

// Recordings implements archive.Content.
func (e *entered) Recordings(ctx context.Context, from int, fn func(i int, r archive.Recording) error) error {
	first := 0
	for v, release := range e.releases {
		if n := release.Len(); from < first+n {
			err := e.rooms[v].Each(ctx, release, max(0, from-first), func(i int, it vault.Released) error {
				return fn(first+i, recordingOf(release.Vault(), it))
			})
			if err != nil {
				return err
			}
		}
		first += release.Len()
	}
	return nil
}

func recordingOf(id hearkeep.VaultID, it vault.Released) archive.Recording {
	r := archive.Recording{
		ID: it.ID, Vault: id, Binding: it.Binding, Number: it.Number, From: it.From, Source: it.Source,
		Start: it.Start, Duration: it.Duration, Until: it.Until,
		Words: it.Words, HasWords: it.HasWords, Version: it.Version, Turn: it.Turn, HasTurn: it.HasTurn, Waveform: it.Waveform,
	}
	if h := it.Sound; h != nil {
		r.Sound = &archive.Sound{Size: h.Length, CRC32: h.CRC32, SHA256: h.SHA256, MediaType: h.MediaType}
	}
	return r
}

// Sound implements archive.Content.
func (e *entered) Sound(ctx context.Context, i int) (archive.SoundReader, error) {
	for v, release := range e.releases {
		if i < release.Len() {
			sound, err := e.rooms[v].Sound(ctx, release, i)
			if err != nil {
				return nil, err
			}
			return sound, nil
		}
		i -= release.Len()
	}
	return nil, hearkeep.Errorf(hearkeep.Internal, "There is no such recording in the archive.")
}

// Openings implements archive.Content. What several vaults were opened for is
// brought into one order. Entries about the archive itself come after before.
func (e *entered) Openings(ctx context.Context, fn func(archive.Opening) error) error {
	type source struct {
		next func() (ledger.Recorded, error, bool)
		head ledger.Recorded
		id   hearkeep.VaultID
	}
	var open []*source
	advance := func(s *source) (bool, error) {
		got, err, ok := s.next()
		s.head = got
		return ok && err == nil && got.Seq < e.before, err
	}
	for _, room := range e.rooms {
		next, stop := iter.Pull2(openings(ctx, room))
		defer stop()
		s := &source{next: next, id: room.ID()}
		if ok, err := advance(s); err != nil {
			return err
		} else if ok {
			open = append(open, s)
		}
	}
	for len(open) > 0 {
		s := slices.MinFunc(open, func(a, b *source) int { return cmp.Compare(a.head.Seq, b.head.Seq) })
		if err := fn(e.openingOf(ctx, s.id, s.head)); err != nil {
			return err
		}
		ok, err := advance(s)
		if err != nil {
			return err
		}
		if !ok {
			open = slices.DeleteFunc(open, func(o *source) bool { return o == s })
		}
	}
	return nil
}

// openings is Room.Openings as something that can be read step by step.
func openings(ctx context.Context, room *vault.Room) iter.Seq2[ledger.Recorded, error] {
	return func(yield func(ledger.Recorded, error) bool) {
		err := room.Openings(ctx, func(r ledger.Recorded) error {
			if !yield(r, nil) {
				return errEnough
			}
			return nil
		})
		if err != nil && err != errEnough {
			yield(ledger.Recorded{}, err)
		}
	}
}

var errEnough = hearkeep.Errorf(hearkeep.Internal, "Enough was read.")

func (e *entered) openingOf(ctx context.Context, id hearkeep.VaultID, r ledger.Recorded) archive.Opening {
	if r.At.Before(e.since) {
		r.Entry = ledger.Entry{Kind: r.Kind, At: r.At.Truncate(tick)}
	}
	o := archive.Opening{
		At: r.At, Vault: id, Kind: string(r.Kind), Role: r.Role, Purpose: r.Purpose, Count: r.Count, Items: r.Items, Entry: r.Seq,
	}
	if r.Account != nil {
		o.Who = e.names.of(ctx, *r.Account)
	}
	return o
}

// names are what people are called: the actual recipients (C-154/21). Each is
// looked up once, so that an archive stays what it was.
type names struct {
	store store.Store
	mu    sync.Mutex
	known map[hearkeep.AccountID]string
}

func (n *names) of(ctx context.Context, id hearkeep.AccountID) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if name, ok := n.known[id]; ok {
		return name
	}
	var name string
	_ = n.store.View(ctx, func(tx *store.Tx) error { // of an account that is gone there is no name
		row, err := tx.Identity.Account(ctx, id)
		name = row.Display
		return err
	})
	n.known[id] = name
	return name
}
