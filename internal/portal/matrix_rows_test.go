package portal

import (
	"crypto/sha256"
	"database/sql"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// rows reads every row of both databases, each as its table and a hash. What
// only says when something was used last is left out.
func (w *town) rows() map[string]bool {
	w.t.Helper()
	all := map[string]bool{}
	for _, name := range []string{"hearkeep.db", "keys.db"} {
		db := w.look(name)
		for _, table := range w.tables(db) {
			if table == "places" { // where an account is used: every call of its own notes that
				continue
			}
			for _, row := range w.scan(db, table) {
				all[row] = true
			}
		}
	}
	return all
}

// look opens a database beside the store, once a copy.
func (w *town) look(name string) *sql.DB {
	w.t.Helper()
	if db, ok := w.looks[name]; ok {
		return db
	}
	db, err := sql.Open("sqlite", "file:"+filepath.Join(w.dir, "store", name)+"?mode=ro&_pragma=busy_timeout(5000)")
	w.must(err)
	db.SetMaxOpenConns(1)
	w.looks[name] = db
	return db
}

// tables are what a database keeps.
func (w *town) tables(db *sql.DB) (names []string) {
	w.t.Helper()
	var list string
	w.must(db.QueryRowContext(w.t.Context(), "SELECT group_concat(name) FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'").Scan(&list))
	return strings.Split(list, ",")
}

// scan reads a table.
func (w *town) scan(db *sql.DB, table string) (out []string) {
	w.t.Helper()
	rows, err := db.QueryContext(w.t.Context(), "SELECT * FROM "+table)
	w.must(err)
	defer rows.Close()
	columns, err := rows.Columns()
	w.must(err)
	for rows.Next() {
		row, to := make([]any, len(columns)), make([]any, len(columns))
		for i := range row {
			to[i] = &row[i]
		}
		w.must(rows.Scan(to...))
		sum := sha256.New()
		whose := ""
		for i, column := range columns {
			if column == "used" {
				continue
			}
			fmt.Fprintf(sum, ";%s=", column)
			switch value := row[i].(type) {
			case []byte:
				sum.Write(value)
				if column == "vault" || column == "account" {
					whose += fmt.Sprintf(" %s=%x", column, value)
				}
			default:
				fmt.Fprint(sum, value)
			}
		}
		out = append(out, fmt.Sprintf("%s%s %x", table, whose, sum.Sum(nil)[:8]))
	}
	w.must(rows.Err())
	return out
}

// changedRows says what is different between two readings.
func changedRows(before, after map[string]bool) []string {
	var out []string
	for row := range before {
		if !after[row] {
			out = append(out, "gone: "+row)
		}
	}
	for row := range after {
		if !before[row] {
			out = append(out, "new: "+row)
		}
	}
	slices.Sort(out)
	return out
}

// bystanders are the rows of personal vaults and of accounts that are none of
// the caller's: nothing that anybody does changes them. A device adds to
// Anna's, and the farewell link is Sven's.
func (w *town) bystanders(row route, c asker, all map[string]bool) map[string]bool {
	theirs := map[string]bool{}
	for line := range maps.Keys(all) {
		table, _, _ := strings.Cut(line, " ")
		if row.operator != nil && byOperator(table) {
			continue
		}
		if row.claimant != nil && table == "claims" { // whoever has its link withdraws it
			continue
		}
		if slices.Contains([]string{"ledger_entries", "deliveries", "members", "invitations", "departures"}, table) {
			continue
		}
		for _, p := range w.people {
			if p == c.who || c.program == p.own || c.device && p.name == "Anna" || row.leaving != nil && p.name == "Sven" {
				continue
			}
			if strings.Contains(line, "vault="+p.own.String()) || strings.Contains(line, "account="+p.account.String()) && !strings.Contains(line, "vault=") {
				theirs[line] = true
			}
		}
	}
	return theirs
}
