package portal

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/incident"
)

// casePage is one case: ids, counts, times, and what was written to the desk.
// It names nobody, and shows nothing that was recorded.
type casePage struct {
	frame
	caseLine
	Ended    bool
	Does     *nextAct
	Phase    int
	Notify   string
	TellBy   *clock
	TellLeft string // until then
	TellLate bool   // Hearkeep is about to
	Untold   int
	Held     bool
	Told     string // "2 of 3 people were told"

	Hows       []howView
	Affected   []affectedView
	More       int // rows of Affected that are not shown
	Clauses    []clauseView
	Filed      []filedView
	Steps      []stepView
	Letters    []sentView
	Recipients []recipientView
	Made       []madeView // notifications that were handed in
	Assessment incident.Assessment
	Why        []string // of the score
	Offer      string
	Conclusion string
	Lost       int      // entries that may have shown more, and have lost what they said
	Handed     []string // accounts that may be asked to delete
	Languages  []languageView

	Preview *incident.Preview // of the clause in the form
	Done    string
	Problem *problem
	wrong   string     // the form that has the problem
	given   url.Values // what it was given
}

// howView is a way in which recordings were concerned, counted.
type howView struct {
	How    string
	People string
	Items  string
}

// affectedView is a run of one person's recordings.
type affectedView struct {
	Account, Vault, Binding string
	Numbers                 string
	How                     string
	At                      clock
	Entry                   string // of the ledger; "rows" where they show it
	Told                    *clock
}

type clauseView struct {
	Without bool
	Kind    string
	ID      string
	Window  string
	Reason  string
}

type filedView struct {
	ID       string
	What     string
	Via      string
	At       clock
	Answered *clock
	Language hearkeep.Language
	Evidence []string // ids of what it named
	About    string
	Reach    string
	Named    string // what it named, where that led to nothing here
	Late     string // why a letter was entered long after it came
}

type stepView struct {
	At    clock
	Says  string
	By    string
	Entry string
	Text  string
}

type sentView struct {
	To, Kind, Topic, State string
	At                     clock
	Ended                  *clock
	Failed                 bool
}

type recipientView struct {
	ID       string
	State    string
	Reach    string
	Attested string
	Asked    clock
	Ended    *clock
	Link     string // for somebody whom no letter went to; empty once they attested
}

type madeView struct {
	Phase int
	At    clock
	Text  string
}

// languageView is a language that letters are written in.
type languageView struct {
	Tag  hearkeep.Language
	Name string
}

func languages() (out []languageView) {
	names := map[hearkeep.Language]string{"en": "English", "de": "German", "fr": "French", "es": "Spanish", "it": "Italian", "nl": "Dutch"}
	for _, l := range hearkeep.Languages() {
		out = append(out, languageView{l, cmp.Or(names[l], string(l))})
	}
	return out
}

// mostAffected is how many runs a page shows; the file has all.
const mostAffected = 200

func (p *portal) caseShown(w http.ResponseWriter, r *http.Request) error {
	page, err := p.casePage(r)
	if err != nil {
		return err
	}
	page.Done = caseDone(r.URL.Query().Get("done"))
	p.show(w, http.StatusOK, "case", page)
	return nil
}

func (p *portal) casePage(r *http.Request) (*casePage, error) {
	c, err := p.operated(r.Context(), r)
	if err != nil {
		return nil, err
	}
	return p.casePageOf(c), nil
}

func (p *portal) casePageOf(c incident.Case) *casePage {
	page := &casePage{
		frame: p.deskFrame(whatText(c.What)), caseLine: p.caseLine(c.Summary), Ended: !c.Closed.IsZero(), Does: p.next(c),
		Phase: c.Phase, Notify: c.Notify, TellBy: p.clockOf(c.TellBy), Untold: untold(c.Affected), Assessment: c.Assessment,
		Held: isHeld(c.Steps), Hows: howsOf(c.Affected), Languages: languages(), given: url.Values{},
		Offer: c.Offer, Conclusion: c.Conclusion, Lost: c.Lost,
	}
	if page.TellBy != nil {
		page.TellLeft, page.TellLate = p.hoursLeft(c.TellBy)
	}
	page.Told = fmt.Sprintf("%d of %s", c.People-page.Untold, peopleText(c.People))
	for i, a := range c.Affected {
		if i == mostAffected {
			page.More = len(c.Affected) - mostAffected
			break
		}
		page.Affected = append(page.Affected, p.affectedView(a))
	}
	for _, cl := range c.Clauses {
		page.Clauses = append(page.Clauses, p.clauseView(cl))
	}
	for _, f := range reportedFirst(c.Reports) {
		page.Filed = append(page.Filed, p.filedView(f))
	}
	for _, s := range c.Steps {
		page.Steps = append(page.Steps, p.stepView(s))
		if s.Kind == incident.StepNotified {
			page.Made = append(page.Made, madeView{len(page.Made) + 1, p.clock(s.At), s.Text})
		}
	}
	for _, l := range c.Letters {
		page.Letters = append(page.Letters, p.sentView(l))
	}
	for _, rec := range c.Recipients {
		page.Recipients = append(page.Recipients, recipientView{rec.ID.String(), rec.State, rec.Reach, rec.Attested, p.clock(rec.Asked), p.clockOf(rec.Ended), rec.Link})
	}
	for _, account := range handedTo(c) {
		page.Handed = append(page.Handed, account.String())
	}
	weighed := c.Assessment
	if c.Severity != "" { // what nobody judged yet suggests nothing
		page.Why = weighed.Weigh(incident.Size{People: c.People, Items: c.Items})
	}
	return page
}

// Fault is the problem of a form, where it is that form's.
func (page *casePage) Fault(form string) *problem {
	if page.wrong == form {
		return page.Problem
	}
	return nil
}

// Val is what a form's field was given, where the form comes back.
func (page *casePage) Val(form, field string) string {
	if page.wrong == form {
		return page.given.Get(field)
	}
	return ""
}

// Or is what a field was given, or what is kept of it.
func (page *casePage) Or(form, field, kept string) string {
	if page.wrong == form {
		return page.given.Get(field)
	}
	return kept
}

// Is reports whether a choice is the chosen one.
func (page *casePage) Is(form, field, kept, value string) bool {
	return page.Or(form, field, kept) == value
}

// IsOpen reports whether a form is shown as it was filled in.
func (page *casePage) IsOpen(form string) bool { return page.wrong == form }

// IsNext reports whether a part of the page is where the next act leads to.
func (page *casePage) IsNext(part string) bool { return page.Does != nil && page.Does.Go == part }

// WrongForm is where on the page the form with the problem stands.
func (page *casePage) WrongForm() string {
	if page.wrong == "tell" {
		return "people"
	}
	return page.wrong
}

// Tick reports whether a box of the scored form is ticked.
func (page *casePage) Tick(field string, kept bool) bool {
	if page.IsOpen("assess") {
		return page.given.Get(field) == "yes"
	}
	return kept
}

// weightView is one of the four weights of a scale.
type weightView struct {
	N      int
	Says   string
	Chosen bool
}

// Weights is a scale of the scored form.
func (page *casePage) Weights(field string) (out []weightView) {
	kept, says := page.Assessment.Sensitivity, []string{"simple: commands, times, the weather", "habits: who is at home, and when", "private: conversations, money", "special: health, beliefs, what hurts people if it is known"}
	if field == "identification" {
		kept, says = page.Assessment.Identification, []string{"hardly: nothing tells whose it is", "with effort: a voice alone", "easily: a voice with an address or a routine", "at once: names are said"}
	}
	if kept == 0 {
		out = append(out, weightView{0, "choose", false})
	}
	for i, text := range says {
		n := strconv.Itoa(i + 1)
		out = append(out, weightView{i + 1, text, page.Or("assess", field, strconv.Itoa(kept)) == n})
	}
	return out
}

// Counted is people with their recordings.
func (page *casePage) Counted(people, items int) string {
	return peopleText(people) + ", " + countText(items, "recording")
}

// Folk is a number of people.
func (page *casePage) Folk(n int) string { return peopleText(n) }

func howsOf(rows []incident.Affected) []howView {
	by := map[string][]incident.Affected{}
	for _, row := range rows {
		by[row.How] = append(by[row.How], row)
	}
	var out []howView
	for _, how := range []string{incident.HowHanded, incident.HowOpened, incident.HowReach, incident.HowKept} {
		if of := by[how]; len(of) > 0 {
			people := map[hearkeep.AccountID]bool{}
			for _, row := range of {
				people[row.Account] = true
			}
			out = append(out, howView{how, peopleText(len(people)), countText(incident.Items(of), "recording")})
		}
	}
	return out
}

func (p *portal) affectedView(a incident.Affected) affectedView {
	v := affectedView{
		Account: a.Account.String(), Vault: a.Vault.String(), Binding: a.Binding.String(), Numbers: numbersText(a.Run),
		How: a.How, At: p.clock(a.At), Entry: "rows", Told: p.clockOf(a.Told),
	}
	if a.Entry >= 0 {
		v.Entry = fmt.Sprint(a.Entry)
	}
	return v
}

func numbersText(r hearkeep.Run) string {
	if r.From == r.To {
		return fmt.Sprint(r.From)
	}
	return fmt.Sprintf("%d–%d", r.From, r.To)
}

// Kinds of clauses, as the form names them.
const (
	clauseArchive = "archive"
	clauseSession = "session"
	clauseAccount = "account"
	clauseDoor    = "door"
	clauseVault   = "vault"
	clauseWindow  = "window"
)

func (p *portal) clauseView(c incident.Clause) clauseView {
	v := clauseView{Without: c.Without, Reason: c.Reason}
	switch {
	case !c.Archive.IsZero():
		v.Kind, v.ID = "What an archive handed over", c.Archive.String()
	case c.Session != "":
		v.Kind, v.ID = "What was opened in a session", c.Session
	case !c.Account.IsZero():
		v.Kind, v.ID = "What an account opened, was handed, or could open", c.Account.String()
	case !c.Binding.IsZero() && c.Number != 0:
		v.Kind, v.ID = fmt.Sprintf("Recording %d of a door", c.Number), c.Binding.String()
		return v
	case !c.Binding.IsZero():
		v.Kind, v.ID = "What a door kept", c.Binding.String()
	case !c.Vault.IsZero():
		v.Kind, v.ID = "What was opened of a vault, or handed over", c.Vault.String()
	default:
		v.Kind = "Everything that was opened or handed over"
	}
	if !c.From.IsZero() || !c.To.IsZero() {
		moment := func(t time.Time, open string) string {
			if t.IsZero() {
				return open
			}
			return t.In(p.Zone).Format("2 January 2006, 15:04")
		}
		v.Window = "from " + moment(c.From, "the beginning") + " to " + moment(c.To, "now")
	}
	return v
}

func (p *portal) filedView(f incident.Reported) filedView {
	v := filedView{
		ID: f.ID.String(), What: whatText(f.What), Via: filedVia(f.Via), At: p.clock(f.At), Answered: p.clockOf(f.Answered),
		Language: f.Language.Or(), About: f.About, Reach: f.Reach, Named: shortened(f.Named), Late: f.Late,
	}
	add := func(what, id string, zero bool) {
		if !zero {
			v.Evidence = append(v.Evidence, what+" "+id)
		}
	}
	add("archive", f.Archive.String(), f.Archive.IsZero())
	add("recording", f.Recording.String(), f.Recording.IsZero())
	add("door", f.Binding.String(), f.Binding.IsZero())
	add("vault", f.Vault.String(), f.Vault.IsZero())
	add("account", f.Account.String(), f.Account.IsZero())
	return v
}

func (p *portal) sentView(l incident.Sent) sentView {
	v := sentView{To: l.Account.String(), Kind: l.Kind, Topic: l.Topic, State: l.State, At: p.clock(l.At), Ended: p.clockOf(l.Ended), Failed: l.State == "failed"}
	if l.Account.IsZero() {
		v.To = "a recipient, or a reporter"
	}
	return v
}

func (p *portal) stepView(s incident.StepView) stepView {
	by := "by Hearkeep itself"
	switch s.By {
	case hearkeep.RoleOperator:
		by = "by the operator"
	case hearkeep.RoleKeyholder:
		by = "by a person"
	case "":
		by = ""
	}
	return stepView{p.clock(s.At), stepText(s.Kind), by, fmt.Sprint(s.Entry), s.Text}
}

// stepText is a step in words.
func stepText(kind string) string {
	return cmp.Or(map[string]string{
		incident.StepOpened:       "The case was opened",
		incident.StepJoined:       "Another report of the same came",
		incident.StepAcknowledged: "The report was acknowledged",
		incident.StepFrozen:       "What it concerns was frozen",
		incident.StepScoped:       "Who is affected was computed",
		incident.StepWidened:      "The search was widened",
		incident.StepNarrowed:     "The search was narrowed",
		incident.StepAssessed:     "It was assessed",
		incident.StepDecided:      "It was decided whether the authority is notified",
		incident.StepHeld:         "Telling the people was held",
		incident.StepTold:         "The people were told",
		incident.StepAsked:        "Whoever has it was asked to delete it",
		incident.StepAttested:     "Whoever was asked has answered",
		incident.StepOffered:      "Something was offered to make good",
		incident.StepNotified:     "A phase of the notification was handed in",
		incident.StepAlarmed:      "An alarm of the clock was raised",
		incident.StepClosed:       "The case was closed",
	}[kind], strings.ToUpper(kind[:min(1, len(kind))])+kind[min(1, len(kind)):])
}

// caseDone says what was done, after a redirect.
func caseDone(what string) string {
	return map[string]string{
		"tell":     "They are told. The delivery log below fills as letters arrive.",
		"hold":     "Telling them waits for you. The reasons stand in the case.",
		"clauses":  "It is kept, and who is affected was computed anew.",
		"assess":   "It is assessed.",
		"decide":   "The decision is kept, with its reasons.",
		"ask":      "They are asked: by a letter, or, where none can be sent from here, by their link below, which you hand over.",
		"offer":    "It is kept. The people whom it concerns see it.",
		"notified": "The phase is noted, and its document is frozen.",
		"close":    "The case is closed. It stays in the register.",
	}[what]
}

// reported lists what came in, the oldest first.
func reportedFirst(rows []incident.Reported) []incident.Reported {
	return slices.SortedFunc(slices.Values(rows), func(a, b incident.Reported) int { return a.At.Compare(b.At) })
}
