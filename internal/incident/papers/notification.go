package papers

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/incident"
)

// Headings of the notification. What an update compares is found by them.
const (
	headWho      = "Who notifies"
	headChanged  = "What has changed since the last phase"
	headDelay    = "Reasons for the delay (Article 33(1))"
	headNature   = "Nature of the breach (Article 33(3)(a))"
	headContact  = "Contact (Article 33(3)(b))"
	headConseq   = "Likely consequences (Article 33(3)(c))"
	headMeasures = "Measures taken or proposed (Article 33(3)(d))"
	headTold     = "Communication to the people concerned (Article 34)"
	headUnknown  = "What is not known yet (Article 33(4))"
	headSteps    = "What was done, and when"
	headBasis    = "What this stands on"
)

// Notification is the Art. 33(3) notification of a case, in the phase that
// comes next (B3): initial, or an update that says what changed since the
// documents that c.Steps froze.
func Notification(c incident.Case, by incident.Controller, on Basis) Document {
	n := notification{c, by, on}
	d := Document{Title: "Notification of a personal data breach", Mark: "Case " + c.ID.String(), Made: on.Made.UTC()}
	d.Lead = []string{n.lead()}
	sections := []Section{n.who(), n.delay(), n.nature(), n.contact(), n.consequences(), n.measures(), n.told(), n.unknown(), n.steps(), n.basis()}
	if before, ok := handedIn(c); ok {
		sections = slices.Insert(sections, 1, changes(before, sections))
	}
	for _, s := range sections {
		if s.Heading != "" {
			d.Sections = append(d.Sections, s)
		}
	}
	return d
}

type notification struct {
	incident.Case
	by incident.Controller
	on Basis
}

func (n notification) phase() string {
	switch {
	case n.Phase == 0:
		return "Initial notification"
	case !n.Closed.IsZero():
		return fmt.Sprintf("Phase %d: last update, the case is closed", n.Phase+1)
	}
	return fmt.Sprintf("Phase %d: update", n.Phase+1)
}

func (n notification) lead() string {
	return n.phase() + ", under Article 33 of Regulation (EU) 2016/679. " +
		"Numbers of people and recordings are computed from the ledger of the service, not estimated. What is not known yet follows in phases (Article 33(4))."
}

func (n notification) who() Section {
	s := Section{Heading: headWho}
	controller(&s, n.by)
	s.fact("Case", n.ID.String())
	s.fact("Phase", n.phase())
	s.fact("Aware since", n.on.moment(n.AwareAt))
	s.fact("Due", n.on.moment(n.Due))
	s.fact("This document was made", n.on.moment(n.on.Made))
	for i, step := range n.phases() {
		s.fact(fmt.Sprintf("Phase %d was handed in", i+1), n.on.moment(step.At)+reference(step.Text))
	}
	return s
}

// reference is how the authority filed a phase, as the operator noted it.
func reference(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "Late:") {
		return ""
	}
	return "; reference " + line
}

func (n notification) phases() (done []incident.StepView) {
	for _, s := range n.Steps {
		if s.Kind == incident.StepNotified {
			done = append(done, s)
		}
	}
	return done
}

func (n notification) delay() Section {
	if n.Phase > 0 || !n.on.Made.After(n.Due) {
		return Section{}
	}
	reasons := orElse(n.on.Late, "To be filled in before this is handed in: it is made "+span(n.on.Made.Sub(n.Due))+" after it was due.")
	return Section{Heading: headDelay, Text: []string{reasons}}
}

func (n notification) nature() Section {
	s := Section{Heading: headNature}
	s.Text = append(s.Text, what(n.What))
	if n.Assessment.Nature != "" {
		s.Text = append(s.Text, n.Assessment.Nature)
	}
	if n.assessed() {
		var kinds []string
		for _, k := range []struct {
			so   bool
			name string
		}{{n.Assessment.Confidentiality, "confidentiality"}, {n.Assessment.Integrity, "integrity"}, {n.Assessment.Availability, "availability"}} {
			if k.so {
				kinds = append(kinds, k.name)
			}
		}
		s.fact("Kind of breach", orElse(strings.Join(kinds, ", "), "none of confidentiality, integrity, availability"))
	}
	people := "people with an account at a voice assistant; besides them whoever else was in the room, whose number the service does not know"
	if n.Assessment.Children {
		people += "; children are among them"
	}
	s.fact("Categories of people", people)
	s.fact("Number of people", count(n.People, "person", "people")+" with an account, as the ledger shows")
	s.fact("Categories of data", "recordings of voices, what was said in words, what the assistant answered, with time and device. It is speech at home, so that data of Article 9 may be in it; nobody at the service has listened to find out.")
	s.fact("Number of records", count(n.Items, "recording", "recordings"))
	if n.Lost > 0 {
		s.fact("Not counted", count(n.Lost, "entry", "entries")+" of the ledger that may concern this had lost what they said to their clock of one year before the case was opened")
	}
	s.Head = []string{"How they are concerned", "People", "Recordings", "First time", "Ledger entries"}
	for _, h := range []string{incident.HowHanded, incident.HowOpened, incident.HowReach, incident.HowKept} {
		if cells := n.way(h); cells != nil {
			s.row(cells...)
		}
	}
	if len(s.Rows) == 0 {
		s.Head = nil
	}
	return s
}

// way is the table's line of one way in which recordings are concerned.
func (n notification) way(h string) []string {
	rows := n.Affected[:0:0]
	people := map[hearkeep.AccountID]bool{}
	var entries []int64
	first := time.Time{}
	for _, a := range n.Affected {
		if a.How != h {
			continue
		}
		rows, people[a.Account] = append(rows, a), true
		if a.Entry >= 0 {
			entries = append(entries, a.Entry)
		}
		if !a.At.IsZero() && (first.IsZero() || a.At.Before(first)) {
			first = a.At
		}
	}
	if len(rows) == 0 {
		return nil
	}
	return []string{how(h), fmt.Sprint(len(people)), fmt.Sprint(incident.Items(rows)), n.on.short(first), orElse(runs(entries), "as rows show")}
}

func (n notification) contact() Section {
	return Section{Heading: headContact, Text: []string{orElse(n.by.Contact, "To be filled in before this is handed in.")}}
}

func (n notification) assessed() bool { return n.Assessment.Level != "" }

func (n notification) consequences() Section {
	s := Section{Heading: headConseq}
	if n.Assessment.Consequences != "" {
		s.Text = append(s.Text, n.Assessment.Consequences)
	}
	if n.Assessment.SealedOnly {
		s.Text = append(s.Text, "What left is sealed: it opens with the recovery kit of the person it belongs to and with nothing else, and is noise to whoever has it (Article 34(3)(a)).")
	}
	if !n.assessed() {
		s.Text = append(s.Text, "The severity is not assessed yet.")
		return s
	}
	a := n.Assessment
	s.fact("Severity", fmt.Sprintf("%s (%g)", a.Level, a.Score))
	s.fact("Method", "ENISA, Recommendations for a methodology of the assessment of severity of personal data breaches, 2013: context of the data × ease of identification + circumstances. Below 2 low, below 3 medium, below 4 high, else very high.")
	s.fact("How it is reckoned", strings.Join(a.Weigh(incident.Size{People: n.People, Items: n.Items}), "\n"))
	s.fact("Reasons", orElse(a.Reasons, "–"))
	return s
}

func (n notification) measures() Section {
	s := Section{Heading: headMeasures}
	if n.Assessment.Measures != "" {
		s.Text = append(s.Text, n.Assessment.Measures)
	}
	if step, ok := n.last(incident.StepFrozen); ok {
		s.fact("Frozen", "since "+n.on.moment(step.At)+": it is not handed over and does not expire; its keyholders can play and erase it")
	}
	for i, r := range n.Recipients {
		answer := "has not answered"
		switch r.State {
		case incident.RecipientAttested:
			answer = "attested on " + n.on.moment(r.Ended) + " that everything was deleted"
		case incident.RecipientRefused:
			answer = "wrote on " + n.on.moment(r.Ended) + " that not all of it was deleted"
		case incident.RecipientExpired:
			answer = "has not answered, and the time for it is over"
		}
		s.fact(fmt.Sprintf("Recipient %d", i+1), "was asked on "+n.on.moment(r.Asked)+" to delete it and to attest that; "+answer)
	}
	if u := n.Unasked(); u > 0 {
		s.fact("Not asked", "nobody was asked yet to delete what left in "+count(u, "hand-over", "hand-overs"))
	}
	if n.Offer != "" {
		s.fact("Offered to the people", n.Offer)
	}
	if n.Conclusion != "" {
		s.fact("Concluded", n.Conclusion)
	}
	if len(s.Text) == 0 && len(s.Facts) == 0 {
		s.Text = append(s.Text, "None so far.")
	}
	return s
}

// last is the newest step of a kind.
func (n notification) last(kind string) (incident.StepView, bool) {
	for _, s := range slices.Backward(n.Steps) {
		if s.Kind == kind {
			return s, true
		}
	}
	return incident.StepView{}, false
}

// people counts who is affected, and who of them was told of all of it.
func (n notification) people() (all, told int) {
	of := map[hearkeep.AccountID]bool{}
	for _, a := range n.Affected {
		was, known := of[a.Account]
		of[a.Account] = !a.Told.IsZero() && (was || !known)
	}
	for _, t := range of {
		if t {
			told++
		}
	}
	return len(of), told
}

func (n notification) told() Section {
	s := Section{Heading: headTold}
	all, told := n.people()
	switch held, isHeld := n.last(incident.StepHeld); {
	case all == 0:
		s.Text = append(s.Text, "Nobody is known to be affected, so nobody was told.")
	case told == all:
		s.Text = append(s.Text, count(all, "person is concerned, and was", "people are concerned, and all were")+" told, each in their language: what happened, whom to ask, what may follow, what was done, what they can do. Exactly which recordings are theirs they see when they sign in.")
	case isHeld && n.TellBy.IsZero():
		s.Text = append(s.Text, fmt.Sprintf("%d of %d were told. The rest is held back since %s:", told, all, n.on.moment(held.At)), held.Text)
	case !n.TellBy.IsZero():
		s.Text = append(s.Text, fmt.Sprintf("%d of %d were told. The rest are told at the latest on %s, without anybody's decision.", told, all, n.on.moment(n.TellBy)))
	default:
		s.Text = append(s.Text, fmt.Sprintf("%d of %d were told.", told, all))
	}
	for _, step := range n.Steps {
		if step.Kind == incident.StepTold {
			s.fact("Told", n.on.moment(step.At)+"; "+step.Text)
		}
	}
	s.Head = []string{"By", "Letters", "State"}
	for _, r := range n.Reached() {
		s.row(byWay(r.Kind), fmt.Sprint(r.N), byState(r))
	}
	if len(s.Rows) == 0 {
		s.Head = nil
	}
	return s
}

func byWay(kind string) string {
	switch kind {
	case "email":
		return "e-mail"
	case "page":
		return "their page alone: they have no address"
	case "spoken":
		return "a spoken notice, that there is something to read"
	}
	return kind
}

func byState(r incident.Reached) string {
	switch {
	case r.Kind == "page" && r.State == "queued":
		return "waits until they sign in"
	case r.Kind == "spoken" && r.State == "queued":
		return "waits until somebody speaks at their device, for thirty days"
	case r.Kind == "spoken" && r.State == "sent":
		return "was said"
	case r.State == "queued":
		return "on its way: tried for three days"
	case r.State == "sent":
		return "taken by the receiving server"
	case r.State == "failed":
		return "given up: the receiving server refused it, or the account is gone"
	}
	return r.State
}

// maxListed is how many reports are listed, and from which step on those that
// only say that one came are counted.
const maxListed = 40

func (n notification) steps() Section {
	s := Section{Heading: headSteps, Head: []string{"When", "What", "By", "Entry"}}
	more := 0
	for i, step := range n.Steps {
		if i >= maxListed && (step.Kind == incident.StepJoined || step.Kind == incident.StepAcknowledged) {
			more++ // a flood of reports hides nothing that was done
			continue
		}
		text := stepText(step.Kind)
		if step.Text != "" && step.Kind != incident.StepOpened && step.Kind != incident.StepJoined {
			text += ": " + step.Text
		}
		s.row(n.on.short(step.At), text, string(step.By), fmt.Sprint(step.Entry))
	}
	if more > 0 {
		s.Text = append(s.Text, count(more, "more step", "more steps")+", by which reports of the same thing joined the case and were acknowledged, are not listed.")
	}
	return s
}

func (n notification) basis() Section {
	s := Section{Heading: headBasis}
	s.Text = append(s.Text, "Each step above is an entry of the service's ledger, a transparency log. Whoever has its signed checkpoint can check that an entry was in it, and that nothing was taken out or put in since (hearkeep verify).")
	var entries []int64
	for _, a := range n.Affected {
		if a.Entry >= 0 {
			entries = append(entries, a.Entry)
		}
	}
	s.fact("Entries that show who is affected", orElse(runs(entries), "none; rows show it"))
	for i, r := range n.Reports {
		if i == maxListed {
			s.fact("More reports", fmt.Sprint(len(n.Reports)-maxListed))
			break
		}
		line := n.on.moment(r.At) + ", " + via(r.Via)
		if r.Late != "" {
			line += "; entered later: " + r.Late
		}
		s.fact(fmt.Sprintf("Report %d", i+1), line)
	}
	for i, c := range n.Clauses {
		s.fact(fmt.Sprintf("Looked for %d", i+1), n.clause(c))
	}
	if n.on.Checkpoint != "" {
		s.fact("Checkpoint of the ledger", strings.TrimRight(n.on.Checkpoint, "\n"))
	}
	return s
}

// clause says what was looked for.
func (n notification) clause(c incident.Clause) string {
	var line string
	switch {
	case !c.Archive.IsZero():
		line = "what the archive " + c.Archive.String() + " handed over"
	case c.Session != "":
		line = "what was opened or handed over in the session " + c.Session
	case !c.Account.IsZero():
		line = "what the account " + c.Account.String() + " opened, was handed, or could open"
	case !c.Binding.IsZero():
		line = "what the device " + c.Binding.String() + " kept"
	case !c.Vault.IsZero():
		line = "what of the vault " + c.Vault.String() + " was opened or handed over"
	default:
		line = "everything that was opened or handed over"
	}
	if !c.From.IsZero() {
		line += ", from " + n.on.moment(c.From)
	}
	if !c.To.IsZero() {
		line += ", until " + n.on.moment(c.To)
	}
	if c.Without {
		line = "taken out: " + line
	}
	if c.Reason == "" {
		return line + " (drawn from the report)"
	}
	return line + ". Reason: " + c.Reason
}

// handedIn is the newest phase as it was frozen.
func handedIn(c incident.Case) (d Document, ok bool) {
	for _, s := range slices.Backward(c.Steps) {
		if s.Kind == incident.StepNotified && json.Unmarshal(s.Document, &d) == nil {
			return d, true
		}
	}
	return d, false
}
