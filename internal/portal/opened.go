package portal

import (
	"context"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/vault"
)

// openedRoutes: who opened what, and everything else that the ledger has about
// somebody.
func (p *portal) openedRoutes() []route {
	return []route{
		{method: "GET", pattern: "/opened", on: account, keyholder: p.whoOpened},
		{method: "GET", pattern: "/v1/opened", on: account, scope: scopePerson, api: answers("Every opening, hand-over, change of keys and the rest that the ledger has about you and your vaults, newest first. Looking is no opening.", p.apiOpened)},
	}
}

const (
	openedPage  = 50   // entries on a page
	openedMost  = 200  // of one answer of the API
	openedScan  = 5000 // entries that are looked at for one page, where a filter leaves few
	openedBatch = 250
	openedList  = 60 // recordings that are listed of one entry
)

// openedWanted is what somebody looks for.
type openedWanted struct {
	before    int64 // entries below this number
	limit     int
	group     openedGroup      // empty for all
	vault     hearkeep.VaultID // zero for all
	recording *vault.Numbered  // nil for all
}

// matches reports whether an entry is looked for. Of an entry whose body is
// gone nothing but its kind is known.
func (f openedWanted) matches(e ledger.Recorded) bool {
	if f.group != "" && groupOf(e.Kind) != f.group {
		return false
	}
	if !f.vault.IsZero() && (e.Vault == nil || *e.Vault != f.vault) {
		return false
	}
	return f.recording == nil || slices.ContainsFunc(e.Items, func(run hearkeep.Run) bool {
		return run.Binding == f.recording.Binding && run.From <= f.recording.Number && f.recording.Number <= run.To
	})
}

// entries reads the ledger back from a place until a page is full, the ledger
// ends, or enough was looked at. next is where to go on; 0 at the end.
func (p *portal) entries(ctx context.Context, v *visit, f openedWanted) (found []ledger.Recorded, next int64, err error) {
	of := make([]hearkeep.VaultID, len(v.held))
	for i, h := range v.held {
		of[i] = h.ID
	}
	next = f.before
	for scanned := 0; scanned < openedScan; {
		batch, err := p.Ledger.EntriesOf(ctx, v.who.Account(), of, next, openedBatch)
		if err != nil {
			return nil, 0, err
		}
		for _, e := range batch {
			if next = e.Seq; !f.matches(e) {
				continue
			}
			if found = append(found, e); len(found) == f.limit {
				return found, next, nil
			}
		}
		if scanned += len(batch); len(batch) < openedBatch {
			return found, 0, nil
		}
	}
	return found, next, nil
}

// openedPageView lists what the ledger has about its person.
type openedPageView struct {
	frame
	Rows      []openedRow
	Groups    []choice
	Group     string
	Vaults    []vaultView // to choose from; empty where there is one alone
	Of        string      // the vault that was chosen
	Recording *openedRecording
	Older     string // the address of the next page; empty at the end
	Newest    string // the address of the first page; empty on it
	Searched  bool   // nothing was found, and there is more to look at
}

// openedRow is an entry in plain words.
type openedRow struct {
	Seq     int64
	ISO     string // of the day, where it begins one
	When    clock
	Who     string
	Says    string
	Yours   bool
	Vault   string
	Door    string
	Mark    string // "bad" for what went wrong, "left" for what left; else empty
	Expired bool
	Links   []openedRecording
	Erased  string // "2 recordings are kept no more"
	More    string // "1,640 more are not listed"
}

// openedRecording is a recording that is still kept.
type openedRecording struct {
	ID   string
	Of   string // its vault, where another one is open
	When clock
	Door string
}

func (p *portal) whoOpened(w http.ResponseWriter, r *http.Request, v *visit) error {
	query := r.URL.Query()
	page := &openedPageView{frame: p.frameOf(v, "Who opened my recordings", "opened"), Groups: openedGroups()}
	f, err := p.openedWanted(r.Context(), v, query)
	if err != nil {
		return err
	}
	if page.Group = string(f.group); len(v.held) > 1 {
		page.Vaults = v.vaults()
	}
	if !f.vault.IsZero() {
		page.Of = f.vault.String()
	}
	found, next, err := p.entries(r.Context(), v, f)
	if err != nil {
		return err
	}
	known, err := p.acquaintances(r.Context(), v)
	if err != nil {
		return err
	}
	day := ""
	for _, e := range found {
		row, err := p.openedRow(r.Context(), known, e)
		if err != nil {
			return err
		}
		if row.When.Day != day {
			day, row.ISO = row.When.Day, e.At.In(p.Zone).Format("2006-01-02")
		}
		page.Rows = append(page.Rows, row)
	}
	if f.recording != nil {
		one := known.recording(p, v.room.ID(), *f.recording)
		page.Recording = &one
	}
	there := url.Values{}
	for _, name := range []string{"kind", "vault", "recording"} {
		if value := query.Get(name); value != "" {
			there.Set(name, value)
		}
	}
	if f.before != math.MaxInt64 {
		page.Newest = "/opened?" + there.Encode()
	}
	if next > 0 {
		there.Set("before", strconv.FormatInt(next, 10))
		page.Older, page.Searched = "/opened?"+there.Encode(), len(found) == 0
	}
	p.show(w, http.StatusOK, "opened", page)
	return nil
}

// openedWanted reads what an address looks for. A vault or a recording that
// is not the person's is nowhere.
func (p *portal) openedWanted(ctx context.Context, v *visit, query url.Values) (openedWanted, error) {
	f := openedWanted{before: math.MaxInt64, limit: openedPage, group: openedGroup(query.Get("kind"))}
	if f.group != "" && !slices.ContainsFunc(openedGroups(), func(c choice) bool { return c.Value == string(f.group) }) {
		return f, errNowhere
	}
	if text := query.Get("before"); text != "" {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 0 {
			return f, errNowhere
		}
		f.before = n
	}
	if text := query.Get("vault"); text != "" {
		id, err := hearkeep.ParseID[hearkeep.VaultID](text)
		if err != nil || !slices.ContainsFunc(v.held, func(h vault.Held) bool { return h.ID == id }) {
			return f, errNowhere
		}
		f.vault = id
	}
	if text := query.Get("recording"); text != "" {
		id, err := hearkeep.ParseID[hearkeep.RecordingID](text)
		if err != nil {
			return f, errNowhere
		}
		place, err := v.room.Place(ctx, id)
		if err != nil {
			return f, err
		}
		f.recording, f.vault = &place, v.room.ID()
	}
	return f, nil
}

// openedRow tells of one entry. What it links is looked up and not opened.
func (p *portal) openedRow(ctx context.Context, a *acquainted, e ledger.Recorded) (openedRow, error) {
	row := openedRow{Seq: e.Seq, When: p.clock(e.At), Expired: e.Expired}
	if e.Expired {
		row.Who, row.Says = "Somebody, or Hearkeep itself,", strings.TrimRight(saysAnyhow(e.Kind), ":,")+". More than a year ago: who it was and what it concerned is forgotten, and that it happened is not."
		return row, nil
	}
	row.Who, row.Says, row.Yours = a.sentence(e.Entry)
	switch e.Kind {
	case ledger.KindOpeningFailed, ledger.KindStopped, ledger.KindReported:
		row.Mark = "bad"
	case ledger.KindDisclosed:
		row.Mark = "left"
	}
	if e.Vault == nil {
		return row, nil
	}
	if row.Vault = a.vaultName(*e.Vault); e.Binding != nil {
		row.Door = a.door(*e.Vault, *e.Binding)
	}
	if room, ok := a.rooms[*e.Vault]; ok && len(e.Items) > 0 {
		found, err := room.Numbered(ctx, e.Items, openedList+1)
		if err != nil {
			return row, err
		}
		listed := min(len(found), openedList)
		for _, n := range found[:listed] {
			row.Links = append(row.Links, a.recording(p, *e.Vault, n))
		}
		switch rest := countOf(e.Items) - listed; {
		case rest <= 0:
		case len(found) > openedList:
			row.More = countText(rest, "more recording") + " not listed here"
		case rest == 1:
			row.Erased = "1 recording is kept no more"
		default:
			row.Erased = countText(rest, "recording") + " are kept no more"
		}
	}
	return row, nil
}

// countOf counts the numbers of runs. What is longer than any keep counts as
// the longest int.
func countOf(runs []hearkeep.Run) (n int) {
	for _, run := range runs {
		n += int(min(run.To-run.From+1, math.MaxInt32))
	}
	return n
}
