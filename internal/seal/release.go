package seal

import (
	"crypto/hmac"
	"crypto/sha256"
	"time"

	"github.com/hearkeep/hearkeep"
)

// RequestStatement says who made which request, and when: what nothing about
// a request may change.
type RequestStatement struct {
	Request  hearkeep.RequestID
	Account  hearkeep.AccountID
	Kind     hearkeep.RequestKind
	Via      hearkeep.Via
	Binding  hearkeep.BindingID // zero where it was not spoken
	Received time.Time
}

func (s RequestStatement) context() context {
	return contextOf(purposeRequest).id(s.Request).id(s.Account).text(string(s.Kind)).text(string(s.Via)).
		id(s.Binding).time(s.Received)
}

// MACRequest authenticates a request under the house key, so that whoever can
// write rows but has no house key makes none in another's name, and gives none
// another subject. Of the zero key it returns nil, which verifies under no key.
func MACRequest(hk HouseKey, s RequestStatement) []byte {
	return mac(hk, labelHouseRequest, s.context())
}

// VerifyRequest checks what MACRequest made; ErrVerify where it is not.
func VerifyRequest(hk HouseKey, s RequestStatement, mac []byte) error {
	return verifyMAC(hk, labelHouseRequest, s.context(), mac)
}

// IndexContext is what the index of one vault in a sealed archive is bound to.
type IndexContext struct {
	Vault      hearkeep.VaultID
	Generation hearkeep.Generation
	Account    hearkeep.AccountID
	Archive    hearkeep.ArchiveID
	Request    hearkeep.RequestID
}

func (c IndexContext) context() context {
	return contextOf(purposeIndex).id(c.Vault).uint(uint64(c.Generation)).id(c.Account).id(c.Archive).id(c.Request)
}

// NewIndexKey returns a fresh key for a sealed archive's index and its wrap to
// the vault (HPKE). It is wrapped to the vault's generation, which is pinned,
// and not to the account's public key, which is a bare row.
func NewIndexKey(to VaultPublic, c IndexContext) (PartKey, []byte, error) {
	public, err := parsePublic(to.HPKE)
	if err != nil {
		return PartKey{}, nil, err
	}
	k := newKey()
	wrap, err := sealTo(public, c.context(), k)
	if err != nil {
		return PartKey{}, nil, err
	}
	return sealingPartKey(k), wrap, nil
}

// OpenIndexKey opens what NewIndexKey made.
func OpenIndexKey(k VaultKey, wrap []byte, c IndexContext) (PartKey, error) {
	if k.v == nil {
		return PartKey{}, ErrKey
	}
	ik, err := openWith(k.v.pair, c.context(), wrap)
	if err != nil {
		return PartKey{}, err
	}
	return readingPartKey(ik), nil
}

// ImportDigest is how a vault remembers a file that was brought into it, so
// that it is kept once: HMAC-SHA256 under HKDF-SHA256(the vault's symmetric
// key, no salt, label, 32). Whoever has the rows cannot ask whether a vault
// has a file. Of the zero key it returns nil.
func ImportDigest(k VaultKey, vault hearkeep.VaultID, file [32]byte) []byte {
	if k.v == nil {
		return nil
	}
	h := hmac.New(sha256.New, derive(k.v.wrap[:], nil, labelImport, keySize))
	h.Write(contextOf(purposeImport).id(vault).bytes(file[:]))
	return h.Sum(nil)
}
