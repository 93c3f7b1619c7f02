package incident

import (
	"context"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/store"
)

// Bounds of what the operator writes at a step, in characters. People read the
// measures in their letters.
const (
	maxReasons  = 8000
	maxMeasures = 2000
)

// reason is a text that a step needs.
func reason(s, ask string) (string, error) {
	if s = plain(s); !says(s) {
		return "", hearkeep.Errorf(hearkeep.Invalid, "%s", ask).WithHint("It stands in the register (GDPR Art. 33(5)).")
	}
	return s, bounded(s)
}

// says reports whether a text says anything.
func says(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.IsSymbol(r) })
}

func bounded(texts ...string) error {
	for _, s := range texts {
		if utf8.RuneCountInString(s) > maxReasons {
			return hearkeep.Errorf(hearkeep.TooLarge, "That is too much text.").WithHint("At most %d characters a field.", maxReasons)
		}
	}
	return nil
}

// Assess keeps the scored, reasoned form (B4), and computes anew what it says.
func (d *Desk) Assess(ctx context.Context, id hearkeep.IncidentID, a Assessment) error {
	for _, s := range []*string{&a.Nature, &a.Consequences, &a.Measures, &a.Reasons} {
		*s = plain(*s)
	}
	switch {
	case a.Sensitivity < 1 || a.Sensitivity > 4 || a.Identification < 1 || a.Identification > 4:
		return hearkeep.Errorf(hearkeep.Invalid, "Sensitivity and ease of identification are numbers from 1 to 4.")
	case a.Reasons == "":
		return hearkeep.Errorf(hearkeep.Invalid, "Say why it weighs that.").WithHint("The reasons stand in the register (GDPR Art. 33(5)).")
	}
	if err := bounded(a.Nature, a.Consequences, a.Measures, a.Reasons); err != nil {
		return err
	}
	if err := ownWords(a.Measures, maxMeasures); err != nil {
		return err
	}
	return d.change(ctx, id, "assess", func(c *docket) error {
		rows, err := c.tx.Incidents.Affected(ctx, id)
		if err != nil {
			return err
		}
		a.Weigh(Size{len(people(rows)), Items(rows)})
		c.file.Assessment = &a
		return c.step(ctx, StepAssessed, noted{by: hearkeep.RoleOperator, text: a.Reasons})
	})
}

// Decide records whether the authority is notified, with reasons (B4). It may
// be decided anew until the authority was notified.
func (d *Desk) Decide(ctx context.Context, id hearkeep.IncidentID, notify bool, reasons string) error {
	reasons, err := reason(reasons, "Say why.")
	if err != nil {
		return err
	}
	return d.change(ctx, id, "decide", func(c *docket) error { return c.decide(ctx, notify, reasons) })
}

func (c *docket) decide(ctx context.Context, notify bool, reasons string) error {
	if c.Phase > 0 {
		return hearkeep.Errorf(hearkeep.Conflict, "The authority was notified already.").WithHint("What you know now goes into an update of the notification.")
	}
	c.State, c.Notify = hearkeep.IncidentDecided, "no"
	if notify {
		c.Notify = "yes"
	}
	return c.step(ctx, StepDecided, noted{by: hearkeep.RoleOperator, text: c.Notify + ": " + reasons})
}

// Hold keeps the people from being told for now, with reasons. Tell ends that.
func (d *Desk) Hold(ctx context.Context, id hearkeep.IncidentID, reasons string) error {
	reasons, err := reason(reasons, "Say why the people are not told yet.")
	if err != nil {
		return err
	}
	return d.change(ctx, id, "hold", func(c *docket) error {
		rows, err := c.tx.Incidents.Affected(ctx, id)
		if err != nil {
			return err
		}
		if len(rows) > 0 && untold(rows) == 0 {
			return hearkeep.Errorf(hearkeep.Conflict, "The people were told already.")
		}
		c.TellBy = time.Time{}
		return c.step(ctx, StepHeld, noted{by: hearkeep.RoleOperator, text: reasons})
	})
}

// untold counts people of whom something is affected that they were not told.
func untold(rows []store.Affected) int {
	return len(people(slices.DeleteFunc(slices.Clone(rows), func(a store.Affected) bool { return !a.Told.IsZero() })))
}

// Offer records what was offered to the people to make good; they see it.
func (d *Desk) Offer(ctx context.Context, id hearkeep.IncidentID, text string) error {
	text, err := reason(text, "Say what is offered.")
	if err != nil {
		return err
	}
	if err := ownWords(text, MaxOffer); err != nil {
		return err
	}
	return d.change(ctx, id, "offer", func(c *docket) error {
		rows, err := c.tx.Incidents.Affected(ctx, id)
		if err != nil {
			return err
		}
		c.file.Offer = text
		told := map[hearkeep.AccountID]bool{}
		for _, a := range rows { // others read it with their notice
			if a.Told.IsZero() || told[a.Account] {
				continue
			}
			told[a.Account] = true
			l, err := c.tx.Incidents.Language(ctx, a.Account)
			if err != nil {
				return err
			}
			if err := d.Letters.Tell(ctx, c.tx, a.Account, d.letterOffered(l.Or(), text)); err != nil {
				return err
			}
		}
		return c.step(ctx, StepOffered, noted{by: hearkeep.RoleOperator, text: text, entry: ledger.Entry{Count: len(told)}})
	})
}

// maxDocument bounds a document that Notified freezes, in bytes: less than seal wraps.
const maxDocument = 512 << 10

// Notified notes that a phase of the notification was handed to the authority,
// and freezes that document (B3), sealed in its step: a papers.Document as JSON,
// which this room keeps and does not read. Made late, it needs its reasons
// (Art. 33(1)).
func (d *Desk) Notified(ctx context.Context, id hearkeep.IncidentID, reference, late string, document []byte) error {
	reference, late = plain(reference), plain(late)
	if err := bounded(reference, late); err != nil {
		return err
	}
	if len(document) > maxDocument {
		return hearkeep.Errorf(hearkeep.TooLarge, "That document is too large.")
	}
	return d.change(ctx, id, "notified", func(c *docket) error {
		if c.Notify != "yes" {
			return hearkeep.Errorf(hearkeep.Conflict, "It is not decided that the authority is notified.").WithHint("Decide that first, with reasons.")
		}
		text := reference
		if c.Phase == 0 && c.now.After(c.Due) {
			if late == "" {
				return hearkeep.Errorf(hearkeep.Invalid, "The notification is late.").WithHint("Say why: the reasons accompany it (GDPR Art. 33(1)).")
			}
			text = strings.TrimSpace(text + "\nLate: " + late)
		}
		c.State, c.Phase = hearkeep.IncidentNotified, c.Phase+1
		return c.step(ctx, StepNotified, noted{by: hearkeep.RoleOperator, text: text, document: document, entry: ledger.Entry{Count: c.Phase}})
	})
}
