package sqlite

import (
	"errors"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/hearkeep/hearkeep/internal/store"
	driver "modernc.org/sqlite"
)

// together runs the functions, in a synctest bubble, so that they share one
// transaction: the first holds its turn until each of the others, in their
// order, waits for its own.
func together(t *testing.T, st *Store, fns ...func(*tx) error) []error {
	t.Helper()
	errs := make([]error, len(fns))
	var wg sync.WaitGroup
	errs[0] = st.rows.update(t.Context(), func(x *tx) error {
		for i, fn := range fns[1:] {
			wg.Go(func() { errs[i+1] = st.rows.update(t.Context(), fn) })
			synctest.Wait()
		}
		return fns[0](x)
	})
	wg.Wait()
	return errs
}

func insertJob(t *testing.T, x *tx) error { return jobs{x}.Enqueue(t.Context(), "job", nil) }

func countJobs(t *testing.T, st *Store) (n int) {
	t.Helper()
	err := st.rows.view(t.Context(), func(x *tx) (err error) {
		n, err = value[int](t.Context(), x, "SELECT count(*) FROM jobs")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestFailedCommit: everybody who shared a commit that failed is told.
func TestFailedCommit(t *testing.T) { synctest.Test(t, testFailedCommit) }

func testFailedCommit(t *testing.T) {
	st := openStore(t, t.TempDir())
	refuse := int32(1)
	err := st.rows.writer.c.Raw(func(c any) error {
		c.(driver.HookRegisterer).RegisterCommitHook(func() int32 { return refuse })
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	own := errors.New("the caller's own")
	errs := together(t, st,
		func(x *tx) error { return insertJob(t, x) },
		func(x *tx) error { return errors.Join(insertJob(t, x), own) },
		func(x *tx) error { return insertJob(t, x) })
	if errs[0] == nil || errs[2] == nil {
		t.Errorf("callers of a failed commit: got errors %v, %v; want one each", errs[0], errs[2])
	}
	if !errors.Is(errs[1], own) {
		t.Errorf("caller that failed by itself: got error %v, want its own", errs[1])
	}
	if got := countJobs(t, st); got != 0 {
		t.Errorf("rows after a failed commit: got %d, want 0", got)
	}
	refuse = 0
	if errs := together(t, st, func(x *tx) error { return insertJob(t, x) }, func(x *tx) error { return insertJob(t, x) }); errs[0] != nil || errs[1] != nil {
		t.Errorf("the next commit: got errors %v, want none", errs)
	}
	if got := countJobs(t, st); got != 2 {
		t.Errorf("rows after the next commit: got %d, want 2", got)
	}
}

// TestLostTransaction: SQLite rolls a whole transaction back when a disk fails
// under it. Nobody who shared it is told that its rows are kept.
func TestLostTransaction(t *testing.T) { synctest.Test(t, testLostTransaction) }

func testLostTransaction(t *testing.T) {
	st := openStore(t, t.TempDir())
	errs := together(t, st,
		func(x *tx) error { return insertJob(t, x) }, // before the loss
		func(x *tx) error { return x.c.exec(t.Context(), "ROLLBACK") },
		func(x *tx) error { return insertJob(t, x) })
	if !errors.Is(errs[0], errLost) {
		t.Errorf("caller before the loss: got error %v, want %v", errs[0], errLost)
	}
	if errs[1] == nil {
		t.Error("caller of the loss: got no error")
	}
	if errs[2] != nil { // it waits for the next transaction
		t.Errorf("caller after the loss: got error %v, want none", errs[2])
	}
	if got := countJobs(t, st); got != 1 {
		t.Errorf("rows: got %d, want 1", got)
	}
}

// TestFull: SQLite's own limit of pages is a disk without room, everywhere.
func TestFull(t *testing.T) { synctest.Test(t, testFull) }

func testFull(t *testing.T) {
	st := openStore(t, t.TempDir())
	ctx := t.Context()
	if err := st.rows.writer.c.exec(ctx, "PRAGMA max_page_count = 80"); err != nil {
		t.Fatal(err)
	}
	big := make([]byte, 1<<20)
	errs := together(t, st,
		func(x *tx) error { return insertJob(t, x) },
		func(x *tx) error { return jobs{x}.Enqueue(ctx, "big", big) })
	if !errors.Is(errs[1], store.ErrFull) {
		t.Errorf("caller without room: got error %v, want %v", errs[1], store.ErrFull)
	}
	if errs[0] != nil && countJobs(t, st) != 0 || errs[0] == nil && countJobs(t, st) != 1 {
		t.Errorf("the other caller: got error %v and %d rows", errs[0], countJobs(t, st))
	}
	err := st.Update(ctx, func(tx *store.Tx) error { return tx.Jobs.Enqueue(ctx, "small", nil) })
	if err != nil {
		t.Errorf("a small row after the failure: %v", err)
	}
	if err := st.Check(ctx); err != nil {
		t.Error(err)
	}
}
