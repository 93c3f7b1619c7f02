package vault

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"syscall"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/seal"
	"github.com/hearkeep/hearkeep/internal/store"
)

// What a Stop and its store.Report name as wrong.
const (
	WhatNumbers = "numbers missing"          // handed out, and neither kept nor accounted for
	WhatOpening = "does not open"            // altered, damaged, or without its key
	WhatForeign = "foreign"                  // a row that is not this vault's, or stands where none may
	WhatAtStart = "numbers missing at start" // as the first, found by a start
)

// Stop is why a release does not leave: numbers that nothing accounts for,
// parts that do not open, or rows that are not this vault's. It is the cause
// in the chain of a hearkeep.Stopped.
type Stop struct {
	What      string // as in store.Report
	Vault     hearkeep.VaultID
	Binding   hearkeep.BindingID // of missing numbers, the first door that misses some
	Recording hearkeep.RecordingID
	Missing   []hearkeep.Run // at most maxMissing
	cause     error
}

// maxMissing bounds what a Stop names.
const maxMissing = 1000

// Error is for operators: ids only.
func (s *Stop) Error() string {
	text := "vault: release stopped: " + s.What
	if !s.Binding.IsZero() {
		text += " binding " + s.Binding.String()
	}
	if !s.Recording.IsZero() {
		text += " recording " + s.Recording.String()
	}
	for _, run := range s.Missing[:min(len(s.Missing), 10)] {
		text += " " + run.String()
	}
	if s.cause != nil {
		text += ": " + s.cause.Error()
	}
	return text
}

// Unwrap returns what was found.
func (s *Stop) Unwrap() error { return s.cause }

func foreign(binding hearkeep.BindingID, recording hearkeep.RecordingID, format string, args ...any) *Stop {
	return &Stop{What: WhatForeign, Binding: binding, Recording: recording, cause: fmt.Errorf(format, args...)}
}

func stopped(vault hearkeep.VaultID, s *Stop) error {
	s.Vault, s.Missing = vault, s.Missing[:min(len(s.Missing), maxMissing)]
	if s.Binding.IsZero() && len(s.Missing) > 0 {
		s.Binding = s.Missing[0].Binding
	}
	return hearkeep.Errorf(hearkeep.Stopped, "This does not add up, so nothing of it was handed over.").
		WithHint("Something was altered, damaged or taken away. That is written down; whoever runs this keep has to mend it, and then it can be asked for again.").
		Because(fmt.Errorf("vault: %s: %w", vault, s))
}

func errChanged() error {
	return hearkeep.Errorf(hearkeep.Changed, "Something of this was erased or corrected meanwhile.").
		WithHint("Prepare it anew: then it holds what is kept now.")
}

func errUnsettled() error {
	return hearkeep.Errorf(hearkeep.Conflict, "Something here is being kept or erased right now.").WithHint("Try again in a moment.").After(settleTries * settleWait)
}

// passing reports whether a failure says nothing about what is stored: who
// asked has gone, or this machine is short of something.
func passing(ctx context.Context, err error) bool {
	return err != nil && (ctx.Err() != nil || errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) || errors.Is(err, syscall.ENOMEM))
}

// A keep hands out its number before its row is there, and an erasure takes
// keys before rows. What looks wrong is looked at again for so long while
// something is under way that explains it, and once more in any case.
const (
	settleTries = 60
	settleWait  = 50 * time.Millisecond
)

// settled calls look until it finds nothing wrong, or finds wrong what it has
// found before while nothing was under way. Then it returns that *Stop.
func (k *Keep) settled(ctx context.Context, vault hearkeep.VaultID, look func() error) error {
	var before *Stop
	for range settleTries {
		err := look()
		var s *Stop
		if !errors.As(err, &s) {
			return err
		}
		if again := before.confirms(s); again != nil {
			return again
		}
		if before, err = k.idle(ctx, vault, s); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(settleWait):
		}
	}
	return errUnsettled()
}

// confirms returns what of s was found before; nil for nothing.
func (s *Stop) confirms(now *Stop) *Stop {
	if s == nil || s.What != now.What || s.Binding != now.Binding || s.Recording != now.Recording {
		return nil
	}
	if s.What != WhatNumbers {
		return now
	}
	now.Missing = common(now.Missing, s.Missing)
	if len(now.Missing) == 0 {
		return nil
	}
	return now
}

// idle returns what of s nothing under way explains; nil for nothing.
func (k *Keep) idle(ctx context.Context, vault hearkeep.VaultID, s *Stop) (*Stop, error) {
	if !s.Recording.IsZero() && k.isErasing(s.Recording) {
		return nil, nil
	}
	if s.What != WhatNumbers {
		return s, nil
	}
	left := *s
	left.Missing = k.numbers.idle(s.Missing)
	return &left, k.accountFailed(ctx, vault)
}

// freeze lists what a vault keeps of some generations, in one snapshot in
// which check agrees, and accounts for every number that its doors handed out.
func (k *Keep) freeze(ctx context.Context, vault hearkeep.VaultID, of store.Span, check func(context.Context, *store.Tx) error) (*frozen, error) {
	var f *frozen
	err := k.settled(ctx, vault, func() error {
		return k.store.View(ctx, func(tx *store.Tx) (err error) {
			if err := check(ctx, tx); err != nil {
				return err
			}
			f, err = k.count(ctx, tx, vault, of)
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	f.sort()
	return f, nil
}

// count is freeze in a transaction.
func (k *Keep) count(ctx context.Context, tx *store.Tx, vault hearkeep.VaultID, of store.Span) (*frozen, error) {
	doors, err := tx.Vaults.Bindings(ctx, vault)
	if err != nil {
		return nil, err
	}
	newest, err := newestIn(ctx, tx, vault)
	if err != nil {
		return nil, err
	}
	totals, err := tx.Vaults.Totals(ctx, vault, store.Span{})
	if err != nil {
		return nil, err
	}
	c := counting{frozen: &frozen{vault: vault, items: make([]item, 0, totals.Recordings)}, of: of, newest: newest.N, at: map[hearkeep.BindingID]int{}}
	for i, b := range doors {
		door, err := k.signedDoor(b)
		if err != nil {
			return nil, foreign(b.ID, hearkeep.RecordingID{}, "binding is not what was signed: %w", err)
		}
		c.at[b.ID] = i
		c.doors = append(c.doors, Accounted{Binding: Binding{b.ID, b.Source, door, b.Rule, b.Created, b.Ended}, Last: b.Next - 1})
	}
	c.numbers = make([][]hearkeep.Number, len(doors))
	if err := c.list(ctx, tx); err != nil {
		return nil, err
	}
	stones, err := tx.Vaults.Tombstones(ctx, vault)
	if err != nil {
		return nil, err
	}
	return c.frozen, c.account(k, stones, totals.Recordings)
}

// signedDoor is what a keyholder said of a door, which must be what was signed.
func (k *Keep) signedDoor(b store.Binding) (Door, error) {
	p, err := k.readPin(b)
	if err != nil {
		return Door{}, err
	}
	if err := seal.VerifyBinding(p.SignedBy, bindingStatement(b), b.Signature); err != nil {
		return Door{}, err
	}
	return k.openDoor(b)
}

// counting is count at work.
type counting struct {
	*frozen
	of      store.Span
	newest  hearkeep.Generation
	at      map[hearkeep.BindingID]int
	numbers [][]hearkeep.Number // by door: of all recordings
}

// list takes every recording of the vault, whichever generation its row names.
func (c *counting) list(ctx context.Context, tx *store.Tx) error {
	for at := (store.Cursor{}); ; {
		recs, err := tx.Vaults.Recordings(ctx, c.vault, store.Span{}, at, 1000)
		if err != nil || len(recs) == 0 {
			return err
		}
		for _, rec := range recs {
			at = store.Cursor{Start: rec.Start, ID: rec.ID}
			door, ok := c.at[rec.Binding]
			if !ok {
				return foreign(rec.Binding, rec.ID, "its door is not this vault's")
			}
			if rec.Generation < 1 || rec.Generation > c.newest {
				return foreign(rec.Binding, rec.ID, "there is no generation %d", rec.Generation)
			}
			c.numbers[door] = append(c.numbers[door], rec.Number)
			if !c.of.Holds(rec.Generation) {
				c.doors[door].Withheld++
				continue
			}
			c.doors[door].Kept++
			c.items = append(c.items, item{id: rec.ID, number: rec.Number, start: rec.Start.UnixMilli(), door: uint32(door), generation: rec.Generation, length: -1})
		}
	}
}

// account holds recordings and tombstones against the numbers handed out.
func (c *counting) account(k *Keep, stones []store.Tombstone, total int) error {
	of := make([][]store.Tombstone, len(c.doors))
	for _, s := range stones {
		door, ok := c.at[s.Binding]
		if !ok {
			return foreign(s.Binding, hearkeep.RecordingID{}, "tombstones of a door that is not this vault's")
		}
		of[door] = append(of[door], s)
	}
	listed := 0
	var missing []hearkeep.Run
	for i := range c.doors {
		listed += len(c.numbers[i])
		gaps, err := accountDoor(&c.doors[i], c.numbers[i], of[i], k.numbers.last(c.doors[i].Binding.ID))
		if err != nil {
			return err
		}
		missing = append(missing, gaps...)
	}
	if len(missing) > 0 {
		return &Stop{What: WhatNumbers, Missing: missing}
	}
	if listed != total {
		return foreign(hearkeep.BindingID{}, hearkeep.RecordingID{}, "%d recordings are listed, %d counted", listed, total)
	}
	return nil
}

// accountDoor fills in how one door's numbers ended, and returns those that
// nothing accounts for. A number that is accounted for twice, or was never
// handed out, is not this door's.
func accountDoor(d *Accounted, numbers []hearkeep.Number, stones []store.Tombstone, handedOut hearkeep.Number) (gaps []hearkeep.Run, err error) {
	id := d.Binding.ID
	slices.Sort(numbers)
	runs := hearkeep.Runs(id, numbers)
	for _, s := range stones {
		n := int(s.To - s.From + 1)
		switch s.Outcome {
		case hearkeep.OutcomeErased:
			d.Erased += n
		case hearkeep.OutcomeExpired:
			d.Expired += n
		case hearkeep.OutcomeFailed:
			d.Failed += n
		default:
			return nil, foreign(id, hearkeep.RecordingID{}, "a tombstone says %q", s.Outcome)
		}
		runs = append(runs, s.Run)
	}
	slices.SortFunc(runs, func(a, b hearkeep.Run) int {
		switch {
		case a.From < b.From:
			return -1
		case a.From > b.From:
			return 1
		}
		return 0
	})
	next := hearkeep.Number(1)
	for _, run := range runs {
		if run.From < next || run.To < run.From || run.To > d.Last {
			return nil, foreign(id, hearkeep.RecordingID{}, "numbers %d to %d are accounted for twice, or were never handed out", run.From, run.To)
		}
		if run.From > next {
			gaps = append(gaps, hearkeep.Run{Binding: id, From: next, To: run.From - 1})
		}
		next = run.To + 1
	}
	if last := max(d.Last, handedOut); next <= last {
		gaps = append(gaps, hearkeep.Run{Binding: id, From: next, To: last})
	}
	return gaps, nil
}
