package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// fileKeys is as store/sqlite calls it.
const fileKeys = "keys.db"

// folder looks at the keep's folder and its files, and reports whether there
// is a keep to look at further.
func (d *doctor) folder() bool {
	info, err := os.Stat(d.Keep)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		d.problem("folder", "hearkeep serve --keep "+d.Keep+"   (makes one; or name another with --keep)", "There is no keep at %s.", d.Keep)
		return false
	case err != nil:
		d.problem("folder", "run doctor as the user that the server runs as", "The folder %s cannot be looked at: %v.", d.Keep, cause(err))
		return false
	case !info.IsDir():
		d.problem("folder", "name the keep's folder with --keep", "%s is not a folder.", d.Keep)
		return false
	}
	entries, err := os.ReadDir(d.Keep)
	if err != nil {
		d.problem("folder", "run doctor as the user that the server runs as", "The folder %s cannot be read: %v.", d.Keep, cause(err))
		return false
	}
	owner := ownerOf(info)
	if owner != os.Geteuid() {
		d.note("folder", "sudo -u "+userName(owner)+" hearkeep doctor --keep "+d.Keep, "The folder belongs to %s, and you are %s.", userName(owner), userName(os.Geteuid()))
	}
	closed := d.closed(d.Keep, info, 0o700)
	names := map[string]bool{}
	for _, e := range entries {
		names[e.Name()] = true
		closed = d.file(e, owner) && closed
	}
	if closed {
		d.ok("folder", "%s and its files are %s's alone.", d.Keep, userName(owner))
	}
	if !d.whole(names) {
		return false
	}
	d.lock()
	return names[fileRows] && names[fileKeys]
}

// file looks at one entry of the folder, and reports whether it is closed to
// everybody but the folder's owner.
func (d *doctor) file(e fs.DirEntry, owner int) bool {
	path := filepath.Join(d.Keep, e.Name())
	info, err := e.Info()
	if err != nil {
		return true // gone since: a temporary file, or a log
	}
	own := ownerOf(info) == owner
	if !own {
		d.problem("folder", "chown -R "+userName(owner)+": "+d.Keep, "%s belongs to %s: Hearkeep was once started as another user.", e.Name(), userName(ownerOf(info)))
	}
	most := fs.FileMode(0o600)
	switch {
	case info.IsDir():
		most = 0o700
	case !info.Mode().IsRegular(), e.Name() == fileCACerts: // a certificate is for everybody
		return own
	}
	return d.closed(path, info, most) && own
}

// closed reports whether nobody but the owner may read or write a file.
func (d *doctor) closed(path string, info fs.FileInfo, most fs.FileMode) bool {
	have := info.Mode().Perm()
	if have&0o077 == 0 {
		return true
	}
	mend := fmt.Sprintf("chmod %o %s", most, path)
	switch filepath.Base(path) {
	case fileHouse, fileLedger, fileCAKey:
		d.problem("folder", mend, "Others on this machine may read the key %s (%#o).", filepath.Base(path), have)
	default:
		d.problem("folder", mend, "Others on this machine may look into %s (%#o).", filepath.Base(path), have)
	}
	return false
}

// whole says which files of a keep are missing, and reports whether there is
// a keep at all.
func (d *doctor) whole(have map[string]bool) bool {
	parts := []struct{ file, means string }{
		{fileRows, "the recordings' rows, words and the ledger"},
		{fileKeys, "the keys of every recording: without it nothing that is kept opens"},
		{fileHouse, "the house key: without it no door is trusted and no timer opens"},
		{fileLedger, "the key that signs the ledger"},
		{fileJournal, "the record of what was deleted, without which an old copy would bring it back"},
		{dirBlobs, "the recordings' sound"},
	}
	missing := 0
	for _, p := range parts {
		if !have[p.file] {
			missing++
		}
	}
	if missing == len(parts) {
		d.problem("folder", "hearkeep serve --keep "+d.Keep+"   (makes one; or name another with --keep)", "%s is a folder, and no keep.", d.Keep)
		return false
	}
	for _, p := range parts {
		if !have[p.file] {
			d.damage("folder", "put it back from where it was copied; start nothing before", "%s is missing: %s.", p.file, p.means)
		}
	}
	return true
}

// lock finds out whether a Hearkeep has the folder. A shared lock is asked for
// and given back at once, so that a server which starts meanwhile gets its own.
func (d *doctor) lock() {
	f, err := os.Open(filepath.Join(d.Keep, fileLock))
	if err == nil {
		defer f.Close()
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB)
	}
	d.running = errors.Is(err, syscall.EWOULDBLOCK)
	if d.running {
		d.ok("server", "A Hearkeep runs on this keep.")
	} else {
		d.note("server", "hearkeep serve --keep "+d.Keep, "No Hearkeep runs on this keep: nothing is heard, no alarm rings, and nothing expires.")
	}
}

// Bounds of free room, in bytes.
const (
	roomLow  = 64 << 20
	roomNote = 1 << 30
)

// disk looks at the room that is left, and at the reserve.
func (d *doctor) disk() {
	var at unix.Statfs_t
	if err := unix.Statfs(d.Keep, &at); err != nil {
		d.problem("disk", "look at the disk that holds "+d.Keep, "The disk does not say how much room it has: %v.", err)
		return
	}
	free, size := int64(at.Bavail)*at.Bsize, int64(at.Blocks)*at.Bsize
	mend := "make room on the disk that holds " + d.Keep
	switch {
	case free < roomLow:
		d.problem("disk", mend, "Only %s of %s are free: keeping is about to fail.", bytesText(free), bytesText(size))
	case at.Files > 0 && at.Ffree < 1000:
		d.problem("disk", mend, "Only %d more files can be made, and each recording is one.", at.Ffree)
	case free < roomNote:
		d.note("disk", mend, "%s of %s are free.", bytesText(free), bytesText(size))
	default:
		d.ok("disk", "%s of %s are free.", bytesText(free), bytesText(size))
	}
	info, err := os.Stat(filepath.Join(d.Keep, fileReserve))
	if err == nil && info.Size() == reserveSize && info.Sys().(*syscall.Stat_t).Blocks*512 >= reserveSize {
		d.ok("disk", "The reserve of %s is held, so that deleting works on a full disk too.", bytesText(reserveSize))
		return
	}
	d.note("disk", mend+"; a running server takes the reserve again within an hour", "The reserve of %s is not held: the disk was full.", bytesText(reserveSize))
}

func ownerOf(info fs.FileInfo) int { return int(info.Sys().(*syscall.Stat_t).Uid) }

func userName(id int) string {
	u, err := user.LookupId(strconv.Itoa(id))
	if err != nil {
		return "user " + strconv.Itoa(id)
	}
	return u.Username
}

// cause is an error of a file without the file's path, which the sentence has.
func cause(err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		return at.Err
	}
	return err
}

// bytesText is a size as people read it.
func bytesText(n int64) string {
	units := []string{"bytes", "KiB", "MiB", "GiB", "TiB"}
	f, u := float64(n), 0
	for f >= 1024 && u < len(units)-1 {
		f, u = f/1024, u+1
	}
	if u == 0 || f >= 100 {
		return fmt.Sprintf("%.0f %s", f, units[u])
	}
	return strings.Replace(fmt.Sprintf("%.1f %s", f, units[u]), ".0 ", " ", 1)
}
