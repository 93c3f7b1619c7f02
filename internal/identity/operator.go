package identity

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/store"
)

// Whoever runs the program shows that they do by a link that only the folder's
// owner can make. They are no account, and nothing that an account may is
// theirs: all of it is a row that says "an operator's browser".

// Lives of an operator's link and of the cookie that it turns into.
const (
	OperatorLinkLife = 10 * time.Minute
	OperatorLife     = 12 * time.Hour
)

// Kinds of links for operators.
const (
	linkOperator  = "operator"  // printed by hearkeep operator
	linkOperating = "operating" // a browser that used one
)

// OperatorLink returns the secret of a link to the operator's page, which
// works once, and ends any earlier one.
func (d *Desk) OperatorLink(ctx context.Context) (string, error) {
	secret, hash := newSecret()
	now := time.Now()
	err := d.store.Update(ctx, func(tx *store.Tx) error {
		if err := tx.Identity.DeleteLinks(ctx, linkOperator, now); err != nil {
			return err
		}
		return tx.Identity.PutLink(ctx, store.Link{Kind: linkOperator, Hash: hash, Expires: now.Add(OperatorLinkLife)})
	})
	if err != nil {
		return "", fmt.Errorf("identity: operator's link: %w", err)
	}
	return secret, nil
}

// CheckOperatorLink says whether an operator's link still works, without using it.
func (d *Desk) CheckOperatorLink(ctx context.Context, secret string) error {
	return errOperator(d.store.View(ctx, func(tx *store.Tx) error {
		_, err := tx.Identity.Link(ctx, linkOperator, hashSecret(secret), time.Now())
		return err
	}))
}

// UseOperatorLink uses a link up and returns the cookie of the browser that
// may use the operator's pages, and until when. It opens nothing. That somebody
// signed in by it stands in the ledger.
func (d *Desk) UseOperatorLink(ctx context.Context, secret string) (cookie string, expires time.Time, err error) {
	cookie, hash := newSecret()
	now := time.Now()
	expires = now.Add(OperatorLife)
	err = d.store.Update(ctx, func(tx *store.Tx) error {
		if _, err := tx.Identity.TakeLink(ctx, linkOperator, hashSecret(secret), now); err != nil {
			return err
		}
		if err := tx.Identity.PutLink(ctx, store.Link{Kind: linkOperating, Hash: hash, Expires: expires}); err != nil {
			return err
		}
		_, err := d.ledger.Append(ctx, tx, ledger.Entry{
			Kind: ledger.KindOperator, Role: hearkeep.RoleOperator, Session: hex.EncodeToString(hash[:8]), Purpose: "signed in",
		})
		return err
	})
	if err != nil {
		return "", time.Time{}, errOperator(err)
	}
	return cookie, expires, nil
}

// Operator says whether a cookie is an operator's.
func (d *Desk) Operator(ctx context.Context, cookie string) error {
	return errOperator(d.store.View(ctx, func(tx *store.Tx) error {
		_, err := tx.Identity.Link(ctx, linkOperating, hashSecret(cookie), time.Now())
		return err
	}))
}

// errOperator gives one sentence for what is used, expired or unknown.
func errOperator(err error) error {
	switch {
	case errors.Is(err, store.ErrNotFound):
		return hearkeep.Errorf(hearkeep.NotFound, "This operator’s link no longer works.").
			WithHint("It works once and for ten minutes. Run hearkeep operator for a new one.").Because(err)
	case err != nil:
		return fmt.Errorf("identity: operator: %w", err)
	}
	return nil
}
