package bring

import (
	"context"
	"encoding/csv"
	"io"
	"sync"

	"github.com/hearkeep/hearkeep/internal/archive"
)

// What is on its way at the same moment: while some recordings are decoded,
// others are written, and share a commit of the store. Of large ones there are
// fewer, since each is decoded whole.
const (
	AtOnce      = 24
	bytesAtOnce = 64 << 20 // of their files, as the archive claims; above MaxSound
)

// Keeper keeps one recording: true where it is new, false where the vault has
// it already. What is wrong with the recording itself is Invalid or TooLarge;
// any other failure ends the run. It is called concurrently.
type Keeper func(ctx context.Context, it Item, sound []byte) (bool, error)

// Progress is how far a run is.
type Progress struct {
	Done, Of int
	Kept     int
	Known    int // the vault had them already
	Refused  int // could not be read
}

// Run brings items, several at once, and calls tell after each, one call at a
// time. It returns when all are kept, at the first failure that is not about
// one recording alone, or when ctx ends; what was kept by then stays, and a
// run of the same items goes on from there. What could not be read is added
// to the archive's Unread.
func (a *Archive) Run(ctx context.Context, items []Item, keep Keeper, tell func(Progress)) (Progress, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	r := &run{Archive: a, keep: keep, tell: tell, at: Progress{Of: len(items)}, room: make(chan struct{}, bytesAtOnce/roomStep)}
	next := make(chan Item)
	var workers sync.WaitGroup
	for range min(AtOnce, len(items)) {
		workers.Go(func() {
			for it := range next {
				if err := r.one(ctx, it); err != nil {
					cancel(err)
				}
				for range r.needs(it) {
					<-r.room
				}
			}
		})
	}
	for _, it := range items {
		if !r.send(ctx, next, it) {
			break
		}
	}
	close(next)
	workers.Wait()
	if r.at.Done < r.at.Of {
		return r.at, context.Cause(ctx)
	}
	return r.at, nil
}

type run struct {
	*Archive
	keep Keeper
	tell func(Progress)
	room chan struct{} // holds one for each begun roomStep of the files on their way
	mu   sync.Mutex
	at   Progress
}

// roomStep is in bytes.
const roomStep = 1 << 20

// needs is how many steps of room an item takes. One that is too large is
// refused before it is read.
func (r *run) needs(it Item) int64 {
	if !it.HasSound() {
		return 1
	}
	return 1 + max(0, min(r.Source.Files()[it.File].Size, MaxSound))/roomStep
}

// send waits for room, and gives an item to whoever is free. It is false where
// ctx ended.
func (r *run) send(ctx context.Context, next chan<- Item, it Item) bool {
	for range r.needs(it) {
		select {
		case r.room <- struct{}{}:
		case <-ctx.Done():
			return false
		}
	}
	select {
	case next <- it:
		return true
	case <-ctx.Done():
		return false
	}
}

func (r *run) one(ctx context.Context, it Item) error {
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	data, err := r.Sound(it)
	isNew := false
	if err == nil {
		isNew, err = r.keep(ctx, it, data)
	}
	if err != nil && !refused(err) {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch r.at.Done++; {
	case err != nil:
		r.at.Refused++
		r.unread(r.NameOf(it), told(err, ""))
	case isNew:
		r.at.Kept++
	default:
		r.at.Known++
	}
	r.tell(r.at)
	return nil
}

// NameOf is the file that an item is in.
func (a *Archive) NameOf(it Item) string {
	switch files := a.Source.Files(); {
	case it.File >= 0:
		return files[it.File].Name
	case it.List >= 0:
		return files[it.List].Name
	}
	return ""
}

// Report writes what could not be read as a table: file, reason. Cells that a
// spreadsheet would take for a formula are marked as text.
func (a *Archive) Report(w io.Writer) error {
	table := csv.NewWriter(w)
	table.Write([]string{"file", "reason"})
	for _, u := range a.Unread {
		table.Write([]string{archive.Cell(u.File), archive.Cell(u.Reason)})
	}
	if a.More > 0 {
		table.Write([]string{"", counted(a.More, "more file")})
	}
	table.Flush()
	return table.Error()
}
