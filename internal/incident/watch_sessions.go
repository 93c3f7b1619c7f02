package incident

import (
	"context"
	"encoding/hex"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/store"
)

// letIn is that an account was let in by a session or a token, under the name
// that the ledger gives it.
type letIn struct {
	Role  hearkeep.Role
	Since time.Time
	Ended time.Time // zero while it goes on
}

// sessionKey is where a session of an account stands. Under the name of
// another account it is not found.
func sessionKey(account hearkeep.AccountID, name string) noteKey {
	return noteKey{noteSession, string(account[:]) + name}
}

// tokensBefore is the name of all tokens that entries do not tell apart: those
// made before their entries named them.
const tokensBefore = "tokens of vault "

// session follows who is let in, and finds what was opened by nobody who was.
// Whoever opens something was let in by an entry before: room identity writes
// it in the transaction that makes the session, room vault in the one that
// makes the token.
func (f *follow) session(ctx context.Context, row store.LedgerEntry, e ledger.Entry) error {
	switch e.Kind {
	case ledger.KindSignedIn:
		return f.begun(ctx, e, e.Session, hearkeep.RoleKeyholder)
	case ledger.KindKeys: // a change of ways in goes on under a new name
		if e.Vault == nil {
			return f.begun(ctx, e, e.Session, hearkeep.RoleKeyholder)
		}
	case ledger.KindToken:
		return f.token(ctx, row, e)
	case ledger.KindSignedOut:
		if e.Purpose == "all others" {
			return f.endAll(ctx, e, e.Session)
		}
		return f.ended(ctx, e, e.Session)
	case ledger.KindFarewell:
		if e.Role == hearkeep.RoleSystem {
			return f.endAll(ctx, e, "")
		}
	case ledger.KindOpened, ledger.KindCorrected:
		if row.Body == nil {
			return nil
		}
		if ok, err := f.wasIn(ctx, e); ok || err != nil {
			return err
		}
		return f.open(ctx, e, WhatSession)
	}
	return nil
}

func (f *follow) begun(ctx context.Context, e ledger.Entry, name string, role hearkeep.Role) error {
	if e.Account == nil || name == "" {
		return nil
	}
	key := sessionKey(*e.Account, name)
	in, err := recall[letIn](ctx, f, key)
	if err != nil || !in.Since.IsZero() {
		return err
	}
	in.Role, in.Since = role, e.At
	life := f.d.thresholds().SessionLife
	if role == hearkeep.RoleToken {
		life = f.d.thresholds().TokenLife
	}
	f.remember(key, e.At.Add(life+rememberEnded))
	return nil
}

// rememberEnded is for how long a session is remembered after its end, so that
// what is opened in it is not taken for another's.
const rememberEnded = 30 * 24 * time.Hour

func (f *follow) ended(ctx context.Context, e ledger.Entry, name string) error {
	if e.Account == nil || name == "" {
		return nil
	}
	key := sessionKey(*e.Account, name)
	in, err := recall[letIn](ctx, f, key)
	if err != nil || in.Since.IsZero() || !in.Ended.IsZero() {
		return err
	}
	in.Ended = e.At
	f.remember(key, e.At.Add(rememberEnded))
	return nil
}

// endAll ends the sessions of an account but one.
func (f *follow) endAll(ctx context.Context, e ledger.Entry, but string) error {
	if e.Account == nil {
		return nil
	}
	rows, err := f.tx.Watch.Notes(ctx, noteSession, e.Account[:])
	if err != nil {
		return err
	}
	names := map[string]bool{}
	for _, row := range rows {
		names[string(row.Key[len(e.Account):])] = true
	}
	for key := range f.notes {
		if key.kind == noteSession && key.key[:len(e.Account)] == string(e.Account[:]) {
			names[key.key[len(e.Account):]] = true
		}
	}
	for name := range names {
		in, err := recall[letIn](ctx, f, sessionKey(*e.Account, name))
		if err != nil {
			return err
		}
		if name == but || in.Role == hearkeep.RoleToken && but != "" {
			continue
		}
		if err := f.ended(ctx, e, name); err != nil {
			return err
		}
	}
	return nil
}

// token follows the tokens of programs. One that was made before entries named
// them is known by its vault.
func (f *follow) token(ctx context.Context, row store.LedgerEntry, e ledger.Entry) error {
	if row.Body == nil && !row.Account.IsZero() && !row.Vault.IsZero() {
		e.Account, e.Vault, e.Purpose = &row.Account, &row.Vault, tokenMade
	}
	switch {
	case e.Vault == nil || e.Account == nil:
		return nil
	case len(e.Purpose) < len(tokenMade) || e.Purpose[:len(tokenMade)] != tokenMade:
		return f.ended(ctx, e, e.Token) // of a whole generation, nothing is named
	case e.Token != "":
		return f.begun(ctx, e, e.Token, hearkeep.RoleToken)
	}
	return f.begun(ctx, e, tokensBefore+hex.EncodeToString(e.Vault[:]), hearkeep.RoleToken)
}

// tokenMade begins the purpose of the entry of a token that was made.
const tokenMade = "token made"

// wasIn reports whether whoever opened something was let in at that time.
func (f *follow) wasIn(ctx context.Context, e ledger.Entry) (bool, error) {
	if e.Account == nil || e.Session == "" || e.Role != hearkeep.RoleKeyholder && e.Role != hearkeep.RoleToken {
		return false, nil
	}
	names := []string{e.Session}
	if e.Role == hearkeep.RoleToken && e.Vault != nil {
		names = append(names, tokensBefore+hex.EncodeToString(e.Vault[:]))
	}
	for _, name := range names {
		in, err := recall[letIn](ctx, f, sessionKey(*e.Account, name))
		if err != nil {
			return false, err
		}
		if f.goes(in, e) {
			return true, nil
		}
	}
	return false, nil
}

// goes reports whether a session went on when an entry was written.
func (f *follow) goes(in *letIn, e ledger.Entry) bool {
	if in.Since.IsZero() || in.Role != e.Role {
		return false
	}
	end := in.Since.Add(f.d.thresholds().SessionLife)
	if in.Role == hearkeep.RoleToken {
		end = in.Since.Add(f.d.thresholds().TokenLife)
	}
	if !in.Ended.IsZero() && in.Ended.Before(end) {
		end = in.Ended
	}
	return !e.At.After(end.Add(f.d.thresholds().Underway))
}
