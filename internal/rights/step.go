package rights

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/identity"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/store"
)

// step is something that happens to a request. Each is an entry in the ledger
// and a letter to every channel of its account, in one transaction with the
// row that it changes.
type step string

// Steps. They stand in the ledger as the purpose of an entry.
const (
	stepAsked     step = "asked"     // at a door, or by an agent: to be confirmed
	stepReceived  step = "received"  // from its person
	stepConfirmed step = "confirmed" // what was asked is its person's own
	stepReady     step = "ready"     // an open archive was prepared
	stepOffered   step = "code sent" // for the sealed archive
	stepDisclosed step = "disclosed" // the first byte of an archive is about to leave
	stepStopped   step = "stopped"   // an archive did not add up
	stepExtended  step = "extended"
	stepReminded  step = "reminded"
	stepAnswered  step = "answered"
	stepWithdrawn step = "withdrawn"
	stepLapsed    step = "lapsed"
)

// state shortens what follows.
type state = hearkeep.RequestState

// moves says what may follow what: for each step, from which state to which.
// "" is a request that is not there yet.
func moves() map[step]map[state]state {
	const (
		none      = state("")
		asked     = hearkeep.RequestAsked
		open      = hearkeep.RequestOpen
		ready     = hearkeep.RequestReady
		stopped   = hearkeep.RequestStopped
		answered  = hearkeep.RequestAnswered
		withdrawn = hearkeep.RequestWithdrawn
		lapsed    = hearkeep.RequestLapsed
	)
	return map[step]map[state]state{
		stepAsked:     {none: asked},
		stepReceived:  {none: open},
		stepConfirmed: {asked: open},
		stepReady:     {open: ready, ready: ready, stopped: ready},
		stepOffered:   {open: ready, ready: ready, stopped: ready},
		// What was fetched whole may be fetched again while its session, or
		// its ticket, lasts.
		stepDisclosed: {open: ready, ready: ready, stopped: ready, answered: answered},
		stepStopped:   {open: stopped, ready: stopped, stopped: stopped, answered: answered},
		stepExtended:  {asked: asked, open: open, ready: ready, stopped: stopped},
		stepReminded:  {asked: asked, open: open, ready: ready, stopped: stopped},
		stepAnswered:  {open: answered, ready: answered, stopped: answered},
		stepWithdrawn: {asked: withdrawn, open: withdrawn, ready: withdrawn, stopped: withdrawn},
		stepLapsed:    {asked: lapsed, open: lapsed},
	}
}

// actor is by whom a step is taken, as the ledger records it.
type actor struct {
	role    hearkeep.Role
	session string
}

func person(who identity.Verified) actor { return actor{hearkeep.RoleKeyholder, who.Session()} }

func hearkeepItself() actor { return actor{role: hearkeep.RoleSystem} }

// kindOf is under which kind a step stands in the ledger.
func (s step) kind() ledger.Kind {
	switch s {
	case stepDisclosed:
		return ledger.KindDisclosed
	case stepStopped:
		return ledger.KindStopped
	}
	return ledger.KindRequest
}

// entry is a step of a request in the ledger.
func (a actor) entry(row store.Request, s step) ledger.Entry {
	e := ledger.Entry{
		Kind: s.kind(), Account: &row.Account, Role: a.role, Session: a.session,
		Purpose: string(row.Kind) + " " + string(s), Request: &row.ID,
	}
	if !row.Binding.IsZero() {
		e.Binding = &row.Binding
	}
	return e
}

// move changes the state of a request in memory, or fails with Conflict.
func move(row *store.Request, s step, now time.Time) error {
	to, ok := moves()[s][row.State]
	if !ok {
		return errState(row.State)
	}
	if row.State = to; to.Ended() && row.Ended.IsZero() {
		row.Ended = now
	}
	return nil
}

// take takes a step of a request that is stored: the row, the ledger and the
// letters, in tx. Entries stand in the place of the step's own, where they say
// more.
func (d *Desk) take(ctx context.Context, tx *store.Tx, row *store.Request, s step, by actor, entries ...ledger.Entry) error {
	if err := move(row, s, now()); err != nil {
		return err
	}
	if err := tx.Rights.SetRequest(ctx, *row); err != nil {
		return err
	}
	return d.tell(ctx, tx, *row, s, by, entries...)
}

// tell writes a step into the ledger, and queues its letter.
func (d *Desk) tell(ctx context.Context, tx *store.Tx, row store.Request, s step, by actor, entries ...ledger.Entry) error {
	if len(entries) == 0 {
		entries = []ledger.Entry{by.entry(row, s)}
	}
	if _, err := d.Ledger.Append(ctx, tx, entries...); err != nil {
		return err
	}
	return d.Letters.Tell(ctx, tx, row.Account, d.letter(ctx, tx, row, s))
}

// now is the time as it is stored.
func now() time.Time { return time.Now().UTC().Truncate(tick) }

// standing fails with Unauthorized where the session of who has ended, also
// where that happened after it was let in.
func standing(ctx context.Context, tx *store.Tx, who identity.Verified) error {
	if !who.Valid() {
		return errNobody()
	}
	rows, err := tx.Identity.Sessions(ctx, who.Account())
	if err != nil {
		return err
	}
	for _, s := range rows {
		if sessionName(s) == who.Session() && time.Now().Before(s.Expires) {
			return nil
		}
	}
	return errNobody()
}

// sessionName is how the ledger, and Verified.Session, call a session.
func sessionName(s store.Session) string { return hex.EncodeToString(s.IDHash[:8]) }

func errNobody() error { return hearkeep.Errorf(hearkeep.Unauthorized, "Please sign in.") }

// errNothing answers what is not there and what is somebody else's.
func errNothing(err error) error {
	return hearkeep.Errorf(hearkeep.NotFound, "There is nothing here.").
		WithHint("Your requests are listed under your rights.").Because(err)
}

// errState says why a step cannot follow.
func errState(s state) error {
	e := hearkeep.Errorf(hearkeep.Conflict, "This request is answered.").WithHint("Ask again: there is no limit to it that you would meet.")
	switch s {
	case hearkeep.RequestAsked:
		e = hearkeep.Errorf(hearkeep.Conflict, "This request is not confirmed yet.").WithHint("Confirm that it is yours first.")
	case hearkeep.RequestWithdrawn:
		e = hearkeep.Errorf(hearkeep.Conflict, "This request was withdrawn.").WithHint("Ask again.")
	case hearkeep.RequestLapsed:
		e = hearkeep.Errorf(hearkeep.Conflict, "This request has lapsed.").WithHint("Ask again.")
	case hearkeep.RequestOpen, hearkeep.RequestReady, hearkeep.RequestStopped:
		e = hearkeep.Errorf(hearkeep.Conflict, "This request is not at that step.").WithHint("See where it stands among your requests.")
	}
	return e
}

// wrapped adds what was done, and to which request, for the operator.
func wrapped(err error, what string, id fmt.Stringer) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, store.ErrNotFound) && hearkeep.CodeOf(err) == hearkeep.Internal {
		err = errNothing(err)
	}
	return fmt.Errorf("rights: %s %s: %w", what, id, err)
}
