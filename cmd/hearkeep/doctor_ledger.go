package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/archive"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/store"
)

// ledger holds the log's head against its signed checkpoint, and the clock
// against its newest entry.
func (d *doctor) ledger(ctx context.Context, st store.Store) {
	key := filepath.Join(d.Keep, fileLedger)
	if _, err := os.Stat(key); err != nil {
		return // said already; ledger.Open would make a new one
	}
	l, err := ledger.Look(ctx, st, key)
	switch {
	case errors.Is(err, ledger.ErrRewound):
		d.damage("ledger", "do not go on with it: keep a copy of the folder, and put the right database back or restore the newest backup", "The ledger went back (%s). %s", firstLine(err), rewound)
		return
	case errors.Is(err, ledger.ErrForked):
		d.damage("ledger", "do not go on with it: keep a copy, and restore the newest whole backup", "The ledger does not lead to its signed checkpoint: this database was altered, or an older one was put in its place.")
		return
	case err != nil:
		d.problem("ledger", "see who owns "+key, "The ledger does not open: %s.", firstLine(err))
		return
	}
	var size int64
	var newest []ledger.Recorded
	err = st.View(ctx, func(tx *store.Tx) (err error) { size, err = tx.Ledger.Size(ctx); return err })
	if err == nil && size > 0 {
		newest, err = l.Entries(ctx, hearkeep.VaultID{}, size-1, 1)
	}
	switch {
	case err != nil:
		d.damage("ledger", d.restore(), "The ledger cannot be read: %s.", firstLine(err))
	case len(newest) == 0:
		d.ok("ledger", "The ledger is empty: nobody has set this keep up yet.")
	default:
		d.newest = later(d.newest, newest[0].At)
		d.ok("ledger", "The %d entries of the ledger lead to its signed checkpoint.", size)
		d.ok("ledger", "Sealed archives of this keep show the fingerprint %s.", archive.Fingerprint(l.Key()))
		d.outside(l, size)
		d.witnesses(ctx, l, size)
	}
}

// outside says what of the log is known outside of its database, and what of
// earlier origins was lost.
func (d *doctor) outside(l *ledger.Ledger, size int64) {
	kept, err := l.Kept()
	switch {
	case err != nil:
		d.damage("ledger", d.restore(), "The kept checkpoints cannot be read: %s.", firstLine(err))
		return
	case len(kept) == 0 && d.running:
		d.note("ledger", "", "No checkpoint is kept outside of the database yet: the server keeps one within a minute.")
	case len(kept) == 0:
		d.note("ledger", "hearkeep ledger checkpoint --keep "+d.Keep, "No checkpoint is kept outside of the database yet.")
	default:
		newest := kept[len(kept)-1]
		d.ok("ledger", "%s outside of the database hold it to what was signed, the newest of entry %d of %d.", countOf(len(kept), "checkpoint"), newest.Size, size)
	}
	if lost := l.Lost(kept); lost > 0 {
		d.note("ledger", "tell whoever kept a receipt of that time that it stays true", "Of before a restore at least %d more entries were signed than there are: they are lost.", lost)
	}
	if keys := l.Keys(); len(keys) > 1 {
		d.ok("ledger", "It goes on under its %s since a restore; receipts of before are checked by the keys in %s.", nth(len(keys)), filepath.Join(d.Keep, ledger.FileKeys))
	}
}

func nth(keys int) string {
	switch keys {
	case 2:
		return "second key"
	case 3:
		return "third key"
	}
	return fmt.Sprintf("%dth key", keys)
}

// unsigned is for how long a witness may not cosign before that is said.
const unsigned = 24 * time.Hour

// witnesses says what they have cosigned.
func (d *doctor) witnesses(ctx context.Context, l *ledger.Ledger, size int64) {
	all, err := l.Cosigned(ctx)
	if err != nil {
		d.damage("witnesses", d.restore(), "What witnesses have cosigned cannot be read: %s.", firstLine(err))
		return
	}
	for _, w := range all {
		switch {
		case w.Trouble == ledger.TroubleRewound || w.Trouble == ledger.TroubleForked:
			d.damage("witnesses", "do not go on with it: keep a copy of the folder, and put the right database back or restore the newest backup",
				"The ledger went back: %s has seen more of it than there is, or other, since %s.", w.Name, w.Since.Format(time.DateTime))
		case w.Trouble != "" && d.now.Sub(w.Since) > unsigned:
			d.note("witnesses", "see whether "+w.URL+" is right, and knows this log's key: hearkeep ledger keys", "%s has not cosigned since %s: %s.", w.Name, w.Since.Format(time.DateTime), w.Trouble)
		case w.Under.Size > 0:
			d.ok("witnesses", "%s has cosigned %d of %d entries, at %s.", w.Name, w.Under.Size, size, w.At.Format(time.DateTime))
		}
	}
}
