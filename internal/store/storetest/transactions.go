package storetest

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"

	"github.com/hearkeep/hearkeep/internal/store"
)

// enqueue and countJobs stand for any row in the tests of transactions.
func enqueue(ctx context.Context, tx *store.Tx, kind string) error {
	return tx.Jobs.Enqueue(ctx, kind, nil)
}

func countJobs(t *testing.T, st store.Store, kind string) (n int) {
	t.Helper()
	view(t, st, func(tx *store.Tx) error {
		due, err := tx.Jobs.Due(t.Context(), kind, noon, 100_000)
		n = len(due)
		return err
	})
	return n
}

// savepoints has many callers share commits; each second one fails after it
// wrote. Failing undoes its own rows only.
func savepoints(t *testing.T, open Opener) {
	st, _ := open(t)
	ctx := t.Context()
	sentinel := errors.New("the caller's own")
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			err := st.Update(ctx, func(tx *store.Tx) error {
				kind := "kept"
				if i%2 == 1 {
					kind = "undone"
				}
				if err := enqueue(ctx, tx, kind); err != nil {
					return err
				}
				if i%2 == 1 {
					return sentinel
				}
				return nil
			})
			if i%2 == 1 {
				wantErr(t, "failing caller", err, sentinel)
			} else {
				wantErr(t, "other caller", err, nil)
			}
		})
	}
	wg.Wait()
	if got := countJobs(t, st, "kept"); got != 32 {
		t.Errorf("rows of callers without an error: got %d, want 32", got)
	}
	if got := countJobs(t, st, "undone"); got != 0 {
		t.Errorf("rows of callers with an error: got %d, want 0", got)
	}

	// A refused row does not spoil the rows around it.
	a := store.Token{Created: noon}
	update(t, st, func(tx *store.Tx) error {
		v := NewAccount("anna")
		if err := tx.Identity.InsertAccount(ctx, v); err != nil {
			return err
		}
		wantErr(t, "the same account again", tx.Identity.InsertAccount(ctx, v), store.ErrExists)
		a.Binding[0] = 1
		return tx.Identity.PutToken(ctx, a)
	})
	view(t, st, func(tx *store.Tx) error {
		_, err := tx.Identity.Token(ctx, a.Binding)
		return err
	})
}

// panics are the caller's own, and so is runtime.Goexit, by which t.Fatal ends.
func panics(t *testing.T, open Opener) {
	st, _ := open(t)
	ctx := t.Context()
	for _, run := range []func(*store.Store, func(*store.Tx) error) error{
		func(st *store.Store, fn func(*store.Tx) error) error { return (*st).Update(ctx, fn) },
		func(st *store.Store, fn func(*store.Tx) error) error { return (*st).View(ctx, fn) },
	} {
		func() {
			defer func() {
				if got := recover(); got != "the caller's own" {
					t.Errorf("recovered: got %v, want the caller's panic", got)
				}
			}()
			run(&st, func(tx *store.Tx) error {
				enqueue(ctx, tx, "undone")
				panic("the caller's own")
			})
		}()
		gone := make(chan struct{})
		go func() {
			defer close(gone)
			run(&st, func(tx *store.Tx) error {
				enqueue(ctx, tx, "undone")
				runtime.Goexit()
				return nil
			})
		}()
		<-gone
	}
	if got := countJobs(t, st, "undone"); got != 0 {
		t.Errorf("rows of a caller that panicked: got %d, want 0", got)
	}
	update(t, st, func(tx *store.Tx) error { return enqueue(ctx, tx, "after") })
	if got := countJobs(t, st, "after"); got != 1 {
		t.Errorf("rows after a panic: got %d, want 1", got)
	}
}

// cancellation: who gives up before its turn does not run, and who gives up
// while it runs takes nobody else's rows along.
func cancellation(t *testing.T, open Opener) {
	st, _ := open(t)
	ctx := t.Context()
	done, cancel := context.WithCancel(ctx)
	cancel()
	ran := func(*store.Tx) error { t.Error("ran under a context that was done"); return nil }
	wantErr(t, "Update", st.Update(done, ran), context.Canceled)
	wantErr(t, "View", st.View(done, ran), context.Canceled)

	running, release := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		err := st.Update(ctx, func(tx *store.Tx) error {
			close(running)
			<-release
			return enqueue(ctx, tx, "kept")
		})
		wantErr(t, "Update that held the turn", err, nil)
	})
	<-running
	waiting, giveUp := context.WithCancel(ctx)
	wg.Go(func() { wantErr(t, "Update that gave up", st.Update(waiting, ran), context.Canceled) })
	giveUp()
	leaving, leave := context.WithCancel(ctx)
	wg.Go(func() {
		err := st.Update(leaving, func(tx *store.Tx) error {
			if err := enqueue(leaving, tx, "undone"); err != nil {
				return err
			}
			leave()
			return enqueue(leaving, tx, "undone")
		})
		wantErr(t, "Update that was cancelled while it ran", err, context.Canceled)
	})
	close(release)
	wg.Wait()
	if got := countJobs(t, st, "kept"); got != 1 {
		t.Errorf("rows of the caller that stayed: got %d, want 1", got)
	}
	if got := countJobs(t, st, "undone"); got != 0 {
		t.Errorf("rows of the caller that left: got %d, want 0", got)
	}
}

// snapshot: a View sees one state, whatever is written meanwhile, and cannot
// write.
func snapshot(t *testing.T, open Opener) {
	st, _ := open(t)
	ctx := t.Context()
	view(t, st, func(tx *store.Tx) error {
		before, err := tx.Jobs.Due(ctx, "job", noon, 10)
		if err != nil {
			return err
		}
		update(t, st, func(tx *store.Tx) error { return enqueue(ctx, tx, "job") })
		after, err := tx.Jobs.Due(ctx, "job", noon, 10)
		if len(before) != 0 || len(after) != 0 {
			t.Errorf("rows in the snapshot: got %d and %d, want none", len(before), len(after))
		}
		return err
	})
	if got := countJobs(t, st, "job"); got != 1 {
		t.Errorf("rows in the next snapshot: got %d, want 1", got)
	}
	v := NewVault(t, st)
	view(t, st, func(tx *store.Tx) error {
		if err := enqueue(ctx, tx, "job"); err == nil {
			t.Error("View wrote a row")
		}
		if _, err := tx.Vaults.HandOut(ctx, v.ID, v.Binding); err == nil {
			t.Error("View handed out a number")
		}
		if _, err := tx.Identity.TakeLink(ctx, "setup", [32]byte{}, noon); err == nil || errors.Is(err, store.ErrNotFound) {
			t.Errorf("View took a link: got error %v, want a refusal", err)
		}
		return nil
	})
}

// transactionsEnd: a Tx that is kept for longer than its function is refused.
func transactionsEnd(t *testing.T, open Opener) {
	st, _ := open(t)
	ctx := t.Context()
	var kept []*store.Tx
	note := func(tx *store.Tx) error { kept = append(kept, tx); return nil }
	update(t, st, note)
	view(t, st, note)
	for _, tx := range kept {
		if _, err := tx.Identity.CountAccounts(ctx); err == nil {
			t.Error("a transaction was used after its end")
		}
		if err := enqueue(ctx, tx, "late"); err == nil {
			t.Error("a transaction was written to after its end")
		}
	}
}

// durability: what was acknowledged is there after the store was reopened.
func durability(t *testing.T, open Opener) {
	st, reopen := open(t)
	ctx := t.Context()
	v := NewVault(t, st)
	rec, parts := keep(t, st, v, 1, noon)
	key := store.PartKey{Recording: rec.ID, Part: parts[0].Part, Version: 1, Wrap: bytesOf(113)}
	if err := st.Keys().Put(ctx, v.ID, []store.PartKey{key}); err != nil {
		t.Fatal(err)
	}
	st = reopen()
	view(t, st, func(tx *store.Tx) error {
		got, err := tx.Vaults.Recording(ctx, v.ID, rec.ID)
		equal(t, "recording", got, rec)
		return err
	})
	got, err := st.Keys().Part(ctx, v.ID, rec.ID, parts[0].Part, 1)
	wantErr(t, "Keys.Part", err, nil)
	equal(t, "key", got, key.Wrap)
	wantErr(t, "Check", st.Check(ctx), nil)
	wantErr(t, "Close", st.Close(), nil)
	if err := st.Update(ctx, func(*store.Tx) error { return nil }); err == nil {
		t.Error("Update ran on a closed store")
	}
	if err := st.View(ctx, func(*store.Tx) error { return nil }); err == nil {
		t.Error("View ran on a closed store")
	}
}
