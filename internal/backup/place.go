package backup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/store"
)

// places are the two folders of a backup, without symbolic links.
type places struct {
	to, keysTo string
	first      bool // nothing of this keep was there before
	warnings   []string
}

// prepare makes the two folders, or refuses them.
func (d *Desk) prepare(p Places, known []store.Backup) (places, error) {
	keep, err := resolve(d.Keep)
	if err != nil {
		return places{}, fmt.Errorf("backup: %w", err)
	}
	at := places{}
	if at.to, err = resolve(p.To); err == nil {
		at.keysTo, err = resolve(p.KeysTo)
	}
	if err != nil {
		return places{}, unreachable(err)
	}
	switch {
	case inside(at.to, keep), inside(at.keysTo, keep):
		return places{}, hearkeep.Errorf(hearkeep.Invalid, "A backup cannot lie in the keep, nor the keep in a backup.").
			WithHint("Name folders on another disk.")
	case inside(at.to, at.keysTo):
		return places{}, hearkeep.Errorf(hearkeep.Invalid, "The keys cannot lie with what they open: %s and %s are in one another.", at.to, at.keysTo).
			WithHint("Name two folders apart, best on two disks: whoever finds one of them then has nothing.")
	}
	if err := d.take(&at, known); err != nil {
		return places{}, err
	}
	at.warnings = sameDisk(keep, at)
	return at, nil
}

// take makes the two folders, or takes those that are there, if they are this
// keep's or empty. What is not is left as it was, its mode as well.
func (d *Desk) take(at *places, known []store.Backup) error {
	for _, folder := range []string{at.to, at.keysTo} {
		if err := makeFolder(folder); err != nil {
			return err
		}
	}
	if err := d.belongs(at, known); err != nil {
		return err
	}
	fresh, err := d.marked(*at, known)
	if err != nil {
		return err
	}
	for _, folder := range []string{at.to, at.keysTo} {
		if err := closeFolder(folder); err != nil {
			return err
		}
	}
	if !fresh {
		return nil
	}
	return writeFile(filepath.Join(at.keysTo, fileMarker), []byte(markerText(d.Ledger.Key())))
}

// resolve is an absolute path without symbolic links; what is not there yet
// stays as it is named.
func resolve(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	real, err := filepath.EvalSymlinks(path)
	if errors.Is(err, fs.ErrNotExist) && filepath.Dir(path) != path {
		if info, e := os.Lstat(path); e == nil && info.Mode()&fs.ModeSymlink != 0 {
			return "", err // it leads nowhere
		}
		parent, err := resolve(filepath.Dir(path))
		return filepath.Join(parent, filepath.Base(path)), err
	}
	return real, err
}

// inside reports whether one of two folders is the other, or lies in it.
func inside(a, b string) bool { return a == b || within(a, b) || within(b, a) }

func within(path, folder string) bool {
	return strings.HasPrefix(path, strings.TrimSuffix(folder, "/")+"/")
}

func unreachable(err error) error {
	return hearkeep.Errorf(hearkeep.Unavailable, "The backup's place cannot be reached.").
		WithHint("See that its disk is there, and that this user may write to it.").Because(err)
}

// makeFolder makes a folder where there is none, and refuses one of another
// user's: they could exchange what is put there, though they cannot read it.
func makeFolder(path string) error {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return unreachable(err)
	}
	var st syscall.Stat_t
	if err := syscall.Stat(path, &st); err != nil {
		return unreachable(err)
	}
	if int(st.Uid) != os.Geteuid() {
		return hearkeep.Errorf(hearkeep.Forbidden, "%s belongs to another user of this machine.", path).
			WithHint("Nothing there was changed. Name a folder of the user that runs this, or one that is not there yet.")
	}
	return nil
}

// closeFolder closes a folder to everybody but its owner.
func closeFolder(path string) error {
	if err := os.Chmod(path, 0o700); err != nil && !errors.Is(err, fs.ErrPermission) && !errors.Is(err, errors.ErrUnsupported) {
		return unreachable(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return unreachable(err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return hearkeep.Errorf(hearkeep.Forbidden, "Others on this machine may look into %s.", path).
			WithHint("chmod 700 %s, or mount that disk with umask=077.", path)
	}
	return nil
}

// belongs refuses a folder that is not this keep's backup, nor empty. What
// held a backup and holds none now is taken for a disk that is not mounted.
func (d *Desk) belongs(at *places, known []store.Backup) error {
	_, signed, err := readManifest(at.to)
	switch {
	case err == nil:
		if _, err := d.Ledger.Statement(signed); err != nil {
			return hearkeep.Errorf(hearkeep.Conflict, "%s holds the backup of another keep.", at.to).
				WithHint("Nothing there was changed. Name another folder.").Because(err)
		}
		return nil
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if slices.ContainsFunc(known, func(b store.Backup) bool { return b.Place == at.to && !b.Verified.IsZero() }) {
		return notMounted(at.to)
	}
	at.first = true
	return empty(at.to, func(name string) bool { // what a first backup left that was cut off
		return name == fileJournal || name == dirAudio || strings.HasPrefix(name, "hearkeep-") && strings.Contains(name, ".db") || strings.HasSuffix(name, unfinished)
	})
}

func notMounted(path string) error {
	return hearkeep.Errorf(hearkeep.Unavailable, "%s held a backup of this keep, and now holds none.", path).
		WithHint("See that its disk is mounted there. To begin anew, name another folder.")
}

func empty(path string, except func(string) bool) error {
	entries, err := os.ReadDir(path)
	if err != nil {
		return unreachable(err)
	}
	for _, e := range entries {
		if e.Name() != "lost+found" && !except(e.Name()) {
			return hearkeep.Errorf(hearkeep.Conflict, "%s is not empty, and is no backup of this keep.", path).
				WithHint("Nothing there was changed. Name an empty folder, or one that is not there yet.")
		}
	}
	return nil
}

// marked looks for this keep's marker among the keys' copies. fresh is an empty
// folder, which has none yet.
func (d *Desk) marked(at places, known []store.Backup) (fresh bool, err error) {
	text, err := os.ReadFile(filepath.Join(at.keysTo, fileMarker))
	switch {
	case err == nil && slices.ContainsFunc(d.Ledger.Keys(), func(key string) bool { return string(text) == markerText(key) }):
		return false, nil // of this keep, be it from before a restore
	case err == nil:
		return false, hearkeep.Errorf(hearkeep.Conflict, "%s holds the keys of another keep.", at.keysTo).WithHint("Nothing there was changed. Name another folder.")
	case !errors.Is(err, fs.ErrNotExist):
		return false, unreachable(err)
	}
	if slices.ContainsFunc(known, func(b store.Backup) bool {
		return filepath.Dir(b.Keys) == at.keysTo && !b.Verified.IsZero() && b.Destroyed.IsZero()
	}) {
		return false, notMounted(at.keysTo)
	}
	return true, empty(at.keysTo, func(name string) bool { return name == fileMarker+unfinished })
}

func markerText(key string) string {
	return "Copies of a keep's wrapped keys. Hearkeep destroys the old ones.\n" + key + "\n"
}

// sameDisk warns where one disk has two of the three.
func sameDisk(keep string, at places) (warnings []string) {
	a, b, c := deviceOf(keep), deviceOf(at.to), deviceOf(at.keysTo)
	if a == b || a == c {
		warnings = append(warnings, "The backup lies on the disk of the keep: it does not outlive that disk.")
	}
	if b == c {
		warnings = append(warnings, "Keys and rows lie on one disk: whoever has that disk has both.")
	}
	return warnings
}

func deviceOf(path string) uint64 {
	var st syscall.Stat_t
	if syscall.Stat(path, &st) != nil {
		return 0
	}
	return uint64(st.Dev)
}

// writeFile puts a file in its place whole, and on the disk.
func writeFile(path string, data []byte) error {
	if err := remove(path + unfinished); err != nil {
		return err
	}
	f, err := os.OpenFile(path+unfinished, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	_, err = f.Write(data)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("backup: %w", errors.Join(err, os.Remove(path+unfinished)))
	}
	return moveTo(path+unfinished, path)
}

// moveTo renames a file inside its folder, durably.
func moveTo(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	return syncFolder(filepath.Dir(to))
}

func syncFolder(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	return errors.Join(f.Sync(), f.Close())
}

// named are the files of a folder whose names begin and end so, sorted. What
// the folder itself is called plays no part, as it would in filepath.Glob.
func named(folder, begin, end string) (paths []string, err error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, fmt.Errorf("backup: %w", err)
	}
	for _, e := range entries {
		if name := e.Name(); strings.HasPrefix(name, begin) && strings.HasSuffix(name, end) {
			paths = append(paths, filepath.Join(folder, name))
		}
	}
	return paths, nil
}
