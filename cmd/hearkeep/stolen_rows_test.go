package main

import (
	"database/sql"
	"net/url"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// rowWriter is Mallory with write access to the database of a stopped server,
// and without its house key: each edit is made on a copy of the keep, which is
// then served, and Anna speaks. What she says may be refused or kept for her;
// it never reaches Mallory, and neither does what was kept before.
func rowWriter(t *testing.T, w *town) {
	anna, mallory := w.people["Anna"], w.people["Mallory"]
	a, m := anna.vault[:], mallory.vault[:]
	for _, edit := range []struct {
		name       string
		statements []string
		args       [][]any
		refused    bool // what Anna says is refused
	}{
		{"a door is Mallory's", []string{"PRAGMA foreign_keys = OFF", "UPDATE bindings SET vault = ? WHERE vault = ? AND source = 'upload'"}, [][]any{nil, {m, a}}, true},
		{"a generation has Mallory's keys", []string{"UPDATE generations SET (hpke_public, sign_public) = (SELECT hpke_public, sign_public FROM generations WHERE vault = ? AND n = 1) WHERE vault = ?"}, [][]any{{m, a}}, true},
		{"a second generation, of Mallory's", []string{"INSERT INTO generations SELECT ?, 2, hpke_public, sign_public, keyholders, signature, created, roster FROM generations WHERE vault = ? AND n = 1"}, [][]any{{a, m}}, true},
		{"a pin is Mallory's", []string{"UPDATE bindings SET pin = (SELECT pin FROM bindings WHERE vault = ? AND source = 'upload') WHERE vault = ? AND source = 'upload'"}, [][]any{{m, a}}, true},
		{"Anna's public key is Mallory's", []string{"UPDATE accounts SET public = (SELECT public FROM accounts WHERE id = ?) WHERE id = ?"}, [][]any{{mallory.id[:], anna.id[:]}}, false},
		{"Mallory holds Anna's vault, by her own wrap", []string{"INSERT INTO keyholders SELECT ?, account, generation, wrap, pin FROM keyholders WHERE vault = ? AND account = ?"}, [][]any{{a, m, mallory.id[:]}}, false},
		{"Mallory holds Anna's vault, by Anna's wrap", []string{"INSERT INTO keyholders SELECT vault, ?, generation, wrap, pin FROM keyholders WHERE vault = ? AND account = ?"}, [][]any{{mallory.id[:], a, anna.id[:]}}, false},
		{"Anna is given Mallory's vault", []string{"UPDATE keyholders SET vault = ? WHERE vault = ?", "DELETE FROM keyholders WHERE vault = ?"}, [][]any{{m, a}, {a}}, true},
		{"Anna's recordings are Mallory's", []string{
			"PRAGMA foreign_keys = OFF", "UPDATE recordings SET vault = ? WHERE vault = ?", "UPDATE parts SET vault = ? WHERE vault = ?", "UPDATE bindings SET vault = ? WHERE vault = ?",
		}, [][]any{nil, {m, a}, {m, a}, {m, a}}, true},
		{"Mallory's passphrase is Anna's", []string{"UPDATE unlockers SET (params, wrap) = (SELECT params, wrap FROM unlockers WHERE account = ? AND kind = 'passphrase') WHERE account = ? AND kind = 'passphrase'"}, [][]any{{mallory.id[:], anna.id[:]}}, false},
		{"Mallory's account is called Anna's", []string{"UPDATE unlockers SET account = ? WHERE account = ?"}, [][]any{{anna.id[:], mallory.id[:]}}, false},
	} {
		t.Run(edit.name, func(t *testing.T) {
			keep := copyFolder(t, w.keep)
			db, err := sql.Open("sqlite", filepath.Join(keep, "hearkeep.db"))
			must(t, err)
			db.SetMaxOpenConns(1) // a PRAGMA holds for its connection
			changed := int64(0)
			for i, statement := range edit.statements {
				res, err := db.Exec(statement, edit.args[i]...)
				must(t, err)
				n, _ := res.RowsAffected()
				changed += n
			}
			must(t, db.Close())
			if changed == 0 {
				t.Fatal("the edit changed nothing: the attempt proves nothing")
			}
			s, err := start(keep, "--wait", "1s")
			must(t, err)
			defer s.stop(syscall.SIGKILL)
			served := &town{server: s}
			status, body := served.ask(t, "POST", "/v1/vaults/"+anna.vault.String()+"/recordings", anna.session, request(20))
			if edit.refused && status < 400 && !strings.Contains(string(body), "error") && !strings.Contains(string(body), "refused") {
				t.Errorf("what Anna says is taken: status %d, %s", status, body)
			}
			for _, p := range []*citizen{{t: t, town: served, name: "Mallory", secret: mallory.secret, session: mallory.session}} {
				if seen := p.everything(anna.vault.String(), mallory.vault.String()); strings.Contains(seen, anna.said) || strings.Contains(seen, "thirty three") {
					t.Error("Mallory reads what Anna said")
				}
			}
			thief := s.browser()
			thief.post("/sign-in", url.Values{"name": {"Anna"}, "passphrase": {mallory.secret}})
			if _, page, _ := thief.get("/"); strings.Contains(page, anna.said) {
				t.Error("Mallory signs in as Anna and reads what she said")
			}
		})
	}
}

// everything is what the API shows somebody of some vaults, whatever its
// status: recordings, one by one too.
func (p *citizen) everything(vaults ...string) string {
	p.t.Helper()
	var all strings.Builder
	for _, path := range []string{"/v1/vaults", "/v1/me"} {
		_, body := p.town.ask(p.t, "GET", path, p.session, nil)
		all.Write(body)
	}
	for _, vault := range vaults {
		for _, of := range []string{"", "/recordings", "/doors", "/holders", "/timers"} {
			_, body := p.town.ask(p.t, "GET", "/v1/vaults/"+vault+of, p.session, nil)
			all.Write(body)
		}
	}
	return all.String()
}
