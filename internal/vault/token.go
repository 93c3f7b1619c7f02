package vault

import (
	"context"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/identity"
)

// TokenPrefix begins every API token.
const TokenPrefix = "hkt_"

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

// Tokens lists who's API tokens, oldest first.
func (k *Keep) Tokens(ctx context.Context, who identity.Verified) ([]Token, error) {
	return nil, errNotYet
}

// MakeToken gives a program a key to this vault's present generation, for at
// most a year. Needs Fresh, and waits where identity says so. The secret is
// returned once.
func (r *Room) MakeToken(ctx context.Context, name string, write bool, life time.Duration) (string, Token, error) {
	return "", Token{}, errNotYet
}

// EndToken ends one of who's tokens.
func (k *Keep) EndToken(ctx context.Context, who identity.Verified, id hearkeep.TokenID) error {
	return errNotYet
}

// Program returns the Room that an API token leads to: one generation, without
// what needs a keyholder. A token that is malformed, unknown, ended or altered
// fails with Unauthorized.
func (k *Keep) Program(ctx context.Context, token string) (*Room, error) { return nil, errNotYet }
