package portal

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/incident"
)

// caseLine is a case in a list.
type caseLine struct {
	ID       string
	What     string
	State    string
	Aware    clock
	Due      clock
	Left     string // of the notification's clock; empty where it does not run
	Late     bool
	Next     string
	Severity incident.Level
	Reports  string
	People   string
	Items    string
	Closed   *clock
}

// casesPage is a page of the list of all cases, the newest first.
type casesPage struct {
	frame
	Cases []caseLine
	Older string // the place that the next page is before; empty for none
	First bool
}

// casesAPage is how many cases a page lists.
const casesAPage = 50

func (p *portal) cases(w http.ResponseWriter, r *http.Request) error {
	before, ok := caseCursor(r.URL.Query().Get("before"))
	if !ok {
		return errNowhere
	}
	all, err := p.Incidents.Cases(r.Context(), before, casesAPage+1)
	if err != nil {
		return err
	}
	page := &casesPage{frame: p.deskFrame("Cases"), First: before.ID.IsZero()}
	if len(all) > casesAPage {
		all = all[:casesAPage]
		last := all[casesAPage-1]
		page.Older = strconv.FormatInt(last.AwareAt.UnixMilli(), 10) + "-" + last.ID.String()
	}
	for _, s := range all {
		page.Cases = append(page.Cases, p.caseLine(s))
	}
	p.show(w, http.StatusOK, "cases", page)
	return nil
}

// caseCursor reads a place in the list, as casesPage.Older writes it.
func caseCursor(text string) (at incident.Cursor, ok bool) {
	if text == "" {
		return at, true
	}
	millis, id, _ := strings.Cut(text, "-")
	n, err := strconv.ParseInt(millis, 10, 64)
	if err != nil {
		return at, false
	}
	at.AwareAt = time.UnixMilli(n).UTC()
	at.ID, err = hearkeep.ParseID[hearkeep.IncidentID](id)
	return at, err == nil
}

func (p *portal) caseLine(s incident.Summary) caseLine {
	v := caseLine{
		ID: s.ID.String(), What: whatText(s.What), State: caseState(s), Aware: p.clock(s.AwareAt), Due: p.clock(s.Due),
		Severity: s.Severity, Reports: countText(s.Reports, "report"), People: peopleText(s.People), Items: countText(s.Items, "recording"),
		Closed: p.clockOf(s.Closed),
	}
	if clockRuns(s) {
		v.Left, v.Late = p.hoursLeft(s.Due)
	}
	if n := p.next(incident.Case{Summary: s}); n != nil {
		if v.Next = n.Title; n.Left != "" && n.Left != v.Left {
			v.Next += ", " + n.Left
		}
	}
	return v
}

// clockRuns reports whether the authority may still have to be notified for
// the first time.
func clockRuns(s incident.Summary) bool {
	return s.Closed.IsZero() && s.Phase == 0 && s.Notify != "no"
}

// caseState is where a case stands, in words.
func caseState(s incident.Summary) string {
	switch {
	case !s.Closed.IsZero():
		return "closed"
	case s.Phase > 0:
		return "the authority was notified"
	case s.Notify == "yes":
		return "to be notified"
	case s.Notify == "no":
		return "not to be notified"
	}
	return "undecided"
}

// hoursLeft is how long a clock has, to the minute in its last two hours.
func (p *portal) hoursLeft(due time.Time) (text string, late bool) {
	d := due.Sub(p.Now())
	if late = d <= 0; late {
		d = -d
	}
	switch text = countText(int(d/time.Hour), "hour"); {
	case d < time.Minute:
		text = "less than a minute"
	case d < 2*time.Hour:
		text = countText(int(d/time.Minute), "minute")
	}
	if late {
		return text + " late", true
	}
	return text + " left", false
}

func peopleText(n int) string {
	if n == 1 {
		return "1 person"
	}
	return strings.TrimSuffix(countText(n, "person"), "persons") + "people"
}

// nextAct is what a case needs next.
type nextAct struct {
	Title, Says string
	Due         *clock
	Left        string
	Late        bool
	Button      string
	Do          string // where the button posts to, below the case; or
	Go          string // where it leads to
}

// next is what whoever looks after a case does next; nil once it is closed. Of
// a case in a list it knows the summary alone.
func (p *portal) next(c incident.Case) *nextAct {
	left := func(n nextAct, due time.Time) *nextAct {
		n.Due = p.clockOf(due)
		n.Left, n.Late = p.hoursLeft(due)
		return &n
	}
	untold, held := untold(c.Affected), isHeld(c.Steps)
	switch {
	case !c.Closed.IsZero():
		return nil
	case !c.TellBy.IsZero() && c.People > 0:
		says := "Hearkeep tells them by itself when this time is over, each in their language, unless you hold it with reasons."
		if !p.Now().Before(c.TellBy) {
			says = "The time to look at it is over: Hearkeep tells them by itself within a minute."
		}
		return left(nextAct{Title: "Tell " + peopleText(c.People), Button: "Tell them now", Do: "tell", Says: says}, c.TellBy)
	case c.Severity == "":
		return left(nextAct{Title: "Say how grave it is", Button: "Fill in the form", Go: "#assess", Says: "The form counts what the ledger shows, and asks for what only a person can judge."}, c.Due)
	case c.Notify == "":
		return left(nextAct{Title: "Decide whether the authority is notified", Button: "Decide", Go: "#decide", Says: "It is, unless a risk to people is unlikely (Article 33(1)). The reasons are kept either way."}, c.Due)
	case c.Notify == "yes" && c.Phase == 0:
		return left(nextAct{Title: "Hand the notification to the authority", Button: "Read the draft", Go: "notification", Says: "What is not known yet can follow in phases (Article 33(4))."}, c.Due)
	case len(c.Recipients) == 0 && slices.ContainsFunc(c.Clauses, func(cl incident.Clause) bool { return !cl.Archive.IsZero() && !cl.Without }):
		return &nextAct{Title: "Ask whoever has it to delete it", Button: "Write to them", Go: "#ask", Says: "They get a letter and a page on which they attest it."}
	case untold > 0 && held:
		return &nextAct{Title: "Tell " + peopleText(untold) + " when the reason to wait is over", Button: "Look at it", Go: "#people", Says: "You hold it, with reasons. It does not end by itself."}
	case c.Phase > 0 && isNews(c.Steps):
		return &nextAct{Title: "Hand an update to the authority", Button: "Read the draft", Go: "notification", Says: "Something has changed since the last phase (Article 33(4))."}
	}
	return &nextAct{Title: "Close it, when all is done", Button: "Close it", Go: "#close", Says: "What was concluded stands in the register. What was frozen is freed."}
}

// untold counts people who are affected and were not told.
func untold(rows []incident.Affected) int {
	all := map[hearkeep.AccountID]bool{}
	for _, row := range rows {
		if row.Told.IsZero() {
			all[row.Account] = true
		}
	}
	return len(all)
}

// isHeld reports whether telling the people waits for the operator.
func isHeld(steps []incident.StepView) bool {
	for _, s := range slices.Backward(steps) {
		switch s.Kind {
		case incident.StepHeld:
			return true
		case incident.StepTold:
			return false
		}
	}
	return false
}

// isNews reports whether the authority does not know all yet.
func isNews(steps []incident.StepView) bool {
	for _, s := range slices.Backward(steps) {
		switch s.Kind {
		case incident.StepNotified:
			return false
		case incident.StepWidened, incident.StepNarrowed, incident.StepAssessed, incident.StepAttested, incident.StepTold:
			return true
		}
	}
	return false
}

// whatText is what a report says, in a headline.
func whatText(what string) string {
	switch what {
	case incident.WhatNotMine:
		return "Somebody has what is not theirs"
	case incident.WhatOther:
		return "Somebody wrote that something is wrong"
	case incident.WhatFailed:
		return "Recordings did not open"
	case incident.WhatSession:
		return "Opened without a session"
	case incident.WhatVolume:
		return "Unusually many openings"
	case incident.WhatTwice:
		return "A device in two places"
	case incident.WhatPlace:
		return "An archive was fetched from a new place"
	case incident.WhatClock:
		return "The clock jumped"
	case incident.WhatRestored:
		return "A backup was restored"
	case incident.WhatLedger:
		return "The ledger was rewound"
	case incident.WhatUnwatched:
		return "The ledger was not followed"
	case "numbers missing":
		return "Recordings are missing"
	case "does not open":
		return "Something kept does not open"
	case "foreign":
		return "Something lies where it does not belong"
	case "":
		return "A case"
	}
	return strings.ToUpper(what[:1]) + what[1:]
}

// filedVia is how a report came.
func filedVia(via hearkeep.ReportVia) string {
	switch via {
	case hearkeep.ReportPortal:
		return "by somebody signed in"
	case hearkeep.ReportVoice:
		return "by voice"
	case hearkeep.ReportForm:
		return "by the form without an account"
	case hearkeep.ReportMail:
		return "by letter, entered here"
	}
	return "by Hearkeep itself"
}

// operated is the case that an operator's address names.
func (p *portal) operated(ctx context.Context, r *http.Request) (incident.Case, error) {
	id, err := hearkeep.ParseID[hearkeep.IncidentID](r.PathValue("id"))
	if err != nil {
		return incident.Case{}, errNowhere
	}
	return p.Incidents.Case(ctx, id)
}
