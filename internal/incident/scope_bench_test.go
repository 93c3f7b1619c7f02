package incident

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/store"
)

// BenchmarkAffected looks for who is affected in a ledger of
// HEARKEEP_BENCH_ENTRIES entries, or 1,000,000, by each kind of clause.
func BenchmarkAffected(b *testing.B) {
	size, err := strconv.Atoi(os.Getenv("HEARKEEP_BENCH_ENTRIES"))
	if err != nil {
		size = 1_000_000
	}
	st, ctx := openStore(b), b.Context()
	log, err := ledger.Open(ctx, st, filepath.Join(b.TempDir(), "ledger.key"))
	if err != nil {
		b.Fatal(err)
	}
	const people = 1000
	since := time.Now().AddDate(0, 0, -300)
	at := func(n int) time.Time {
		return since.Add(time.Duration(float64(n) / float64(size) * float64(300*24*time.Hour)))
	}
	var accounts [people]hearkeep.AccountID
	var vaults [people]hearkeep.VaultID
	var doors [people]hearkeep.BindingID
	err = st.Update(ctx, func(tx *store.Tx) error {
		for i := range people {
			accounts[i], vaults[i], doors[i] = idOf(1, i), idOf(2, i), idOf(3, i)
			if err := tx.Vaults.InsertVault(ctx, store.Vault{ID: vaults[i], Kind: "personal", Created: since}); err != nil {
				return err
			}
			g := store.Generation{Vault: vaults[i], N: 1, Keyholders: accounts[i : i+1], Created: since}
			if err := tx.Vaults.InsertGeneration(ctx, g); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	archive := hearkeep.NewID[hearkeep.ArchiveID]()
	for n := 0; n < size; {
		var entries []ledger.Entry
		for ; n < size && len(entries) < 2000; n++ {
			i := n * 7919 % people
			e := ledger.Entry{
				Kind: ledger.KindOpened, At: at(n), Account: &accounts[i], Vault: &vaults[i], Role: hearkeep.RoleKeyholder, Purpose: "listen",
				Session: strconv.FormatInt(int64(n/50)+1<<40, 16), Count: 1,
				Items: []hearkeep.Run{{Binding: doors[i], From: hearkeep.Number(n/people + 1), To: hearkeep.Number(n/people + 1)}},
			}
			if n == size/2 {
				e.Kind, e.Archive, e.Items[0].From = ledger.KindDisclosed, &archive, 1
			}
			entries = append(entries, e)
		}
		if _, err := log.Write(ctx, entries...); err != nil {
			b.Fatal(err)
		}
	}
	middle := size / 2
	for _, c := range []struct {
		name   string
		clause Clause
	}{
		{"archive", Clause{Archive: archive}},
		{"session", Clause{Session: strconv.FormatInt(int64(middle/50)+1<<40, 16)}},
		{"account", Clause{Account: accounts[middle*7919%people]}},
		{"vault", Clause{Vault: vaults[middle*7919%people]}},
		{"a day of everything", Clause{From: at(middle), To: at(middle).Add(24 * time.Hour)}},
		{"a month of everything", Clause{From: at(middle), To: at(middle).AddDate(0, 1, 0)}},
		{"everything", Clause{}},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				var s Scope
				err := st.View(ctx, func(tx *store.Tx) (err error) {
					s, err = affected(ctx, tx, []Clause{c.clause})
					return err
				})
				if err != nil || len(s.Affected) == 0 {
					b.Fatal(len(s.Affected), err)
				}
				b.ReportMetric(float64(Items(s.Affected)), "recordings")
			}
		})
	}
}
