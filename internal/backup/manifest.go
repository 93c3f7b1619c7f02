package backup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/store"
)

// manifestKind begins the statement that a manifest is.
const manifestKind = "hearkeep/backup/v1"

// manifest says which files are a backup. It is signed with the ledger's key:
// whoever has the disk cannot put together a backup of their own.
type manifest struct {
	ID         hearkeep.BackupID `json:"id"`
	Made       time.Time         `json:"made"`
	Rows       fileSum           `json:"rows"`
	Keys       fileSum           `json:"keys"`
	Journal    fileSum           `json:"journal"` // as it was: the file goes on to grow
	Extra      []fileSum         `json:"extra,omitempty"`
	Recordings int               `json:"recordings"`
	Audio      int64             `json:"audio"`  // bytes
	Ledger     int64             `json:"ledger"` // entries
	Damaged    []string          `json:"damaged,omitempty"`
}

// fileSum is a file as it was.
type fileSum struct {
	Name string `json:"name"`
	Size int64  `json:"size"`
	Hash string `json:"sha256"`
}

// readManifest reads a place's manifest; who signed it is for the caller to
// check. fs.ErrNotExist where it is no backup.
func readManifest(place string) (m manifest, signed []byte, err error) {
	signed, err = os.ReadFile(filepath.Join(place, fileManifest))
	if err != nil {
		return m, nil, fmt.Errorf("backup: %w", err)
	}
	kind, rest, _ := strings.Cut(string(signed), "\n")
	body, _, _ := strings.Cut(rest, "\n")
	if kind != manifestKind || json.Unmarshal([]byte(body), &m) != nil {
		return m, nil, hearkeep.Errorf(hearkeep.Conflict, "What lies at %s is not a backup that this version can read.", place)
	}
	for _, name := range []string{m.Rows.Name, m.Keys.Name} {
		if name != filepath.Base(name) || name == "" || strings.HasPrefix(name, ".") {
			return m, nil, hearkeep.Errorf(hearkeep.Conflict, "The backup at %s names a file elsewhere.", place)
		}
	}
	return m, signed, nil
}

// describe makes the manifest of what was read back.
func (d *Desk) describe(ctx context.Context, at places, row store.Backup, rows string, s sum) (manifest, error) {
	m := manifest{ID: row.ID, Made: row.Begun, Recordings: s.recordings, Audio: s.bytes, Damaged: s.damaged}
	var err error
	if m.Rows, err = sumOf(rows+unfinished, filepath.Base(rows), -1); err != nil {
		return m, err
	}
	if m.Keys, err = sumOf(row.Keys+unfinished, filepath.Base(row.Keys), -1); err != nil {
		return m, err
	}
	journal := filepath.Join(at.to, fileJournal)
	n, err := d.Journal.CopyTo(journal)
	if err != nil {
		return m, err
	}
	if m.Journal, err = sumOf(journal, fileJournal, n); err != nil {
		return m, err
	}
	for _, name := range d.Extra {
		data, err := os.ReadFile(filepath.Join(d.Keep, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return m, fmt.Errorf("backup: %w", err)
		}
		if err := writeFile(filepath.Join(at.to, name), data); err != nil {
			return m, err
		}
		hash := sha256.Sum256(data)
		m.Extra = append(m.Extra, fileSum{name, int64(len(data)), hex.EncodeToString(hash[:])})
	}
	err = d.Store.View(ctx, func(tx *store.Tx) (err error) {
		m.Ledger, err = tx.Ledger.Size(ctx)
		return err
	})
	return m, err
}

// swap puts a new backup in the place of the old one: the manifest's rename is
// the moment from which it counts.
func (d *Desk) swap(at places, row store.Backup, rows string, m manifest) error {
	body, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	signed, err := d.Ledger.Sign(manifestKind + "\n" + string(body) + "\n")
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	if err := moveTo(row.Keys+unfinished, row.Keys); err != nil {
		return err
	}
	if err := moveTo(rows+unfinished, rows); err != nil {
		return err
	}
	return writeFile(filepath.Join(at.to, fileManifest), signed)
}

// sumOf reads the first size bytes of a file, all of them for -1.
func sumOf(path, name string, size int64) (fileSum, error) {
	f, err := os.Open(path)
	if err != nil {
		return fileSum{}, fmt.Errorf("backup: %w", err)
	}
	defer f.Close()
	if size < 0 {
		info, err := f.Stat()
		if err != nil {
			return fileSum{}, fmt.Errorf("backup: %w", err)
		}
		size = info.Size()
	}
	h := sha256.New()
	n, err := io.Copy(h, io.LimitReader(f, size))
	if err != nil {
		return fileSum{}, fmt.Errorf("backup: %w", err)
	}
	return fileSum{name, n, hex.EncodeToString(h.Sum(nil))}, nil
}

// reachedEntries is how many entries the checkpoint beside a backup speaks of,
// 0 where there is none that this log's key signed.
func reachedEntries(place string, l *ledger.Ledger) (int64, error) {
	note, err := os.ReadFile(filepath.Join(place, fileCheckpoint))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("restore: %w", err)
	}
	size, err := l.SignedSize(note)
	if err != nil {
		return 0, nil // not ours: it says nothing
	}
	return size, nil
}
