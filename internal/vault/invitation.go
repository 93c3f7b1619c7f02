package vault

import (
	"crypto/sha256"
	"fmt"

	"github.com/hearkeep/hearkeep/internal/seal"
	"github.com/hearkeep/hearkeep/internal/store"
)

// macSize is what stands before the sealed secret in an invitation's row: a
// MAC under the house key over who invites, and to what.
const macSize = sha256.Size

// sealInvitation seals the secret of an invitation's link under the vault's
// key, and says under the house key who made the invitation: every keyholder
// could seal one in another's name, and have the past given that only the
// other has.
func (k *Keep) sealInvitation(key seal.VaultKey, secret [32]byte, i store.Invitation) ([]byte, error) {
	c := invitationContext(i)
	sealed, err := seal.SealInvitation(key, secret, c)
	return append(seal.MACInvitation(k.house, i.By, c), sealed...), err
}

func (k *Keep) openInvitation(key seal.VaultKey, i store.Invitation) ([32]byte, error) {
	if len(i.Sealed) < macSize {
		return [32]byte{}, fmt.Errorf("vault: invitation %s: %w", i.ID, seal.ErrFormat)
	}
	c := invitationContext(i)
	if err := seal.VerifyInvitation(k.house, i.By, c, i.Sealed[:macSize]); err != nil {
		return [32]byte{}, fmt.Errorf("vault: invitation %s: %w", i.ID, err)
	}
	return seal.OpenInvitation(key, i.Sealed[macSize:], c)
}

func invitationContext(i store.Invitation) seal.InvitationContext {
	return seal.InvitationContext{
		Vault: i.Vault, Generation: i.Generation, Invitation: i.ID,
		As: i.As, Past: i.Past, Expires: i.Expires,
	}
}
