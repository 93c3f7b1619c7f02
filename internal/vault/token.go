package vault

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/identity"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/seal"
	"github.com/hearkeep/hearkeep/internal/store"
)

// TokenPrefix begins every API token.
const TokenPrefix = "hkt_"

// An API token is TokenPrefix and base64url(id 16 ‖ secret 32). Its row holds
// the id and what the secret opens: one generation's keys. The vault, the
// generation, whether it writes and when it ends are bound into that, so that
// a changed row opens nothing.
const (
	tokenBytes = 16 + 32
	maxTokens  = 32 // of one account
	minLife    = time.Hour
	maxLife    = 366 * 24 * time.Hour // a year, whichever it is
)

// Token is an API token as who made it sees it.
type Token struct {
	ID      hearkeep.TokenID
	Vault   hearkeep.VaultID
	Name    string
	Write   bool
	Created time.Time
	Expires time.Time
	Used    time.Time // zero for never
}

func tokenOf(t store.APIToken) Token {
	return Token{ID: t.ID, Vault: t.Vault, Name: t.Name, Write: t.Write, Created: t.Created, Expires: t.Expires, Used: t.Used}
}

// Tokens lists who's API tokens, oldest first.
func (k *Keep) Tokens(ctx context.Context, who identity.Verified) ([]Token, error) {
	if !who.Valid() {
		return nil, errNobody()
	}
	var rows []store.APIToken
	err := k.store.View(ctx, func(tx *store.Tx) (err error) {
		rows, err = tx.Vaults.APITokens(ctx, who.Account())
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("vault: tokens of %s: %w", who.Account(), err)
	}
	var out []Token
	for _, row := range rows {
		if time.Now().Before(row.Expires) {
			out = append(out, tokenOf(row))
		}
	}
	return out, nil
}

// MakeToken gives a program a key to this vault's present generation, for at
// least an hour and at most a year. Needs Fresh, and waits where identity says
// so. The secret is returned once.
func (r *Room) MakeToken(ctx context.Context, name string, write bool, life time.Duration) (string, Token, error) {
	name, err := r.mayMakeToken(name, life)
	if err != nil {
		return "", Token{}, err
	}
	now := time.Now().UTC().Truncate(time.Millisecond)
	row := store.APIToken{
		ID: hearkeep.NewID[hearkeep.TokenID](), Account: r.actor.account, Vault: r.vault.ID, Generation: r.current,
		Write: write, Name: name, Created: now, Expires: now.Add(life).Truncate(time.Millisecond),
	}
	var secret [32]byte
	rand.Read(secret[:])
	if row.Wrap, err = seal.WrapToken(secret, r.keys[r.current], tokenContext(row)); err != nil {
		return "", Token{}, fmt.Errorf("vault: make token of %s: %w", r.vault.ID, err)
	}
	err = r.keep.store.Update(ctx, func(tx *store.Tx) error { return r.insertToken(ctx, tx, row) })
	if err != nil {
		return "", Token{}, fmt.Errorf("vault: make token of %s: %w", r.vault.ID, err)
	}
	return TokenPrefix + base64.RawURLEncoding.EncodeToString(append(row.ID[:], secret[:]...)), tokenOf(row), nil
}

func tokenContext(t store.APIToken) seal.TokenContext {
	return seal.TokenContext{Account: t.Account, Vault: t.Vault, Generation: t.Generation, Token: t.ID, Write: t.Write, Expires: t.Expires}
}

// mayMakeToken returns the token's name in order. Freshness is asked for last:
// nobody shows a passphrase to be refused.
func (r *Room) mayMakeToken(name string, life time.Duration) (string, error) {
	if err := r.keyholder(); err != nil {
		return "", err
	}
	name, ok := nameOf(name)
	if !ok {
		return "", hearkeep.Errorf(hearkeep.Invalid, "A token needs a name of at most %d characters.", maxName).WithHint("That of the program it is for, for instance.")
	}
	if life < minLife || life > maxLife {
		return "", hearkeep.Errorf(hearkeep.Invalid, "An API token lives for at least an hour and at most a year.")
	}
	if until := r.actor.who.Waits(); time.Now().Before(until) {
		return "", hearkeep.Errorf(hearkeep.Forbidden, "API tokens wait until %s.", until.In(r.keep.zone).Format("2 January 2006, 15:04")).
			WithHint("A way to sign in or an address was added or changed lately. If that was not you, remove it before then.")
	}
	return name, r.actor.fresh()
}

// insertToken adds the row, unless this Room's generation, or its session,
// has ended since it was entered: a token would outlive them.
func (r *Room) insertToken(ctx context.Context, tx *store.Tx, row store.APIToken) error {
	if err := r.actor.lives(ctx, tx, row.Created); err != nil {
		return err
	}
	if _, err := r.holdsIn(ctx, tx); err != nil {
		return err
	}
	have, err := tx.Vaults.APITokens(ctx, row.Account)
	if err != nil {
		return err
	}
	have = slices.DeleteFunc(have, func(t store.APIToken) bool { return !row.Created.Before(t.Expires) })
	if len(have) >= maxTokens {
		return hearkeep.Errorf(hearkeep.TooMany, "You have %d API tokens, which is as many as there can be.", len(have)).WithHint("End one that is not used any more.")
	}
	if err := tx.Vaults.InsertAPIToken(ctx, row); err != nil {
		return err
	}
	made := entryOf(r.actor, r.vault.ID, ledger.KindToken, madePurpose(row.Write))
	made.Token = programOf(row).session
	if _, err := r.keep.ledger.Append(ctx, tx, made); err != nil {
		return err
	}
	may := "read what it keeps"
	if row.Write {
		may = "read, keep and erase in it"
	}
	return r.keep.write(ctx, tx, row.Account, hearkeep.Letter{
		Topic:   "token made",
		Subject: "A program was given a key to one of your vaults",
		Text: fmt.Sprintf("You, or somebody who is signed in as you, made the API token “%s” for %s. Until %s, whoever has it can %s.\n\nIf that was not you, end the token and change your passphrase.",
			row.Name, r.keep.called(r.vault), row.Expires.In(r.keep.zone).Format("2 January 2006"), may),
	})
}

func madePurpose(write bool) string {
	if write {
		return "token made: reads and writes"
	}
	return "token made: reads"
}

// write queues a letter, where this keep writes any.
func (k *Keep) write(ctx context.Context, tx *store.Tx, account hearkeep.AccountID, l hearkeep.Letter) error {
	if k.letters == nil {
		return nil
	}
	return k.letters.Tell(ctx, tx, account, l)
}

// EndToken ends one of who's tokens. One that is not theirs is not there.
func (k *Keep) EndToken(ctx context.Context, who identity.Verified, id hearkeep.TokenID) error {
	if !who.Valid() {
		return errNobody()
	}
	err := k.store.Update(ctx, func(tx *store.Tx) error {
		// Looked for among their own: others' rows are not even read.
		rows, err := tx.Vaults.APITokens(ctx, who.Account())
		if err != nil {
			return err
		}
		i := slices.IndexFunc(rows, func(t store.APIToken) bool { return t.ID == id })
		if i < 0 {
			return store.ErrNotFound
		}
		row := rows[i]
		if err := tx.Vaults.DeleteAPIToken(ctx, row.Account, id); err != nil {
			return err
		}
		ended := entryOf(personOf(who), row.Vault, ledger.KindToken, "token ended")
		ended.Token = programOf(row).session
		_, err = k.ledger.Append(ctx, tx, ended)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return errGone()
	}
	if err != nil {
		return fmt.Errorf("vault: end token %s: %w", id, err)
	}
	return nil
}

// Program returns the Room that an API token leads to: one generation, without
// what needs a keyholder. A token that is malformed, unknown, ended or altered
// fails with Unauthorized.
func (k *Keep) Program(ctx context.Context, token string) (*Room, error) {
	id, secret, ok := splitToken(token)
	if !ok {
		return nil, errToken(nil)
	}
	var row store.APIToken
	r := &Room{keep: k, envelopes: map[hearkeep.EnvelopeID]seal.EnvelopeKey{}}
	err := k.store.View(ctx, func(tx *store.Tx) (err error) {
		if row, err = tx.Vaults.APIToken(ctx, id); err != nil {
			return err
		}
		if r.vault, err = tx.Vaults.Vault(ctx, row.Vault); err != nil {
			return err
		}
		r.actor, r.current, r.span = programOf(row), row.Generation, store.Span{From: row.Generation, To: row.Generation}
		if !time.Now().Before(row.Expires) {
			return errToken(nil)
		}
		key, err := seal.OpenToken(secret, row.Wrap, tokenContext(row))
		if err != nil {
			return errToken(err)
		}
		r.keys = map[hearkeep.Generation]seal.VaultKey{row.Generation: key}
		return r.checkProgram(ctx, tx)
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, errToken(err)
	}
	if err != nil {
		return nil, fmt.Errorf("vault: token %s: %w", id, err)
	}
	if err := k.touchToken(ctx, row); err != nil {
		return nil, err
	}
	return r, nil
}

// checkProgram refuses a token whose generation is not the vault's newest,
// whose key is not that generation's, and whose account holds it no more.
func (r *Room) checkProgram(ctx context.Context, tx *store.Tx) error {
	l, err := r.holdsIn(ctx, tx)
	if err == nil {
		want := publicOf(l.newest())
		err = r.keep.advances(r.vault.ID, r.current, want)
		if !r.actor.token.Write {
			want.Verify = nil
		}
		if err == nil && !seal.PublicOfVault(r.keys[r.current]).Equal(want) {
			err = fmt.Errorf("%w: the token's key is not the pinned one", errAltered)
		}
	}
	if errors.Is(err, errAltered) || errors.Is(err, errStale) || hearkeep.CodeOf(err) != hearkeep.Internal {
		return errToken(err)
	}
	return err
}

// touchToken notes a use, at most once a minute. On a full disk the program
// goes on: what it opens is written down, or does not open.
func (k *Keep) touchToken(ctx context.Context, row store.APIToken) error {
	now := time.Now()
	if now.Sub(row.Used) < time.Minute {
		return nil
	}
	err := k.store.Update(ctx, func(tx *store.Tx) error { return tx.Vaults.TouchAPIToken(ctx, row.ID, now) })
	switch {
	case errors.Is(err, store.ErrNotFound):
		return errToken(err)
	case err != nil && !errors.Is(err, store.ErrFull):
		return fmt.Errorf("vault: note use of token %s: %w", row.ID, err)
	}
	return nil
}

func splitToken(token string) (id hearkeep.TokenID, secret [32]byte, ok bool) {
	text, ok := strings.CutPrefix(token, TokenPrefix)
	if !ok || len(text) != base64.RawURLEncoding.EncodedLen(tokenBytes) { // the decoder passes line feeds over
		return id, secret, false
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) != tokenBytes {
		return id, secret, false
	}
	return hearkeep.TokenID(raw[:16]), [32]byte(raw[16:]), true
}

// errToken answers every token that is not good in the same words.
func errToken(err error) error {
	return hearkeep.Errorf(hearkeep.Unauthorized, "This API token is not valid.").
		WithHint("It may be over, or somebody may have ended it. Make another one in the browser.").Because(err)
}
