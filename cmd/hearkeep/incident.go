package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/incident"
)

// incidentCmd is the breach desk for homes that are served without the
// operator's pages. It shows ids, counts and times, and nothing that anybody
// wrote.
type incidentCmd struct {
	List   incidentListCmd   `cmd:"" default:"withargs" help:"List cases, newest first: ids, counts, clocks."`
	Show   incidentShowCmd   `cmd:"" help:"Show a case: what was looked for, whom it concerns, its steps and letters."`
	Tell   incidentTellCmd   `cmd:"" help:"Tell the people whom a case concerns, now."`
	Hold   incidentHoldCmd   `cmd:"" help:"Keep the people from being told for now, with reasons; tell ends that."`
	Decide incidentDecideCmd `cmd:"" help:"Record whether the authority is notified, with reasons."`
	Close  incidentCloseCmd  `cmd:"" help:"Close a case with what was concluded; what it froze is freed."`
	Drill  incidentDrillCmd  `cmd:"" help:"Play a wrong hand-over on made-up people, and print how long everything takes."`
}

// incidentOn is where a command finds the cases. Where no server runs on the
// folder, letters are written with the settings that are given here, as to
// serve, and go out when it is served.
type incidentOn struct {
	Keep string `help:"The keep's folder; it may be in use." default:"./keep" type:"path"`
	JSON bool   `name:"json" help:"Print JSON."`
	incidentFlags
}

// incidentOne names a case.
type incidentOne struct {
	ID string `arg:"" help:"The case, as hearkeep incident lists it; its first digits are enough."`
	incidentOn
}

type incidentListCmd struct{ incidentOn }

func (cmd incidentListCmd) Run(ctx context.Context, c *console) error {
	return cmd.do(ctx, c, controlIncident{Do: "list"})
}

type incidentShowCmd struct{ incidentOne }

func (cmd incidentShowCmd) Run(ctx context.Context, c *console) error {
	return cmd.do(ctx, c, controlIncident{Do: "show", ID: cmd.ID})
}

type incidentTellCmd struct{ incidentOne }

func (cmd incidentTellCmd) Run(ctx context.Context, c *console) error {
	return cmd.do(ctx, c, controlIncident{Do: "tell", ID: cmd.ID})
}

type incidentHoldCmd struct {
	incidentOne
	Reasons string `required:"" help:"Why telling waits: a request of the police, or Art. 34(3)." placeholder:"TEXT"`
}

func (cmd incidentHoldCmd) Run(ctx context.Context, c *console) error {
	return cmd.do(ctx, c, controlIncident{Do: "hold", ID: cmd.ID, Text: cmd.Reasons})
}

type incidentDecideCmd struct {
	incidentOne
	Notify  string `arg:"" help:"yes or no." enum:"yes,no"`
	Reasons string `required:"" help:"Why." placeholder:"TEXT"`
}

func (cmd incidentDecideCmd) Run(ctx context.Context, c *console) error {
	return cmd.do(ctx, c, controlIncident{Do: "decide", ID: cmd.ID, Text: cmd.Reasons, Yes: cmd.Notify == "yes"})
}

type incidentCloseCmd struct {
	incidentOne
	Conclusion string `required:"" help:"What was concluded; where nobody is affected, also why the authority is not notified." placeholder:"TEXT"`
}

func (cmd incidentCloseCmd) Run(ctx context.Context, c *console) error {
	return cmd.do(ctx, c, controlIncident{Do: "close", ID: cmd.ID, Text: cmd.Conclusion})
}

// do asks the server that runs on the folder, or does it here.
func (on incidentOn) do(ctx context.Context, c *console, a controlIncident) error {
	told, err := on.ask(ctx, c, a)
	if err != nil {
		return err
	}
	if on.JSON {
		out := json.NewEncoder(c.out)
		out.SetIndent("", "  ")
		return out.Encode(told)
	}
	if told.Case != nil {
		told.Case.tell(c.out, time.Now())
		return nil
	}
	return tellCases(c.out, told.Cases, time.Now())
}

// incidentTold is what a command is answered.
type incidentTold struct {
	Cases []caseLine `json:"cases,omitempty"`
	Case  *caseShown `json:"case,omitempty"`
}

// caseLine is a case in the list.
type caseLine struct {
	ID       hearkeep.IncidentID `json:"id"`
	What     string              `json:"what"`
	State    string              `json:"state"`
	Aware    time.Time           `json:"aware"`
	Due      time.Time           `json:"due"`
	TellBy   time.Time           `json:"tell_by,omitzero"` // zero once told, or held
	Reports  int                 `json:"reports"`
	People   int                 `json:"people"`
	Items    int                 `json:"recordings"`
	Severity string              `json:"severity,omitempty"`
	Notify   string              `json:"notify,omitempty"` // "yes", "no": whether the authority is
	Phase    int                 `json:"notifications"`
	Closed   time.Time           `json:"closed,omitzero"`
}

func lineOf(s incident.Summary) caseLine {
	return caseLine{
		ID: s.ID, What: s.What, State: string(s.State), Aware: s.AwareAt, Due: s.Due, TellBy: s.TellBy, Reports: s.Reports,
		People: s.People, Items: s.Items, Severity: string(s.Severity), Notify: s.Notify, Phase: s.Phase, Closed: s.Closed,
	}
}

// left says how much of a clock is left.
func (l caseLine) left(now time.Time) string {
	switch left := l.Due.Sub(now); {
	case !l.Closed.IsZero():
		return "-"
	case l.Phase > 0:
		return "notified"
	case left < 0:
		return "over"
	default:
		return fmt.Sprintf("%dh %02dm", int(left.Hours()), int(left.Minutes())%60)
	}
}

func tellCases(w io.Writer, cases []caseLine, now time.Time) error {
	if len(cases) == 0 {
		_, err := fmt.Fprintln(w, "There are no cases.")
		return err
	}
	t := table(w, "ID", "WHAT", "STATE", "AWARE", "LEFT", "PEOPLE", "RECORDINGS", "REPORTS")
	for _, l := range cases {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%d\t%d\t%d\n", l.ID, printable(l.What), l.State, minute(l.Aware), l.left(now), l.People, l.Items, l.Reports)
	}
	return t.Flush()
}

func minute(t time.Time) string { return t.Local().Format("2006-01-02 15:04 MST") }

// caseShown is one case: of texts, that they are there.
type caseShown struct {
	caseLine
	Looked   []string      `json:"looked_for"`
	Affected []caseRun     `json:"affected"`
	Lost     int           `json:"entries_without_bodies"`
	Steps    []caseStep    `json:"steps"`
	Letters  []caseLetters `json:"letters"`
	Asked    []caseAsked   `json:"recipients"`
}

type caseRun struct {
	Account hearkeep.AccountID `json:"account"`
	Vault   hearkeep.VaultID   `json:"vault"`
	Door    hearkeep.BindingID `json:"door"`
	From    hearkeep.Number    `json:"from"`
	To      hearkeep.Number    `json:"to"`
	How     string             `json:"how"`
	At      time.Time          `json:"at"`
	Entry   int64              `json:"entry"` // of the ledger; -1 where rows show it
	Told    time.Time          `json:"told,omitzero"`
}

type caseStep struct {
	Kind  string    `json:"kind"`
	By    string    `json:"by"`
	At    time.Time `json:"at"`
	Entry int64     `json:"entry"`
}

type caseLetters struct {
	Kind  string `json:"kind"`
	State string `json:"state"`
	Count int    `json:"count"`
}

type caseAsked struct {
	State string    `json:"state"`
	Asked time.Time `json:"asked"`
	Ended time.Time `json:"ended,omitzero"`
}

func shownOf(c incident.Case) *caseShown {
	s := &caseShown{caseLine: lineOf(c.Summary), Lost: c.Lost}
	for _, clause := range c.Clauses {
		s.Looked = append(s.Looked, lookedFor(clause))
	}
	for _, a := range c.Affected {
		s.Affected = append(s.Affected, caseRun{a.Account, a.Vault, a.Binding, a.From, a.To, a.How, a.At, a.Entry, a.Told})
	}
	for _, step := range c.Steps {
		s.Steps = append(s.Steps, caseStep{step.Kind, string(step.By), step.At, step.Entry})
	}
	count := map[caseLetters]int{}
	for _, l := range c.Letters {
		of := caseLetters{Kind: l.Kind, State: l.State}
		if count[of]++; count[of] == 1 {
			s.Letters = append(s.Letters, of)
		}
	}
	for i, of := range s.Letters {
		s.Letters[i].Count = count[of]
	}
	for _, r := range c.Recipients {
		s.Asked = append(s.Asked, caseAsked{r.State, r.Asked, r.Ended})
	}
	return s
}

// lookedFor is a clause without its reason.
func lookedFor(c incident.Clause) string {
	var b strings.Builder
	if c.Without {
		b.WriteString("without ")
	}
	switch {
	case !c.Archive.IsZero():
		fmt.Fprintf(&b, "archive %s", c.Archive)
	case c.Session != "":
		fmt.Fprintf(&b, "session %s", printable(c.Session))
	case !c.Account.IsZero():
		fmt.Fprintf(&b, "account %s", c.Account)
	case c.Number != 0:
		fmt.Fprintf(&b, "recording %d of door %s", c.Number, c.Binding)
	case !c.Binding.IsZero():
		fmt.Fprintf(&b, "door %s", c.Binding)
	case !c.Vault.IsZero():
		fmt.Fprintf(&b, "vault %s", c.Vault)
	default:
		b.WriteString("everything")
	}
	if c.Number == 0 {
		for _, end := range []struct {
			name string
			at   time.Time
		}{{"from", c.From}, {"to", c.To}} {
			if !end.at.IsZero() {
				fmt.Fprintf(&b, ", %s %s", end.name, end.at.UTC().Format(time.RFC3339))
			}
		}
	}
	return b.String()
}

// tell prints a case.
func (s *caseShown) tell(w io.Writer, now time.Time) {
	t := table(w, "CASE", s.ID.String())
	row := func(name, format string, args ...any) { fmt.Fprintf(t, "%s\t%s\n", name, fmt.Sprintf(format, args...)) }
	row("what", "%s", printable(s.What))
	row("state", "%s", s.State)
	row("aware", "%s", minute(s.Aware))
	if s.Closed.IsZero() {
		row("due", "%s (%s)", minute(s.Due), s.left(now))
	}
	if !s.TellBy.IsZero() && s.People > 0 {
		row("people are told", "at %s at the latest", minute(s.TellBy))
	}
	if s.Severity != "" {
		row("severity", "%s", s.Severity)
	}
	if s.Notify != "" {
		row("authority", "to be notified: %s; notifications made: %d", s.Notify, s.Phase)
	}
	row("reports", "%d", s.Reports)
	people := "1 person"
	if s.People != 1 {
		people = fmt.Sprintf("%d people", s.People)
	}
	row("concerns", "%s, %s", people, countOf(s.Items, "recording"))
	if s.Lost > 0 {
		row("not whole", "%d entries of the ledger have lost their bodies, or were altered: what they concerned is not known", s.Lost)
	}
	for _, l := range s.Looked {
		row("looked for", "%s", l)
	}
	for _, a := range s.Asked {
		row("asked to delete", "%s: %s", minute(a.Asked), a.State)
	}
	for _, l := range s.Letters {
		row("letters", "%d by %s: %s", l.Count, l.Kind, l.State)
	}
	if !s.Closed.IsZero() {
		row("closed", "%s", minute(s.Closed))
	}
	t.Flush()
	if len(s.Affected) > 0 {
		fmt.Fprintln(w)
		t = table(w, "ACCOUNT", "DOOR", "NUMBERS", "HOW", "AT", "ENTRY", "TOLD")
		for _, a := range s.Affected {
			told := "not yet"
			if !a.Told.IsZero() {
				told = minute(a.Told)
			}
			entry := "-" // rows show it, and no entry
			if a.Entry >= 0 {
				entry = fmt.Sprint(a.Entry)
			}
			fmt.Fprintf(t, "%s\t%s\t%d-%d\t%s\t%s\t%s\t%s\n", a.Account, a.Door, a.From, a.To, a.How, minute(a.At), entry, told)
		}
		t.Flush()
	}
	fmt.Fprintln(w)
	t = table(w, "STEP", "BY", "AT", "ENTRY")
	for _, step := range s.Steps {
		fmt.Fprintf(t, "%s\t%s\t%s\t%d\n", step.Kind, step.By, minute(step.At), step.Entry)
	}
	t.Flush()
}
