package rights

import (
	"database/sql"
	"os"
	"path/filepath"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/seal"
	"github.com/hearkeep/hearkeep/internal/store"
)

// attack is one way of mixing two people up.
type attack struct {
	name    string
	stage   string
	do      func(*swap)
	live    bool // needs no form with a restart: it makes one, or ends with it
	thief   bool // each also has the other's code
	restart bool // this time
}

// attacks are all of them. In each it is Anna's speech that Ben is to get, and
// where it can be, Ben's that Anna is.
func attacks() []attack {
	var all []attack
	for _, s := range []struct {
		stage string
		list  map[string]func(*swap)
	}{
		{afterKept, rowAttacks()}, {afterKept, keyAttacks()}, {afterKept, holderAttacks()}, {afterKept, fileAttacks()},
		{afterAsked, requestAttacks()}, {afterOffered, codeAttacks()}, {afterPrepared, lateAttacks()},
	} {
		for name, do := range s.list {
			all = append(all, attack{name: name, stage: s.stage, do: do, live: s.stage == afterPrepared, thief: s.stage == afterOffered})
		}
	}
	return append(all, attack{name: "each has the other's code", thief: true, live: true})
}

// rows writes to the database behind the program's back. The foreign keys of
// SQLite are off there, as they are by default.
func (w *swap) rows(statements string, args ...any) { w.write("hearkeep.db", statements, args...) }
func (w *swap) keys(statements string, args ...any) { w.write("keys.db", statements, args...) }

func (w *swap) write(file, statements string, args ...any) {
	w.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(w.home.Dir, file)+"?_pragma=busy_timeout(5000)")
	w.must(err)
	defer db.Close()
	res, err := db.ExecContext(w.Context(), statements, args...)
	w.must(err)
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		w.Fatalf("an attack changes nothing: %v\n%s", err, statements)
	}
}

// swapped exchanges a column between the rows of Anna's and Ben's, one by one:
// those that select picks, in order.
func (w *swap) swapped(file, table, column, where, order string, anna, ben []byte) {
	w.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(w.home.Dir, file)+"?_pragma=busy_timeout(5000)")
	w.must(err)
	defer db.Close()
	type cell struct {
		row   int64
		value any
	}
	read := func(who []byte) (cells []cell) {
		rows, err := db.Query("SELECT rowid, "+column+" FROM "+table+" WHERE "+where+" ORDER BY "+order, who)
		w.must(err)
		defer rows.Close()
		for rows.Next() {
			var c cell
			w.must(rows.Scan(&c.row, &c.value))
			cells = append(cells, c)
		}
		w.must(rows.Err())
		return cells
	}
	a, b := read(anna), read(ben)
	if len(a) == 0 || len(a) != len(b) {
		w.Fatalf("%s.%s: Anna has %d rows, Ben %d", table, column, len(a), len(b))
	}
	for i := range a {
		_, err := db.Exec("UPDATE "+table+" SET "+column+" = ? WHERE rowid = ?", b[i].value, a[i].row)
		w.must(err)
		_, err = db.Exec("UPDATE "+table+" SET "+column+" = ? WHERE rowid = ?", a[i].value, b[i].row)
		w.must(err)
	}
}

func (w *swap) vaults() (anna, ben []byte) { return w.anna.Vault[:], w.ben.Vault[:] }
func (w *swap) accounts() (anna, ben []byte) {
	a, b := w.anna.Who.Account(), w.ben.Who.Account()
	return a[:], b[:]
}
func (w *swap) doors() (anna, ben []byte) {
	a, b := w.anna.Inbox.Binding(), w.ben.Inbox.Binding()
	return a[:], b[:]
}

// rowAttacks relabel, exchange and copy rows of recordings.
func rowAttacks() map[string]func(*swap) {
	relabel := func(w *swap, number string) {
		av, bv := w.vaults()
		ad, bd := w.doors()
		w.rows("UPDATE recordings SET vault = ?2, binding = ?4, number = number + "+number+" WHERE vault = ?1 AND binding = ?3", av, bv, ad, bd)
		w.rows("UPDATE parts SET vault = ?2 WHERE vault = ?1", av, bv)
	}
	return map[string]func(*swap){
		"Anna's recordings become Ben's, numbered on": func(w *swap) {
			relabel(w, "3")
			_, bd := w.doors()
			w.rows("UPDATE bindings SET next = 7 WHERE id = ?", bd)
		},
		"… with their keys and envelopes": func(w *swap) {
			relabel(w, "3")
			av, bv := w.vaults()
			_, bd := w.doors()
			w.rows("UPDATE bindings SET next = 7 WHERE id = ?", bd)
			w.keys("UPDATE part_keys SET vault = ?2 WHERE vault = ?1", av, bv)
			w.keys("UPDATE envelopes SET vault = ?2 WHERE vault = ?1", av, bv)
		},
		"… in the place of Ben's own": func(w *swap) {
			_, bv := w.vaults()
			w.rows("DELETE FROM recordings WHERE vault = ?", bv)
			w.rows("DELETE FROM parts WHERE vault = ?", bv)
			relabel(w, "0")
		},
		"… beyond what the door has numbered": func(w *swap) { relabel(w, "1000") },
		"Anna's door becomes one of Ben's vault": func(w *swap) {
			av, bv := w.vaults()
			ad, _ := w.doors()
			w.rows("UPDATE bindings SET vault = ?2 WHERE id = ?3 AND vault = ?1", av, bv, ad)
			w.rows("UPDATE recordings SET vault = ?2 WHERE vault = ?1", av, bv)
			w.rows("UPDATE parts SET vault = ?2 WHERE vault = ?1", av, bv)
			w.keys("UPDATE part_keys SET vault = ?2 WHERE vault = ?1", av, bv)
			w.keys("UPDATE envelopes SET vault = ?2 WHERE vault = ?1", av, bv)
		},
		"the vaults exchange their recordings": func(w *swap) {
			av, bv := w.vaults()
			ad, bd := w.doors()
			w.rows("UPDATE recordings SET number = -number WHERE vault = ?2", av, bv)
			w.rows("UPDATE recordings SET vault = CASE vault WHEN ?1 THEN ?2 ELSE ?1 END, binding = CASE binding WHEN ?3 THEN ?4 ELSE ?3 END WHERE vault IN (?1, ?2)", av, bv, ad, bd)
			w.rows("UPDATE recordings SET number = abs(number) WHERE vault IN (?1, ?2)", av, bv)
			w.rows("UPDATE parts SET vault = CASE vault WHEN ?1 THEN ?2 ELSE ?1 END WHERE vault IN (?1, ?2)", av, bv)
		},
		"sealed words are exchanged": func(w *swap) {
			av, bv := w.vaults()
			w.swapped("hearkeep.db", "parts", "bytes", "vault = ? AND part = 'words'", "recording", av, bv)
		},
		"sealed words are exchanged, with their hashes": func(w *swap) {
			av, bv := w.vaults()
			for _, column := range []string{"bytes", "hash", "size"} {
				w.swapped("hearkeep.db", "parts", column, "vault = ? AND part = 'words'", "recording", av, bv)
			}
		},
		"sealed turns are exchanged, with their hashes": func(w *swap) {
			av, bv := w.vaults()
			for _, column := range []string{"bytes", "hash", "size"} {
				w.swapped("hearkeep.db", "parts", column, "vault = ? AND part = 'turn'", "recording", av, bv)
			}
		},
		"a recording names another's blob": func(w *swap) {
			w.rows("UPDATE recordings SET blob = ? WHERE id = ?", w.anna.ids[0].String(), w.ben.ids[0][:])
		},
		"… with its size and hash": func(w *swap) {
			w.rows("UPDATE recordings SET blob = ? WHERE id = ?", w.anna.ids[0].String(), w.ben.ids[0][:])
			w.rows("UPDATE parts SET (size, hash) = (SELECT size, hash FROM parts WHERE recording = ?1 AND part = 'audio') WHERE recording = ?2 AND part = 'audio'", w.anna.ids[0][:], w.ben.ids[0][:])
		},
		"a recording names another's envelope": func(w *swap) {
			w.rows("UPDATE recordings SET envelope = (SELECT envelope FROM recordings WHERE id = ?1) WHERE id = ?2", w.anna.ids[0][:], w.ben.ids[0][:])
		},
		"a recording takes another's id": func(w *swap) {
			w.rows("DELETE FROM parts WHERE recording = ?", w.ben.ids[0][:])
			w.rows("UPDATE recordings SET id = ?1 WHERE id = ?2", w.anna.ids[0][:], w.ben.ids[0][:])
			_, bv := w.vaults()
			w.rows("INSERT INTO parts SELECT ?2, recording, part, version, size, hash, until, bytes FROM parts WHERE recording = ?1", w.anna.ids[0][:], bv)
		},
		"Anna's rows are gone": func(w *swap) {
			av, _ := w.vaults()
			w.rows("DELETE FROM parts WHERE vault = ?", av)
			w.rows("DELETE FROM recordings WHERE vault = ?", av)
		},
		"one row in the middle is gone": func(w *swap) {
			w.rows("DELETE FROM parts WHERE recording = ?", w.anna.ids[1][:])
			w.rows("DELETE FROM recordings WHERE id = ?", w.anna.ids[1][:])
		},
		"a recording has lost its words": func(w *swap) {
			w.rows("DELETE FROM parts WHERE recording = ? AND part = 'words'", w.anna.ids[1][:])
		},
		"times and generations are altered": func(w *swap) {
			w.rows("UPDATE recordings SET start = start + 1000, generation = generation + 1 WHERE id = ?", w.anna.ids[0][:])
		},
	}
}

// keyAttacks exchange wrapped keys.
func keyAttacks() map[string]func(*swap) {
	return map[string]func(*swap){
		"part keys are exchanged": func(w *swap) {
			w.keys(`UPDATE part_keys SET slot = -slot`)
			w.keys(`UPDATE part_keys SET slot = (SELECT -o.slot FROM part_keys o WHERE o.part = part_keys.part AND o.recording =
				CASE part_keys.recording WHEN ?1 THEN ?2 ELSE ?1 END) WHERE recording IN (?1, ?2)`, w.anna.ids[0][:], w.ben.ids[0][:])
			w.keys(`UPDATE part_keys SET slot = abs(slot)`)
		},
		"Anna's envelopes are copied into Ben's vault": func(w *swap) {
			av, bv := w.vaults()
			w.keys("INSERT INTO envelopes SELECT ?2, id, wrap FROM envelopes WHERE vault = ?1", av, bv)
			w.rows("UPDATE recordings SET envelope = (SELECT envelope FROM recordings WHERE id = ?1) WHERE id = ?2", w.anna.ids[0][:], w.ben.ids[0][:])
		},
		"Ben's envelope is Anna's": func(w *swap) {
			av, bv := w.vaults()
			w.keys("UPDATE envelopes SET wrap = (SELECT wrap FROM envelopes WHERE vault = ?1 LIMIT 1) WHERE vault = ?2", av, bv)
		},
		"the envelopes are exchanged": func(w *swap) {
			av, bv := w.vaults()
			w.swapped("keys.db", "envelopes", "wrap", "vault = ?", "id", av, bv)
		},
		"Anna's keys are gone": func(w *swap) {
			av, _ := w.vaults()
			w.keys("DELETE FROM part_keys WHERE vault = ?", av)
		},
	}
}

// fileAttacks change what lies in the folder beside the rows.
func fileAttacks() map[string]func(*swap) {
	change := func(w *swap, id hearkeep.RecordingID, edit func([]byte) []byte) {
		path := w.home.AudioFile(id)
		data, err := os.ReadFile(path)
		w.must(err)
		w.must(os.Chmod(path, 0o600))
		w.must(os.WriteFile(path, edit(data), 0o600))
	}
	return map[string]func(*swap){
		"the audio files are exchanged": func(w *swap) {
			for i := range w.anna.ids {
				a, b := w.home.AudioFile(w.anna.ids[i]), w.home.AudioFile(w.ben.ids[i])
				w.must(os.Rename(a, a+".x"))
				w.must(os.Rename(b, a))
				w.must(os.Rename(a+".x", b))
			}
		},
		"Ben's audio file leads to Anna's": func(w *swap) {
			a, b := w.home.AudioFile(w.anna.ids[0]), w.home.AudioFile(w.ben.ids[0])
			w.must(os.Remove(b))
			w.must(os.Symlink(a, b))
		},
		"Anna's audio files are gone": func(w *swap) {
			for _, id := range w.anna.ids {
				w.must(os.Remove(w.home.AudioFile(id)))
			}
		},
		"an audio file is cut":   func(w *swap) { change(w, w.anna.ids[0], func(b []byte) []byte { return b[:len(b)/2] }) },
		"an audio file is grown": func(w *swap) { change(w, w.anna.ids[0], func(b []byte) []byte { return append(b, b...) }) },
		"one bit of a sound": func(w *swap) {
			change(w, w.anna.ids[0], func(b []byte) []byte { b[len(b)/2] ^= 1; return b })
		},
		"the journal says that Anna's were erased from Ben's": func(w *swap) {
			f, err := store.OpenJournal(filepath.Join(w.home.Dir, "erasures.journal"))
			w.must(err)
			defer f.Close()
			w.must(f.Append(w.Context(), store.Erasure{Receipt: hearkeep.NewID[hearkeep.ReceiptID](), Vault: w.ben.Vault, Recordings: w.anna.ids, Outcome: hearkeep.OutcomeErased, Total: 3}))
		},
	}
}

// requestAttacks turn requests round.
func requestAttacks() map[string]func(*swap) {
	return map[string]func(*swap){
		"Anna's request becomes Ben's": func(w *swap) {
			_, ba := w.accounts()
			w.rows("UPDATE requests SET account = ?2 WHERE id = ?1", w.anna.request[:], ba)
		},
		"the requests exchange their accounts": func(w *swap) {
			aa, ba := w.accounts()
			w.rows("UPDATE requests SET account = CASE account WHEN ?1 THEN ?2 ELSE ?1 END", aa, ba)
		},
		"… with MACs that the house key makes": func(w *swap) {
			aa, ba := w.accounts()
			w.rows("UPDATE requests SET account = CASE account WHEN ?1 THEN ?2 ELSE ?1 END", aa, ba)
			for _, h := range w.both() {
				other := w.anna
				if h == w.anna {
					other = w.ben
				}
				w.remac(h.request, other.Who.Account())
			}
		},
		"Ben shows Anna's request": func(w *swap) { w.ben.request = w.anna.request },
		"each shows the other's request": func(w *swap) {
			w.anna.request, w.ben.request = w.ben.request, w.anna.request
		},
		"the requests are of another kind": func(w *swap) { w.rows("UPDATE requests SET kind = 'erasure'") },
		"the requests are answered already": func(w *swap) {
			w.rows("UPDATE requests SET state = 'answered', ended = 1, answer = CAST('the canary is elsewhere' AS BLOB)")
		},
		"Anna's addresses are Ben's": func(w *swap) {
			aa, ba := w.accounts()
			w.rows("UPDATE channels SET address = (SELECT address FROM channels WHERE account = ?2) WHERE account = ?1", aa, ba)
		},
		"Ben's address is also one of Anna's": func(w *swap) {
			aa, ba := w.accounts()
			w.rows("INSERT INTO channels SELECT randomblob(16), ?1, kind, address, created, confirmed FROM channels WHERE account = ?2", aa, ba)
		},
		"the addresses exchange their accounts": func(w *swap) {
			aa, ba := w.accounts()
			w.rows("UPDATE channels SET account = CASE account WHEN ?1 THEN ?2 ELSE ?1 END", aa, ba)
		},
	}
}

// remac writes a request's MAC anew for another account, as somebody with the
// house key can.
func (w *swap) remac(id hearkeep.RequestID, account hearkeep.AccountID) {
	w.Helper()
	var row store.Request
	w.must(w.home.Store.View(w.Context(), func(tx *store.Tx) (err error) {
		row, err = tx.Rights.Request(w.Context(), account, id)
		return err
	}))
	w.rows("UPDATE requests SET mac = ?2 WHERE id = ?1", id[:], seal.MACRequest(w.home.House, statement(row)))
}

// codeAttacks come once the codes of the sealed archives are sent.
func codeAttacks() map[string]func(*swap) {
	return map[string]func(*swap){
		"the codes exchange what they stand for": func(w *swap) {
			db, err := sql.Open("sqlite", "file:"+filepath.Join(w.home.Dir, "hearkeep.db")+"?_pragma=busy_timeout(5000)")
			w.must(err)
			defer db.Close()
			var payloads [][]byte
			rows, err := db.Query("SELECT payload FROM links WHERE kind LIKE 'fetch%' ORDER BY hash")
			w.must(err)
			for rows.Next() {
				var p []byte
				w.must(rows.Scan(&p))
				payloads = append(payloads, p)
			}
			w.must(rows.Err())
			if len(payloads) != 2 {
				w.Fatalf("got %d codes, want 2", len(payloads))
			}
			w.rows("UPDATE links SET payload = CASE payload WHEN ?1 THEN ?2 ELSE ?1 END WHERE kind LIKE 'fetch%'", payloads[0], payloads[1])
		},
		"Anna's keys are sent to Ben": func(w *swap) {
			aa, ba := w.accounts()
			for _, column := range []string{"public", "sealed_private", "sealed_list"} {
				w.swapped("hearkeep.db", "accounts", column, "id = ?", "id", aa, ba)
			}
			w.swapped("hearkeep.db", "unlockers", "wrap", "account = ? AND kind = 'kit'", "id", aa, ba)
		},
		"the audio files are exchanged before they are fetched": fileAttacks()["the audio files are exchanged"],
		"the recordings are exchanged before they are fetched":  rowAttacks()["the vaults exchange their recordings"],
		"Ben holds Anna's vault before it is fetched":           holderAttacks()["… with a pin that the house key signs"],
	}
}

// lateAttacks come between the freezing and the first byte.
func lateAttacks() map[string]func(*swap) {
	return map[string]func(*swap){
		"each fetches the archive that the other froze": func(w *swap) {
			w.anna.frozen, w.ben.frozen = w.ben.frozen, w.anna.frozen
		},
		"the frozen audio files are exchanged":     fileAttacks()["the audio files are exchanged"],
		"the frozen recordings are exchanged":      rowAttacks()["the vaults exchange their recordings"],
		"the frozen words are exchanged":           rowAttacks()["sealed words are exchanged, with their hashes"],
		"the keys of what is frozen are exchanged": keyAttacks()["part keys are exchanged"],
		"the sessions are exchanged meanwhile":     holderAttacks()["the sessions exchange their accounts"],
		"the archives were Ben's all along": func(w *swap) {
			_, ba := w.accounts()
			w.rows("INSERT INTO archives (id, request, account, sealed, state, count, bytes, hash, made, ended) VALUES (?1, ?2, ?3, 0, 'begun', 3, 1, zeroblob(32), 1, 0)", w.anna.frozen.ID[:], w.anna.request[:], ba)
		},
	}
}
