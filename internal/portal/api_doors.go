package portal

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/identity"
	"github.com/hearkeep/hearkeep/internal/vault"
)

// doorJSON is a door of a vault.
type doorJSON struct {
	ID      hearkeep.BindingID `json:"id"`
	Source  hearkeep.Source    `json:"source" doc:"Its kind: say (a terminal), upload, browser, wyoming, moved"`
	Name    string             `json:"name"`
	Keep    hearkeep.Keeping   `json:"keep" doc:"audio+words, words or nothing"`
	Quiet   string             `json:"quiet,omitempty" doc:"When nothing is kept, such as 22:00-07:00"`
	Paused  bool               `json:"paused"`
	Listen  string             `json:"listen,omitempty" doc:"Of a wyoming door: where it listens"`
	Allow   []string           `json:"allow,omitempty" doc:"Of a wyoming door: who may connect beside this machine"`
	Relay   string             `json:"relay,omitempty" doc:"Of a wyoming door: another engine to ask first"`
	Trouble string             `json:"trouble,omitempty" doc:"Why it does not listen though it should"`
	Created time.Time          `json:"created"`
	Ended   time.Time          `json:"ended,omitzero" doc:"When it was disconnected"`
}

type doorsJSON struct {
	Doors []doorJSON `json:"doors" doc:"Oldest first, those that were disconnected too"`
}

func (p *portal) doorJSON(b vault.Binding) doorJSON {
	d := doorJSON{
		ID: b.ID, Source: b.Source, Name: b.Door.Name, Keep: b.Rule.Keep, Paused: b.Rule.Paused,
		Listen: b.Door.Listen, Relay: b.Door.Relay, Created: b.Created.UTC(), Ended: utc(b.Ended),
	}
	if !b.Rule.Quiet.IsZero() {
		d.Quiet = b.Rule.Quiet.String()
	}
	for _, prefix := range b.Door.Allow {
		d.Allow = append(d.Allow, allowText(prefix))
	}
	if b.Ended.IsZero() && !b.Rule.Paused {
		d.Trouble = p.trouble()[b.ID]
	}
	return d
}

// allowText writes a single address without its length.
func allowText(prefix netip.Prefix) string {
	if prefix.IsSingleIP() {
		return prefix.Addr().String()
	}
	return prefix.String()
}

func (p *portal) apiDoors(ctx context.Context, c *call, _ none) (doorsJSON, error) {
	bindings, err := c.room.Bindings(ctx)
	out := doorsJSON{make([]doorJSON, 0, len(bindings))}
	for _, b := range bindings {
		out.Doors = append(out.Doors, p.doorJSON(b))
	}
	return out, err
}

// newDoorJSON is a door to add.
type newDoorJSON struct {
	Source hearkeep.Source  `json:"source" enum:"say,browser,wyoming"`
	Name   string           `json:"name" maxLength:"256"`
	Keep   hearkeep.Keeping `json:"keep" enum:"audio+words,words,nothing" doc:"Nothing is chosen for a person"`
	Quiet  string           `json:"quiet,omitempty" maxLength:"20" doc:"When nothing is kept, such as 22:00-07:00"`
	Listen string           `json:"listen,omitempty" maxLength:"300" doc:"Of a wyoming door, such as 127.0.0.1:10300"`
	Allow  []string         `json:"allow,omitempty" maxItems:"100" maxLength:"100"`
	Relay  string           `json:"relay,omitempty" maxLength:"300"`
}

// doorSettingsJSON is what a keyholder decides of a door.
type doorSettingsJSON struct {
	Name   *string           `json:"name,omitempty" maxLength:"256"`
	Keep   *hearkeep.Keeping `json:"keep,omitempty" enum:"audio+words,words,nothing"`
	Quiet  *string           `json:"quiet,omitempty" maxLength:"20" doc:"Such as 22:00-07:00; empty for none"`
	Listen *string           `json:"listen,omitempty" maxLength:"300"`
	Allow  []string          `json:"allow,omitempty" maxItems:"100" maxLength:"100"`
	Relay  *string           `json:"relay,omitempty" maxLength:"300"`
}

// on writes over a form what is given.
func (s doorSettingsJSON) on(f doorForm) doorForm {
	for _, given := range []struct {
		from *string
		to   *string
	}{{s.Name, &f.Name}, {s.Listen, &f.Listen}, {s.Relay, &f.Relay}} {
		if given.from != nil {
			*given.to = strings.TrimSpace(*given.from)
		}
	}
	if s.Keep != nil {
		f.Keep = *s.Keep
	}
	if s.Quiet != nil {
		f.From, f.To, _ = strings.Cut(*s.Quiet, "-")
	}
	if s.Allow != nil {
		f.Allow = strings.Join(s.Allow, "\n")
	}
	return f
}

func (p *portal) apiAddDoor(ctx context.Context, c *call, in newDoorJSON) (doorJSON, error) {
	ctx = context.WithoutCancel(ctx)
	form := doorForm{Name: in.Name, Listen: in.Listen, Allow: strings.Join(in.Allow, "\n"), Relay: in.Relay, Keep: in.Keep}
	form.From, form.To, _ = strings.Cut(in.Quiet, "-")
	id, err := p.bind(ctx, c.visit(), in.Source, form)
	if err != nil {
		return doorJSON{}, err
	}
	if err := p.changed(ctx); err != nil {
		return doorJSON{}, err
	}
	b, err := openDoorOf(ctx, c.room, id)
	return p.doorJSON(b), err
}

// openDoorOf is a door of a vault that is not disconnected; else it is nowhere.
func openDoorOf(ctx context.Context, room *vault.Room, id hearkeep.BindingID) (vault.Binding, error) {
	bindings, err := room.Bindings(ctx)
	if err != nil {
		return vault.Binding{}, err
	}
	i := slices.IndexFunc(bindings, func(b vault.Binding) bool { return b.ID == id && b.Ended.IsZero() })
	if i < 0 {
		return vault.Binding{}, errNowhere
	}
	return bindings[i], nil
}

func (p *portal) apiDoor(_ context.Context, c *call, _ none) (doorJSON, error) {
	b, err := doorOf(c.r, c.visit())
	if err != nil {
		return doorJSON{}, err
	}
	return p.doorJSON(b), nil
}

// apiChangeDoor changes what is given and leaves the rest.
func (p *portal) apiChangeDoor(ctx context.Context, c *call, in doorSettingsJSON) (doorJSON, error) {
	b, err := doorOf(c.r, c.visit())
	if err != nil {
		return doorJSON{}, err
	}
	ctx = context.WithoutCancel(ctx)
	now := p.doorJSON(b)
	form := doorForm{Name: now.Name, Listen: now.Listen, Allow: strings.Join(now.Allow, "\n"), Relay: now.Relay, Keep: now.Keep}
	form.From, form.To, _ = strings.Cut(now.Quiet, "-")
	door, rule, err := in.on(form).read(b.Source)
	if err != nil {
		return doorJSON{}, err
	}
	rule.Paused = b.Rule.Paused
	if err := c.room.Change(ctx, b.ID, door, rule); err != nil {
		return doorJSON{}, err
	}
	if err := p.changed(ctx); err != nil {
		return doorJSON{}, err
	}
	b, err = openDoorOf(ctx, c.room, b.ID)
	return p.doorJSON(b), err
}

// pauseJSON turns doors.
type pauseJSON struct {
	Paused bool                 `json:"paused" doc:"Whether they hear nothing"`
	Doors  []hearkeep.BindingID `json:"doors,omitempty" maxItems:"100" doc:"Which; all of them where none is named"`
}

func (p *portal) apiPause(ctx context.Context, c *call, in pauseJSON) (doorsJSON, error) {
	bindings, err := c.room.Bindings(ctx)
	if err != nil {
		return doorsJSON{}, err
	}
	for _, id := range in.Doors {
		if _, err := openDoorOf(ctx, c.room, id); err != nil {
			return doorsJSON{}, err
		}
	}
	if len(in.Doors) > 0 {
		bindings = slices.DeleteFunc(bindings, func(b vault.Binding) bool { return !slices.Contains(in.Doors, b.ID) })
	}
	turnErr := turn(ctx, c.visit(), in.Paused, bindings...)
	if err := p.changed(ctx); err != nil { // doors that did turn are followed even where another did not
		return doorsJSON{}, err
	}
	if turnErr != nil {
		return doorsJSON{}, turnErr
	}
	return p.apiDoors(ctx, c, none{})
}

func (p *portal) apiDisconnect(ctx context.Context, c *call, _ none) (none, error) {
	b, err := doorOf(c.r, c.visit())
	if err != nil {
		return none{}, err
	}
	ctx = context.WithoutCancel(ctx)
	if err := c.room.Unbind(ctx, b.ID); err != nil {
		return none{}, err
	}
	p.codes.unbound(b.ID)
	return none{}, p.changed(ctx)
}

type toJSON struct {
	To hearkeep.VaultID `json:"to" doc:"Another vault that you hold"`
}

// apiMoveDoor ties a door to another vault, where it is another door.
func (p *portal) apiMoveDoor(ctx context.Context, c *call, in toJSON) (doorJSON, error) {
	b, err := doorOf(c.r, c.visit())
	if err != nil {
		return doorJSON{}, err
	}
	ctx = context.WithoutCancel(ctx)
	to, err := p.Keep.Enter(ctx, c.who, in.To)
	if err != nil {
		return doorJSON{}, err
	}
	if b.Source == hearkeep.SourceBrowser { // one at most in a vault, as bind has it
		if _, open, _, err := browserDoor(ctx, &visit{who: c.who, room: to}); err != nil {
			return doorJSON{}, err
		} else if open && to.ID() != c.room.ID() {
			return doorJSON{}, hearkeep.Errorf(hearkeep.Conflict, "The browser is a door of that vault already.")
		}
	}
	id, err := vault.MoveDoor(ctx, c.room, to, b.ID)
	if err != nil {
		return doorJSON{}, err
	}
	p.codes.unbound(b.ID)
	if err := p.changed(ctx); err != nil {
		return doorJSON{}, err
	}
	moved, err := openDoorOf(ctx, to, id)
	return p.doorJSON(moved), err
}

type pairingJSON struct {
	Code    string    `json:"code" doc:"Works once, with hearkeep pair"`
	URL     string    `json:"url" doc:"Where the keep is"`
	Expires time.Time `json:"expires"`
}

// apiPair makes a code that ties a terminal to a door. The token that the
// door had before is void once it is used.
func (p *portal) apiPair(ctx context.Context, c *call, _ none) (pairingJSON, error) {
	b, err := doorOf(c.r, c.visit())
	if err != nil {
		return pairingJSON{}, err
	}
	if b.Source != hearkeep.SourceSay {
		return pairingJSON{}, hearkeep.Errorf(hearkeep.Invalid, "Only a terminal's door is paired.")
	}
	code, err := p.Identity.PairingCode(ctx, c.who, b.ID)
	return pairingJSON{code, p.origin.String(), p.Now().Add(identity.PairingLife).UTC()}, err
}
