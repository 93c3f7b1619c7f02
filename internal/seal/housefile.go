package seal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/hearkeep/hearkeep"
)

// LoadOrCreateHouseKey reads the house key from its file of 32 bytes, or
// makes one where there is none. A file that others may read or that has
// another length is refused with a sentence and a hint. A new file has mode
// 0600, appears under its name only when it is complete and on disk, and
// never replaces one that is there.
func LoadOrCreateHouseKey(path string) (HouseKey, error) {
	hk, err := loadHouseKey(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return hk, err
	}
	if err := createHouseKey(path); err != nil && !errors.Is(err, fs.ErrExist) {
		return HouseKey{}, hearkeep.Errorf(hearkeep.Unavailable, "The house key could not be written.").
			WithHint("Check that the folder of %s exists and can be written.", path).
			Because(fmt.Errorf("seal: create house key: %w", err))
	}
	return loadHouseKey(path) // ours, or that of a process which was first
}

func loadHouseKey(path string) (HouseKey, error) {
	f, err := os.Open(path)
	if err != nil {
		return HouseKey{}, houseFileError(err, path)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return HouseKey{}, houseFileError(err, path)
	}
	if !info.Mode().IsRegular() {
		return HouseKey{}, hearkeep.Errorf(hearkeep.Unavailable, "The house key is not a regular file.").
			WithHint("Look at what %s is.", path)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return HouseKey{}, hearkeep.Errorf(hearkeep.Unavailable, "Others on this machine may read the house key.").
			WithHint("Run: chmod 600 %s", path)
	}
	var k key
	if _, err := io.ReadFull(f, k[:]); err != nil || info.Size() != keySize {
		return HouseKey{}, hearkeep.Errorf(hearkeep.Unavailable, "The house key file is damaged: it has %d bytes, not %d.", info.Size(), keySize).
			WithHint("Put back the original of %s. Without it, timers and bindings must be made anew.", path)
	}
	return HouseKey{k: &k}, nil
}

func houseFileError(err error, path string) error {
	return hearkeep.Errorf(hearkeep.Unavailable, "The house key could not be read.").
		WithHint("Check who owns %s.", path).Because(fmt.Errorf("seal: house key: %w", err))
}

// createHouseKey writes a fresh key beside path and links it there: a link,
// unlike a rename, fails where the name is taken.
func createHouseKey(path string) (err error) {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, ".house-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, os.Remove(f.Name()))
	}()
	_, err = f.Write(newKey()[:])
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil {
		return err
	}
	return syncDir(dir)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
