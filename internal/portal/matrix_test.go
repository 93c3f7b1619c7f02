package portal

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/identity"
)

// soaks reports whether the long form of a test runs: `make soak`.
func soaks() bool { return os.Getenv("HEARKEEP_SOAK") != "" }

// withoutDetector leaves the matrix to `make test`: under the race detector its
// twenty thousand calls take minutes, one after the other, and every handler
// is called at the same moment as others elsewhere.
func withoutDetector(t *testing.T) {
	t.Helper()
	if underRace {
		t.Skip("the matrix runs without the race detector: make test")
	}
}

// matrix calls the cells of a town and judges their answers.
type matrix struct {
	*town
	rng     *rand.Rand
	absent  map[string]answerTo // of a kind of answer: what is not there answers this
	calls   int
	counted map[outcome]int
	yes     map[string]int  // how often a row served somebody
	planned map[string]bool // every row of a copy that nothing was done to

	archives bool // some are prepared
}

func newMatrix(t *testing.T) *matrix {
	return &matrix{
		town: newTown(t), rng: rand.New(rand.NewPCG(4, 4)), absent: map[string]answerTo{}, counted: map[outcome]int{}, yes: map[string]int{},
	}
}

// some is a few of the cells, or all of them in the long form. What never was
// is always among them, first.
func (m *matrix) some(cells []cell, n int) []cell {
	slices.SortStableFunc(cells, func(a, b cell) int { return strings.Compare(a.label, b.label) })
	i := slices.IndexFunc(cells, func(c cell) bool { return c.absent && c.to == nil && c.odd == "" && c.label != "malformed" })
	if i > 0 {
		cells[0], cells[i] = cells[i], cells[0]
	}
	if soaks() || len(cells) <= n {
		return cells
	}
	rest := cells[min(1, len(cells)):]
	m.rng.Shuffle(len(rest), func(a, b int) { rest[a], rest[b] = rest[b], rest[a] })
	return cells[:n]
}

// odds are texts that are no ids.
func (m *matrix) odds() []string {
	all := []string{"x", strings.ToUpper(hearkeep.NewID[hearkeep.VaultID]().String()), hearkeep.NewID[hearkeep.VaultID]().String() + "0", "%00", "..%2Fkept", "%E2%80%AE"}
	if soaks() {
		return all
	}
	return all[m.rng.IntN(len(all)):][:1]
}

// accept is how a cell's answer is asked for.
func (m *matrix) accept(row route) string {
	if row.api != nil || row.forAgents() || m.rng.IntN(2) == 0 {
		return "application/json"
	}
	return "text/html"
}

func (c cell) String() string {
	return fmt.Sprintf("%s as %s, %s", pattern(c.row), c.caller.name, c.label)
}

// leaks reports a sentence of a vault that the caller does not hold, or of a
// time of it that they were not given.
func (m *matrix) leaks(c cell, got answerTo) bool {
	for name, id := range m.vaults {
		if _, ok := m.held(c.caller, id); !ok && strings.Contains(got.Body, m.says(id)) {
			m.t.Errorf("%v: what was said in %s is told", c, name)
			return true
		}
	}
	return false
}

// ask calls a cell and holds its answer against the table.
func (m *matrix) ask(c cell) answerTo {
	m.t.Helper()
	m.calls++
	accept := m.accept(c.row)
	got, want := m.call(c, accept), m.rule(c)
	m.counted[want]++
	is := outcomeOf(got)
	m.leaks(c, got)
	switch {
	case got.Status >= 500:
		m.t.Errorf("%v: answers %d %s", c, got.Status, titleOf(got))
	case want == answered:
		m.yes[pattern(c.row)]++
	case want == served:
		if is == served {
			m.yes[pattern(c.row)]++
		} else if !slices.Contains(mayTell(c), got.Status) {
			m.t.Errorf("%v: answers %d, want it %s: %s", c, got.Status, want, titleOf(got))
		}
	case is != want:
		m.t.Errorf("%v: %s (%d), want it %s", c, is, got.Status, want)
	case want == nowhere:
		of := accept
		if c.row.setUp != nil || c.row.invited != nil || c.row.leaving != nil || c.row.operating != nil || c.row.claimant != nil || c.row.reporter != nil || c.row.recipient != nil || strings.HasPrefix(c.row.pattern, "/v1/invitations/") {
			of += " of a link: " + string(c.row.on) + strings.Fields(c.row.pattern)[0]
		}
		m.same(c, of, got)
	default:
		m.same(c, fmt.Sprint(accept, pattern(c.row), c.caller.name, want), withoutNext(got))
	}
	return got
}

// titleOf is the sentence of a problem.
func titleOf(a answerTo) string {
	_, title, _ := strings.Cut(a.Body, "<title>")
	title, _, found := strings.Cut(title, "</title>")
	if !found {
		return a.Body
	}
	return title
}

// same holds an answer against the one that was given first, which is that of
// an object that never was.
func (m *matrix) same(c cell, of string, got answerTo) {
	m.t.Helper()
	want, ok := m.absent[of]
	if !ok {
		m.absent[of] = got
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		m.t.Errorf("%v: differs from what is not there (-not there +this):\n%s", c, diff)
	}
}

// mayTell lists what a row may tell a caller who may call it: what a request
// lacks, and what the state of things does not allow.
func mayTell(c cell) []int {
	also := 0
	switch p := c.row.pattern; {
	case strings.HasSuffix(p, "/hand-over"), strings.HasSuffix(p, "/take-over"): // for a guardian; for the child
		also = http.StatusForbidden
	case p == "/erase": // nothing is kept
		also = http.StatusNotFound
	case strings.HasSuffix(p, "/kit/check"): // no kit is waiting; and whoever tries often has to wait
		return []int{http.StatusNotFound, http.StatusUnprocessableEntity, http.StatusTooManyRequests}
	case strings.HasSuffix(p, "/invite"), strings.HasSuffix(p, "/invitations"): // guardians decide
		also = http.StatusForbidden
	case c.row.on == request: // of another kind, at another step; nothing is there to be sent yet
		return []int{http.StatusUnprocessableEntity, http.StatusConflict, http.StatusNotFound}
	case c.row.operator != nil: // no request of that id
		also = http.StatusNotFound
	case c.row.on == wayIn: // a passphrase has no name
		also = http.StatusNotFound
	case strings.Contains(p, "/holders/{id}"): // oneself; one's child, that is of age
		return []int{http.StatusUnprocessableEntity, http.StatusConflict, http.StatusNotFound, http.StatusForbidden}
	}
	return []int{http.StatusUnprocessableEntity, http.StatusConflict, also}
}

// TestMatrixRefuses calls every cell that the table refuses, as everybody, for
// everything. Each is refused as its row says; what is not theirs and what
// never was are the same bytes; nothing is told and no row changes.
func TestMatrixRefuses(t *testing.T) {
	withoutDetector(t)
	t.Parallel()
	m := newMatrix(t)
	m.archives = true
	m.prepare()
	before := m.rows()
	for _, row := range (&portal{}).routes() {
		for _, who := range m.callers() {
			cells := slices.DeleteFunc(m.cells(row, who, m.odds()), func(c cell) bool { o := m.rule(c); return o == served || o == answered })
			few := 3
			if who.who == nil && who.program.IsZero() { // nobody, for all that matters
				few = 2
			}
			for _, c := range m.some(cells, few) {
				m.ask(c)
			}
		}
		after := m.rows()
		if diff := changedRows(before, after); len(diff) > 0 {
			t.Errorf("%s: calls that were refused changed rows:\n%s", pattern(row), strings.Join(diff, "\n"))
			before = after
		}
		if m.ages() {
			before = m.rows()
		}
	}
	t.Logf("%d calls: %v", m.calls, m.counted)
}

// TestMatrixShows calls what only looks, as everybody who may.
func TestMatrixShows(t *testing.T) {
	withoutDetector(t)
	t.Parallel()
	m := newMatrix(t)
	m.archives = true
	m.prepare()
	for _, row := range (&portal{}).routes() {
		if row.method != "GET" {
			continue
		}
		for _, who := range m.callers() {
			cells := slices.DeleteFunc(m.cells(row, who, nil), func(c cell) bool { o := m.rule(c); return o != served && o != answered })
			for _, c := range m.some(cells, 3) {
				m.ask(c)
			}
		}
		m.ages()
	}
	t.Logf("%d calls: %v", m.calls, m.counted)
}

// stale reports whether the sessions of this town soon count as fresh no more.
func (m *matrix) stale() bool { return time.Since(m.built) >= identity.StepUpLife/2 }

// ages builds another town before the sessions of this one are stale.
func (m *matrix) ages() bool {
	if !m.stale() {
		return false
	}
	m.town, m.planned = newTown(m.t), nil
	if m.archives {
		m.prepare()
	}
	return true
}

// TestMatrixChanges calls what changes something, as those who may, each time
// on a copy of the town: until it was done once, or, in the long form, up to
// 150 cells of a row. It is done, or they are told why not; nobody else's own
// vault and account change by it, and the caller holds nothing that they did
// not hold.
func TestMatrixChanges(t *testing.T) {
	withoutDetector(t)
	t.Parallel()
	m := newMatrix(t)
	for _, row := range (&portal{}).routes() {
		if row.method == "GET" {
			continue
		}
		var cells []cell
		for _, who := range m.callers() {
			for _, c := range m.cells(row, who, nil) {
				if o := m.rule(c); o == served || o == answered {
					cells = append(cells, c)
				}
			}
		}
		m.rng.Shuffle(len(cells), func(a, b int) { cells[a], cells[b] = cells[b], cells[a] })
		slices.SortStableFunc(cells, func(a, b cell) int { return m.likely(b) - m.likely(a) })
		for tried, c := range cells {
			if !soaks() && (m.yes[pattern(row)] > 0 || tried >= 60 || tried > 1 && elsewhere(row) != "") {
				break
			}
			if tried >= 150 {
				break
			}
			m.change(c)
		}
		m.ages()
	}
	for _, row := range (&portal{}).routes() {
		if why := elsewhere(row); row.method != "GET" && (m.yes[pattern(row)] == 0) != (why != "") {
			t.Errorf("%s was done %d times; shown elsewhere: %q", pattern(row), m.yes[pattern(row)], why)
		}
	}
	t.Logf("%d calls on %d copies: %v", m.calls, m.copies, m.counted)
}

// likely is higher for what has most to change: in a shared vault. And for what
// few can do.
func (m *matrix) likely(c cell) int {
	if _, ok := m.held(c.caller, c.open); ok && m.isShared(c.open) {
		return 1
	}
	if strings.HasSuffix(c.row.pattern, "/code") && c.object.whose == "Sven's access" { // the one whose address is confirmed
		return 1
	}
	return 0
}

// elsewhere names the test that shows what no cell does: it takes a browser,
// or what stands on a kit.
func elsewhere(row route) string {
	if row.forAgents() {
		return "drp_test.go: the town has no directory of agents"
	}
	return map[string]string{
		"POST /account/passkeys":  "TestInChromium: it takes a browser",
		"POST /unlock/passkey":    "TestInChromium",
		"POST /v1/ways/kit/check": "TestAPIChangesWaysIn: the groups are on a kit",
	}[pattern(row)]
}

// change calls a cell, and makes a new copy of the town where it changed
// something.
func (m *matrix) change(c cell) {
	m.t.Helper()
	if m.planned == nil {
		m.planned = m.rows()
	}
	before := m.planned
	m.ask(c)
	after := m.rows()
	if diff := changedRows(m.bystanders(c.row, c.caller, before), m.bystanders(c.row, c.caller, after)); len(diff) > 0 {
		m.t.Errorf("%v: changed what is somebody else's:\n%s", c, strings.Join(diff, "\n"))
	}
	if len(changedRows(before, after)) == 0 {
		return
	}
	if c.caller.who != nil {
		m.holdsNoMore(c)
	}
	m.reset()
}

// holdsNoMore checks that a caller can still enter no vault but those that
// they held.
func (m *matrix) holdsNoMore(c cell) {
	m.t.Helper()
	who, err := m.desk.Authenticate(m.t.Context(), c.caller.who.fresh)
	if err != nil {
		return // the call ended this session
	}
	for name, id := range m.vaults {
		if _, ok := m.town.held(c.caller, id); ok {
			continue
		}
		if _, err := m.keep.Enter(m.t.Context(), who, id); hearkeep.CodeOf(err) != hearkeep.NotFound {
			m.t.Errorf("%v: they can enter %s: %v", c, name, err)
		}
	}
}
