package portal

import (
	"context"
	"encoding/hex"
	"fmt"
	"hash/fnv"
	"net/http"
	"strings"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/vault"
)

// pageRows is how many recordings a page of the history shows.
const pageRows = 25

// homePage is the keep: what waits, the ways in, and the history.
type homePage struct {
	frame
	Seen     string // what the page shows, for polling
	Timers   []timerView
	Terminal terminalView
	Talk     talkView
	Days     []day
	First    bool   // the newest page of the history
	Older    string // cursor of the next page; empty on the last
	MaxSize  string
	Announce string // said to screen readers when polling found something
	Holds    string // who opens the vault, where it is not personal
	From     string // the vault out of which a recording was just moved here
	Awaits   []awaitView
}

// Empty reports that nothing at all is kept.
func (h *homePage) Empty() bool { return h.First && len(h.Days) == 0 }

func (p *portal) home(w http.ResponseWriter, r *http.Request, v *visit) error {
	page, err := p.homePage(r.Context(), v, r.URL.Query().Get("before"))
	if err != nil {
		return err
	}
	page.From = v.cameFrom(r.URL.Query())
	p.show(w, http.StatusOK, "home", page)
	return nil
}

func (p *portal) homePage(ctx context.Context, v *visit, before string) (*homePage, error) {
	page := &homePage{frame: p.frameOf(v, v.vaultName(), "home"), First: before == "", MaxSize: sizeText(maxSound)}
	page.Live = page.First
	if h := v.heldOpen(); h.Kind != vault.Personal {
		page.Holds = whoHolds(h)
	}
	var cursor vault.Cursor
	var err error
	if before != "" {
		if cursor, err = vault.ParseCursor(before); err != nil {
			return nil, errNowhere
		}
	}
	// What is seen is taken before the listing: what comes in between is
	// polled for once more instead of being missed.
	page.Timers = p.timers(ctx, v)
	page.Terminal = p.terminalView(v)
	if page.Talk, err = p.talkView(ctx, v); err != nil {
		return nil, err
	}
	if page.Awaits, err = p.awaits(ctx, v); err != nil {
		return nil, err
	}
	if page.Seen, err = p.seen(ctx, v, page.Timers); err != nil {
		return nil, err
	}
	items, next, more, err := v.room.List(ctx, cursor, pageRows)
	if err != nil {
		return nil, err
	}
	page.Days = p.days(items)
	if more {
		page.Older = next.String()
	}
	return page, nil
}

// seen names the state of the newest page without opening anything: it
// changes when a recording comes or goes, a timer changes, a code is used,
// keeping begins or ceases to fail, or another vault is opened.
func (p *portal) seen(ctx context.Context, v *visit, timers []timerView) (string, error) {
	newest, err := v.room.Latest(ctx)
	if err != nil {
		return "", err
	}
	h := fnv.New64a()
	for _, t := range timers {
		h.Write([]byte(t.ID + t.State + t.Name))
		if t.Due != nil {
			h.Write([]byte(t.Due.ISO))
		}
		h.Write([]byte{0})
	}
	h.Write([]byte{0})
	h.Write([]byte(p.terminalView(v).Pair))
	h.Write([]byte{0})
	h.Write([]byte(p.Keep.Status().Failing))
	awaits, err := p.Identity.Awaits(ctx, v.who)
	if err != nil {
		return "", err
	}
	vaults := fmt.Sprintf("%s-%d-%d", v.room.ID(), len(v.held), len(awaits))
	return newest.String() + "." + vaults + "." + hex.EncodeToString(h.Sum(nil)), nil
}

// seenVault is the part of seen that names the vault, with how many others the
// person holds and waits for.
func seenVault(seen string) string {
	_, rest, _ := strings.Cut(seen, ".")
	id, _, _ := strings.Cut(rest, ".")
	return id
}

// latest answers the home page's polling: nothing while nothing is new, so
// that watching writes no entry of an opening; else the pieces that changed.
func (p *portal) latest(w http.ResponseWriter, r *http.Request, v *visit) error {
	now, err := p.seen(r.Context(), v, p.timers(r.Context(), v))
	if err != nil {
		return err
	}
	before := r.URL.Query().Get("seen")
	if before == now {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	if seenVault(before) != seenVault(now) { // another is open or held now: this page is not about it
		w.Header().Set("HX-Refresh", "true")
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	page, err := p.homePage(r.Context(), v, "")
	if err != nil {
		return err
	}
	if len(page.Days) > 0 && (len(before) < 32 || before[:32] != now[:32]) {
		newest := page.Days[0].Rows[0]
		page.Announce = "New recording at " + newest.When.Time + ": " + newest.Heard + newest.Silent
	}
	p.show(w, http.StatusOK, "live", page)
	return nil
}

// cancel ends a timer or an alarm, ringing or not.
func (p *portal) cancel(w http.ResponseWriter, r *http.Request, v *visit) error {
	id, err := pathID[hearkeep.TimerID](r)
	if err != nil {
		return err
	}
	if err := p.Act.Cancel(r.Context(), v.room.ID(), id); err != nil {
		return err
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
	return nil
}

// keptPage says what is kept, how long, and through which doors it comes.
type keptPage struct {
	frame
	Recordings          string
	Size, Speech        string
	Oldest, Newest      *clock
	Audio, Words, Turns string
	Doors               []doorView
	Others              string // who else holds the vault; empty for nobody
	Frozen              []frozenView
}

func (p *portal) kept(w http.ResponseWriter, r *http.Request, v *visit) error {
	page := &keptPage{frame: p.frameOf(v, "What is kept", "kept")}
	totals, err := v.room.Totals(r.Context())
	if err != nil {
		return err
	}
	page.Recordings, page.Size = countText(totals.Recordings, "recording"), sizeText(totals.Bytes)
	page.Speech = lengthText(totals.Speech)
	if totals.Recordings > 0 {
		oldest, newest := p.clock(totals.Oldest), p.clock(totals.Newest)
		page.Oldest, page.Newest = &oldest, &newest
	}
	page.Others = strings.Join(v.heldOpen().With, ", ")
	keeping := v.room.Retention()
	page.Audio, page.Words, page.Turns = spanText(keeping.Audio), spanText(keeping.Words), spanText(keeping.Turn)
	bindings, err := v.room.Bindings(r.Context())
	if err != nil {
		return err
	}
	for _, b := range bindings {
		page.Doors = append(page.Doors, p.doorView(v, b))
	}
	if page.Frozen, err = p.frozen(r.Context(), v, v.room); err != nil {
		return err
	}
	p.show(w, http.StatusOK, "kept", page)
	return nil
}
