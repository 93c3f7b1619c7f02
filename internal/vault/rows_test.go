package vault_test

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hearkeep/hearkeep/internal/identity"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/vault"
	"github.com/hearkeep/hearkeep/internal/vault/vaulttest"
)

// saved is rows that a row-writer copied, to put them back later.
type saved struct {
	table   string
	columns []string
	rows    [][]any
}

func save(t *testing.T, h *vaulttest.Home, table, where string, args ...any) saved {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(h.Dir, "hearkeep.db")+"?_pragma=busy_timeout(5000)")
	must(t, err)
	defer db.Close()
	rows, err := db.QueryContext(t.Context(), "SELECT * FROM "+table+" WHERE "+where, args...)
	must(t, err)
	defer rows.Close()
	s := saved{table: table}
	s.columns, err = rows.Columns()
	must(t, err)
	for rows.Next() {
		row, at := make([]any, len(s.columns)), make([]any, len(s.columns))
		for i := range row {
			at[i] = &row[i]
		}
		must(t, rows.Scan(at...))
		s.rows = append(s.rows, row)
	}
	must(t, rows.Err())
	return s
}

func (s saved) putBack(t *testing.T, h *vaulttest.Home) {
	t.Helper()
	marks := strings.TrimSuffix(strings.Repeat("?, ", len(s.columns)), ", ")
	for _, row := range s.rows {
		execSQL(t, filepath.Join(h.Dir, "hearkeep.db"), fmt.Sprintf("INSERT OR REPLACE INTO %s (%s) VALUES (%s)", s.table, strings.Join(s.columns, ", "), marks), row...)
	}
}

func edit(t *testing.T, h *vaulttest.Home, statement string, args ...any) {
	t.Helper()
	execSQL(t, filepath.Join(h.Dir, "hearkeep.db"), statement, args...)
}

// One wrap that does not open any more is the loss of what was sealed to its
// generation, and of nothing else: the vault opens, keeps, and says what is
// damaged. New keys are not made while something would be lost with the old.
func TestDamagedOldGeneration(t *testing.T) {
	h := vaulttest.New(t)
	anna, bert := h.Person(t, "Anna"), h.Person(t, "Bert")
	living := h.Vault(t, anna, vault.Shared)
	old := say(t, living, "before")
	h.Joined(t, living, bert, vault.Invitation{As: "holder"})
	fresh := say(t, living, "after")
	rewrite(t, h, "hearkeep.db", "UPDATE keyholders SET wrap = (SELECT wrap FROM keyholders WHERE vault = ? AND account = ? AND generation = 2) WHERE vault = ? AND account = ? AND generation = 1",
		living.Vault[:], idOf(anna), living.Vault[:], idOf(anna))
	wantOpens(t, h, "what was kept since", living, fresh, true)
	it, err := h.Enter(t, living).Read(t.Context(), old)
	must(t, err)
	if !it.Damaged {
		t.Error("what was sealed to the damaged generation is not called damaged")
	}
	if n := kinds(t, h, living.Vault)[ledger.KindOpeningFailed]; n == 0 {
		t.Error("the failed opening is not in the ledger")
	}
	ways, err := h.Desk.Ways(t.Context(), anna.Who)
	must(t, err)
	if _, err := h.Desk.RemoveWay(t.Context(), anna.Who, ways[0].ID, identity.Visitor{}); err == nil {
		t.Error("a way in was removed although a vault's old key would be lost for good")
	}
}

func idOf(p vaulttest.Person) []byte {
	id := p.Who.Account()
	return id[:]
}
