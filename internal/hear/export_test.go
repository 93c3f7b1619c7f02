package hear

import (
	"context"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/sound"
)

// RecogniseOnly runs one stage on a file, and returns how it ended.
func (e *Ear) RecogniseOnly(ctx context.Context, data []byte) (time.Duration, string) {
	t := &turn{ear: e, id: hearkeep.NewID[hearkeep.RecordingID]()}
	t.clip, _, _ = sound.Decode(data, sound.Limits{})
	t.recognise(ctx)
	return t.turn.Stages[0].Took, t.turn.Stages[0].Note
}

// Logging is the same Ear with another log.
func (e *Ear) Logging(w io.Writer) *Ear {
	return New(Config{Engine: e.engine, Voice: e.voice, Sentences: e.sentences, Act: e.act, Store: e.store, Log: slog.New(slog.NewTextHandler(w, nil))})
}

// MayConnect is a listener's rule for who may connect.
func MayConnect(list []netip.Prefix, from net.Addr) bool { return allowed{list: list}.may(from) }

// Hears replaces the engine, and voice activity by the energy of the sound: a
// hundred networks at once are slow under the race detector.
func (e *Ear) Hears(with Engine) { e.engine, e.voice = with, nil }

// ShutAll closes every listener, as the program's end does.
func (d *Doors) ShutAll() {
	d.mu.Lock()
	ids := slices.Collect(maps.Keys(d.open))
	d.mu.Unlock()
	for _, id := range ids {
		d.shut(id)
	}
}
