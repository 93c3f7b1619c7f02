package main

import (
	"database/sql"
	"encoding/hex"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// speak keeps one spoken sentence and returns its recording's id.
func (h *house) speak(t *testing.T, sentence string) string {
	t.Helper()
	out, code := h.run("say", "--json", sentence)
	id := keptID(out)
	if code != 0 || id == "" {
		t.Fatalf("say: exit %d\n%s", code, out)
	}
	return id
}

// backUp makes a backup and returns what it printed.
func (h *house) backUp(t *testing.T, to, keys string) string {
	t.Helper()
	out, code := h.run("backup", "--keep", h.keep, "--to", to, "--keys-to", keys)
	if code != 0 {
		t.Fatalf("backup: exit %d\n%s", code, out)
	}
	return out
}

// keysOf counts a recording's keys in a copy of keys.db.
func keysOf(t *testing.T, path, recording string) (n int) {
	t.Helper()
	id, err := hex.DecodeString(recording)
	must(t, err)
	db, err := sql.Open("sqlite", "file:"+path+"?mode=ro")
	must(t, err)
	defer db.Close()
	must(t, db.QueryRow("SELECT count(*) FROM part_keys WHERE recording = ?", id).Scan(&n))
	return n
}

func copyKey(t *testing.T, h *house, to string) (house, ledger string) {
	t.Helper()
	must(t, os.MkdirAll(to, 0o700))
	for _, name := range []string{fileHouse, fileLedger} {
		data, err := os.ReadFile(filepath.Join(h.keep, name))
		must(t, err)
		must(t, os.WriteFile(filepath.Join(to, name), data, 0o600))
	}
	return filepath.Join(to, fileHouse), filepath.Join(to, fileLedger)
}

var receiptLink = regexp.MustCompile(`/receipts/[0-9a-f]{32}`)

// TestYesterdaysBackup restores yesterday's backup and shows that what was
// erased today does not come back into service: real speech, a real server
// that runs while it is backed up, and another that serves what was restored.
func TestYesterdaysBackup(t *testing.T) {
	h := newHouse(t)
	dir := t.TempDir()
	to, keys := filepath.Join(dir, "backup"), filepath.Join(dir, "keys")
	stays, goes := h.speak(t, "what time is it"), h.speak(t, "what is the date")
	out := h.backUp(t, to, keys)
	for _, want := range []string{"verified: 2 recordings", fileHouse, fileLedger, "no\nbackup can be restored"} {
		if !strings.Contains(out, want) {
			t.Errorf("backup does not say %q:\n%s", want, out)
		}
	}
	status, page, err := h.post("/recordings/"+goes+"/erase", url.Values{"sure": {"yes"}})
	must(t, err)
	if status != 200 || !strings.Contains(page, "after the next verified backup") {
		t.Errorf("the receipt: status %d; want it to say that a backup holds the keys", status)
	}
	receipt := receiptLink.FindString(page)
	after := h.speak(t, "what time is it")
	old := h.server
	must(t, h.stop(syscall.SIGTERM))
	copies, err := filepath.Glob(filepath.Join(keys, "hearkeep-keys-*.db"))
	must(t, err)
	if len(copies) != 1 || keysOf(t, copies[0], goes) == 0 {
		t.Fatalf("the copy of the keys lacks what was erased after it: the test shows nothing")
	}
	house, ledgerKey := copyKey(t, h, filepath.Join(dir, "safe"))

	restored := filepath.Join(dir, "restored")
	if out, code := h.run("restore", "--from", to, "--keys-from", keys, "--keep", restored); code == 0 || !strings.Contains(out, "house key is missing") {
		t.Errorf("restore without the house key: exit %d\n%s", code, out)
	}
	out, code := h.run("restore", "--from", to, "--keys-from", keys, "--keep", restored, "--house-key", house, "--ledger-key", ledgerKey)
	if code != 0 || !strings.Contains(out, "2 recordings, as of") || !strings.Contains(out, "ended: 1 session") {
		t.Fatalf("restore: exit %d\n%s", code, out)
	}
	must(t, filepath.WalkDir(restored, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s is for others, too: %v", path, info.Mode())
		}
		return err
	}))
	if n := keysOf(t, filepath.Join(restored, fileKeys), goes); n != 0 {
		t.Errorf("%d keys of what was erased are in service again", n)
	}
	if keysOf(t, filepath.Join(restored, fileKeys), stays) == 0 {
		t.Error("what was not erased lost its keys")
	}
	if out, code := h.run("check", "--keep", restored); code != 0 || !strings.Contains(out, "1 recording") {
		t.Errorf("check: exit %d\n%s", code, out)
	}
	h.server = &server{keep: restored, url: old.url}
	h.restart(t)
	if _, page, err := h.get("/recordings/" + stays); err != nil || !strings.Contains(page, `name="passphrase"`) {
		t.Error("a session of the old rows lives")
	}
	if status, _, err := h.post("/sign-in", url.Values{"name": {"Anna"}, "passphrase": {passphrase}}); err != nil || status != 200 {
		t.Fatalf("sign in: status %d, %v", status, err)
	}
	for id, want := range map[string]int{stays: 200, goes: 404, after: 404} {
		if status, _, err := h.get("/recordings/" + id); err != nil || status != want {
			t.Errorf("recording %s: status %d, %v; want %d", id, status, err, want)
		}
	}
	if status, _, err := h.get("/recordings/" + stays + "/audio"); err != nil || status != 200 {
		t.Errorf("its sound: status %d, %v", status, err)
	}
	if receipt != "" {
		if status, _, err := h.get(receipt); err != nil || status != 200 {
			t.Errorf("its receipt: status %d, %v", status, err)
		}
	}
	next := h.speak(t, "what is the date") // the terminal is still connected
	number := func(id string) (n int) {
		raw, _ := hex.DecodeString(id)
		db, err := sql.Open("sqlite", "file:"+filepath.Join(restored, fileRows)+"?mode=ro")
		must(t, err)
		defer db.Close()
		must(t, db.QueryRow("SELECT number FROM recordings WHERE id = ?", raw).Scan(&n))
		return n
	}
	if got := number(next); got < 1000 {
		t.Errorf("the next number: got %d, want none that was given out before", got)
	}
	if out, code := h.run("check", "--keep", restored); code != 0 {
		t.Errorf("check: exit %d\n%s", code, out)
	}
	h.backUp(t, to, keys) // and goes on where it was
}

// TestRestoreRefuses: what is not known to be whole is not restored, and
// leaves nothing behind.
func TestRestoreRefuses(t *testing.T) {
	h := newHouse(t)
	dir := t.TempDir()
	to, keys := filepath.Join(dir, "backup"), filepath.Join(dir, "keys")
	h.speak(t, "what time is it")
	id := h.speak(t, "what is the date")
	_, _, err := h.post("/recordings/"+id+"/erase", url.Values{"sure": {"yes"}})
	must(t, err)
	must(t, h.stop(syscall.SIGTERM))
	h.backUp(t, to, keys) // with no server
	house, ledgerKey := copyKey(t, h, filepath.Join(dir, "safe"))
	other := filepath.Join(dir, "other.key")
	must(t, exec.Command("cp", "-a", to, to+".whole").Run())
	journal := filepath.Join(to, fileJournal)
	rows, err := filepath.Glob(filepath.Join(to, "hearkeep-*.db"))
	must(t, err)
	audio, err := filepath.Glob(filepath.Join(to, dirBlobs, "??", "*"))
	must(t, err)
	flip := func(path string, at int64) func() error {
		return func() error {
			f, err := os.OpenFile(path, os.O_RDWR, 0)
			if err != nil {
				return err
			}
			defer f.Close()
			b := make([]byte, 1)
			if _, err := f.ReadAt(b, at); err != nil {
				return err
			}
			b[0] ^= 1
			_, err = f.WriteAt(b, at)
			return err
		}
	}
	note := filepath.Join(to, "backup.note")
	for _, c := range []struct {
		name   string
		break_ func() error
		args   []string
		want   string
	}{
		{"no journal", func() error { return os.Remove(journal) }, nil, "not known any more what was erased"},
		{"a shorter journal", func() error { return os.Truncate(journal, 0) }, nil, "not known any more what was erased"},
		{"a damaged journal", flip(journal, 30), nil, "not known any more what was erased"},
		{"altered rows", flip(rows[0], 5000), nil, "was altered"},
		{"altered audio", flip(audio[0], 40), nil, "do not add up"},
		{"missing audio", func() error { return os.Remove(audio[0]) }, nil, "do not add up"},
		{"an altered note", func() error {
			data, err := os.ReadFile(note)
			if err == nil {
				err = os.WriteFile(note, []byte(strings.Replace(string(data), `"recordings":1`, `"recordings":2`, 1)), 0o600)
			}
			return err
		}, nil, "was altered"},
		{"no backup", func() error { return os.Remove(note) }, nil, "There is no backup"},
		{"another house key", func() error { return os.WriteFile(other, make([]byte, 32), 0o600) }, []string{"--house-key", other}, ""},
		{"no such copy of keys", func() error { return nil }, []string{"--keys-from", filepath.Join(dir, "none.db")}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			must(t, c.break_())
			restored := filepath.Join(dir, "restored")
			args := append([]string{"restore", "--from", to, "--keys-from", keys, "--keep", restored, "--house-key", house, "--ledger-key", ledgerKey}, c.args...)
			out, code := h.run(args...)
			if code == 0 || !strings.Contains(out, c.want) {
				t.Errorf("exit %d; want a refusal that says %q\n%s", code, c.want, out)
			}
			left, _ := os.ReadDir(restored)
			for _, e := range left {
				if e.Name() != fileLock {
					t.Errorf("left behind: %s", e.Name())
				}
			}
			must(t, os.RemoveAll(to))
			must(t, exec.Command("cp", "-a", to+".whole", to).Run())
		})
	}
	must(t, os.Remove(journal))
	lost := filepath.Join(dir, "lost")
	if out, code := h.run("restore", "--from", to, "--keys-from", keys, "--keep", lost, "--house-key", house, "--ledger-key", ledgerKey, "--accept-lost-erasures"); code != 0 {
		t.Errorf("with --accept-lost-erasures: exit %d\n%s", code, out)
	}
	if out, code := h.run("restore", "--from", to, "--keys-from", keys, "--keep", lost, "--house-key", house, "--ledger-key", ledgerKey); code == 0 || !strings.Contains(out, "is not empty") {
		t.Errorf("into a keep: exit %d\n%s", code, out)
	}
	if out, code := h.run("serve", "--keep", to, "--listen", "127.0.0.1:0"); code == 0 || !strings.Contains(out, "is a backup, and no keep") {
		t.Errorf("serve a backup: exit %d\n%s", code, out)
	}
	if out, code := h.run("backup", "--keep", to, "--to", filepath.Join(dir, "b2"), "--keys-to", filepath.Join(dir, "k2")); code == 0 || !strings.Contains(out, "is a backup, and no keep") {
		t.Errorf("back up a backup: exit %d\n%s", code, out)
	}
}

// kill -9 of the server and of the command while a backup is made: the one
// before is as it was, and the next one is whole.
func TestKillDuringBackup(t *testing.T) {
	h := newHouse(t)
	dir := t.TempDir()
	to, keys := filepath.Join(dir, "backup"), filepath.Join(dir, "keys")
	wav := filepath.Join(dir, "say.wav")
	must(t, exec.Command("flite", "-voice", "slt", "-t", "what time is it", "-o", wav).Run())
	for range 4 {
		h.run("say", wav)
	}
	h.backUp(t, to, keys)
	for round := range 3 {
		var all sync.WaitGroup
		all.Go(func() { h.run("say", wav) })
		all.Go(func() { h.run("backup", "--keep", h.keep, "--to", to, "--keys-to", keys) })
		time.Sleep(time.Duration(30+40*round) * time.Millisecond)
		h.stop(syscall.SIGKILL) // its error is the kill
		all.Wait()
		house, ledgerKey := copyKey(t, h, filepath.Join(dir, "safe"))
		restored := filepath.Join(t.TempDir(), "restored")
		if out, code := h.run("restore", "--from", to, "--keys-from", keys, "--keep", restored, "--house-key", house, "--ledger-key", ledgerKey); code != 0 {
			t.Errorf("restore after a kill: exit %d\n%s", code, out)
		}
		if out, code := h.run("check", "--keep", restored); code != 0 {
			t.Errorf("check after a kill: exit %d\n%s", code, out)
		}
		h.restart(t)
	}
	h.backUp(t, to, keys)
	for _, folder := range []string{to, keys} {
		if left, _ := filepath.Glob(filepath.Join(folder, "*.new")); len(left) > 0 {
			t.Errorf("left of what was cut off: %v", left)
		}
	}
}
