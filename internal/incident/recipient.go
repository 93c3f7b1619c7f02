package incident

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/notify"
	"github.com/hearkeep/hearkeep/internal/seal"
	"github.com/hearkeep/hearkeep/internal/store"
)

// States of whoever was asked to delete what is another's.
const (
	RecipientAsked    = "asked"
	RecipientAttested = "attested"
	RecipientRefused  = "refused" // they wrote that they did not, or not all of it
	RecipientExpired  = "expired" // the link is over, and nobody answered
)

// Limits of what is asked, and of what is answered without an account.
const (
	askedFor       = 90 * 24 * time.Hour // how long a link works
	askAgain       = 24 * time.Hour      // before that the same one is not asked anew
	maxAsked       = 100                 // of one case
	maxAttestName  = 200                 // characters
	maxAttestation = 4000                // characters
	attestEvenly   = 20 * time.Millisecond
)

// askedOf is what lies sealed in a recipient's row.
type askedOf struct {
	Account  hearkeep.AccountID `json:"account,omitzero"`
	Reach    string             `json:"reach,omitempty"`
	Language hearkeep.Language  `json:"language,omitempty"`
	Secret   string             `json:"secret,omitempty"` // until it was answered, where no letter went
	Attested string             `json:"attested,omitempty"`
}

// RecipientView is whoever was asked to delete what is another's.
type RecipientView struct {
	store.Recipient                    // its State may be RecipientExpired here
	Account         hearkeep.AccountID // whose channels were written to; zero for an e-mail address
	Reach           string
	Link            string // for somebody whom no letter went to; empty once they attested
	Attested        string // their name and what they attest, as they wrote it
}

// AskRecipient asks whoever was handed what is another's to delete it and to
// attest that (B7). reach is an e-mail address; of an account's own channels
// it is empty and account is set; where both are empty, or this keep sends no
// letters, nothing is sent, and the link is for the operator to hand over.
func (d *Desk) AskRecipient(ctx context.Context, id hearkeep.IncidentID, account hearkeep.AccountID, reach string, l hearkeep.Language) (link string, err error) {
	reach = strings.TrimSpace(reach)
	if !account.IsZero() && reach != "" {
		return "", fmt.Errorf("incident: ask of %s: %w", id, hearkeep.Errorf(hearkeep.Invalid, "Choose an account or an e-mail address, not both."))
	}
	if reach != "" {
		if reach, err = d.Letters.Check(notify.Email, reach); err != nil {
			return "", fmt.Errorf("incident: ask of %s: %w", id, err)
		}
	}
	secret := rand.Text()
	err = d.change(ctx, id, "ask of", func(c *docket) error {
		return c.ask(ctx, askedOf{Account: account, Reach: reach, Language: l.Or(), Secret: secret})
	})
	if err != nil {
		return "", err
	}
	return d.attestLink(secret), nil
}

func (d *Desk) attestLink(secret string) string {
	return d.Origin + "/attest/" + strings.ToLower(secret)
}

func (c *docket) ask(ctx context.Context, a askedOf) error {
	there, err := c.tx.Incidents.Recipients(ctx, c.ID)
	if err != nil {
		return err
	}
	if len(there) >= maxAsked {
		return hearkeep.Errorf(hearkeep.TooMany, "In this case %d were asked already, which is as many as there can be.", maxAsked)
	}
	for _, row := range there {
		old := c.desk.readRecipient(row)
		same := a.Reach != "" && old.Reach == a.Reach || !a.Account.IsZero() && old.Account == a.Account
		if same && old.State == RecipientAsked && c.now.Sub(row.Asked) < askAgain {
			return hearkeep.Errorf(hearkeep.Conflict, "They were asked less than a day ago.").WithHint("Give them a day to answer.")
		}
	}
	row := store.Recipient{
		ID: hearkeep.NewID[hearkeep.RecipientID](), Incident: c.ID, Hash: attestHash(a.Secret), State: RecipientAsked, Asked: c.now,
	}
	sent, err := c.writeTo(ctx, a)
	if err != nil {
		return err
	}
	if len(sent) > 0 {
		a.Secret = "" // it stands in the letter, and whoever runs the keep attests in nobody's name
	}
	if row.Sealed, err = c.desk.seal(seal.HouseRecipient, row.ID, a); err != nil {
		return err
	}
	if err := c.tx.Incidents.InsertRecipient(ctx, row); err != nil {
		return err
	}
	for _, letter := range sent {
		err := c.tx.Incidents.InsertCommunication(ctx, store.Communication{
			Incident: c.ID, Account: a.Account, Delivery: letter.ID, Kind: letter.Kind, Topic: topicAsked, State: letterQueued, At: c.now,
		})
		if err != nil {
			return err
		}
	}
	text := counted(len(sent), "letter", "letters")
	if len(sent) == 0 {
		text = "by other means: the link was given to the operator"
	}
	if !a.Account.IsZero() { // it stands in their list too
		_, err := c.desk.Ledger.Append(ctx, c.tx, ledger.Entry{
			Kind: ledger.KindIncident, Role: hearkeep.RoleOperator, Purpose: StepAsked, Account: &a.Account, Incident: &c.ID, At: c.now,
		})
		if err != nil {
			return err
		}
	}
	return c.step(ctx, StepAsked, noted{by: hearkeep.RoleOperator, text: text})
}

// writeTo sends the letter that asks.
func (c *docket) writeTo(ctx context.Context, a askedOf) ([]store.Delivery, error) {
	d := c.desk
	letter := d.letterAsked(a.Language, c.now.Add(askedFor), d.attestLink(a.Secret))
	switch {
	case !a.Account.IsZero():
		return d.Letters.Queue(ctx, c.tx, a.Account, letter)
	case a.Reach != "" && d.Letters.Can(notify.Email):
		sent, err := d.Letters.Write(ctx, c.tx, a.Reach, letter)
		return []store.Delivery{sent}, err
	}
	return nil, nil
}

// Attesting is what a recipient's link leads to.
type Attesting struct {
	State    string // of the Recipient constants
	Asked    time.Time
	Until    time.Time // when the link ends
	Language hearkeep.Language
	Text     []string // what they are asked, in paragraphs
	Yes, No  string   // what is attested, and what is refused, as sentences to choose from
}

// Attesting returns it; NotFound where the secret is nobody's.
func (d *Desk) Attesting(ctx context.Context, secret string) (a Attesting, err error) {
	defer evenly(ctx, time.Now(), attestEvenly)
	err = d.Store.View(ctx, func(tx *store.Tx) error {
		row, of, err := d.recipientBy(ctx, tx, secret)
		if err != nil {
			return err
		}
		until, w := row.Asked.Add(askedFor), textsIn(of.Language)
		a = Attesting{
			State: stateOf(row, stamp()), Asked: row.Asked, Until: until, Language: of.Language.Or(),
			Text: d.asking(of.Language, until), Yes: w.attestYes, No: w.attestNo,
		}
		return nil
	})
	if err != nil {
		return Attesting{}, fmt.Errorf("incident: attestation by its link: %w", err)
	}
	return a, nil
}

// stateOf is a recipient's state, with what the time has made of it.
func stateOf(row store.Recipient, now time.Time) string {
	if row.State == RecipientAsked && !now.Before(row.Asked.Add(askedFor)) {
		return RecipientExpired
	}
	return row.State
}

// recipientBy finds whoever was given a secret.
func (d *Desk) recipientBy(ctx context.Context, tx *store.Tx, secret string) (row store.Recipient, a askedOf, err error) {
	row, err = tx.Incidents.RecipientByHash(ctx, attestHash(secret))
	if errors.Is(err, store.ErrNotFound) {
		return row, a, hearkeep.Errorf(hearkeep.NotFound, "This link leads nowhere.").WithHint("Compare it with the letter.").Because(err)
	}
	if err != nil {
		return row, a, err
	}
	return row, a, d.unseal(seal.HouseRecipient, row.ID, row.Sealed, &a)
}

func attestHash(secret string) [32]byte {
	return sha256.Sum256([]byte("attest " + strings.ToUpper(strings.TrimSpace(secret))))
}

// Attest takes a recipient's word that everything was deleted. statement may
// be empty: the sentence that they chose is kept with their name. Who refused
// may attest later; what was attested stays.
func (d *Desk) Attest(ctx context.Context, secret, name, statement string) error {
	return d.answered(ctx, secret, name, statement, RecipientAttested)
}

// Refuse takes a recipient's word that they did not delete it, or not all.
func (d *Desk) Refuse(ctx context.Context, secret, name, statement string) error {
	return d.answered(ctx, secret, name, statement, RecipientRefused)
}

func (d *Desk) answered(ctx context.Context, secret, name, statement, state string) error {
	defer evenly(ctx, time.Now(), attestEvenly)
	name, statement = strings.ReplaceAll(plain(name), "\n", " "), plain(statement)
	switch {
	case name == "":
		return fmt.Errorf("incident: attestation: %w", hearkeep.Errorf(hearkeep.Invalid, "Write your name."))
	case utf8.RuneCountInString(name) > maxAttestName || utf8.RuneCountInString(statement) > maxAttestation:
		return fmt.Errorf("incident: attestation: %w", hearkeep.Errorf(hearkeep.TooLarge, "That is too much text.").
			WithHint("At most %d characters for the name, and %d for what you write.", maxAttestName, maxAttestation))
	}
	err := d.Store.Update(ctx, func(tx *store.Tx) error {
		row, a, err := d.recipientBy(ctx, tx, secret)
		if err != nil {
			return err
		}
		c, err := d.hold(ctx, tx, row.Incident) // also of a case that is closed
		if err != nil {
			return err
		}
		switch now := stateOf(row, c.now); {
		case now == RecipientExpired:
			return hearkeep.Errorf(hearkeep.Conflict, "This link is over.").WithHint("Write to whoever sent it to you.")
		case now == RecipientAttested, now == state:
			return hearkeep.Errorf(hearkeep.Conflict, "This was answered already.").WithHint("Write to whoever sent you the link if there is more to say.")
		}
		return c.keepAnswer(ctx, row, a, name, statement, state)
	})
	if err != nil {
		return fmt.Errorf("incident: attestation: %w", err)
	}
	return nil
}

// keepAnswer keeps what a recipient answered, beside what they answered before.
func (c *docket) keepAnswer(ctx context.Context, row store.Recipient, a askedOf, name, statement, state string) (err error) {
	w := textsIn(a.Language)
	said := w.attestYes
	if state == RecipientRefused {
		said = w.attestNo
	}
	a.Attested = paragraphs(a.Attested, name+": "+said, statement)
	if state == RecipientAttested {
		a.Secret = ""
	}
	row.State, row.Ended = state, c.now
	if row.Sealed, err = c.desk.seal(seal.HouseRecipient, row.ID, a); err != nil {
		return err
	}
	if err := c.tx.Incidents.SetRecipient(ctx, row); err != nil {
		return err
	}
	if err := c.step(ctx, StepAttested, noted{by: hearkeep.RoleSystem, text: state}); err != nil {
		return err
	}
	return c.save(ctx)
}

func (d *Desk) readRecipient(r store.Recipient) RecipientView {
	var a askedOf
	if err := d.unseal(seal.HouseRecipient, r.ID, r.Sealed, &a); err != nil {
		d.Log.Error("a recipient is not what was stored", "recipient", r.ID, "err", err)
		a.Attested = altered
	}
	r.State = stateOf(r, stamp())
	v := RecipientView{Recipient: r, Account: a.Account, Reach: a.Reach, Attested: a.Attested}
	if a.Secret != "" && r.State != RecipientExpired {
		v.Link = d.attestLink(a.Secret)
	}
	return v
}

// Unasked is how many hand-overs to others a case shows for which nobody was
// asked to delete it yet: one letter to one wrong person is a breach (B7).
func (c Case) Unasked() int {
	if !slices.ContainsFunc(c.Affected, func(a store.Affected) bool { return a.How == HowHanded }) {
		return 0
	}
	archives := map[hearkeep.ArchiveID]bool{}
	for _, clause := range c.Clauses {
		if !clause.Archive.IsZero() && !clause.Without {
			archives[clause.Archive] = true
		}
	}
	return max(0, max(1, len(archives))-len(c.Recipients))
}
