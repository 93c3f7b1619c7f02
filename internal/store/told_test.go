package store_test

import (
	"testing"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/store"
	"pgregory.net/rapid"
)

// Number by number, KeepTold says of what is affected now what was told, and
// changes nothing else.
func TestKeepTold(t *testing.T) {
	accounts := []hearkeep.AccountID{{1}, {2}}
	hows := []string{"handed over", "within reach"}
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	type one struct {
		account hearkeep.AccountID
		how     string
		number  hearkeep.Number
	}
	rapid.Check(t, func(t *rapid.T) {
		rows := func(name string, told bool) (all []store.Affected) {
			for _, account := range accounts {
				for _, how := range hows {
					next := hearkeep.Number(1)
					for range rapid.IntRange(0, 4).Draw(t, name) {
						from := next + hearkeep.Number(rapid.IntRange(0, 3).Draw(t, "gap"))
						to := from + hearkeep.Number(rapid.IntRange(0, 4).Draw(t, "length"))
						next = to + 1
						a := store.Affected{Account: account, How: how, Run: hearkeep.Run{From: from, To: to}, Entry: 7}
						if told && rapid.Bool().Draw(t, "told") {
							a.Told = at
						}
						all = append(all, a)
					}
				}
			}
			return all
		}
		numbers := func(rows []store.Affected) map[one]bool {
			all := map[one]bool{}
			for _, a := range rows {
				for n := a.From; n <= a.To; n++ {
					k := one{a.Account, a.How, n}
					if _, twice := all[k]; twice {
						t.Fatalf("number %d stands twice", n)
					}
					all[k] = !a.Told.IsZero()
				}
			}
			return all
		}
		was, is := rows("was", true), rows("now", false)
		before, now, got := numbers(was), numbers(is), numbers(store.KeepTold(was, is))
		if len(got) != len(now) {
			t.Fatalf("got %d recordings, want %d", len(got), len(now))
		}
		for k, told := range got {
			if _, known := now[k]; !known || told != before[k] {
				t.Errorf("%+v: told %v, want %v", k, told, before[k])
			}
		}
	})
}
