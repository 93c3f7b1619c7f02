package seal

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"

	"github.com/hearkeep/hearkeep"
)

// HouseKey seals what a running server says or uses by itself: names of
// timers, labels of rooms. It also authenticates the pins that tell an Inbox
// what to seal to. It lies in a file of its own, outside backups.
type HouseKey struct {
	hidden
	k *key
}

// NewHouseKey returns a fresh house key, for tests and for LoadOrCreateHouseKey.
func NewHouseKey() HouseKey { return HouseKey{k: newKey()} }

// HousePurpose says what an item under the house key is. The list is closed.
type HousePurpose string

// House purposes.
const (
	HouseTimer   HousePurpose = "timer"   // a timer, an alarm, a reminder
	HouseLabel   HousePurpose = "label"   // a binding's room
	HouseName    HousePurpose = "name"    // a name of the home: a vault, a household, a light, a list
	HouseChannel HousePurpose = "channel" // where letters to an account go
	HouseLetter  HousePurpose = "letter"  // a letter that waits to be sent, with its address
	HouseClaim   HousePurpose = "claim"   // what somebody without an account wrote, and how to reach them
	HouseAgent   HousePurpose = "agent"   // what an agent wrote about whom it speaks for

	HouseReport    HousePurpose = "report"    // what a reporter wrote, and how to reach them
	HouseIncident  HousePurpose = "incident"  // what the operator wrote about a case: reasons, measures, offers
	HouseRecipient HousePurpose = "recipient" // who was handed what is another's: how to reach them, what they attest
)

func houseContext(p HousePurpose, id [16]byte) (context, error) {
	switch p {
	case HouseTimer:
		return contextOf(purposeHouseTimer).id(id), nil
	case HouseLabel:
		return contextOf(purposeHouseLabel).id(id), nil
	case HouseName:
		return contextOf(purposeHouseName).id(id), nil
	case HouseChannel:
		return contextOf(purposeHouseChannel).id(id), nil
	case HouseLetter:
		return contextOf(purposeHouseLetter).id(id), nil
	case HouseClaim:
		return contextOf(purposeHouseClaim).id(id), nil
	case HouseAgent:
		return contextOf(purposeHouseAgent).id(id), nil
	case HouseReport:
		return contextOf(purposeHouseReport).id(id), nil
	case HouseIncident:
		return contextOf(purposeHouseIncident).id(id), nil
	case HouseRecipient:
		return contextOf(purposeHouseRecipient).id(id), nil
	}
	return nil, fmt.Errorf("%w: house purpose", ErrFormat)
}

// SealHouse seals an item under the house key: a symmetric wrap, whose one-use
// key derives from the house key and a fresh salt. No key per item is stored,
// because such an item is erased with its row.
func SealHouse(hk HouseKey, p HousePurpose, id [16]byte, plaintext []byte) ([]byte, error) {
	c, err := houseContext(p, id)
	if err != nil {
		return nil, err
	}
	return sealUnder(hk.k, c, plaintext)
}

// OpenHouse opens what SealHouse made.
func OpenHouse(hk HouseKey, p HousePurpose, id [16]byte, sealed []byte) ([]byte, error) {
	c, err := houseContext(p, id)
	if err != nil {
		return nil, err
	}
	return openUnder(hk.k, c, sealed)
}

// PinStatement says what the Inbox of a binding may seal to, and whose
// signature the next generation must bear.
type PinStatement struct {
	Binding    hearkeep.BindingID
	Vault      hearkeep.VaultID
	Generation hearkeep.Generation
	Verify     []byte // Ed25519 key of that generation
	HPKE       []byte
	SignedBy   []byte // Ed25519 key that signed the binding; stays when the pin advances
}

func (s PinStatement) context() context {
	return contextOf(purposePin).id(s.Binding).id(s.Vault).uint(uint64(s.Generation)).
		bytes(s.Verify).bytes(s.HPKE).bytes(s.SignedBy)
}

// MACPin authenticates a pin, so that whoever can write rows but has no house
// key cannot redirect tomorrow's speech. An older pin of the same binding
// still verifies: that nobody puts one back is for the Inbox to watch.
//
// Of the zero key it returns nil, which verifies under no key.
func MACPin(hk HouseKey, s PinStatement) []byte {
	return mac(hk, labelHousePin, s.context())
}

// VerifyPin checks what MACPin made; ErrVerify where it is not.
func VerifyPin(hk HouseKey, s PinStatement, mac []byte) error {
	return verifyMAC(hk, labelHousePin, s.context(), mac)
}

// HolderStatement says that an account holds a vault, by which keys. Anybody
// can seal a key of his own to an account; this says whose vault it is.
type HolderStatement struct {
	Account    hearkeep.AccountID
	Vault      hearkeep.VaultID
	Generation hearkeep.Generation
	Public     VaultPublic
}

func (s HolderStatement) context() context {
	return contextOf(purposeHolder).id(s.Account).id(s.Vault).uint(uint64(s.Generation)).
		bytes(s.Public.Verify).bytes(s.Public.HPKE)
}

// MACHolder authenticates that an account holds a vault, so that whoever can
// write rows but has no house key cannot lead anybody into a vault of his own.
// Of the zero key it returns nil, which verifies under no key.
func MACHolder(hk HouseKey, s HolderStatement) []byte {
	return mac(hk, labelHouseHolder, s.context())
}

// VerifyHolder checks what MACHolder made; ErrVerify where it is not.
func VerifyHolder(hk HouseKey, s HolderStatement, mac []byte) error {
	return verifyMAC(hk, labelHouseHolder, s.context(), mac)
}

// MACBrowser authenticates a browser's cookie as one in which an account has
// signed in, so that attempts from it are counted apart. Of the zero key it
// returns nil, which verifies under no key.
func MACBrowser(hk HouseKey, account hearkeep.AccountID, random [16]byte) []byte {
	return mac(hk, labelHouseBrowser, browserContext(account, random))
}

// VerifyBrowser checks what MACBrowser made; ErrVerify where it is not.
func VerifyBrowser(hk HouseKey, account hearkeep.AccountID, random [16]byte, mac []byte) error {
	return verifyMAC(hk, labelHouseBrowser, browserContext(account, random), mac)
}

func browserContext(account hearkeep.AccountID, random [16]byte) context {
	return contextOf(purposeBrowser).id(account).bytes(random[:])
}

// mac is HMAC-SHA256 under HKDF-SHA256(house key, no salt, label, 32).
func mac(hk HouseKey, label string, c context) []byte {
	if hk.k == nil {
		return nil
	}
	h := hmac.New(sha256.New, derive(hk.k[:], nil, label, keySize))
	h.Write(c)
	return h.Sum(nil)
}

func verifyMAC(hk HouseKey, label string, c context, got []byte) error {
	if hk.k == nil {
		return ErrKey
	}
	if !hmac.Equal(got, mac(hk, label, c)) {
		return ErrVerify
	}
	return nil
}
