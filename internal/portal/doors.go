package portal

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/vault"
)

// Listeners opens and closes what listens for the doors of all keeps.
type Listeners interface {
	// Refresh makes the open listeners those that are bound now. The context
	// bounds the call, not the listeners' life. A listener that cannot be
	// opened is no error: Status tells.
	Refresh(ctx context.Context) error
	// Status holds a sentence for each bound listener that is not open.
	Status() map[hearkeep.BindingID]string
}

// doorView is a binding as its keyholder sees it.
type doorView struct {
	ID        string
	Label     string
	Kind      string // "A terminal: hearkeep say"
	Rule      string // "Sound and words"
	Since     clock
	Ended     *clock
	State     doorState
	How       string // what it hears, or why not: "Hears the files that you give."
	Connect   *connectView
	Terminal  *terminalView // the line to paste, while it waits for that
	Permanent bool          // it can be paused and not disconnected
}

// doorState is what a door does at this moment.
type doorState string

const (
	doorListens doorState = "listening"
	doorPaused  doorState = "paused"
	doorShut    doorState = "shut" // it should listen and cannot
	doorEnded   doorState = "ended"
)

// Text is the state for people.
func (s doorState) Text() string {
	switch s {
	case doorListens:
		return "Listening"
	case doorPaused:
		return "Paused"
	case doorShut:
		return "Not listening"
	}
	return "Disconnected"
}

// connectView is what somebody types into Home Assistant.
type connectView struct{ Host, Port string }

func (p *portal) doorView(v *visit, b vault.Binding) doorView {
	d := doorView{
		ID: b.ID.String(), Label: b.Door.Name, Kind: sourceKind(b.Source), Rule: ruleText(b.Rule),
		Since: p.clock(b.Created), State: doorListens, How: sourceHow(b), Permanent: b.Source == hearkeep.SourceUpload,
	}
	switch {
	case !b.Ended.IsZero():
		ended := p.clock(b.Ended)
		d.Ended, d.State, d.How = &ended, doorEnded, ""
		return d
	case b.Rule.Paused:
		d.State, d.How = doorPaused, "Nothing is heard here until you let it listen again."
	case b.Rule.Keep != hearkeep.KeepNothing && b.Rule.Quiet.Contain(p.Now().In(p.Zone)):
		d.How += " These are its quiet hours: nothing is kept."
	}
	if b.Source == hearkeep.SourceWyoming {
		d.Connect = connection(b.Door.Listen)
		if why := p.trouble()[b.ID]; why != "" && !b.Rule.Paused {
			d.State, d.How = doorShut, why
		}
	}
	if s, ok := p.shownCode(v); ok && s.binding == b.ID {
		t := p.terminalView(v)
		d.Terminal = &t
	}
	return d
}

// trouble is why listeners are not open; nothing where there are none.
func (p *portal) trouble() map[hearkeep.BindingID]string {
	if p.Doors == nil {
		return nil
	}
	return p.Doors.Status()
}

// connection is where a listener is reached from elsewhere.
func connection(listen string) *connectView {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return nil
	}
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		host = "this computer’s address in your network"
	}
	return &connectView{host, port}
}

func sourceKind(s hearkeep.Source) string {
	switch s {
	case hearkeep.SourceSay:
		return "A terminal: hearkeep say"
	case hearkeep.SourceUpload:
		return "Files given on this page"
	case hearkeep.SourceBrowser:
		return "Push to talk in the browser"
	case hearkeep.SourceWyoming:
		return "A Wyoming listener, for Home Assistant"
	case hearkeep.SourceMoved:
		return "Recordings moved here from your other vaults"
	}
	return string(s)
}

func sourceHow(b vault.Binding) string {
	switch b.Source {
	case hearkeep.SourceSay:
		return "Hears what its terminal sends."
	case hearkeep.SourceUpload:
		return "Hears the files that you give."
	case hearkeep.SourceBrowser:
		return "Hears from your press of the button to the next, or while you hold it."
	case hearkeep.SourceWyoming:
		how := "Listens at " + b.Door.Listen
		if n := len(b.Door.Allow); n > 0 {
			how += ", for this computer and " + countText(n, "range") + " of addresses"
		}
		if b.Door.Relay != "" {
			how += "; " + b.Door.Relay + " is asked first"
		}
		return how + "."
	case hearkeep.SourceMoved:
		return "Takes what you move here, and hears nothing by itself."
	}
	return ""
}

func ruleText(r hearkeep.RoomRule) string {
	text := map[hearkeep.Keeping]string{
		hearkeep.KeepAll: "Sound and words", hearkeep.KeepWords: "Words only", hearkeep.KeepNothing: "Nothing",
	}[r.Keep]
	if !r.Quiet.IsZero() && r.Keep != hearkeep.KeepNothing {
		from, to, _ := strings.Cut(r.Quiet.String(), "-")
		text += ", and nothing from " + from + " to " + to
	}
	return text
}

// doorsPage lists the doors of a keep, and what can be added.
type doorsPage struct {
	frame
	Doors     []doorView
	Ended     []doorView
	Listening int        // doors that listen
	Active    int        // doors that are not paused: they listen, or should
	Browser   bool       // the browser is one of the doors
	Moved     *movedView // the door that was just moved away
}

// Summary says at the top what listens.
func (pg *doorsPage) Summary() string {
	switch n := len(pg.Doors); {
	case pg.Listening == 0 && pg.Vault != "":
		return "Nothing is listening for this vault. Doors of your other vaults may be."
	case pg.Listening == 0:
		return "Nothing is listening."
	case pg.Listening == n && n == 1:
		return "The one door is listening."
	case pg.Listening == n:
		return fmt.Sprintf("All %d doors are listening.", n)
	case pg.Listening == 1:
		return fmt.Sprintf("1 of %d doors is listening.", n)
	default:
		return fmt.Sprintf("%d of %d doors are listening.", pg.Listening, n)
	}
}

func (p *portal) doors(w http.ResponseWriter, r *http.Request, v *visit) error {
	page, err := p.doorsPage(r.Context(), v)
	if err != nil {
		return err
	}
	page.Moved = v.moved(page.Ended, r.URL.Query())
	p.show(w, http.StatusOK, "doors", page)
	return nil
}

func (p *portal) doorsPage(ctx context.Context, v *visit) (*doorsPage, error) {
	page := &doorsPage{frame: p.frameOf(v, "Doors", "doors")}
	bindings, err := v.room.Bindings(ctx)
	if err != nil {
		return nil, err
	}
	for _, b := range bindings {
		d := p.doorView(v, b)
		if d.Ended != nil {
			page.Ended = append(page.Ended, d)
			continue
		}
		page.Doors = append(page.Doors, d)
		page.Browser = page.Browser || b.Source == hearkeep.SourceBrowser
		if d.State != doorPaused {
			page.Active++
		}
		if d.State == doorListens {
			page.Listening++
		}
	}
	slices.Reverse(page.Ended) // the newest end first
	return page, nil
}

// doorOf is the open door that a route names; what is missing, disconnected
// or somebody else's is nowhere.
func doorOf(r *http.Request, v *visit) (vault.Binding, error) {
	id, err := pathID[hearkeep.BindingID](r)
	if err != nil {
		return vault.Binding{}, err
	}
	bindings, err := v.room.Bindings(r.Context())
	if err != nil {
		return vault.Binding{}, err
	}
	for _, b := range bindings {
		if b.ID == id && b.Ended.IsZero() {
			return b, nil
		}
	}
	return vault.Binding{}, errNowhere
}

// changed lets the listeners follow what was just stored. A browser that goes
// away does not stop it half-way.
func (p *portal) changed(ctx context.Context) error {
	if p.Doors == nil {
		return nil
	}
	if err := p.Doors.Refresh(context.WithoutCancel(ctx)); err != nil {
		return hearkeep.Errorf(hearkeep.Unavailable, "The change is stored, but what listens did not follow it.").
			WithHint("Try again, or start Hearkeep anew: it then follows what is stored.").Because(err)
	}
	return nil
}

// pauseDoor and listenDoor turn one door; pauseAll and listenAll every door.
func (p *portal) pauseDoor(w http.ResponseWriter, r *http.Request, v *visit) error {
	return p.turnDoor(w, r, v, true)
}

func (p *portal) listenDoor(w http.ResponseWriter, r *http.Request, v *visit) error {
	return p.turnDoor(w, r, v, false)
}

func (p *portal) turnDoor(w http.ResponseWriter, r *http.Request, v *visit, pause bool) error {
	b, err := doorOf(r, v)
	if err != nil {
		return err
	}
	if err := turn(r.Context(), v, pause, b); err != nil {
		return err
	}
	if err := p.changed(r.Context()); err != nil {
		return err
	}
	http.Redirect(w, r, "/doors#d-"+b.ID.String(), http.StatusSeeOther)
	return nil
}

func (p *portal) pauseAll(w http.ResponseWriter, r *http.Request, v *visit) error {
	return p.turnAll(w, r, v, true)
}

func (p *portal) listenAll(w http.ResponseWriter, r *http.Request, v *visit) error {
	return p.turnAll(w, r, v, false)
}

func (p *portal) turnAll(w http.ResponseWriter, r *http.Request, v *visit, pause bool) error {
	v, err := p.named(w, r, v)
	if err != nil {
		return err
	}
	bindings, err := v.room.Bindings(r.Context())
	if err != nil {
		return err
	}
	// Doors that did turn are followed even where another did not.
	turnErr := turn(r.Context(), v, pause, bindings...)
	if err := p.changed(r.Context()); err != nil {
		return err
	}
	if turnErr != nil {
		return turnErr
	}
	http.Redirect(w, r, "/doors", http.StatusSeeOther)
	return nil
}

// turn pauses doors or lets them listen; those that do already stay as they
// are, and so does all else of a door.
func turn(ctx context.Context, v *visit, pause bool, bindings ...vault.Binding) error {
	ctx = context.WithoutCancel(ctx)
	var first error
	for _, b := range bindings {
		if !b.Ended.IsZero() || b.Rule.Paused == pause {
			continue
		}
		b.Rule.Paused = pause
		if err := v.room.Change(ctx, b.ID, b.Door, b.Rule); err != nil && first == nil {
			first = err
		}
	}
	return first
}

// Dot is the state that the summary's dot shows.
func (pg *doorsPage) Dot() doorState {
	if pg.Listening == 0 {
		return doorPaused
	}
	return doorListens
}
