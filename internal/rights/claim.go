package rights

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/seal"
	"github.com/hearkeep/hearkeep/internal/store"
)

// States of a claim. The clock runs in claimOpen alone.
const (
	claimOpen       = "open"
	claimCounted    = "counted"    // the claimant was told how many recordings lie in the window
	claimErased     = "erased"     // they were erased
	claimInvited    = "invited"    // the claimant was given an invitation to the household
	claimNothing    = "nothing"    // nothing lies in the window
	claimWithdrawn  = "withdrawn"  // by the claimant
	claimUnanswered = "unanswered" // nobody answered in time, or no door was known
)

// Limits of claims. Whoever files one has no account that could be limited.
const (
	MaxClaimWindow = 24 * time.Hour // from the first minute to the last
	maxClaims      = 500            // open at the same time
	maxClaimsOf    = 20             // of one vault
	maxClaimText   = 2000           // characters
	claimLife      = 90 * 24 * time.Hour
	claimEvenly    = 50 * time.Millisecond // what an answer's time is rounded up to
)

// Claim is what somebody without an account says: when and where they were
// heard (A6, V12). It leads to an invitation, to a number or to erasure, never
// to audio, and it names nobody: not the household to the claimant, and not
// the claimant to the household beyond what they write themselves.
type Claim struct {
	Door  string // the door's number, as it stands on its page: K7QD-2M9X; empty where it is not known
	Place string // where it was, in the claimant's words
	From  time.Time
	To    time.Time
	About string // what happened, and what is wished
	Reach string // how to reach the claimant, if they want the household to know
}

// claimText is what lies sealed in a claim's row.
type claimText struct {
	Place  string `json:"place,omitempty"`
	About  string `json:"about,omitempty"`
	Reach  string `json:"reach,omitempty"`
	Link   string `json:"link,omitempty"`   // of an invitation, once they were given one
	Remark string `json:"remark,omitempty"` // what the household adds to its answer
}

// DoorNumber is the number that a door shows, by which a claim names it: the
// first 40 bits of its binding's id in Crockford's base32.
func DoorNumber(id hearkeep.BindingID) string {
	s := doorDigits().EncodeToString(id[:5])
	return s[:4] + "-" + s[4:]
}

func doorDigits() *base32.Encoding {
	return base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").WithPadding(base32.NoPadding)
}

// parseDoorNumber reads a number as people type it.
func parseDoorNumber(s string) (number [5]byte, ok bool) {
	s = strings.Map(func(r rune) rune {
		switch r = unicode.ToUpper(r); {
		case unicode.IsSpace(r), unicode.Is(unicode.Pd, r):
			return -1
		case r == 'O':
			return '0'
		case r == 'I', r == 'L':
			return '1'
		}
		return r
	}, s)
	b, err := doorDigits().DecodeString(s)
	if err != nil || len(s) != doorDigits().EncodedLen(len(number)) {
		return number, false
	}
	return [5]byte(b), true
}

// FileClaim takes a claim and returns the secret by which its claimant comes
// back to it. Whether the door is known, and whose it is, is not told. source
// is the network that it came from: one may file claimsADay of them.
func (d *Desk) FileClaim(ctx context.Context, c Claim, source string, now time.Time) (secret string, err error) {
	defer evenly(ctx, time.Now(), claimEvenly) // it takes longer where there is somebody to tell
	if err := c.check(now); err != nil {
		return "", err
	}
	if !d.claimants.admit(source, now) {
		return "", hearkeep.Errorf(hearkeep.TooMany, "Too many claims came from here today.").WithHint("Try again tomorrow.").After(24 * time.Hour)
	}
	secret = rand.Text()
	row := store.Claim{
		ID: hearkeep.NewID[hearkeep.ClaimID](), Hash: claimHash(secret), From: c.From, To: c.To,
		State: claimOpen, Made: now, Due: due(now, d.Zone),
	}
	if row.Sealed, err = d.sealClaim(row.ID, claimText{Place: c.Place, About: c.About, Reach: c.Reach}); err != nil {
		return "", fmt.Errorf("rights: claim %s: %w", row.ID, err)
	}
	number, numbered := parseDoorNumber(c.Door)
	err = d.Store.Update(ctx, func(tx *store.Tx) error {
		open, err := tx.Rights.OpenClaims(ctx, maxClaims)
		if err != nil {
			return err
		}
		if len(open) >= maxClaims {
			return errManyClaims()
		}
		if numbered {
			if err := d.findDoor(ctx, tx, number, open, &row); err != nil {
				return err
			}
		}
		if err := tx.Rights.InsertClaim(ctx, row); err != nil {
			return err
		}
		if row.Vault.IsZero() {
			return nil
		}
		if err := d.tellHolders(ctx, tx, row.Vault, letterClaim()); err != nil {
			return err
		}
		vault := row.Vault
		_, err = d.Ledger.Append(ctx, tx, ledger.Entry{Kind: ledger.KindRequest, Role: hearkeep.RoleSystem, Vault: &vault, Binding: new(row.Binding), Purpose: "claim received"})
		return err
	})
	if err != nil {
		return "", fmt.Errorf("rights: claim %s: %w", row.ID, err)
	}
	return secret, nil
}

// findDoor notes whose door a claim is about. A vault that has many open
// claims takes no more by number: they wait as if no door were known.
func (d *Desk) findDoor(ctx context.Context, tx *store.Tx, number [5]byte, open []store.Claim, row *store.Claim) error {
	b, err := tx.Rights.BindingNumbered(ctx, number)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	n := 0
	for _, c := range open {
		if c.Vault == b.Vault {
			n++
		}
	}
	if n < maxClaimsOf {
		row.Vault, row.Binding = b.Vault, b.ID
	}
	return nil
}

func (c Claim) check(now time.Time) error {
	switch {
	case c.From.IsZero() || c.To.IsZero() || !c.From.Before(c.To):
		return hearkeep.Errorf(hearkeep.Invalid, "Say from when until when it was.").WithHint("The end comes after the begin.")
	case c.To.Sub(c.From) > MaxClaimWindow:
		return hearkeep.Errorf(hearkeep.Invalid, "A claim is about at most %d hours.", int(MaxClaimWindow.Hours())).WithHint("Make one for each day.")
	case c.From.After(now):
		return hearkeep.Errorf(hearkeep.Invalid, "That time has not come yet.")
	case strings.TrimSpace(c.Door) == "" && strings.TrimSpace(c.Place) == "":
		return hearkeep.Errorf(hearkeep.Invalid, "Say where it was.").WithHint("The number of the device is best: whoever lives there finds it on its page, and the device says it when asked \"what is your number\".")
	}
	for _, s := range []string{c.Place, c.About, c.Reach} {
		if utf8.RuneCountInString(s) > maxClaimText || !utf8.ValidString(s) {
			return hearkeep.Errorf(hearkeep.TooLarge, "That is too much text.").WithHint("At most %d characters a field.", maxClaimText)
		}
	}
	return nil
}

func errManyClaims() error {
	return hearkeep.Errorf(hearkeep.TooMany, "Too many claims wait for an answer right now.").WithHint("Try again tomorrow, or write to whoever runs this keep.")
}

func claimHash(secret string) [32]byte { return sha256.Sum256([]byte("claim " + secret)) }

func (d *Desk) sealClaim(id hearkeep.ClaimID, t claimText) ([]byte, error) {
	plain, err := json.Marshal(t)
	if err != nil {
		return nil, errors.New("a claim cannot be written") // the cause would quote it
	}
	return seal.SealHouse(d.House, seal.HouseClaim, id, plain)
}

func (d *Desk) openClaim(c store.Claim) (t claimText, err error) {
	plain, err := seal.OpenHouse(d.House, seal.HouseClaim, c.ID, c.Sealed)
	if err == nil && json.Unmarshal(plain, &t) != nil {
		err = seal.ErrFormat // the cause would quote it
	}
	if err != nil {
		return claimText{}, fmt.Errorf("rights: claim %s: %w", c.ID, err)
	}
	return t, nil
}

// ClaimStatus is a claim as its claimant sees it.
type ClaimStatus struct {
	State  string
	Made   time.Time
	Due    time.Time
	Ended  time.Time // zero while it is open
	From   time.Time
	To     time.Time
	Count  int    // of recordings that were counted, or erased
	Link   string // of an invitation
	Remark string
}

// ClaimStatus returns the claim of a secret that FileClaim gave.
func (d *Desk) ClaimStatus(ctx context.Context, secret string) (ClaimStatus, error) {
	c, err := d.claimBy(ctx, secret)
	if err != nil {
		return ClaimStatus{}, err
	}
	s := ClaimStatus{State: c.State, Made: c.Made, Due: c.Due, Ended: c.Ended, From: c.From, To: c.To, Count: c.Count}
	if t, err := d.openClaim(c); err == nil {
		s.Link, s.Remark = t.Link, t.Remark
	}
	return s, nil
}

func (d *Desk) claimBy(ctx context.Context, secret string) (c store.Claim, err error) {
	err = d.Store.View(ctx, func(tx *store.Tx) (err error) {
		c, err = tx.Rights.ClaimByHash(ctx, claimHash(strings.ToUpper(strings.TrimSpace(secret))))
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		err = errNoClaim()
	}
	return c, err
}

func errNoClaim() error {
	return hearkeep.Errorf(hearkeep.NotFound, "There is no such claim.").
		WithHint("Claims are forgotten %d days after they were answered.", int(claimLife.Hours()/24))
}

// WithdrawClaim ends a claim, as its claimant wishes.
func (d *Desk) WithdrawClaim(ctx context.Context, secret string, now time.Time) error {
	c, err := d.claimBy(ctx, secret)
	if err != nil {
		return err
	}
	return d.endClaim(ctx, c.ID, now, claimWithdrawn, 0, claimText{}, ledger.Entry{Role: hearkeep.RoleSystem})
}

// endClaim writes an answer, once.
func (d *Desk) endClaim(ctx context.Context, id hearkeep.ClaimID, now time.Time, state string, n int, t claimText, entry ledger.Entry) error {
	err := d.Store.Update(ctx, func(tx *store.Tx) error {
		c, err := tx.Rights.Claim(ctx, id)
		if err != nil {
			return err
		}
		if !c.Ended.IsZero() {
			return hearkeep.Errorf(hearkeep.Conflict, "This claim was answered already.")
		}
		// What was written is not needed any more; the answer is.
		if c.Sealed, err = d.sealClaim(id, claimText{Link: t.Link, Remark: t.Remark}); err != nil {
			return err
		}
		c.State, c.Count, c.Ended = state, n, now
		if err := tx.Rights.SetClaim(ctx, c); err != nil || c.Vault.IsZero() {
			return err
		}
		entry.Kind, entry.Purpose, entry.Count, entry.Vault = ledger.KindRequest, "claim "+state, n, new(c.Vault)
		_, err = d.Ledger.Append(ctx, tx, entry)
		return err
	})
	if err != nil {
		return fmt.Errorf("rights: claim %s: %w", id, err)
	}
	return nil
}

// expireClaims ends what nobody answered in time, and forgets what ended long ago.
func (d *Desk) expireClaims(ctx context.Context, now time.Time) error {
	var late []store.Claim
	err := d.Store.View(ctx, func(tx *store.Tx) (err error) {
		late, err = tx.Rights.OpenClaims(ctx, maxClaims)
		return err
	})
	if err != nil {
		return fmt.Errorf("rights: claims: %w", err)
	}
	var failed []error
	for _, c := range late {
		if c.Due.Before(now) {
			failed = append(failed, d.endClaim(ctx, c.ID, now, claimUnanswered, 0, claimText{}, ledger.Entry{Role: hearkeep.RoleSystem}))
		}
	}
	failed = append(failed, d.Store.Update(ctx, func(tx *store.Tx) error {
		_, err := tx.Rights.ExpireClaims(ctx, now.Add(-claimLife))
		return err
	}))
	return errors.Join(failed...)
}

func letterClaim() hearkeep.Letter {
	return hearkeep.Letter{
		Topic: "claim received", Subject: "Somebody says that a device of yours heard them",
		Text: "Somebody without an account says that they were heard by a device whose recordings you hold, and asks what is kept of it.\n\nSign in and open \"Your rights\" to answer. You can say how many recordings lie in that time, erase them, or invite them. What was said is not given to them.",
	}
}

// claimants counts claims by the network that they came from, so that nobody
// takes the room of all others.
type claimants struct {
	mu    sync.Mutex
	since time.Time
	filed map[string]int
}

const (
	claimsADay = 10
	maxSources = 100_000 // whose claims are counted
)

// admit counts one claim, of a day that begins with the first.
func (c *claimants) admit(source string, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now.Sub(c.since) >= 24*time.Hour {
		c.since, c.filed = now, map[string]int{}
	}
	if len(c.filed) > maxSources { // a flood from very many networks: the limit of all remains
		c.filed = map[string]int{}
	}
	c.filed[source]++
	return c.filed[source] <= claimsADay
}
