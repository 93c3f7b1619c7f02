package incident

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/hearkeep/hearkeep/internal/store"
)

// Kinds of notes that Follow keeps.
const (
	noteLog     = "log"     // by which leaves the log is known again
	noteSession = "session" // under account and name: who was let in, and until when
	noteVolume  = "volume"  // under day, purpose and account or vault: what was opened
	noteFailed  = "failed"  // under a vault: when its openings failed
)

// noteKey names one note.
type noteKey struct{ kind, key string }

// recalled is a note as it is within one transaction.
type recalled struct {
	value   any // a pointer, to its kind's type
	until   time.Time
	changed bool
}

// recall returns a note, of its zero value where nothing is remembered. Who
// changes it calls remember.
func recall[T any](ctx context.Context, f *follow, key noteKey) (*T, error) {
	if n := f.notes[key]; n != nil {
		return n.value.(*T), nil
	}
	v := new(T)
	if err := f.load(ctx, key.kind, []byte(key.key), v); err != nil {
		return nil, err
	}
	f.notes[key] = &recalled{value: v}
	return v, nil
}

// remember has the end of the transaction write a note that was recalled.
func (f *follow) remember(key noteKey, until time.Time) {
	n := f.notes[key]
	n.until, n.changed = until, true
}

func (f *follow) load(ctx context.Context, kind string, key []byte, v any) error {
	if key == nil {
		key = []byte{}
	}
	row, err := f.tx.Watch.Note(ctx, kind, key)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := json.Unmarshal(row.Value, v); err != nil {
		return fmt.Errorf("a note of kind %s: %w", kind, err)
	}
	return nil
}

func (f *follow) save(ctx context.Context, kind string, key []byte, v any, until time.Time) error {
	value, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if key == nil {
		key = []byte{}
	}
	return f.tx.Watch.PutNote(ctx, store.WatchNote{Kind: kind, Key: key, Value: value, Until: until})
}
