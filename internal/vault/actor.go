package vault

import (
	"context"
	"encoding/hex"
	"errors"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/identity"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/store"
)

// actor is for whom a Room acts: a keyholder who is signed in, or a program
// that a keyholder gave a token.
type actor struct {
	account hearkeep.AccountID
	session string // as the ledger names the session or the token
	role    hearkeep.Role
	who     identity.Verified // zero of a program
	token   store.APIToken    // zero of a keyholder
	fresh   func() error      // fails with StepUp where no unlocker was shown lately
}

// personOf is a keyholder as an actor.
func personOf(who identity.Verified) actor {
	return actor{account: who.Account(), session: who.Session(), role: hearkeep.RoleKeyholder, who: who, fresh: who.Fresh}
}

// programOf is a token as an actor. It has no unlocker that it could show.
func programOf(t store.APIToken) actor {
	return actor{
		account: t.Account, session: t.ID.String()[:16], role: hearkeep.RoleToken, token: t,
		fresh: func() error {
			return hearkeep.Errorf(hearkeep.StepUp, "A program cannot show that it is you.").
				WithHint("Sign in in the browser for this: what needs your passphrase, passkey or recovery kit is not for API tokens.")
		},
	}
}

// lives fails with Unauthorized where the session or the token is no more.
func (a actor) lives(ctx context.Context, tx *store.Tx, now time.Time) error {
	if a.role == hearkeep.RoleToken {
		row, err := tx.Vaults.APIToken(ctx, a.token.ID)
		if errors.Is(err, store.ErrNotFound) || err == nil && !now.Before(row.Expires) {
			return errToken(err)
		}
		return err
	}
	rows, err := tx.Identity.Sessions(ctx, a.account)
	if err != nil {
		return err
	}
	for _, s := range rows {
		if hex.EncodeToString(s.IDHash[:8]) == a.session && now.Before(s.Expires) {
			return nil
		}
	}
	return errNobody()
}

// entryOf is a ledger entry of what an actor did in a vault.
func entryOf(a actor, vault hearkeep.VaultID, kind ledger.Kind, purpose string) ledger.Entry {
	return ledger.Entry{
		Kind: kind, Account: new(a.account), Role: a.role,
		Session: a.session, Vault: &vault, Purpose: purpose,
	}
}

// keyholder refuses programs: what decides who holds the vault, and how it is
// called, is for people.
func (r *Room) keyholder() error {
	if r.actor.who.Valid() {
		return nil
	}
	if r.actor.role == hearkeep.RoleToken {
		return hearkeep.Errorf(hearkeep.Forbidden, "This is not for API tokens.").
			WithHint("Sign in in the browser for it.")
	}
	return errNobody()
}

// Writes reports whether this Room may change things: a keyholder's may, and a
// program's where its token says so.
func (r *Room) Writes() bool { return r.actor.role == hearkeep.RoleKeyholder || r.actor.token.Write }

// changes refuses a program whose token only reads.
func (r *Room) changes() error {
	if r.Writes() {
		return nil
	}
	return hearkeep.Errorf(hearkeep.Forbidden, "This API token only reads.").
		WithHint("Make a token that may also change things, if the program needs to.")
}
