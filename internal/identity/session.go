package identity

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/seal"
	"github.com/hearkeep/hearkeep/internal/store"
)

// A cookie is base64url(session id 16 ‖ secret 32). The server stores
// SHA-256(id), and the account key wrapped under the secret.
const cookieBytes = 16 + 32

// begin makes a session for an account whose key was just unwrapped. The
// caller stores the row.
func (d *Desk) begin(a store.Account, key seal.AccountKey, from Visitor) (SignedIn, store.Session, error) {
	now := time.Now().UTC().Truncate(time.Millisecond)
	return d.session(a, key, store.Session{Created: now, Expires: now.Add(SessionLife), SteppedUp: now}, from)
}

// session makes a session that began, ends and was stepped up when life says.
func (d *Desk) session(a store.Account, key seal.AccountKey, life store.Session, from Visitor) (SignedIn, store.Session, error) {
	now := time.Now().UTC().Truncate(time.Millisecond)
	var raw [cookieBytes]byte
	rand.Read(raw[:])
	row := store.Session{IDHash: sha256.Sum256(raw[:16]), Account: a.ID, Agent: clip(strings.Map(printed, from.Agent), 200), Used: now}
	row.Created, row.Expires, row.SteppedUp = life.Created, life.Expires, life.SteppedUp
	var err error
	if row.Wrap, err = seal.WrapSession([32]byte(raw[16:]), key, sessionContext(row)); err != nil {
		return SignedIn{}, store.Session{}, fmt.Errorf("identity: begin session: %w", err)
	}
	who, err := d.verify(a, row, key)
	if err != nil {
		return SignedIn{}, store.Session{}, err
	}
	known := from.Known
	if !d.knows(a.ID, known) {
		known = d.browserMark(a.ID)
	}
	return SignedIn{
		Who: who, Cookie: base64.RawURLEncoding.EncodeToString(raw[:]),
		Expires: row.Expires, Known: known,
	}, row, nil
}

func sessionContext(s store.Session) seal.SessionContext {
	return seal.SessionContext{
		Account: s.Account, SessionHash: s.IDHash,
		Created: s.Created, Expires: s.Expires, SteppedUp: s.SteppedUp,
	}
}

// verify opens the account's private key: the one place that makes a Verified.
func (d *Desk) verify(a store.Account, s store.Session, key seal.AccountKey) (Verified, error) {
	private, err := seal.OpenAccountPrivate(key, a.ID, a.SealedPrivate)
	if err != nil {
		return Verified{}, fmt.Errorf("identity: open account %s: %w", a.ID, err)
	}
	return Verified{&session{account: a, row: s, key: key, private: private, wait: d.wait}}, nil
}

// goOn makes the session with which who's goes on: of the same age and end,
// under a new cookie, over the account as it is from now on. The caller puts
// its row into the place of the old one with replace.
func (d *Desk) goOn(who Verified, a store.Account, key seal.AccountKey, steppedUp time.Time, from Visitor) (SignedIn, store.Session, error) {
	life := who.of.row
	life.SteppedUp = steppedUp.UTC().Truncate(time.Millisecond)
	if from.Agent == "" {
		from.Agent = life.Agent
	}
	return d.session(a, key, life, from)
}

func replace(ctx context.Context, tx *store.Tx, who Verified, row store.Session) error {
	if err := tx.Identity.DeleteSession(ctx, who.of.row.IDHash); err != nil {
		return err
	}
	return tx.Identity.InsertSession(ctx, row)
}

// standing checks, in the transaction that changes something, that who's
// session goes on and that nothing about the account changed since it was
// read: Conflict where somebody else was first, Unauthorized after the end.
func standing(ctx context.Context, tx *store.Tx, who Verified) error {
	if err := unchanged(ctx, tx, who.of.account); err != nil {
		return err
	}
	_, err := tx.Identity.Session(ctx, who.of.row.IDHash)
	if errors.Is(err, store.ErrNotFound) {
		return errSignIn(err)
	}
	return err
}

// unchanged fails with Conflict where an account's keys or its list of
// unlockers are not what they were when a was read.
func unchanged(ctx context.Context, tx *store.Tx, a store.Account) error {
	now, err := tx.Identity.Account(ctx, a.ID)
	if errors.Is(err, store.ErrNotFound) {
		return errSignIn(err)
	}
	if err != nil {
		return err
	}
	if !bytes.Equal(now.SealedPrivate, a.SealedPrivate) || !bytes.Equal(now.SealedList, a.SealedList) || !now.Changed.Equal(a.Changed) {
		return hearkeep.Errorf(hearkeep.Conflict, "Something about this account was changed a moment ago.").
			WithHint("Look at it again, and try again if it is still needed.")
	}
	return nil
}

// errSignIn answers every cookie and token that is not good, in the same words.
func errSignIn(err error) error {
	return hearkeep.Errorf(hearkeep.Unauthorized, "Please sign in.").Because(err)
}

// Authenticate returns whose session a cookie belongs to. A cookie that is
// malformed, unknown, ended, or whose row was altered fails with Unauthorized.
func (d *Desk) Authenticate(ctx context.Context, cookie string) (Verified, error) {
	hash, secret, ok := splitCookie(cookie)
	if !ok {
		return Verified{}, errSignIn(nil)
	}
	var row store.Session
	var account store.Account
	err := d.store.View(ctx, func(tx *store.Tx) (err error) {
		if row, err = tx.Identity.Session(ctx, hash); err != nil {
			return err
		}
		account, err = tx.Identity.Account(ctx, row.Account)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return Verified{}, errSignIn(nil)
	}
	if err != nil {
		return Verified{}, fmt.Errorf("identity: authenticate: %w", err)
	}
	now := time.Now()
	if !now.Before(row.Expires) {
		return Verified{}, errSignIn(nil)
	}
	key, err := seal.UnwrapSession(secret, row.Wrap, sessionContext(row))
	if err != nil {
		return Verified{}, errSignIn(err)
	}
	who, err := d.verify(account, row, key)
	if err != nil {
		return Verified{}, err
	}
	if now.Sub(row.Used) > time.Minute {
		err = d.store.Update(ctx, func(tx *store.Tx) error { return tx.Identity.TouchSession(ctx, hash, now) })
		if errors.Is(err, store.ErrNotFound) { // ended a moment ago
			return Verified{}, errSignIn(nil)
		}
		if err != nil && !errors.Is(err, store.ErrFull) { // a full disk must not keep people out
			return Verified{}, fmt.Errorf("identity: note use of session: %w", err)
		}
	}
	return who, nil
}

// SignOut ends a cookie's session. A cookie that is not good has none to end.
func (d *Desk) SignOut(ctx context.Context, cookie string) error {
	who, err := d.Authenticate(ctx, cookie)
	if hearkeep.CodeOf(err) == hearkeep.Unauthorized {
		return nil
	}
	if err != nil {
		return err
	}
	err = d.store.Update(ctx, func(tx *store.Tx) error {
		if err := tx.Identity.DeleteSession(ctx, who.of.row.IDHash); err != nil {
			return err
		}
		_, err := d.ledger.Append(ctx, tx, who.entry(ledger.KindSignedOut, ""))
		return err
	})
	if err != nil {
		return fmt.Errorf("identity: sign out %s: %w", who.Session(), err)
	}
	return nil
}

// printed leaves out what a browser or terminal cannot have as its name: it is
// printed to whoever looks at the sessions.
func printed(r rune) rune {
	if !unicode.IsPrint(r) {
		return -1
	}
	return r
}

func splitCookie(cookie string) (idHash, secret [32]byte, ok bool) {
	raw, ok := decode(cookie)
	if !ok || len(raw) != cookieBytes {
		return idHash, secret, false
	}
	return sha256.Sum256(raw[:16]), [32]byte(raw[16:]), true
}

// browserMark tells a browser that signed in to an account from any other, so
// that a stranger's guesses do not use up its attempts. It keeps its mark when
// it signs in again: Browser.
func (d *Desk) browserMark(account hearkeep.AccountID) string {
	var random [16]byte
	rand.Read(random[:])
	mac := seal.MACBrowser(d.house, account, random)
	return base64.RawURLEncoding.EncodeToString(append(random[:], mac...))
}

// decode reads base64url in its one spelling. The decoder alone skips line
// breaks, so that one secret would have many: attempts are counted by them.
func decode(text string) ([]byte, bool) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	return raw, err == nil && base64.RawURLEncoding.EncodeToString(raw) == text
}

// Browser names the browser that bears a mark of an account's: the same one
// each time, and another for each browser. It is empty where the mark is not
// one of that account's.
func (d *Desk) Browser(account hearkeep.AccountID, mark string) string {
	if !d.knows(account, mark) {
		return ""
	}
	return mark[:21] // of its 16 random bytes, not of what proves them
}

func (d *Desk) knows(account hearkeep.AccountID, mark string) bool {
	raw, ok := decode(mark)
	if !ok || len(raw) <= 16 {
		return false
	}
	return seal.VerifyBrowser(d.house, account, [16]byte(raw[:16]), raw[16:]) == nil
}

// newSecret makes the secret of a one-use link, and the hash that is stored.
func newSecret() (string, [32]byte) {
	secret := strings.ToLower(rand.Text()) // 130 bits
	return secret, hashSecret(secret)
}

func hashSecret(secret string) [32]byte { return sha256.Sum256([]byte(secret)) }

func equalHash(a, b [32]byte) bool { return subtle.ConstantTimeCompare(a[:], b[:]) == 1 }

func clip(s string, n int) string {
	if len(s) > n {
		s = s[:n]
	}
	return strings.ToValidUTF8(s, "")
}
