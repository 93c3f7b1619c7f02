package portal

import (
	"context"
	"mime"
	"net/http"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/hear"
	"github.com/hearkeep/hearkeep/internal/vault"
)

// talkView is push to talk on the home page.
type talkView struct {
	Ready bool   // it may be pressed
	Into  string // the id of the vault that what is said goes into
	Door  string // the browser's door; empty before its first use
	Keeps string // what is kept of what is said: "Sound and words"
	Most  int    // seconds after which it stops by itself
}

// talkSeconds is the longest that the page listens at once: what is longer
// than speech.MaxUtterance is no command.
const talkSeconds = 30

func (p *portal) talkView(ctx context.Context, v *visit) (talkView, error) {
	b, open, before, err := browserDoor(ctx, v)
	if err != nil {
		return talkView{}, err
	}
	t := talkView{Ready: !before, Into: v.room.ID().String(), Most: talkSeconds, Keeps: ruleText(hearkeep.RoomRule{Keep: hearkeep.KeepAll})}
	if open {
		t.Ready, t.Door, t.Keeps = !b.Rule.Paused, b.ID.String(), ruleText(b.Rule)
	}
	return t, nil
}

// browserDoor finds the browser's open door; before tells that there was one
// and its person disconnected it.
func browserDoor(ctx context.Context, v *visit) (b vault.Binding, open, before bool, err error) {
	bindings, err := v.room.Bindings(ctx)
	for _, b := range bindings {
		if b.Source != hearkeep.SourceBrowser {
			continue
		}
		if b.Ended.IsZero() {
			return b, true, false, err
		}
		before = true
	}
	return vault.Binding{}, false, before, err
}

// talk hears what the page's microphone took, a WAV file, and streams what
// becomes of it as say does. The browser's door is made at its first use; one
// that was disconnected is not made again by pressing a button that an old
// page still shows. What is said goes into the vault that the page shows.
func (p *portal) talk(w http.ResponseWriter, r *http.Request, v *visit) error {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "audio/wav" {
		return hearkeep.Errorf(hearkeep.Invalid, "Send sound as audio/wav.").Because(err)
	}
	v, err := p.named(w, r, v)
	if err != nil {
		return err
	}
	release, err := p.holdUpload(w, r, v.room.ID())
	if err != nil {
		return err
	}
	defer release()
	data, err := wholeBody(r)
	if err != nil {
		return err
	}
	if _, _, before, err := browserDoor(r.Context(), v); err != nil {
		return err
	} else if before {
		return hearkeep.Errorf(hearkeep.Forbidden, "The browser is disconnected: nothing was heard.").
			WithHint("Add it again on the page of the doors.")
	}
	in, err := v.room.Browser(r.Context())
	if err != nil {
		return err
	}
	return p.stream(w, r, func(tell func(hear.Event)) error { return p.Ear.Hear(r.Context(), in, data, tell) })
}
