package vault

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/store"
)

// Event is what happened in a vault.
type Event struct {
	Kind       string // "kept", "erased", "opened", "corrected"
	At         time.Time
	Count      int
	Recordings []hearkeep.RecordingID // at most 100 of them
	By         hearkeep.Role
	Purpose    string // of an opening: "listen", "browse"
}

// Kinds of events.
const (
	eventKept   = "kept"   // the recording is on the disk
	eventErased = "erased" // erased or expired as a whole
	eventOpened = "opened" // the ledger has the entry

	eventCorrected = "corrected" // its words were replaced
)

const (
	maxWatchers = 8                // of one account in one vault: another's are none of its
	watchBuffer = 64               // events that a watcher may lag behind
	watchNames  = 100              // recordings that an event names
	watchAgain  = 30 * time.Second // how often an idle watcher is asked whether it still may
)

// watched is who watches which vault. The zero value is nobody.
type watched struct {
	mu sync.Mutex
	by map[hearkeep.VaultID][]*watcher
}

type watcher struct {
	of     hearkeep.AccountID
	span   store.Span
	events chan Event
	missed atomic.Int64
}

// Watch tells of what happens in this vault, to what this Room may open, until
// ctx ends. A watcher that does not keep up misses events; missed counts them.
// It ends by itself, and closes events, when the session or token ends, when
// its account leaves the vault, or when the vault has a new generation: who
// may see that one is for the next Enter to say.
func (r *Room) Watch(ctx context.Context) (events <-chan Event, missed func() int, err error) {
	if err := r.stands(ctx); err != nil {
		return nil, nil, err
	}
	w := &watcher{of: r.actor.account, span: r.span, events: make(chan Event, watchBuffer)}
	if err := r.keep.watched.add(r.vault.ID, w); err != nil {
		return nil, nil, err
	}
	out := make(chan Event)
	go func() {
		defer close(out)
		defer r.keep.watched.remove(r.vault.ID, w)
		r.pass(ctx, w.events, out)
	}()
	return out, func() int { return int(w.missed.Load()) }, nil
}

// pass hands events on for as long as this Room's holder may have them. One
// that nobody takes is held back while that is asked again.
func (r *Room) pass(ctx context.Context, in <-chan Event, out chan<- Event) {
	again := time.NewTicker(watchAgain)
	defer again.Stop()
	var (
		held Event
		to   chan<- Event // nil while nothing is held
	)
	for {
		take := in
		if to != nil {
			take = nil
		}
		select {
		case <-ctx.Done():
			return
		case held = <-take:
			to = out
		case to <- held:
			to = nil
			continue
		case <-again.C:
		}
		if err := r.stands(ctx); err != nil {
			return
		}
	}
}

func (w *watched) add(vault hearkeep.VaultID, one *watcher) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	mine := 0
	for _, other := range w.by[vault] {
		if other.of == one.of {
			mine++
		}
	}
	if mine >= maxWatchers {
		return hearkeep.Errorf(hearkeep.TooMany, "%d programs and pages of yours watch this vault already.", maxWatchers).WithHint("Close one of them first.")
	}
	if w.by == nil {
		w.by = map[hearkeep.VaultID][]*watcher{}
	}
	w.by[vault] = append(w.by[vault], one)
	return nil
}

func (w *watched) remove(vault hearkeep.VaultID, one *watcher) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.by[vault] = slices.DeleteFunc(w.by[vault], func(o *watcher) bool { return o == one })
	if len(w.by[vault]) == 0 {
		delete(w.by, vault)
	}
}

// tell tells a vault's watchers what happened to recordings, each of those
// that its span holds. It does not wait for anybody.
func (w *watched) tell(vault hearkeep.VaultID, e Event, recs ...store.Recording) {
	w.tellOf(vault, e, len(recs), func(i int) (hearkeep.RecordingID, hearkeep.Generation) { return recs[i].ID, recs[i].Generation })
}

// tellOf is tell of the n recordings that of names.
func (w *watched) tellOf(vault hearkeep.VaultID, e Event, n int, of func(int) (hearkeep.RecordingID, hearkeep.Generation)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, one := range w.by[vault] {
		seen := e
		for i := range n {
			id, generation := of(i)
			if !one.span.Holds(generation) {
				continue
			}
			if seen.Count++; seen.Count <= watchNames {
				seen.Recordings = append(seen.Recordings, id)
			}
		}
		if seen.Count == 0 {
			continue
		}
		select {
		case one.events <- seen:
		default:
			one.missed.Add(1)
		}
	}
}

// stands fails where what let somebody into this Room is no more: the session
// or token has ended, or who holds the vault has changed.
func (r *Room) stands(ctx context.Context) error {
	err := r.keep.store.View(ctx, func(tx *store.Tx) error {
		if err := r.actor.lives(ctx, tx, time.Now()); err != nil {
			return err
		}
		_, err := r.holdsIn(ctx, tx)
		return err
	})
	if err != nil && hearkeep.CodeOf(err) == hearkeep.Internal {
		return fmt.Errorf("vault: whether %s may be seen: %w", r.vault.ID, err)
	}
	return err
}

// holdsIn returns who holds this vault. It fails where the account of this
// Room does no more, or where there is a newer generation than this Room's.
func (r *Room) holdsIn(ctx context.Context, tx *store.Tx) (lineage, error) {
	l, err := r.keep.lineage(ctx, tx, r.vault.ID)
	if err != nil {
		return l, err
	}
	if _, ok := l.holder(r.actor.account); !ok {
		return l, errNobody()
	}
	if l.newest().N != r.current {
		return l, hearkeep.Errorf(hearkeep.Conflict, "The keys of this vault were changed just now.").WithHint("Try again.")
	}
	return l, nil
}

func newestIn(ctx context.Context, tx *store.Tx, vault hearkeep.VaultID) (store.Generation, error) {
	gens, err := tx.Vaults.Generations(ctx, vault)
	if err == nil && len(gens) == 0 {
		err = store.ErrNotFound
	}
	if err != nil {
		return store.Generation{}, err
	}
	return gens[len(gens)-1], nil
}
