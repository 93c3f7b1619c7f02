package rights

import (
	"context"
	"slices"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/identity"
	"github.com/hearkeep/hearkeep/internal/store"
)

// RestrictRecording freezes one recording of a vault, as a restriction request
// that is answered by it. Where one is open already, the recording is frozen
// for that, which stays open.
func (d *Desk) RestrictRecording(ctx context.Context, who identity.Verified, id hearkeep.VaultID, recording hearkeep.RecordingID, via hearkeep.Via) (hearkeep.RestrictionID, error) {
	var none hearkeep.RestrictionID
	room, err := d.Keep.Enter(ctx, who, id)
	if err != nil {
		return none, wrapped(err, "restrict", recording)
	}
	before, err := d.Requests(ctx, who)
	if err != nil {
		return none, err
	}
	asked, err := d.Ask(ctx, who, hearkeep.RequestRestriction, via)
	if err != nil {
		return none, err
	}
	frozen, err := room.Restrict(ctx, asked.ID, recording)
	if err != nil {
		return none, wrapped(err, "restrict", recording)
	}
	if asked.State.Ended() || slices.ContainsFunc(before, func(r Request) bool { return r.ID == asked.ID }) {
		return frozen, nil
	}
	_, err = d.answered(ctx, who, asked.ID, "restrict for", func(row store.Request) *answer {
		a := d.answerTo(row, "restricted")
		a.add("restriction", frozen, "vault="+id.String(), "recording="+recording.String())
		a.say("One recording is frozen from now on: it is not handed over as an archive, does not expire, and is used for nothing else. Whoever holds its vault can still hear, read and erase it.")
		a.say("It stays so until you free it, on the page of the recording.")
		return a
	})
	return frozen, err
}
