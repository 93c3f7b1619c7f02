package seal

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hpke"
	"slices"
	"time"

	"github.com/hearkeep/hearkeep"
)

// VaultKey is one generation of a vault: the secret S and what derives from
// it. Out of an API token it comes without S, and without the signing key
// where the token only reads.
type VaultKey struct {
	hidden
	v *vaultSecrets
}

// vaultSecrets holds S's three derivations, each HKDF-SHA256(S, no salt, label).
type vaultSecrets struct {
	s    *key // nil out of a token
	ikm  *key // of the pair
	pair hpke.PrivateKey
	sign ed25519.PrivateKey // nil out of a token that only reads
	wrap *key               // re-wraps envelopes
}

func vaultKeyFrom(s *key) VaultKey {
	sub := func(label string) *key { return (*key)(derive(s[:], nil, label, keySize)) }
	v := &vaultSecrets{s: s, ikm: sub(labelVaultHPKE), wrap: sub(labelVaultWrap)}
	v.pair = pairFrom(v.ikm)
	v.sign = ed25519.NewKeyFromSeed(sub(labelVaultSign)[:])
	return VaultKey{v: v}
}

// NewVaultKey returns a fresh generation.
func NewVaultKey() (VaultKey, error) { return vaultKeyFrom(newKey()), nil }

// VaultPublic is what anybody may know of a generation.
type VaultPublic struct {
	HPKE   []byte // PublicKeySize bytes: envelopes are sealed to it
	Verify []byte // 32 bytes, Ed25519: bindings and the next generation are signed by it
}

// Equal reports whether both are the same keys.
func (p VaultPublic) Equal(o VaultPublic) bool {
	return bytes.Equal(p.HPKE, o.HPKE) && bytes.Equal(p.Verify, o.Verify)
}

// PublicOfVault returns the public halves. Verify is nil for a key that came
// out of a read-only token, both are nil for the zero value. Whoever opens a
// vault key compares this with the signed chain of generations: anybody can
// seal a key of their own to an account.
func PublicOfVault(k VaultKey) VaultPublic {
	if k.v == nil {
		return VaultPublic{}
	}
	p := VaultPublic{HPKE: k.v.pair.PublicKey().Bytes()}
	if k.v.sign != nil {
		p.Verify = bytes.Clone(k.v.sign[ed25519.PrivateKeySize-ed25519.PublicKeySize:])
	}
	return p
}

// SealVaultKey seals a generation's secret to one keyholder (HPKE). A token's
// key is refused with ErrToken.
func SealVaultKey(k VaultKey, to AccountPublic, vault hearkeep.VaultID, gen hearkeep.Generation, account hearkeep.AccountID) ([]byte, error) {
	if err := k.whole(); err != nil {
		return nil, err
	}
	return sealTo(to.key, vaultKeyContext(vault, gen, account), k.v.s)
}

// OpenVaultKey opens what SealVaultKey made.
func OpenVaultKey(wrap []byte, with AccountPrivate, vault hearkeep.VaultID, gen hearkeep.Generation, account hearkeep.AccountID) (VaultKey, error) {
	s, err := openWith(with.pair, vaultKeyContext(vault, gen, account), wrap)
	if err != nil {
		return VaultKey{}, err
	}
	return vaultKeyFrom(s), nil
}

func vaultKeyContext(vault hearkeep.VaultID, gen hearkeep.Generation, account hearkeep.AccountID) context {
	return contextOf(purposeVaultKey).id(vault).uint(uint64(gen)).id(account)
}

// whole refuses keys that came out of a token.
func (k VaultKey) whole() error {
	switch {
	case k.v == nil:
		return ErrKey
	case k.v.s == nil:
		return ErrToken
	}
	return nil
}

// GenerationStatement says which keys and keyholders generation N of a vault
// has. It is signed by generation N-1, the first by itself.
type GenerationStatement struct {
	Vault      hearkeep.VaultID
	N          hearkeep.Generation
	Public     VaultPublic
	Keyholders []hearkeep.AccountID // a set: the order does not matter
}

func (s GenerationStatement) context() context {
	holders := slices.Clone(s.Keyholders)
	slices.SortFunc(holders, func(a, b hearkeep.AccountID) int { return bytes.Compare(a[:], b[:]) })
	var ids []byte
	for _, id := range holders {
		ids = append(ids, id[:]...)
	}
	return contextOf(purposeGeneration).id(s.Vault).uint(uint64(s.N)).
		bytes(s.Public.HPKE).bytes(s.Public.Verify).bytes(ids)
}

// SignGeneration signs a statement (Ed25519 over its context). A read-only
// token's key is refused with ErrToken.
func SignGeneration(by VaultKey, s GenerationStatement) ([]byte, error) {
	return sign(by, s.context())
}

// VerifyGeneration checks a statement's signature by the given Ed25519 key;
// ErrVerify where it is not.
func VerifyGeneration(verify []byte, s GenerationStatement, sig []byte) error {
	return verifySignature(verify, s.context(), sig)
}

// BindingStatement says that a keyholder tied a door to a vault.
type BindingStatement struct {
	Vault      hearkeep.VaultID
	Generation hearkeep.Generation
	Binding    hearkeep.BindingID
	Source     string
	Rule       string
	LabelHash  [32]byte // SHA-256 of the label as sealed
	Created    time.Time
}

func (s BindingStatement) context() context {
	return contextOf(purposeBinding).id(s.Vault).uint(uint64(s.Generation)).id(s.Binding).
		text(s.Source).text(s.Rule).bytes(s.LabelHash[:]).time(s.Created)
}

// SignBinding signs a statement (Ed25519 over its context). A read-only
// token's key is refused with ErrToken.
func SignBinding(by VaultKey, s BindingStatement) ([]byte, error) {
	return sign(by, s.context())
}

// VerifyBinding checks a statement's signature by the given Ed25519 key;
// ErrVerify where it is not.
func VerifyBinding(verify []byte, s BindingStatement, sig []byte) error {
	return verifySignature(verify, s.context(), sig)
}

func sign(by VaultKey, c context) ([]byte, error) {
	if by.v == nil {
		return nil, ErrKey
	}
	if by.v.sign == nil {
		return nil, ErrToken
	}
	return ed25519.Sign(by.v.sign, c), nil
}

func verifySignature(verify []byte, c context, sig []byte) error {
	// ed25519.Verify panics on another length.
	if len(verify) != ed25519.PublicKeySize || !ed25519.Verify(verify, c, sig) {
		return ErrVerify
	}
	return nil
}

// TokenContext is what an API token is bound to. It ends with its generation.
type TokenContext struct {
	Account    hearkeep.AccountID // who made it, and whose name its openings bear
	Vault      hearkeep.VaultID
	Generation hearkeep.Generation
	Token      [16]byte
	Write      bool
	Expires    time.Time
}

func (c TokenContext) context() context {
	return contextOf(purposeToken).id(c.Account).id(c.Vault).uint(uint64(c.Generation)).
		bytes(c.Token[:]).bool(c.Write).time(c.Expires)
}

// WrapToken wraps a generation's derived keys under a token's secret: HPKE
// ikm ‖ symmetric key, and the Ed25519 seed where the token may write; never
// S, so that a token makes no keyholder. A token's key is refused with
// ErrToken: a token makes no tokens.
func WrapToken(secret [32]byte, k VaultKey, c TokenContext) ([]byte, error) {
	if err := k.whole(); err != nil {
		return nil, err
	}
	plaintext := append(bytes.Clone(k.v.ikm[:]), k.v.wrap[:]...)
	if c.Write {
		plaintext = append(plaintext, k.v.sign.Seed()...)
	}
	return sealUnder((*key)(&secret), c.context(), plaintext)
}

// OpenToken opens what WrapToken made. The key opens envelopes; it signs only
// where c.Write is set.
func OpenToken(secret [32]byte, wrap []byte, c TokenContext) (VaultKey, error) {
	want := 2 * keySize
	if c.Write {
		want += ed25519.SeedSize
	}
	plaintext, err := openUnder((*key)(&secret), c.context(), wrap)
	if err != nil {
		return VaultKey{}, err
	}
	if len(plaintext) != want {
		return VaultKey{}, ErrFormat
	}
	v := &vaultSecrets{ikm: (*key)(plaintext[:keySize]), wrap: (*key)(plaintext[keySize : 2*keySize])}
	v.pair = pairFrom(v.ikm)
	if c.Write {
		v.sign = ed25519.NewKeyFromSeed(plaintext[2*keySize:])
	}
	return VaultKey{v: v}, nil
}
