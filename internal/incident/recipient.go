package incident

import (
	"context"
	"time"

	"github.com/hearkeep/hearkeep"
)

// AskRecipient writes to whoever was handed what is another's, and asks them
// to delete it and to attest that (B7). reach is an e-mail address; of an
// account's own channels it is empty and account is set. link is where they
// attest, for somebody who has to be told by other means: ORIGIN/attest/SECRET.
func (d *Desk) AskRecipient(ctx context.Context, id hearkeep.IncidentID, account hearkeep.AccountID, reach string, l hearkeep.Language) (link string, err error) {
	return "", errNotYet
}

// States of whoever was asked to delete what is another's.
const (
	RecipientAsked    = "asked"
	RecipientAttested = "attested"
	RecipientRefused  = "refused" // they wrote that they will not
	RecipientExpired  = "expired" // the link is over, and nobody answered
)

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
func (d *Desk) Attesting(ctx context.Context, secret string) (Attesting, error) {
	return Attesting{}, errNotYet
}

// Attest takes a recipient's word that everything was deleted.
func (d *Desk) Attest(ctx context.Context, secret, name, statement string) error { return errNotYet }

// Refuse takes a recipient's word that they do not delete it, or cannot.
func (d *Desk) Refuse(ctx context.Context, secret, name, statement string) error { return errNotYet }

// Unasked reports whether something was handed to a wrong person and nobody
// was asked to delete it yet: one letter to one wrong person is a breach (B7).
func (c Case) Unasked() bool { return false }
