package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/blob"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/store"
)

// DirRestoring is where a keep is put together before it is one. A keep's
// folder that holds it was not restored to the end, and must not be served.
const DirRestoring = "restoring"

// ReportRestored is what the report says that a restore opens.
const ReportRestored = "restored"

// RestoreConfig is what a restore works with. The functions open what it puts
// together.
type RestoreConfig struct {
	From   string // the place of rows, audio and journal
	Keys   string // a copy of the keys, or the folder of them: the backup's own there, else the newest
	To     string // the new keep's folder: empty, but for keys that were put there by hand
	House  string // the file of the house key; empty where it is in To
	Ledger string // the file of the ledger's key; the same

	// AcceptLostErasures restores also where it is not known any more what was
	// erased since.
	AcceptLostErasures bool

	Files    Files
	Open     func(ctx context.Context, folder string) (store.Store, error)
	ReadOnly func(folder string) (blob.Store, error)
	Blobs    func(folder string) (blob.Store, error)
	// Fits fails where a house key is not that of the rows.
	Fits func(ctx context.Context, st store.Store, housePath string) error
}

// Files are the names of a keep's files.
type Files struct{ Rows, Keys, House, Ledger, Journal, Blobs string }

// Restored is what a restore has done.
type Restored struct {
	Made       time.Time // when the backup was
	Recordings int
	Damaged    int // parts that were damaged in the keep already
	Keyless    int // parts without a key, where lost erasures were accepted: erased
	LostLines  int // lines of the journal that could not be read
	LostLedger int64
	Ended      store.Ended
	Erased     []hearkeep.AccountID // accounts that the journal says were erased
}

// Restore makes a keep of a backup in an empty folder. It verifies all of it
// first, ends what was let in by, and puts the journal in place: who opens the
// keep next erases again what was erased since. Nothing is left in the folder
// where it fails.
func Restore(ctx context.Context, c RestoreConfig, tell func(string)) (done Restored, _ error) {
	m, signed, err := readManifest(c.From)
	if errors.Is(err, fs.ErrNotExist) {
		return done, hearkeep.Errorf(hearkeep.NotFound, "There is no backup at %s.", c.From).WithHint("Name the folder that hearkeep backup --to was given.").Because(err)
	}
	if err != nil {
		return done, err
	}
	if c.Keys, err = keysIn(c.Keys, m); err != nil {
		return done, err
	}
	if err := c.target(); err != nil {
		return done, err
	}
	r := restore{RestoreConfig: c, m: m, signed: signed, stage: filepath.Join(c.To, DirRestoring)}
	if err := os.Mkdir(r.stage, 0o700); err != nil {
		return done, fmt.Errorf("restore: %w", err)
	}
	if err := r.build(ctx, tell); err != nil {
		return done, errors.Join(err, os.RemoveAll(r.stage))
	}
	return r.done, r.put()
}

// target refuses a folder that holds more than keys put there by hand.
func (c RestoreConfig) target() error {
	if err := makeFolder(c.To); err != nil {
		return err
	}
	entries, err := os.ReadDir(c.To)
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	for _, e := range entries {
		if !slices.Contains([]string{c.Files.House, c.Files.Ledger, "ca.key", "ca.crt", "lock", "lost+found"}, e.Name()) {
			return hearkeep.Errorf(hearkeep.Conflict, "%s is not empty: it holds %s.", c.To, e.Name()).
				WithHint("Restore into a folder that is empty, or not there yet. Nothing was changed.")
		}
	}
	return closeFolder(c.To)
}

// keysIn is the copy of the keys that a path leads to. In a folder it is the
// one that the backup was made with, which is signed, or else the newest: names
// begin with the time.
func keysIn(path string, m manifest) (string, error) {
	if info, err := os.Stat(path); err != nil || !info.IsDir() {
		return path, nil // what it lacks is said where it is opened
	}
	own := filepath.Join(path, m.Keys.Name)
	if _, err := os.Stat(own); err == nil {
		return own, nil
	}
	copies, err := named(path, keysPrefix, ".db")
	if err == nil && len(copies) == 0 {
		err = hearkeep.Errorf(hearkeep.NotFound, "There is no copy of keys at %s.", path).WithHint("Name the folder that hearkeep backup --keys-to was given, or a file in it.")
	}
	if err != nil {
		return "", err
	}
	return copies[len(copies)-1], nil
}

// restore is one restore under way.
type restore struct {
	RestoreConfig
	m      manifest
	signed []byte
	stage  string
	done   Restored
}

// build puts the keep together in the folder beside.
func (r *restore) build(ctx context.Context, tell func(string)) error {
	r.done.Made = r.m.Made
	tell("copying rows, keys and journal")
	if err := r.keysByHand(); err != nil {
		return err
	}
	if err := r.journal(); err != nil {
		return err
	}
	if err := copyFile(filepath.Join(r.From, r.m.Rows.Name), r.staged(r.Files.Rows), &r.m.Rows); err != nil {
		return err
	}
	known := &r.m.Keys
	if filepath.Base(r.Keys) != r.m.Keys.Name {
		known = nil // an older or a newer copy: whether it has every key is seen below
	}
	if err := copyFile(r.Keys, r.staged(r.Files.Keys), known); err != nil {
		return err
	}
	for _, extra := range r.m.Extra {
		if extra.Name != filepath.Base(extra.Name) {
			return errAltered(extra.Name)
		}
		if err := copyFile(filepath.Join(r.From, extra.Name), r.staged(extra.Name), &extra); err != nil {
			return err
		}
	}
	st, err := r.Open(ctx, r.stage)
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	return errors.Join(r.fill(ctx, st, tell), st.Close())
}

func (r *restore) staged(name string) string { return filepath.Join(r.stage, name) }

// keysByHand puts the two keys in place that no backup holds.
func (r *restore) keysByHand() error {
	for _, key := range []struct{ given, name, what string }{
		{r.House, r.Files.House, "house key"}, {r.RestoreConfig.Ledger, r.Files.Ledger, "ledger's key"},
	} {
		from := key.given
		if from == "" {
			from = filepath.Join(r.To, key.name)
		}
		err := copyFile(from, r.staged(key.name), nil)
		if errors.Is(err, fs.ErrNotExist) {
			return hearkeep.Errorf(hearkeep.Invalid, "The %s is missing. No backup holds it: it was to be copied by hand.", key.what).
				WithHint("Put %s into %s, or name its copy: --house-key FILE --ledger-key FILE.", key.name, r.To).Because(err)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// journal puts the copy of the journal in place, which is newer than the rows,
// or refuses what is shorter than it was, or damaged.
func (r *restore) journal() error {
	from, to := filepath.Join(r.From, fileJournal), r.staged(r.Files.Journal)
	_, err := store.ReadJournal(from, func(e store.Erasure) error {
		if !e.Account.IsZero() {
			r.done.Erased = append(r.done.Erased, e.Account)
		}
		return nil
	})
	if err == nil {
		var was fileSum
		if was, err = sumOf(from, fileJournal, r.m.Journal.Size); err == nil && was != r.m.Journal {
			err = errors.New("restore: the journal is not the one that the backup was made with, or is shorter")
		}
	}
	if err == nil {
		return copyFile(from, to, nil)
	}
	if !r.AcceptLostErasures {
		return hearkeep.Errorf(hearkeep.Conflict, "It is not known any more what was erased since this backup was made: the journal's copy at %s is missing, damaged or cut short.", r.From).
			WithHint("Put the newest erasures.journal that you have there: that of the lost keep, if its disk can be read. With --accept-lost-erasures the keep is restored all the same, and what people erased may be back.").Because(err)
	}
	return r.salvage(from, to)
}

// salvage takes what is left of a journal.
func (r *restore) salvage(from, to string) error {
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	defer out.Close()
	in, err := os.Open(from)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	defer in.Close()
	if r.done.LostLines, err = store.SalvageJournal(in, out); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	if err := out.Sync(); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	r.done.Erased = nil
	_, err = store.ReadJournal(to, func(e store.Erasure) error {
		if !e.Account.IsZero() {
			r.done.Erased = append(r.done.Erased, e.Account)
		}
		return nil
	})
	return err
}

// fill verifies rows, keys and audio, copies the audio, and ends what must not
// come back.
func (r *restore) fill(ctx context.Context, st store.Store, tell func(string)) error {
	tell("verifying rows, keys and the ledger")
	if err := st.Check(ctx); err != nil {
		return hearkeep.Errorf(hearkeep.Conflict, "The rows or the keys of this backup are damaged, or were altered.").
			WithHint("Nothing was restored. Use another copy of the keys, or another backup.").Because(fmt.Errorf("restore: %w", err))
	}
	l, err := ledger.OpenCopy(ctx, st, r.staged(r.Files.Ledger))
	if err != nil {
		return hearkeep.Errorf(hearkeep.Conflict, "The ledger of this backup does not fit the ledger's key that was given.").
			WithHint("Name the ledger.key of the same keep.").Because(err)
	}
	if _, err := l.Statement(r.signed); err != nil {
		return errAltered(fileManifest)
	}
	if err := l.Verify(ctx); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	if err := r.Fits(ctx, st, r.staged(r.Files.House)); err != nil {
		return err
	}
	tell("verifying and copying audio")
	if err := r.audio(ctx, st); err != nil {
		return err
	}
	if err := r.lost(ctx, st, l); err != nil {
		return err
	}
	return r.end(ctx, st, l)
}

func errAltered(name string) error {
	return hearkeep.Errorf(hearkeep.Conflict, "The backup was altered: %s is not what was signed when it was made.", name).
		WithHint("Nothing was restored. Find out who can write to that place, and use another backup.")
}

// audio goes through all that the rows say.
func (r *restore) audio(ctx context.Context, st store.Store) error {
	from, err := r.ReadOnly(filepath.Join(r.From, dirAudio))
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	to, err := r.Blobs(r.staged(r.Files.Blobs))
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	journal := r.staged(r.Files.Journal)
	var keyless []store.Erasure
	w := walk{st: st, from: from, to: to, corrected: true, erased: func(fn func(store.Erasure) error) error {
		_, err := store.ReadJournal(journal, fn)
		return err
	}}
	w.lacks = func(_ context.Context, rec store.Recording, part hearkeep.Part, what string) error {
		switch {
		case slices.Contains(r.m.Damaged, lackName(rec, part)):
			r.done.Damaged++
			return nil
		case r.AcceptLostErasures && part != "" && what == lacksKey: // erased since, and nobody knows of it
			keyless = append(keyless, store.Erasure{
				Receipt: hearkeep.NewID[hearkeep.ReceiptID](), Vault: rec.Vault, Recordings: []hearkeep.RecordingID{rec.ID},
				Parts: []hearkeep.Part{part}, Outcome: hearkeep.OutcomeErased, Total: 1, At: time.Now(),
			})
			return nil
		}
		return doesNotAddUp(rec, part, what)
	}
	sum, err := w.all(ctx)
	if errors.Is(err, errNotWhole) {
		return hearkeep.Errorf(hearkeep.Conflict, "The backup and this copy of the keys do not add up.").
			WithHint("Use the newest copy of the keys, or another backup. Nothing was restored.").Because(err)
	}
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	r.done.Recordings, r.done.Keyless = sum.recordings, len(keyless)
	return appendTo(ctx, journal, keyless)
}

func appendTo(ctx context.Context, path string, erasures []store.Erasure) error {
	if len(erasures) == 0 {
		return nil
	}
	j, err := store.OpenJournal(path)
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	for _, e := range erasures {
		err = errors.Join(err, j.Append(ctx, e))
	}
	return errors.Join(err, j.Close())
}

// lost compares the ledger with how far it is known to have gone on.
func (r *restore) lost(ctx context.Context, st store.Store, l *ledger.Ledger) error {
	reached, err := reachedEntries(r.From, l)
	if err != nil {
		return err
	}
	return st.View(ctx, func(tx *store.Tx) error {
		have, err := tx.Ledger.Size(ctx)
		r.done.LostLedger = max(reached, r.m.Ledger) - have
		return err
	})
}

// skipped is how many numbers a door leaves out for each day since the backup,
// and once more: those that it has given out since are lost, and are not given
// to other recordings.
const skipped = 1000

// end ends what was let in by, leaves out the numbers that may have been given
// out since, knows the copies of keys that lie there, and says so for good.
func (r *restore) end(ctx context.Context, st store.Store, l *ledger.Ledger) error {
	now := time.Now().UTC().Truncate(time.Millisecond)
	days := uint64(max(0, now.Sub(r.m.Made)) / (24 * time.Hour))
	if err := r.goOn(ctx, l); err != nil {
		return err
	}
	err := st.Update(ctx, func(tx *store.Tx) (err error) {
		if r.done.Ended, err = tx.Backups.EndAccess(ctx, now); err != nil {
			return err
		}
		if err := tx.Backups.SkipNumbers(ctx, skipped*(days+1), now); err != nil {
			return err
		}
		if err := r.copies(ctx, tx, now); err != nil {
			return err
		}
		report := store.Report{ID: hearkeep.NewID[hearkeep.ReportID](), What: ReportRestored, Via: hearkeep.ReportSelf, At: now}
		return tx.Incidents.InsertReport(ctx, report)
	})
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	return nil
}

// goOn has the ledger go on under a new origin: under the old one there may be
// more of it than this backup has, and two histories of one origin are a fork.
func (r *restore) goOn(ctx context.Context, l *ledger.Ledger) error {
	var later [][]byte
	if head, err := os.ReadFile(filepath.Join(r.From, fileCheckpoint)); err == nil {
		later = append(later, head)
	}
	_, err := l.Continue(ctx, r.staged(r.Files.Ledger), ledger.Entry{
		Kind: ledger.KindBackup, Role: hearkeep.RoleOperator, Purpose: "restored from " + r.m.Made.UTC().Format(time.RFC3339), Count: r.done.Recordings,
	}, later...)
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	return nil
}

// copies enters the copies of keys that lie beside the one that was used, so
// that receipts and their destruction know of them.
func (r *restore) copies(ctx context.Context, tx *store.Tx, now time.Time) error {
	rows, err := tx.Backups.Backups(ctx)
	if err != nil {
		return err
	}
	folder, err := resolve(filepath.Dir(r.Keys))
	if err != nil {
		return err
	}
	from, err := resolve(r.From)
	if err != nil {
		return err
	}
	found, err := named(folder, keysPrefix, ".db")
	if err != nil {
		return err
	}
	for _, path := range found {
		at := slices.IndexFunc(rows, func(b store.Backup) bool { return b.Keys == path })
		row := store.Backup{ID: hearkeep.NewID[hearkeep.BackupID](), Place: from, Keys: path, Begun: now, Until: now.Add(KeysFor)}
		if at >= 0 {
			row = rows[at]
		}
		if filepath.Base(path) == r.m.Keys.Name { // its own row was copied before it was verified
			row.Verified = r.m.Made
		}
		if at >= 0 {
			err = tx.Backups.SetBackup(ctx, row)
		} else {
			err = tx.Backups.InsertBackup(ctx, row)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// put moves the keep from the folder beside to where it belongs. Until the
// folder beside is gone, nothing serves it.
func (r *restore) put() error {
	entries, err := os.ReadDir(r.stage)
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	// The old key, where it was put there by hand: older backups need it.
	given := filepath.Join(r.To, r.Files.Ledger)
	if err := os.Rename(given, given+".old"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("restore: %w", err)
	}
	for _, e := range entries {
		if err := os.Rename(r.staged(e.Name()), filepath.Join(r.To, e.Name())); err != nil {
			return fmt.Errorf("restore: %w", err)
		}
	}
	return errors.Join(syncFolder(r.To), os.Remove(r.stage), syncFolder(r.To))
}

// copyFile copies a file to a new one, its owner's only, and compares it with
// what it was.
func copyFile(from, to string, was *fileSum) error {
	in, err := os.Open(from)
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	_, err = io.Copy(out, in)
	if err := errors.Join(err, out.Sync(), out.Close()); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	if was == nil {
		return nil
	}
	is, err := sumOf(to, was.Name, -1)
	if err == nil && is != *was {
		err = errAltered(was.Name)
	}
	return err
}
