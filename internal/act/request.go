package act

import (
	"context"
	"strings"

	"github.com/hearkeep/hearkeep"
)

// By voice a request is only started (V11): recognition is never sure, and
// whoever stands in the room can speak. Nothing is read out, handed over or
// erased by it. Its person signs in, and is told at their addresses.

func (d *Desk) askCopy(ctx context.Context, o Order) (Done, error) {
	return d.ask(ctx, o, hearkeep.RequestAccess, "asked for a copy",
		"I noted that you want a copy of all that is kept. Sign in to confirm it, and it is yours to fetch there.")
}

func (d *Desk) askErasure(ctx context.Context, o Order) (Done, error) {
	return d.ask(ctx, o, hearkeep.RequestErasure, "asked for an erasure",
		"I noted that you want what is kept to be deleted. Sign in to confirm it; nothing is deleted before. For the last thing alone, say: delete what I just said.")
}

func (d *Desk) askToStop(ctx context.Context, o Order) (Done, error) {
	return d.ask(ctx, o, hearkeep.RequestObjection, "asked to keep nothing",
		"I noted that nothing is to be kept of what you say. Sign in to confirm it.")
}

func (d *Desk) ask(ctx context.Context, o Order, kind hearkeep.RequestKind, did, answer string) (Done, error) {
	if d.Requester == nil {
		return declined("I cannot take requests from here.")
	}
	if err := d.Requester.Spoken(ctx, o.Vault, o.Binding, kind); err != nil {
		return Done{}, err
	}
	return done(did, "%s", answer)
}

// requestStatus counts, and never says what was asked.
func (d *Desk) requestStatus(ctx context.Context, o Order) (Done, error) {
	if d.Requester == nil {
		return declined("I cannot take requests from here.")
	}
	n, err := d.Requester.Waiting(ctx, o.Vault)
	switch {
	case err != nil:
		return Done{}, err
	case n == 0:
		return done("told of requests", "No request waits.")
	case n == 1:
		return done("told of requests", "There is a request that waits; sign in to see how it goes.")
	}
	return done("told of requests", "There are %s that wait; sign in to see how they go.", some(n, "request"))
}

// sayNumber tells by which number somebody without an account, who was heard
// here, names this door in a claim (V12). It opens nothing.
func (d *Desk) sayNumber(_ context.Context, o Order) (Done, error) {
	if d.DoorNumber == nil {
		return declined("I have no number.")
	}
	first, second, _ := strings.Cut(d.DoorNumber(o.Binding), "-")
	return done("told its number", "My number is %s, %s.", spelled(first, len(first)), spelled(second, len(second)))
}
