package rights

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/store"
)

// askedBy notes, in tx, that an agent asked in the name of an account: its
// person is told, by name of the agent, and has to sign in and confirm it. It
// returns the zero id where nothing came of it: of that kind one is open
// already, or an agent asked for it within a day. What has come of it before is
// the person's own matter, and none of that agent's.
func (d *Desk) askedBy(ctx context.Context, tx *store.Tx, account hearkeep.AccountID, kind hearkeep.RequestKind, agent string) (none hearkeep.RequestID, err error) {
	row := d.newRequest(account, kind, hearkeep.ViaAgent, hearkeep.BindingID{})
	before, err := d.openOf(ctx, tx, row)
	if before != nil || hearkeep.CodeOf(err) == hearkeep.TooMany {
		return none, nil
	}
	if err != nil {
		return none, err
	}
	rows, err := tx.Rights.Requests(ctx, account, maxListed)
	if err != nil || slices.ContainsFunc(rows, func(r store.Request) bool {
		return r.Via == hearkeep.ViaAgent && r.Kind == kind && row.Received.Sub(r.Received) < 24*time.Hour
	}) {
		return none, err
	}
	if err := move(&row, stepAsked, row.Received); err != nil {
		return none, err
	}
	if err := tx.Rights.InsertRequest(ctx, row); err != nil {
		return none, err
	}
	if _, err := d.Ledger.Append(ctx, tx, hearkeepItself().entry(row, stepAsked)); err != nil {
		return none, err
	}
	return row.ID, d.Letters.Tell(ctx, tx, account, d.letterAgent(ctx, tx, row, agent))
}

// letterAgent tells that an agent asked. The agent's name is the directory's,
// and nothing that the agent wrote stands in it.
func (d *Desk) letterAgent(ctx context.Context, tx *store.Tx, row store.Request, agent string) hearkeep.Letter {
	return hearkeep.Letter{
		Topic: "agent asked", Subject: agent + " asks in your name",
		Text: fmt.Sprintf("An agent that acts for people, %s, asked %s, in the name of the account %s.\n"+
			"If you want that, sign in and confirm it by %s. What comes of it goes to your account, never to the agent; %s is told that you confirmed it, and when it is answered.\n"+
			"If you do not, do nothing: nothing is handed over or erased, and the agent is not told that you have an account.",
			agent, called(row.Kind), nameOf(ctx, tx, row.Account), d.day(row.Due), agent),
	}
}
