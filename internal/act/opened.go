package act

import (
	"context"
	"fmt"
	"time"

	"github.com/hearkeep/hearkeep"
)

// listenedFor is how far back "has anybody listened" looks.
const listenedFor = 30 * 24 * time.Hour

// whoListened says whether anybody else did, and nothing more: who, what and
// when are for the keep's page, since whoever stands in the room hears the
// answer (V11, V14).
func (d *Desk) whoListened(ctx context.Context, o Order) (Done, error) {
	if d.Listener == nil {
		return declined("I cannot tell that from here.")
	}
	since := o.At.Add(-listenedFor)
	yes, err := d.Listener.Listened(ctx, o.Vault, since)
	switch {
	case err != nil:
		return Done{}, err
	case yes:
		return done(didListened, "Yes, somebody did: see your keep.")
	}
	return done(didListened, "Nobody else did in the last thirty days.")
}

// didListened is the same for both answers: what was done stands in the
// recording, and is no second place to read them.
const didListened = "told whether anybody listened"

// notMine notes a report (C4). It is for whoever holds the vault to confirm:
// anybody can stand here and say so.
func (d *Desk) notMine(ctx context.Context, o Order) (Done, error) {
	if d.Reporter == nil {
		return declined("I cannot take reports from here.")
	}
	err := d.Reporter.NotMine(ctx, o.Vault, o.Binding)
	if err != nil && hearkeep.CodeOf(err) != hearkeep.TooMany { // those of today stand
		return Done{}, fmt.Errorf("report: %w", err)
	}
	return done("took a report", "Noted. Sign in to say which recording it is; nothing is deleted or read out before.")
}
