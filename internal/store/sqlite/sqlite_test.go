package sqlite

import (
	"testing"

	"github.com/hearkeep/hearkeep/internal/store"
	"github.com/hearkeep/hearkeep/internal/store/storetest"
)

func TestContract(t *testing.T) {
	queries := plans{statements: map[string]bool{}}
	storetest.Run(t, func(t *testing.T) (store.Store, func() store.Store) {
		dir := t.TempDir()
		st := openStore(t, dir)
		t.Cleanup(func() { queries.note(st.rows) })
		return st, func() store.Store {
			queries.note(st.rows)
			if err := st.Close(); err != nil {
				t.Fatal(err)
			}
			st, err := Open(t.Context(), dir)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				queries.note(st.rows)
				if err := st.Close(); err != nil {
					t.Error(err)
				}
			})
			return st
		}
	})
	empty := openStore(t, t.TempDir())
	t.Cleanup(func() { queries.check(t, empty.rows) }) // once all cases ran
}

func openStore(t testing.TB, dir string) *Store {
	t.Helper()
	st, err := Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	return st
}

func BenchmarkStore(b *testing.B) {
	storetest.Bench(b, func(b *testing.B) (store.Store, string) {
		dir := b.TempDir()
		return openStore(b, dir), dir
	})
}
