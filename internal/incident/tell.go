package incident

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/notify"
	"github.com/hearkeep/hearkeep/internal/store"
)

// kindPage stands in the delivery log for somebody who has no address: they
// are told by the page that they see when they sign in.
const kindPage = "page"

// States of a letter in the delivery log.
const (
	letterQueued = "queued"
	letterSent   = "sent"
	letterFailed = "failed"
	letterShown  = "shown" // of kindPage
)

// tellAtOnce is how many people are told in one transaction: few enough that
// others who write do not wait.
const tellAtOnce = 100

// Tell tells the people whom a case concerns, each in their language on their
// channels, what happened; which recordings, they see when they sign in.
// Whoever was told already is told again only of what is new to them. It ends
// a Hold. Conflict where nobody is left to be told.
func (d *Desk) Tell(ctx context.Context, id hearkeep.IncidentID) error {
	told, err := d.tellAll(ctx, id, hearkeep.RoleOperator)
	if err == nil && told == 0 {
		err = fmt.Errorf("incident: tell %s: %w", id, hearkeep.Errorf(hearkeep.Conflict, "There is nobody to tell: nobody is concerned, or all were told.").
			WithHint("Widen what is looked for, and tell whoever is found."))
	}
	return err
}

// tell is Tell by Hearkeep itself, when nobody decided otherwise in time (C6).
// TellBy is zero afterwards.
func (d *Desk) tell(ctx context.Context, id hearkeep.IncidentID, by hearkeep.Role) error {
	_, err := d.tellAll(ctx, id, by)
	return err
}

// tellAll tells people in transactions of a bounded number of them. Each has
// the letters, their lines in the delivery log, the entries in the ledger and
// the mark that these people were told, so that nobody is told twice or not at
// all, whenever the program ends; who was not reached is told by the next run.
func (d *Desk) tellAll(ctx context.Context, id hearkeep.IncidentID, by hearkeep.Role) (told int, err error) {
	waiting, err := d.untoldOf(ctx, id)
	if err != nil {
		return 0, err
	}
	for next := range slices.Chunk(waiting, tellAtOnce) {
		n := 0
		err := d.change(ctx, id, "tell", func(c *docket) (err error) {
			if by == hearkeep.RoleSystem && c.waits() {
				return errHeld
			}
			n, err = c.tellSome(ctx, next, by)
			return err
		})
		if told += n; err != nil && !errors.Is(err, errHeld) {
			return told, err
		}
	}
	if len(waiting) == 0 {
		return 0, nil
	}
	return told, d.change(ctx, id, "tell", func(c *docket) error { return c.tellDone(ctx, by) })
}

// errHeld says that the operator held the telling back while it went on.
var errHeld = errors.New("incident: telling is held back")

// untoldOf lists the accounts of which something is affected that they were
// not told.
func (d *Desk) untoldOf(ctx context.Context, id hearkeep.IncidentID) (accounts []hearkeep.AccountID, err error) {
	err = d.Store.View(ctx, func(tx *store.Tx) error {
		if _, err := tx.Incidents.Incident(ctx, id); errors.Is(err, store.ErrNotFound) {
			return errNoCase(err)
		}
		rows, err := tx.Incidents.Affected(ctx, id)
		for _, a := range rows { // they are sorted by account
			if a.Told.IsZero() && (len(accounts) == 0 || accounts[len(accounts)-1] != a.Account) {
				accounts = append(accounts, a.Account)
			}
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("incident: whom to tell of %s: %w", id, err)
	}
	return accounts, nil
}

// tellSome tells some people, and returns how many there were to tell.
func (c *docket) tellSome(ctx context.Context, accounts []hearkeep.AccountID, by hearkeep.Role) (int, error) {
	base, err := c.telling(ctx)
	if err != nil {
		return 0, err
	}
	var entries []ledger.Entry
	for _, account := range accounts {
		rows, err := c.tx.Incidents.AffectedOf(ctx, account)
		if err != nil {
			return 0, err
		}
		all := slices.DeleteFunc(rows, func(a store.Affected) bool { return a.Incident != c.ID })
		fresh := slices.DeleteFunc(slices.Clone(all), func(a store.Affected) bool { return !a.Told.IsZero() })
		if len(fresh) == 0 {
			continue // told since, or concerned no more
		}
		t := tellingOf(c.Incident, fresh)
		t.Sealed, t.Frozen, t.Asked, t.Attested, t.Measures = base.Sealed, base.Frozen, base.Asked, base.Attested, base.Measures
		t.Again = len(fresh) < len(all)
		if err := c.tellOne(ctx, account, t); err != nil {
			return 0, err
		}
		entries = append(entries, ledger.Entry{
			Kind: ledger.KindIncident, Role: by, Purpose: StepTold, Account: new(account), Incident: &c.ID, Count: Items(fresh), At: c.now,
		})
	}
	if len(entries) > 0 {
		_, err = c.desk.Ledger.Append(ctx, c.tx, entries...)
	}
	return len(entries), err
}

// telling is what all people of a case are told alike.
func (c *docket) telling(ctx context.Context) (t telling, err error) {
	_, frozen := c.last(StepFrozen)
	t.Frozen = frozen && c.Closed.IsZero() // closing frees it
	asked, err := c.tx.Incidents.Recipients(ctx, c.ID)
	if err != nil {
		return t, err
	}
	t.Asked = len(asked) > 0
	t.Attested = t.Asked && !slices.ContainsFunc(asked, func(r store.Recipient) bool { return r.State != RecipientAttested })
	if c.file.Assessment != nil {
		t.Sealed, t.Measures = c.file.Assessment.SealedOnly, c.file.Assessment.Measures
		return t, nil
	}
	t.Sealed, err = sealedOnly(ctx, c.tx, c.file.Clauses)
	return t, err
}

// tellOne writes to one person, on whatever channels they have.
func (c *docket) tellOne(ctx context.Context, account hearkeep.AccountID, t telling) error {
	l, err := c.tx.Incidents.Language(ctx, account)
	if err != nil {
		return err
	}
	sent, err := c.desk.Letters.Queue(ctx, c.tx, account, c.desk.communication(l.Or(), t).letter())
	if err != nil {
		return err
	}
	log, read := make([]store.Communication, 0, len(sent)+1), false
	for _, letter := range sent {
		log = append(log, store.Communication{Delivery: letter.ID, Kind: letter.Kind, State: letterQueued})
		read = read || letter.Kind != notify.Spoken
	}
	if !read { // that there is a notice may be spoken; what it says, the page says alone
		page := store.Communication{Kind: kindPage, State: letterQueued}
		if _, err := c.tx.Identity.Account(ctx, account); errors.Is(err, store.ErrNotFound) {
			page.State, page.Ended = letterFailed, c.now // the account was erased: nobody signs in to see it
		} else if err != nil {
			return err
		}
		log = append(log, page)
	}
	for _, row := range log {
		row.Incident, row.Account, row.Topic, row.At = c.ID, account, topicTold, c.now
		if err := c.tx.Incidents.InsertCommunication(ctx, row); err != nil {
			return err
		}
	}
	return c.tx.Incidents.ToldAffected(ctx, c.ID, account, c.now)
}

// tellDone writes down that the people were told, where nobody is left, and
// stops the hour that ran until then.
func (c *docket) tellDone(ctx context.Context, by hearkeep.Role) error {
	rows, err := c.tx.Incidents.Affected(ctx, c.ID)
	if err != nil || untold(rows) > 0 { // somebody was found meanwhile, or it was held: the next run goes on
		return err
	}
	since := time.Time{}
	if s, ok := c.last(StepTold); ok {
		since = s.At
	}
	c.TellBy = time.Time{}
	told := people(slices.DeleteFunc(rows, func(a store.Affected) bool { return !a.Told.After(since) }))
	if len(told) == 0 { // somebody else told them at the same time, and has written it down
		return nil
	}
	log, err := c.tx.Incidents.Communications(ctx, c.ID)
	if err != nil {
		return err
	}
	ways := map[string]int{}
	for _, row := range log {
		if row.Topic == topicTold && row.At.After(since) && row.State != letterFailed {
			ways[row.Kind]++
		}
	}
	return c.step(ctx, StepTold, noted{by: by, text: toldLine(len(told), ways), entry: ledger.Entry{Count: len(told)}})
}

// toldLine says how many people were told, and how.
func toldLine(people int, letters map[string]int) string {
	line := counted(people, "person", "people")
	var ways []string
	for kind, n := range letters {
		switch kind {
		case kindPage:
			ways = append(ways, fmt.Sprintf("%d by their page alone", n))
		case notify.Spoken:
			ways = append(ways, counted(n, "spoken notice", "spoken notices"))
		default:
			ways = append(ways, counted(n, "letter", "letters")+" by "+kind)
		}
	}
	slices.Sort(ways)
	if len(ways) > 0 {
		line += ": " + strings.Join(ways, ", ")
	}
	return line
}

func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// followLetters brings the delivery log up to date with what became of the
// letters: Expire calls it. Those that wait for days wait here too.
func (d *Desk) followLetters(ctx context.Context, now time.Time) error {
	const atOnce = 500
	for after := int64(0); ; {
		n := 0
		err := d.Store.Update(ctx, func(tx *store.Tx) error {
			waiting, err := tx.Incidents.WaitingCommunications(ctx, after, atOnce)
			if err != nil {
				return err
			}
			n = len(waiting)
			for _, row := range waiting {
				if after = row.Delivery; err == nil {
					err = followLetter(ctx, tx, row, now)
				}
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("incident: letters: %w", err)
		}
		if n < atOnce {
			return nil
		}
	}
}

func followLetter(ctx context.Context, tx *store.Tx, row store.Communication, now time.Time) error {
	letter, err := tx.Letters.Delivery(ctx, row.Delivery)
	switch {
	case errors.Is(err, store.ErrNotFound): // its account was erased, and the letter with it
		row.State, row.Ended = letterFailed, now
	case err != nil:
		return err
	case letter.State == letterSent:
		row.State, row.Ended = letterSent, letter.Sent
	case letter.State == letterFailed:
		row.State, row.Ended = letterFailed, letter.Due
	default:
		return nil
	}
	return tx.Incidents.SetCommunication(ctx, row)
}

// sealedOnly reports whether all that clauses name are archives that were
// handed over sealed: noise to whoever has not the recovery kit (B6).
func sealedOnly(ctx context.Context, tx *store.Tx, clauses []Clause) (bool, error) {
	sealed := false
	for _, c := range clauses {
		if c.Without {
			continue
		}
		if c.Archive.IsZero() {
			return false, nil
		}
		a, err := tx.Incidents.ArchiveByID(ctx, c.Archive)
		if errors.Is(err, store.ErrNotFound) {
			return false, nil
		}
		if err != nil || !a.Sealed {
			return false, err
		}
		sealed = true
	}
	return sealed, nil
}

// showPage notes that somebody who has no address saw the page that tells them.
func showPage(ctx context.Context, tx *store.Tx, log []store.Communication, account hearkeep.AccountID, now time.Time) error {
	for _, row := range log {
		if row.Account == account && row.Kind == kindPage && row.State == letterQueued {
			row.State, row.Ended = letterShown, now
			return tx.Incidents.SetCommunication(ctx, row)
		}
	}
	return nil
}

// Reached is how many of the letters that tell people of a case, of one kind,
// stand how.
type Reached struct {
	Kind  string // "email", "webhook", "spoken", "page"
	State string // "queued", "sent", "failed", "shown"
	N     int
}

// Reached counts the letters that told the people of a case (B5).
func (c Case) Reached() (all []Reached) {
	for _, row := range c.Letters {
		if row.Topic != topicTold {
			continue
		}
		i := slices.IndexFunc(all, func(r Reached) bool { return r.Kind == row.Kind && r.State == row.State })
		if i < 0 {
			i = len(all)
			all = append(all, Reached{Kind: row.Kind, State: row.State})
		}
		all[i].N++
	}
	slices.SortFunc(all, func(a, b Reached) int { return strings.Compare(a.Kind+a.State, b.Kind+b.State) })
	return all
}
