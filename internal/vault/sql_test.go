package vault_test

import (
	"database/sql"
	"testing"
)

// execSQL writes rows behind the program's back, as an intruder with the
// database file can, and returns how many changed.
func execSQL(t *testing.T, path, statement string, args ...any) int64 {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(5000)")
	must(t, err)
	defer db.Close()
	res, err := db.ExecContext(t.Context(), statement, args...)
	must(t, err)
	n, err := res.RowsAffected()
	must(t, err)
	return n
}
