package rights

import (
	"context"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/identity"
	"github.com/hearkeep/hearkeep/internal/store"
	"github.com/hearkeep/hearkeep/internal/vault"
)

// answered ends one of who's requests with an answer.
func (d *Desk) answered(ctx context.Context, who identity.Verified, id hearkeep.RequestID, what string, say func(store.Request) *answer) (Request, error) {
	return d.change(ctx, who, id, what, func(tx *store.Tx, row *store.Request) (err error) {
		if row.Answer, err = d.sign(say(*row)); err != nil {
			return err
		}
		return d.take(ctx, tx, row, stepAnswered, person(who))
	})
}

// Restrict carries out a restriction request in the named vaults; Lift of the
// vault's Room frees them again. A vault that the request froze already, before
// a failure, is not frozen twice.
func (d *Desk) Restrict(ctx context.Context, who identity.Verified, id hearkeep.RequestID, vaults []hearkeep.VaultID) error {
	if _, err := d.mayAnswer(ctx, who, id, hearkeep.RequestRestriction); err != nil {
		return err
	}
	rooms, err := d.chosen(ctx, who, vaults)
	if err != nil {
		return wrapped(err, "restrict for", id)
	}
	frozen := map[hearkeep.VaultID]hearkeep.RestrictionID{}
	for _, room := range rooms {
		restriction, err := restrict(ctx, room, id)
		if err != nil {
			return wrapped(err, "restrict for", id)
		}
		frozen[room.ID()] = restriction
	}
	_, err = d.answered(ctx, who, id, "restrict for", func(row store.Request) *answer {
		a := d.answerTo(row, "restricted")
		for _, room := range rooms {
			a.add("restriction", frozen[room.ID()], "vault="+room.ID().String())
		}
		a.say("What %s keep is frozen from now on: it is not handed over as an archive, does not expire, and is used for nothing else. You and whoever else holds them can still hear, read and erase it.", some(len(rooms), "vault"))
		a.say("It stays so until you free it, on the page of the vault.")
		return a
	})
	return err
}

func restrict(ctx context.Context, room *vault.Room, id hearkeep.RequestID) (hearkeep.RestrictionID, error) {
	have, err := room.Restrictions(ctx)
	if err != nil {
		return hearkeep.RestrictionID{}, err
	}
	for _, r := range have {
		if r.Request == id && r.Recording.IsZero() {
			return r.ID, nil
		}
	}
	return room.Restrict(ctx, id, hearkeep.RecordingID{})
}

// Object carries out an objection: every door of the account's own vaults is
// set to keep nothing. Everything the assistant does works on.
func (d *Desk) Object(ctx context.Context, who identity.Verified, id hearkeep.RequestID) (doors int, err error) {
	if _, err := d.mayAnswer(ctx, who, id, hearkeep.RequestObjection); err != nil {
		return 0, err
	}
	held, err := d.Keep.Vaults(ctx, who)
	if err != nil {
		return 0, wrapped(err, "object for", id)
	}
	left := 0
	for _, h := range held {
		if h.Kind != vault.Personal || h.Holders != 1 {
			left++
			continue
		}
		room, err := d.Keep.Enter(ctx, who, h.ID)
		if err != nil {
			return doors, wrapped(err, "object for", id)
		}
		n, err := quieten(ctx, room)
		if doors += n; err != nil {
			return doors, wrapped(err, "object for", id)
		}
	}
	_, err = d.answered(ctx, who, id, "object for", func(row store.Request) *answer {
		a := d.answerTo(row, "objected")
		a.add("doors", doors)
		a.say("From now on nothing is kept of what is said at the doors of your own vault: %s changed. All that the assistant does works on.", some(doors, "door"))
		if left > 0 {
			a.say("You hold %s with others, or for a child. Nothing was changed there, since it is not yours alone: change the doors there yourself, or leave it.", some(left, "vault"))
		}
		a.say("What was kept before is still there. To have it erased, ask for that.")
		return a
	})
	return doors, err
}

// quieten sets every door of a vault that hears to keep nothing.
func quieten(ctx context.Context, room *vault.Room) (n int, err error) {
	doors, err := room.Bindings(ctx)
	if err != nil {
		return 0, err
	}
	for _, b := range doors {
		if !b.Ended.IsZero() || b.Rule.Keep == hearkeep.KeepNothing || b.Source == hearkeep.SourceMoved || b.Source == hearkeep.SourceImport {
			continue
		}
		b.Rule.Keep = hearkeep.KeepNothing
		if err := room.Change(ctx, b.ID, b.Door, b.Rule); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// Rectified ends a rectification request after its person has corrected what
// was wrong with Room.Correct.
func (d *Desk) Rectified(ctx context.Context, who identity.Verified, id hearkeep.RequestID) (Request, error) {
	if _, err := d.mayAnswer(ctx, who, id, hearkeep.RequestRectification); err != nil {
		return Request{}, err
	}
	return d.answered(ctx, who, id, "rectified", func(row store.Request) *answer {
		a := d.answerTo(row, "rectified")
		a.say("You corrected what was wrong yourself. Each correction stands in the ledger; the words before were destroyed with their key, and no copy of them is in service.")
		return a
	})
}
