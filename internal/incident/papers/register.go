package papers

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/incident"
)

// Register is the register of Art. 33(5): every case with its facts, effects
// and what was done, also where nobody was notified.
func Register(cases []incident.Case, by incident.Controller, on Basis) Document {
	d := Document{Title: "Register of personal data breaches", Mark: "Register of " + on.Made.UTC().Format(time.DateOnly), Made: on.Made.UTC()}
	d.Lead = []string{"Under Article 33(5) of Regulation (EU) 2016/679: the facts of every case, its effects and what was done, also where the authority was not notified. Made on " + on.moment(on.Made) + "."}
	who := Section{Heading: "Who keeps it"}
	controller(&who, by)
	who.fact("Cases", fmt.Sprint(len(cases)))
	if on.Checkpoint != "" {
		who.fact("Checkpoint of the ledger", strings.TrimRight(on.Checkpoint, "\n"))
	}
	all := Section{Heading: "All cases", Head: []string{"Case", "Aware since", "People", "Recordings", "Severity", "Authority", "State"}}
	d.Sections = append(d.Sections, who)
	if len(cases) == 0 {
		all.Head, all.Text = nil, []string{"There was none."}
	}
	for _, c := range cases {
		l := lineOf(c)
		all.row(c.ID.String()[:8], on.short(c.AwareAt), fmt.Sprint(c.People), fmt.Sprint(c.Items), orElse(string(l.Severity), "–"), authority(l), string(c.State))
	}
	d.Sections = append(d.Sections, all)
	for _, c := range cases {
		d.Sections = append(d.Sections, entry(c, on))
	}
	return d
}

func authority(l line) string {
	switch {
	case len(l.Notified) > 0:
		return "notified, " + count(len(l.Notified), "phase", "phases")
	case l.Notify == "yes":
		return "to be notified"
	case l.Notify == "no":
		return "not notified, with reasons"
	}
	return "not decided"
}

// entry is one case in the register.
func entry(c incident.Case, on Basis) Section {
	l := lineOf(c)
	s := Section{Heading: "Case " + c.ID.String()}
	s.fact("Facts", strings.TrimSpace(what(c.What)+"\n"+c.Assessment.Nature))
	s.fact("Reports", fmt.Sprint(len(c.Reports)))
	s.fact("Aware since", on.moment(c.AwareAt))
	s.fact("Effects", fmt.Sprintf("%s, %s", count(c.People, "person", "people"), count(c.Items, "recording", "recordings"))+after("\n", c.Assessment.Consequences))
	if c.Lost > 0 {
		s.fact("Not counted", count(c.Lost, "entry", "entries")+" of the ledger had expired")
	}
	if l.Severity != "" {
		s.fact("Severity", fmt.Sprintf("%s (%g): %s", l.Severity, c.Assessment.Score, c.Assessment.Reasons))
	}
	s.fact("Done", orElse(c.Assessment.Measures, "–"))
	s.fact("People told", told(l, on))
	s.fact("Recipients", recipients(c))
	s.fact("Authority", authority(l)+after(": ", strings.TrimPrefix(l.Decided, l.Notify+": ")))
	for i, at := range l.Notified {
		s.fact(fmt.Sprintf("Phase %d", i+1), on.moment(at))
	}
	if c.Offer != "" {
		s.fact("Offered", c.Offer)
	}
	if !c.Closed.IsZero() {
		s.fact("Closed", on.moment(c.Closed)+": "+c.Conclusion)
	}
	return s
}

// after puts what stands before a text there, where there is one.
func after(before, text string) string {
	if text == "" {
		return ""
	}
	return before + text
}

func told(l line, on Basis) string {
	switch {
	case l.People == 0:
		return "nobody is known to be affected"
	case l.Told == 0 && l.Held != "":
		return "held back: " + l.Held
	case l.Told == 0:
		return "not yet"
	}
	return fmt.Sprintf("%d of %d, the first on %s", l.Told, l.People, on.moment(l.FirstTold))
}

func recipients(c incident.Case) string {
	states := map[string]int{}
	for _, r := range c.Recipients {
		states[r.State]++
	}
	var parts []string
	for _, state := range []string{incident.RecipientAsked, incident.RecipientAttested, incident.RecipientRefused, incident.RecipientExpired} {
		if states[state] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", states[state], map[string]string{
				incident.RecipientAsked: "asked", incident.RecipientAttested: "attested deletion",
				incident.RecipientRefused: "refused", incident.RecipientExpired: "never answered",
			}[state]))
		}
	}
	if n := c.Unasked(); n > 0 {
		parts = append(parts, fmt.Sprintf("%d not asked", n))
	}
	return orElse(strings.Join(parts, ", "), "none")
}

// line is a case in the register's files. Times are UTC.
type line struct {
	Case         hearkeep.IncidentID    `json:"case"`
	What         string                 `json:"what"`
	State        hearkeep.IncidentState `json:"state"`
	Reports      int                    `json:"reports"`
	AwareAt      time.Time              `json:"aware_at"`
	Due          time.Time              `json:"due"`
	People       int                    `json:"people"`
	Recordings   int                    `json:"recordings"`
	Lost         int                    `json:"ledger_entries_expired"`
	Severity     incident.Level         `json:"severity,omitempty"`
	Score        float64                `json:"score,omitempty"`
	Nature       string                 `json:"nature,omitempty"`
	Consequences string                 `json:"consequences,omitempty"`
	Measures     string                 `json:"measures,omitempty"`
	Reasons      string                 `json:"reasons,omitempty"`
	SealedOnly   bool                   `json:"sealed_only"`
	Notify       string                 `json:"notify,omitempty"` // "yes", "no"; empty while nothing is decided
	Decided      string                 `json:"decided,omitempty"`
	Notified     []time.Time            `json:"notified,omitempty"` // a time a phase
	Told         int                    `json:"people_told"`
	FirstTold    time.Time              `json:"first_told,omitzero"`
	Held         string                 `json:"held,omitempty"`
	Recipients   string                 `json:"recipients"`
	Offer        string                 `json:"offer,omitempty"`
	Conclusion   string                 `json:"conclusion,omitempty"`
	Closed       time.Time              `json:"closed,omitzero"`
	Entries      []int64                `json:"ledger_entries"` // of its steps
}

func lineOf(c incident.Case) line {
	l := line{
		Case: c.ID, What: c.What, State: c.State, Reports: len(c.Reports), AwareAt: c.AwareAt.UTC(), Due: c.Due.UTC(),
		People: c.People, Recordings: c.Items, Lost: c.Lost, Severity: c.Assessment.Level, Score: c.Assessment.Score,
		Nature: c.Assessment.Nature, Consequences: c.Assessment.Consequences, Measures: c.Assessment.Measures, Reasons: c.Assessment.Reasons,
		SealedOnly: c.Assessment.SealedOnly, Notify: c.Notify, Recipients: recipients(c), Offer: c.Offer, Conclusion: c.Conclusion, Entries: []int64{},
	}
	if !c.Closed.IsZero() {
		l.Closed = c.Closed.UTC()
	}
	for _, s := range c.Steps {
		l.Entries = append(l.Entries, s.Entry)
		switch s.Kind {
		case incident.StepDecided:
			l.Decided = s.Text
		case incident.StepNotified:
			l.Notified = append(l.Notified, s.At.UTC())
		case incident.StepHeld:
			l.Held = s.Text
		case incident.StepTold:
			l.Held = ""
		}
	}
	var first []time.Time
	people := map[hearkeep.AccountID]bool{}
	for _, a := range c.Affected {
		if !a.Told.IsZero() {
			people[a.Account], first = true, append(first, a.Told.UTC())
		}
	}
	if l.Told = len(people); l.Told > 0 {
		l.FirstTold = slices.MinFunc(first, time.Time.Compare)
	}
	return l
}

// RegisterCSV writes the register as a table: a line a case, RFC 4180, in
// UTF-8. What a spreadsheet would take for a formula has ' before it, also
// behind a semicolon: where that is the list separator, it begins a cell.
func RegisterCSV(w io.Writer, cases []incident.Case) error {
	out := csv.NewWriter(w)
	out.UseCRLF = true
	out.Write([]string{
		"case", "what", "state", "reports", "aware_at", "due", "people", "recordings", "ledger_entries_expired", "severity", "score",
		"nature", "consequences", "measures", "reasons", "sealed_only", "notify", "decided", "notified", "people_told", "first_told",
		"held", "recipients", "offer", "conclusion", "closed",
	})
	for _, c := range cases {
		l := lineOf(c)
		var notified []string
		for _, at := range l.Notified {
			notified = append(notified, stamp(at))
		}
		cells := []string{
			l.Case.String(), l.What, string(l.State), strconv.Itoa(l.Reports), stamp(l.AwareAt), stamp(l.Due), strconv.Itoa(l.People),
			strconv.Itoa(l.Recordings), strconv.Itoa(l.Lost), string(l.Severity), score(l),
			l.Nature, l.Consequences, l.Measures, l.Reasons, yes(l.SealedOnly), l.Notify, l.Decided, strings.Join(notified, " "), strconv.Itoa(l.Told), stamp(l.FirstTold),
			l.Held, l.Recipients, l.Offer, l.Conclusion, stamp(l.Closed),
		}
		for i, cell := range cells {
			cells[i] = formula.ReplaceAllString(cell, "$1'$2")
		}
		out.Write(cells)
	}
	out.Flush()
	if err := out.Error(); err != nil {
		return fmt.Errorf("papers: register as CSV: %w", err)
	}
	return nil
}

// formula finds what begins one: at the begin of a cell, of a line in it, or
// of what another list separator makes a cell of.
var formula = regexp.MustCompile(`(^|[;\t\r\n] *)([=+\-@\t\r＝＋－＠])`)

// score is empty while nothing was scored: 0 would be low.
func score(l line) string {
	if l.Severity == "" {
		return ""
	}
	return fmt.Sprint(l.Score)
}

func stamp(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.UTC().Format(time.RFC3339)
}

// RegisterJSON writes the register for programs.
func RegisterJSON(w io.Writer, cases []incident.Case, by incident.Controller, on Basis) error {
	type who struct {
		Name      string `json:"name"`
		Contact   string `json:"contact"`
		Authority string `json:"authority"`
	}
	file := struct {
		Format     string    `json:"format"`
		Made       time.Time `json:"made"`
		Controller who       `json:"controller"`
		Checkpoint string    `json:"checkpoint,omitempty"`
		Cases      []line    `json:"cases"`
	}{"hearkeep/register/v1", on.Made.UTC(), who{by.Name, by.Contact, by.Authority}, on.Checkpoint, []line{}}
	for _, c := range cases {
		file.Cases = append(file.Cases, lineOf(c))
	}
	out := json.NewEncoder(w)
	out.SetIndent("", "  ")
	if err := out.Encode(file); err != nil {
		return fmt.Errorf("papers: register as JSON: %w", err)
	}
	return nil
}
