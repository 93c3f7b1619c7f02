package vault

import (
	"context"
	"time"

	"github.com/hearkeep/hearkeep"
)

// Event is what happened in a vault.
type Event struct {
	Kind       string // "kept", "erased", "opened"
	At         time.Time
	Count      int
	Recordings []hearkeep.RecordingID // at most 100 of them
	By         hearkeep.Role
	Purpose    string // of an opening: "listen", "browse"
}

// Watch tells of what happens in this vault, to what this Room may open, until
// ctx ends. A watcher that does not keep up misses events; missed counts them.
func (r *Room) Watch(ctx context.Context) (events <-chan Event, missed func() int, err error) {
	return nil, nil, errNotYet
}
