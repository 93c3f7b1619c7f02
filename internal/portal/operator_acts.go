package portal

import (
	"context"
	"errors"
	"net/http"
	"net/mail"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/incident"
)

// caseBytes is room for the largest form of a case: four texts.
const caseBytes = 64 << 10

// caseAct is what one form of a case does. It is given what was typed, and
// returns what comes of it: nothing of it names a person or a recording.
type caseAct func(p *portal, ctx context.Context, id hearkeep.IncidentID, given url.Values) error

// onCase is the handler of a form: done, it leads back to the case; what is
// wrong with it stands in the form, with all that was typed.
func (p *portal) onCase(name string) func(http.ResponseWriter, *http.Request) error {
	act := caseActs()[name]
	return func(w http.ResponseWriter, r *http.Request) error {
		if err := form(r); err != nil {
			return err
		}
		id, err := hearkeep.ParseID[hearkeep.IncidentID](r.PathValue("id"))
		if err != nil {
			return errNowhere
		}
		if _, err := p.Incidents.Case(r.Context(), id); err != nil {
			return err
		}
		if name == "clauses" && r.PostFormValue("do") != "keep" {
			return p.previewClause(w, r, id)
		}
		err = act(p, context.WithoutCancel(r.Context()), id, r.PostForm)
		if pr := amendable(err); pr != nil {
			return p.caseAgain(w, r, name, pr, nil)
		}
		if err != nil {
			return err
		}
		http.Redirect(w, r, "/operator/cases/"+id.String()+"?done="+name, http.StatusSeeOther)
		return nil
	}
}

// amendable is mendable, and too much text as well: all of these forms take
// texts that somebody would not like to type again.
func amendable(err error) *problem {
	if hearkeep.CodeOf(err) == hearkeep.TooLarge {
		pr := explain(err)
		return &pr
	}
	return mendable(err)
}

// caseAgain shows a case with a form as it was filled in.
func (p *portal) caseAgain(w http.ResponseWriter, r *http.Request, name string, pr *problem, preview *incident.Preview) error {
	page, err := p.casePage(r)
	if err != nil {
		return err
	}
	page.wrong, page.given, page.Problem, page.Preview = name, r.PostForm, pr, preview
	status := http.StatusOK
	if pr != nil {
		status = pr.Status
	}
	p.show(w, status, "case", page)
	return nil
}

// previewClause shows what a clause would change, and keeps nothing.
func (p *portal) previewClause(w http.ResponseWriter, r *http.Request, id hearkeep.IncidentID) error {
	c, err := p.clauseOf(r.PostForm)
	if err == nil {
		var preview incident.Preview
		if preview, err = p.Incidents.Preview(r.Context(), id, c); err == nil {
			return p.caseAgain(w, r, "clauses", nil, &preview)
		}
	}
	if pr := amendable(err); pr != nil {
		return p.caseAgain(w, r, "clauses", pr, nil)
	}
	return err
}

// clauseOf reads a cause as the form names it. A person and a recording are no
// causes: nothing here takes one.
func (p *portal) clauseOf(given url.Values) (c incident.Clause, err error) {
	text := func(name string) string { return strings.TrimSpace(given.Get(name)) }
	c.Reason, c.Without = text("reason"), given.Get("way") == "narrow"
	of := text("of")
	unreadable := hearkeep.Errorf(hearkeep.Invalid, "“%s” is not an id of that kind.", shortened(of)).
		WithHint("Ids stand in the ledger, in reports, and in the table of this page: 32 digits and letters from a to f; of a session 16.")
	switch given.Get("kind") {
	case clauseArchive:
		c.Archive, err = hearkeep.ParseID[hearkeep.ArchiveID](of)
	case clauseSession:
		if c.Session = of; len(of) != 16 || strings.Trim(of, "0123456789abcdef") != "" {
			err = errors.New("portal: no session")
		}
	case clauseAccount:
		c.Account, err = hearkeep.ParseID[hearkeep.AccountID](of)
	case clauseDoor:
		c.Binding, err = hearkeep.ParseID[hearkeep.BindingID](of)
	case clauseVault:
		c.Vault, err = hearkeep.ParseID[hearkeep.VaultID](of)
	case clauseWindow:
		if of != "" {
			return c, hearkeep.Errorf(hearkeep.Invalid, "A window of time takes no id.").WithHint("Choose what the id is of, or leave it empty.")
		}
	default:
		return c, hearkeep.Errorf(hearkeep.Invalid, "Choose what to look for.")
	}
	if err != nil {
		return c, unreadable.Because(err)
	}
	if c.From, err = p.moment(text("from")); err != nil {
		return c, err
	}
	if c.To, err = p.moment(text("to")); err != nil {
		return c, err
	}
	switch {
	case given.Get("kind") == clauseWindow && (c.From.IsZero() || c.To.IsZero()):
		return c, hearkeep.Errorf(hearkeep.Invalid, "A window of time has a begin and an end.")
	case !c.From.IsZero() && !c.To.IsZero() && !c.From.Before(c.To):
		return c, hearkeep.Errorf(hearkeep.Invalid, "The window ends before it begins.")
	case !c.Archive.IsZero() && !(c.From.IsZero() && c.To.IsZero()):
		return c, hearkeep.Errorf(hearkeep.Invalid, "An archive has no window of time.").WithHint("It is one moment. Leave the times empty.")
	}
	return c, nil
}

// shortened keeps what somebody typed from filling a page.
func shortened(text string) string {
	if runes := []rune(text); len(runes) > 40 {
		return string(runes[:40]) + "…"
	}
	return text
}

// momentForm is how <input type="datetime-local"> writes a time, in the
// portal's zone.
const momentForm = "2006-01-02T15:04"

// moment reads a time; zero where nothing was given.
func (p *portal) moment(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, form := range []string{momentForm, "2006-01-02 15:04", "2006-01-02T15:04:05", time.DateOnly} {
		if t, err := time.ParseInLocation(form, text, p.Zone); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, hearkeep.Errorf(hearkeep.Invalid, "“%s” is not a time.", shortened(text)).WithHint("Write it as 2026-05-03 14:30.")
}

// caseForms names the forms of a case, in the order in which they are needed.
func caseForms() []string {
	return []string{"tell", "hold", "clauses", "assess", "decide", "ask", "offer", "close"}
}

// caseActs are what the forms of a case do, by the last part of their address.
func caseActs() map[string]caseAct {
	return map[string]caseAct{
		"tell": func(p *portal, ctx context.Context, id hearkeep.IncidentID, _ url.Values) error {
			return p.Incidents.Tell(ctx, id)
		},
		"hold": func(p *portal, ctx context.Context, id hearkeep.IncidentID, given url.Values) error {
			reasons, err := reasoned(given, "reasons")
			if err != nil {
				return err
			}
			return p.Incidents.Hold(ctx, id, reasons)
		},
		"clauses": (*portal).keepClause,
		"assess":  (*portal).assess,
		"decide":  (*portal).decide,
		"ask":     (*portal).askRecipient,
		"offer":   (*portal).offerToPeople,
		"close": func(p *portal, ctx context.Context, id hearkeep.IncidentID, given url.Values) error {
			conclusion, err := reasoned(given, "conclusion")
			if err != nil {
				return err
			}
			return p.Incidents.Close(ctx, id, conclusion)
		},
	}
}

func (p *portal) keepClause(ctx context.Context, id hearkeep.IncidentID, given url.Values) error {
	c, err := p.clauseOf(given)
	if err != nil {
		return err
	}
	if c.Reason, err = reasoned(given, "reason"); err != nil {
		return err
	}
	if c.Without {
		return p.Incidents.Narrow(ctx, id, c)
	}
	return p.Incidents.Widen(ctx, id, c)
}

func (p *portal) assess(ctx context.Context, id hearkeep.IncidentID, given url.Values) error {
	ticked := func(name string) bool { return given.Get(name) == "yes" }
	a := incident.Assessment{
		Confidentiality: ticked("confidentiality"), Integrity: ticked("integrity"), Availability: ticked("availability"),
		Malicious: ticked("malicious"), Unknown: ticked("unknown"), Children: ticked("children"), SealedOnly: ticked("sealed"),
	}
	for name, to := range map[string]*int{"sensitivity": &a.Sensitivity, "identification": &a.Identification} {
		n, err := strconv.Atoi(given.Get(name))
		if err != nil || n < 1 || n > 4 {
			return hearkeep.Errorf(hearkeep.Invalid, "Choose both weights from 1 to 4.")
		}
		*to = n
	}
	for _, text := range []struct {
		name string
		to   *string
		must bool
	}{{"nature", &a.Nature, true}, {"consequences", &a.Consequences, false}, {"measures", &a.Measures, false}, {"why", &a.Reasons, true}} {
		if *text.to = textOfForm(given, text.name); *text.to == "" && text.must {
			return hearkeep.Errorf(hearkeep.Invalid, "Say what happened, and why the weights are what they are.").WithHint("The register and the authority get these words.")
		}
	}
	return p.Incidents.Assess(ctx, id, a)
}

func (p *portal) decide(ctx context.Context, id hearkeep.IncidentID, given url.Values) error {
	notify := given.Get("notify")
	if notify != "yes" && notify != "no" {
		return hearkeep.Errorf(hearkeep.Invalid, "Choose whether the authority is notified.")
	}
	reasons, err := reasoned(given, "reasons")
	if err != nil {
		return err
	}
	return p.Incidents.Decide(ctx, id, notify == "yes", reasons)
}

// askRecipient writes to one e-mail address, or to the channels of an account
// that the case shows to have been handed something: the letter's words are
// fixed.
func (p *portal) askRecipient(ctx context.Context, id hearkeep.IncidentID, given url.Values) error {
	to := strings.TrimSpace(given.Get("reach"))
	l := hearkeep.Language(given.Get("language"))
	if !l.Valid() {
		return hearkeep.Errorf(hearkeep.Invalid, "Choose the language of the letter.")
	}
	if chosen := given.Get("account"); chosen != "" {
		c, err := p.Incidents.Case(ctx, id)
		if err != nil {
			return err
		}
		account, err := hearkeep.ParseID[hearkeep.AccountID](chosen)
		if err != nil || !slices.Contains(handedTo(c), account) {
			return hearkeep.Errorf(hearkeep.Invalid, "The case shows nothing that was handed to this account.")
		}
		if to != "" {
			return hearkeep.Errorf(hearkeep.Invalid, "Choose an account or an e-mail address, not both.")
		}
		_, err = p.Incidents.AskRecipient(ctx, id, account, "", l)
		return err
	}
	if a, err := mail.ParseAddress(to); err != nil || a.Address != to {
		return hearkeep.Errorf(hearkeep.Invalid, "“%s” is no e-mail address.", shortened(to))
	}
	_, err := p.Incidents.AskRecipient(ctx, id, hearkeep.AccountID{}, to, l)
	return err
}

// handedTo lists the accounts that a case shows to have been handed something,
// or to have opened it: who reported what they were handed, and of whom a
// clause says so.
func handedTo(c incident.Case) (accounts []hearkeep.AccountID) {
	add := func(id hearkeep.AccountID) {
		if !id.IsZero() && !slices.Contains(accounts, id) {
			accounts = append(accounts, id)
		}
	}
	for _, r := range c.Reports {
		if !r.Archive.IsZero() {
			add(r.Account)
		}
	}
	for _, cl := range c.Clauses {
		if !cl.Without {
			add(cl.Account)
		}
	}
	return accounts
}

// offerToPeople keeps what the operator offers to make good. It is the one text
// of theirs that people are shown as it is.
func (p *portal) offerToPeople(ctx context.Context, id hearkeep.IncidentID, given url.Values) error {
	text, err := reasoned(given, "offer")
	if err != nil {
		return err
	}
	return p.Incidents.Offer(ctx, id, text)
}

// reasoned is a text that a form must have.
func reasoned(given url.Values, name string) (string, error) {
	text := textOfForm(given, name)
	if text == "" {
		return "", hearkeep.Errorf(hearkeep.Invalid, "This needs words.").WithHint("They stand in the case and in the register, and cannot be changed later.")
	}
	return text, nil
}

// textOfForm is what somebody typed, with the line breaks of this machine.
func textOfForm(given url.Values, name string) string {
	return strings.TrimSpace(strings.ReplaceAll(given.Get(name), "\r\n", "\n"))
}
