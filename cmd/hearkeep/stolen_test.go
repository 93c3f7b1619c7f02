package main

import (
	"bytes"
	"database/sql"
	"encoding/base64"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/seal"
)

// loot is what a thief of the stopped server has: every file of the keep, of
// an older backup and of the folder for temporary files, and every cell of the
// databases among them, as they lie there.
type loot struct {
	t     *testing.T
	files map[string][]byte
	rows  map[string][]map[string]any // by table, of the keep and of the backup together
	house seal.HouseKey
}

func steal(t *testing.T, w *town) *loot {
	t.Helper()
	l := &loot{t: t, files: map[string][]byte{}, rows: map[string][]map[string]any{}}
	for _, root := range []string{w.keep, w.backup, w.temp} {
		must(t, filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
			if err != nil || !e.Type().IsRegular() {
				return err
			}
			l.files[path], err = os.ReadFile(path)
			return err
		}))
	}
	for _, root := range []string{w.keep, w.backup} {
		for _, name := range []string{"hearkeep.db", "keys.db"} {
			l.read(filepath.Join(root, name))
		}
	}
	var err error
	l.house, err = seal.LoadOrCreateHouseKey(filepath.Join(w.keep, fileHouse))
	must(t, err)
	return l
}

func (l *loot) read(path string) {
	l.t.Helper()
	db, err := sql.Open("sqlite", path)
	must(l.t, err)
	defer db.Close()
	var tables []string
	names, err := db.Query("SELECT name FROM sqlite_master WHERE type = 'table'")
	must(l.t, err)
	for names.Next() {
		var name string
		must(l.t, names.Scan(&name))
		tables = append(tables, name)
	}
	must(l.t, names.Err())
	for _, table := range tables {
		rows, err := db.Query(`SELECT * FROM "` + table + `"`)
		must(l.t, err)
		columns, err := rows.Columns()
		must(l.t, err)
		for rows.Next() {
			cells := make([]any, len(columns))
			to := make([]any, len(columns))
			for i := range cells {
				to[i] = &cells[i]
			}
			must(l.t, rows.Scan(to...))
			row := map[string]any{}
			for i, c := range columns {
				row[c] = cells[i]
			}
			l.rows[table] = append(l.rows[table], row)
		}
		must(l.t, rows.Err())
	}
}

// TestStolenServer is the sentence that all else serves: whoever has the
// complete disk of a stopped server with ten accounts, both databases, a
// backup, settings and every key file, has none of what was said.
func TestStolenServer(t *testing.T) {
	w := newTown(t)
	t.Run("everybody reads their own", w.everybody)
	must(t, w.stop(syscall.SIGTERM))
	l := steal(t, w)
	t.Run("nothing is readable", func(t *testing.T) { l.search(t, w) })
	t.Run("nothing opens by a key that lies about", l.tryKeys)
	t.Run("the house key opens what is named", l.openHouse)
	t.Run("an account of one's own opens one's own", func(t *testing.T) { l.insider(t, w) })
	t.Run("a cookie opens what is its person's", func(t *testing.T) { l.cookie(t, w) })
	t.Run("rows that were written redirect nobody", func(t *testing.T) { rowWriter(t, w) })
}

// search looks for what was said and for every secret that anybody was given.
func (l *loot) search(t *testing.T, w *town) {
	needles := map[string][]byte{
		"the living room": []byte(w.before), "the living room later": []byte(w.after),
		"the nursery": []byte(w.nursery), "what was erased": []byte(w.erased),
		"an open invitation": []byte(lastOf(w.open)), "an accepted invitation": []byte(lastOf(w.accepted)),
		"an address": []byte("ina.canary"),
	}
	secret := func(what, text string) {
		needles[what] = []byte(text)
		if raw, err := base64.RawURLEncoding.DecodeString(text); err == nil && len(raw) >= 32 {
			needles[what+", as bytes"] = raw[len(raw)-32:]
		}
	}
	secret("an open invitation", lastOf(w.open))
	secret("an accepted invitation", lastOf(w.accepted))
	for name, p := range w.people {
		needles[name+"'s words"] = []byte(p.said)
		needles[name+"'s passphrase"] = []byte(p.secret)
		needles[name+"'s kit"] = []byte(p.kit)
		needles[name+"'s kit without dashes"] = []byte(strings.ReplaceAll(p.kit, "-", ""))
		secret(name+"'s session", strings.TrimPrefix(p.session, "hks_"))
		if p.token != "" {
			secret(name+"'s token", strings.TrimPrefix(p.token, "hkt_"))
		}
	}
	found := 0
	for path, data := range l.files {
		if filepath.Base(path) == fileReserve {
			continue // room for bad days, and nothing but zeroes: storetest
		}
		found += bytes.Count(data, []byte("Mallory"))
		lower := bytes.ToLower(data)
		for what, needle := range needles {
			if len(needle) < 8 {
				t.Fatalf("%s is too short to look for", what)
			}
			if bytes.Contains(data, needle) || bytes.Contains(lower, bytes.ToLower(needle)) {
				t.Errorf("%s stands in %s", what, path)
			}
		}
	}
	if found == 0 {
		t.Error("the search does not find the name of an account, which does stand there")
	}
}

func lastOf(link string) string { return link[strings.LastIndex(link, "/")+1:] }

// candidates are all 32 bytes that could be a key: the key files, cells of that
// length, and every window of the wraps.
func (l *loot) candidates() (whole, windows [][32]byte) {
	seen := map[[32]byte]bool{}
	add := func(to *[][32]byte, b []byte) {
		if k := [32]byte(b); !seen[k] {
			seen[k] = true
			*to = append(*to, k)
		}
	}
	for path, data := range l.files {
		if strings.HasSuffix(path, ".key") && len(data) >= 32 {
			for i := 0; i+32 <= len(data) && i < 256; i++ {
				add(&whole, data[i:i+32])
			}
		}
	}
	for table, rows := range l.rows {
		for _, row := range rows {
			for _, cell := range row {
				b, ok := cell.([]byte)
				switch {
				case !ok || strings.HasPrefix(table, "ledger"):
				case len(b) == 32:
					add(&whole, b)
				case len(b) > 32 && len(b) < 200:
					for i := 0; i+32 <= len(b); i++ {
						add(&windows, b[i:i+32])
					}
				}
			}
		}
	}
	return whole, windows
}

// tryKeys tries every candidate on everything that a bare key could open.
func (l *loot) tryKeys(t *testing.T) {
	whole, windows := l.candidates()
	tried := 0
	for _, s := range l.rows["sessions"] {
		c := seal.SessionContext{
			Account: id[hearkeep.AccountID](s["account"]), SessionHash: [32]byte(bytesOf(s["id_hash"])),
			Created: at(s["created"]), Expires: at(s["expires"]), SteppedUp: at(s["stepped_up"]),
		}
		for _, k := range slices.Concat(whole, windows) {
			tried++
			if _, err := seal.UnwrapSession(k, bytesOf(s["wrap"]), c); err == nil {
				t.Errorf("a session of %s opens", c.Account)
			}
		}
	}
	for _, row := range l.rows["api_tokens"] {
		c := seal.TokenContext{
			Account: id[hearkeep.AccountID](row["account"]),
			Vault:   id[hearkeep.VaultID](row["vault"]), Generation: hearkeep.Generation(row["generation"].(int64)),
			Token: id[hearkeep.TokenID](row["id"]), Write: row["write"].(int64) == 1, Expires: at(row["expires"]),
		}
		for _, k := range slices.Concat(whole, windows) {
			tried++
			if _, err := seal.OpenToken(k, bytesOf(row["wrap"]), c); err == nil {
				t.Errorf("a token of %s opens", c.Vault)
			}
		}
	}
	for _, u := range l.rows["unlockers"] {
		for _, k := range whole {
			tried++
			if _, err := seal.UnwrapAccountKey(bytesOf(u["wrap"]), seal.PRFUnlocker(k), id[hearkeep.AccountID](u["account"]), id[hearkeep.UnlockerID](u["id"])); err == nil {
				t.Errorf("an unlocker of %x opens", u["account"])
			}
		}
		if len(whole) > 400 {
			whole = whole[:400]
		}
	}
	if tried < 10_000 {
		t.Errorf("only %d keys were tried", tried)
	}
	t.Logf("%d keys were tried on %d sessions, %d tokens, %d unlockers", tried, len(l.rows["sessions"]), len(l.rows["api_tokens"]), len(l.rows["unlockers"]))
}

// openHouse opens what the running server has to say or use by itself. This is
// the list of DESIGN's exceptions, as far as it is built, and it is complete:
// what is sealed under the house key and not on it fails the test.
func (l *loot) openHouse(t *testing.T) {
	got := map[string]string{}
	open := func(what string, p seal.HousePurpose, item [16]byte, sealed any) {
		t.Helper()
		if sealed == nil {
			return
		}
		text, err := seal.OpenHouse(l.house, p, item, bytesOf(sealed))
		if err != nil {
			t.Errorf("%s does not open with the house key: %v", what, err)
			return
		}
		got[what] = string(text)
	}
	for _, row := range l.rows["bindings"] {
		open("names and settings of doors", seal.HouseLabel, [16]byte(bytesOf(row["id"])), row["label"])
	}
	for _, table := range []string{"vaults", "households"} {
		for _, row := range l.rows[table] {
			open("names of "+table, seal.HouseName, [16]byte(bytesOf(row["id"])), row["label"])
		}
	}
	for _, row := range l.rows["timers"] {
		open("timers and alarms", seal.HouseTimer, [16]byte(bytesOf(row["id"])), row["sealed"])
	}
	for _, row := range l.rows["channels"] {
		open("addresses", seal.HouseChannel, [16]byte(bytesOf(row["id"])), row["address"])
	}
	for _, row := range l.rows["deliveries"] {
		open("letters that wait, with their address", seal.HouseLetter, [16]byte(bytesOf(row["channel"])), row["sealed"])
	}
	want := []string{"addresses", "letters that wait, with their address", "names and settings of doors", "names of vaults", "timers and alarms"}
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(got))); diff != "" {
		t.Errorf("what the house key opens (-want +got):\n%s", diff)
	}
	for what, text := range got {
		if strings.Contains(text, "set a timer") {
			t.Errorf("%s hold what was said", what)
		}
	}
}

// insider is Mallory, who has an account on the server and then its disk: her
// own keys are tried on everything of everybody's.
func (l *loot) insider(t *testing.T, w *town) {
	m := w.people["Mallory"]
	private, key := l.unlock(t, m)
	opened, vaults := l.reach(t, m.id, private, key, m.vault)
	envelopes := map[hearkeep.EnvelopeID]seal.EnvelopeKey{}
	for _, row := range l.rows["envelopes"] {
		envelope := id[hearkeep.EnvelopeID](row["id"])
		for _, c := range l.contexts(envelope, m.vault) {
			for _, k := range vaults {
				if e, err := seal.OpenEnvelope(k, bytesOf(row["wrap"]), c); err == nil {
					opened["envelopes"]++
					mine(t, "envelope", c.Vault == m.vault)
					envelopes[envelope] = e
				}
			}
		}
	}
	slots := map[int64][]byte{}
	for _, row := range l.rows["slots"] {
		slots[row["slot"].(int64)] = bytesOf(row["wrap"])
	}
	for _, rec := range l.rows["recordings"] {
		for _, e := range envelopes {
			for _, k := range l.rows["part_keys"] {
				if !bytes.Equal(bytesOf(k["recording"]), bytesOf(rec["id"])) {
					continue
				}
				if n := l.openPart(rec, k, slots[k["slot"].(int64)], e, m.vault); n > 0 {
					opened["parts"]++
					mine(t, "part", id[hearkeep.VaultID](rec["vault"]) == m.vault)
				}
			}
		}
	}
	for _, what := range []string{"account private keys", "vault keys", "envelopes", "parts"} {
		if opened[what] == 0 {
			t.Errorf("Mallory's own %s do not open: the attempt proves nothing", what)
		}
	}
	for _, row := range l.rows["invitations"] {
		for _, k := range vaults {
			c := seal.InvitationContext{
				Vault: id[hearkeep.VaultID](row["vault"]), Generation: hearkeep.Generation(row["generation"].(int64)), Invitation: id[hearkeep.InvitationID](row["id"]),
				As: row["holds_as"].(string), Past: row["past"].(int64) == 1, Expires: at(row["expires"]),
			}
			if _, err := seal.OpenInvitation(k, bytesOf(row["sealed"]), c); err == nil {
				t.Error("the secret of somebody's invitation opens")
			}
		}
	}
	t.Logf("Mallory opens of her own: %v", opened)
}

// reach tries an account's keys on every account and every vault, and returns
// the vault keys that open. Those of other vaults than own fail the test.
func (l *loot) reach(t *testing.T, who hearkeep.AccountID, private seal.AccountPrivate, key seal.AccountKey, own ...hearkeep.VaultID) (opened map[string]int, vaults map[hearkeep.Generation]seal.VaultKey) {
	t.Helper()
	opened, vaults = map[string]int{}, map[hearkeep.Generation]seal.VaultKey{}
	for _, row := range l.rows["accounts"] {
		account := id[hearkeep.AccountID](row["id"])
		if _, err := seal.OpenAccountPrivate(key, account, bytesOf(row["sealed_private"])); err == nil {
			opened["account private keys"]++
			mine(t, "account", account == who)
		}
	}
	for _, row := range l.rows["keyholders"] {
		vault, gen := id[hearkeep.VaultID](row["vault"]), hearkeep.Generation(row["generation"].(int64))
		for _, as := range []hearkeep.AccountID{id[hearkeep.AccountID](row["account"]), who} {
			if k, err := seal.OpenVaultKey(bytesOf(row["wrap"]), private, vault, gen, as); err == nil {
				opened["vault keys"]++
				mine(t, "vault key", slices.Contains(own, vault))
				vaults[gen] = k
			}
		}
	}
	return opened, vaults
}

// cookie is the thief of one person's cookies, who also has the disk.
func (l *loot) cookie(t *testing.T, w *town) {
	carla := w.people["Carla"]
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(carla.session, "hks_"))
	must(t, err)
	whose := map[hearkeep.AccountID]seal.AccountKey{}
	for _, s := range l.rows["sessions"] {
		c := seal.SessionContext{
			Account: id[hearkeep.AccountID](s["account"]), SessionHash: [32]byte(bytesOf(s["id_hash"])),
			Created: at(s["created"]), Expires: at(s["expires"]), SteppedUp: at(s["stepped_up"]),
		}
		if key, err := seal.UnwrapSession([32]byte(raw[16:]), bytesOf(s["wrap"]), c); err == nil {
			whose[c.Account] = key
		}
	}
	key, ok := whose[carla.id]
	if len(whose) != 1 || !ok {
		t.Fatalf("Carla's cookie opens the sessions of %d accounts, want hers alone", len(whose))
	}
	for _, a := range l.rows["accounts"] {
		if id[hearkeep.AccountID](a["id"]) != carla.id {
			continue
		}
		private, err := seal.OpenAccountPrivate(key, carla.id, bytesOf(a["sealed_private"]))
		must(t, err)
		opened, _ := l.reach(t, carla.id, private, key, carla.vault, w.shared)
		if opened["vault keys"] == 0 {
			t.Error("Carla's own vaults do not open: the attempt proves nothing")
		}
	}
	// Of the living room she was given no generation from before she came.
	for _, row := range l.rows["keyholders"] {
		if id[hearkeep.VaultID](row["vault"]) == w.shared && id[hearkeep.AccountID](row["account"]) == carla.id && row["generation"].(int64) == 1 {
			t.Error("Carla is given the living room's past")
		}
	}
}

func mine(t *testing.T, what string, own bool) {
	t.Helper()
	if !own {
		t.Errorf("somebody else's %s opens", what)
	}
}

// unlock does what signing in does, with the rows alone.
func (l *loot) unlock(t *testing.T, p *citizen) (seal.AccountPrivate, seal.AccountKey) {
	t.Helper()
	for _, u := range l.rows["unlockers"] {
		if u["kind"] != "passphrase" || id[hearkeep.AccountID](u["account"]) != p.id {
			continue
		}
		params, err := seal.ParseArgon2(bytesOf(u["params"]))
		must(t, err)
		with, err := seal.NewStretcher().Passphrase(t.Context(), p.secret, params)
		must(t, err)
		key, err := seal.UnwrapAccountKey(bytesOf(u["wrap"]), with, p.id, id[hearkeep.UnlockerID](u["id"]))
		must(t, err)
		for _, a := range l.rows["accounts"] {
			if id[hearkeep.AccountID](a["id"]) == p.id {
				private, err := seal.OpenAccountPrivate(key, p.id, bytesOf(a["sealed_private"]))
				must(t, err)
				return private, key
			}
		}
	}
	t.Fatalf("%s has no passphrase", p.name)
	return seal.AccountPrivate{}, seal.AccountKey{}
}

// contexts are what an envelope may have been sealed for: as its recordings
// say, and as somebody would relabel it.
func (l *loot) contexts(envelope hearkeep.EnvelopeID, own hearkeep.VaultID) (all []seal.EnvelopeContext) {
	for _, rec := range l.rows["recordings"] {
		if id[hearkeep.EnvelopeID](rec["envelope"]) == envelope {
			c := contextOf(rec, id[hearkeep.VaultID](rec["vault"]))
			relabelled := c
			relabelled.Vault = own
			return append(all, c, relabelled)
		}
	}
	return nil
}

func contextOf(rec map[string]any, vault hearkeep.VaultID) seal.EnvelopeContext {
	return seal.EnvelopeContext{
		Vault: vault, Generation: hearkeep.Generation(rec["generation"].(int64)),
		Envelope: id[hearkeep.EnvelopeID](rec["envelope"]), Binding: id[hearkeep.BindingID](rec["binding"]),
	}
}

// openPart tries to open a part's key and its bytes, and returns how many
// bytes there were.
func (l *loot) openPart(rec, k map[string]any, wrap []byte, e seal.EnvelopeKey, own hearkeep.VaultID) int {
	for _, vault := range []hearkeep.VaultID{id[hearkeep.VaultID](rec["vault"]), own} {
		key, err := seal.OpenPartKey(e, wrap, seal.PartContext{
			EnvelopeContext: contextOf(rec, vault), Number: hearkeep.Number(rec["number"].(int64)), Recording: id[hearkeep.RecordingID](rec["id"]),
			Start: at(rec["start"]), Part: hearkeep.Part(k["part"].(string)), Version: uint64(k["version"].(int64)),
		})
		if err != nil {
			continue
		}
		for _, p := range l.rows["parts"] {
			if p["bytes"] != nil && bytes.Equal(bytesOf(p["recording"]), bytesOf(rec["id"])) && p["part"] == k["part"] {
				if plain, _, err := seal.ReadPart(key, bytesOf(p["bytes"])); err == nil {
					return len(plain)
				}
			}
		}
	}
	return 0
}

func id[T ~[16]byte](cell any) T {
	b, ok := cell.([]byte)
	if !ok || len(b) != 16 {
		return T{}
	}
	return T(b)
}

func bytesOf(cell any) []byte {
	b, _ := cell.([]byte)
	return b
}

func at(cell any) time.Time {
	if ms, ok := cell.(int64); ok && ms != 0 {
		return time.UnixMilli(ms).UTC()
	}
	return time.Time{}
}

// copyFolder is a backup as somebody makes one who copies files.
func copyFolder(t *testing.T, from string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), fmt.Sprintf("backup-of-%s", filepath.Base(from)))
	if out, err := exec.Command("cp", "-r", from, to).CombinedOutput(); err != nil {
		t.Fatalf("cp: %v\n%s", err, out)
	}
	must(t, filepath.WalkDir(to, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() { // the socket of a server that runs is one
			return err
		}
		return os.Chmod(path, 0o600)
	}))
	return to
}
