package seal

import (
	"bytes"
	"crypto/hpke"
	"fmt"
	"time"

	"github.com/hearkeep/hearkeep"
)

// AccountKey is an account's root: 32 random bytes that its unlockers reach
// and that open its private key.
type AccountKey struct {
	hidden
	k *key
}

// AccountPrivate opens the vault keys that were sealed to an account.
type AccountPrivate struct {
	hidden
	pair hpke.PrivateKey
}

// AccountPublic is what vault keys are sealed to.
type AccountPublic struct{ key hpke.PublicKey }

// Bytes returns the PublicKeySize bytes of the key, or nil for the zero value.
func (p AccountPublic) Bytes() []byte { return publicBytes(p.key) }

// Equal reports whether both are the same key.
func (p AccountPublic) Equal(o AccountPublic) bool { return bytes.Equal(p.Bytes(), o.Bytes()) }

// ParseAccountPublic reads what Bytes wrote; ErrFormat for anything else. That
// a key is an account's own is for the caller to know: a bare row does not
// say so.
func ParseAccountPublic(b []byte) (AccountPublic, error) {
	k, err := parsePublic(b)
	return AccountPublic{k}, err
}

// NewAccountKey returns a fresh account key.
func NewAccountKey() AccountKey { return AccountKey{k: newKey()} }

// WrapAccountKey wraps an account key to one of its unlockers (HPKE).
func WrapAccountKey(ak AccountKey, to UnlockerPublic, account hearkeep.AccountID, unlocker hearkeep.UnlockerID) ([]byte, error) {
	return sealTo(to.key, accountKeyContext(account, unlocker), ak.k)
}

// UnwrapAccountKey opens what WrapAccountKey made.
func UnwrapAccountKey(wrap []byte, with UnlockerPrivate, account hearkeep.AccountID, unlocker hearkeep.UnlockerID) (AccountKey, error) {
	k, err := openWith(with.pair, accountKeyContext(account, unlocker), wrap)
	if err != nil {
		return AccountKey{}, err
	}
	return AccountKey{k: k}, nil
}

func accountKeyContext(account hearkeep.AccountID, unlocker hearkeep.UnlockerID) context {
	return contextOf(purposeAccountKey).id(account).id(unlocker)
}

// ListedUnlocker is one unlocker as the sealed list names it.
type ListedUnlocker struct {
	ID     hearkeep.UnlockerID
	Public UnlockerPublic
}

// MaxUnlockers bounds the list of an account's unlockers.
const MaxUnlockers = 100

const listedSize = 16 + PublicKeySize

// SealUnlockerList seals the unlockers' public keys under the account key, so
// that a new account key reaches unlockers that are not present, and reaches
// nobody that a changed row put there. An older list under the same account
// key still opens; a new account key ends all lists before it.
func SealUnlockerList(ak AccountKey, account hearkeep.AccountID, list []ListedUnlocker) ([]byte, error) {
	if len(list) > MaxUnlockers {
		return nil, fmt.Errorf("%w: %d unlockers", ErrFormat, len(list))
	}
	plaintext := make([]byte, 0, len(list)*listedSize)
	for _, u := range list {
		if u.Public.key == nil {
			return nil, ErrKey
		}
		plaintext = append(plaintext, u.ID[:]...)
		plaintext = append(plaintext, u.Public.Bytes()...)
	}
	return sealUnder(ak.k, contextOf(purposeUnlockers).id(account), plaintext)
}

// OpenUnlockerList opens what SealUnlockerList made.
func OpenUnlockerList(ak AccountKey, account hearkeep.AccountID, sealed []byte) ([]ListedUnlocker, error) {
	plaintext, err := openUnder(ak.k, contextOf(purposeUnlockers).id(account), sealed)
	if err != nil {
		return nil, err
	}
	if len(plaintext)%listedSize != 0 || len(plaintext)/listedSize > MaxUnlockers {
		return nil, fmt.Errorf("%w: list of unlockers", ErrFormat)
	}
	var list []ListedUnlocker
	for ; len(plaintext) > 0; plaintext = plaintext[listedSize:] {
		u := ListedUnlocker{ID: hearkeep.UnlockerID(plaintext[:16])}
		if u.Public, err = ParseUnlockerPublic(plaintext[16:listedSize]); err != nil {
			return nil, err
		}
		list = append(list, u)
	}
	return list, nil
}

// NewAccountPair returns a fresh account key pair.
func NewAccountPair() (AccountPrivate, AccountPublic, error) {
	pair, err := suite().GenerateKey()
	if err != nil {
		return AccountPrivate{}, AccountPublic{}, fmt.Errorf("seal: account pair: %w", err)
	}
	return AccountPrivate{pair: pair}, AccountPublic{pair.PublicKey()}, nil
}

// PublicOfAccount returns the pair's public half, zero for the zero value.
func PublicOfAccount(p AccountPrivate) AccountPublic {
	if p.pair == nil {
		return AccountPublic{}
	}
	return AccountPublic{p.pair.PublicKey()}
}

// SealAccountPrivate seals the pair's 32-byte seed under the account key.
func SealAccountPrivate(ak AccountKey, account hearkeep.AccountID, p AccountPrivate) ([]byte, error) {
	if p.pair == nil {
		return nil, ErrKey
	}
	seed, err := p.pair.Bytes()
	if err != nil {
		return nil, fmt.Errorf("seal: account private key: %w", err)
	}
	return sealUnder(ak.k, contextOf(purposeAccountPrivate).id(account), seed)
}

// OpenAccountPrivate opens what SealAccountPrivate made.
func OpenAccountPrivate(ak AccountKey, account hearkeep.AccountID, sealed []byte) (AccountPrivate, error) {
	seed, err := openKeyUnder(ak.k, contextOf(purposeAccountPrivate).id(account), sealed)
	if err != nil {
		return AccountPrivate{}, err
	}
	pair, err := suite().NewPrivateKey(seed[:])
	if err != nil {
		return AccountPrivate{}, ErrFormat
	}
	return AccountPrivate{pair: pair}, nil
}

// SessionContext is what a session's wrap is bound to: a changed expiry or
// step-up in its row ends it.
type SessionContext struct {
	Account     hearkeep.AccountID
	SessionHash [32]byte // SHA-256 of the session id
	Created     time.Time
	Expires     time.Time
	SteppedUp   time.Time // the zero time before the first step-up
}

func (c SessionContext) context() context {
	return contextOf(purposeSession).id(c.Account).bytes(c.SessionHash[:]).
		time(c.Created).time(c.Expires).time(c.SteppedUp)
}

// WrapSession wraps the account key under the secret of a session's cookie,
// so that whoever has the rows but no cookie opens nothing.
func WrapSession(secret [32]byte, ak AccountKey, c SessionContext) ([]byte, error) {
	if ak.k == nil {
		return nil, ErrKey
	}
	return sealUnder((*key)(&secret), c.context(), ak.k[:])
}

// UnwrapSession opens what WrapSession made.
func UnwrapSession(secret [32]byte, wrap []byte, c SessionContext) (AccountKey, error) {
	k, err := openKeyUnder((*key)(&secret), c.context(), wrap)
	if err != nil {
		return AccountKey{}, err
	}
	return AccountKey{k: k}, nil
}
