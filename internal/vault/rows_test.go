package vault_test

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

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
