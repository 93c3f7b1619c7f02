package hearkeep

import (
	"crypto/rand"
	"database/sql/driver"
	"encoding/hex"
	"errors"
	"fmt"
)

// ID is 16 random bytes that name one thing. Of is a marker, so that an
// AccountID given where a VaultID belongs does not compile.
//
// The zero value names nothing and is never stored as a key.
type ID[Of any] [16]byte

// The markers of the identifiers below. They carry no value.
type (
	ofAccount      struct{}
	ofUnlocker     struct{}
	ofSession      struct{}
	ofVault        struct{}
	ofBinding      struct{}
	ofEnvelope     struct{}
	ofRecording    struct{}
	ofTimer        struct{}
	ofReceipt      struct{}
	ofHousehold    struct{}
	ofInvitation   struct{}
	ofToken        struct{}
	ofChannel      struct{}
	ofRequest      struct{}
	ofArchive      struct{}
	ofReport       struct{}
	ofRestriction  struct{}
	ofClaim        struct{}
	ofBackup       struct{}
	ofAgentRequest struct{}
	ofIncident     struct{}
	ofRecipient    struct{}
)

// Identifiers, a type each.
type (
	AccountID      = ID[ofAccount]
	UnlockerID     = ID[ofUnlocker]
	SessionID      = ID[ofSession]
	VaultID        = ID[ofVault]
	BindingID      = ID[ofBinding]
	EnvelopeID     = ID[ofEnvelope]
	RecordingID    = ID[ofRecording]
	TimerID        = ID[ofTimer]
	ReceiptID      = ID[ofReceipt]
	HouseholdID    = ID[ofHousehold]
	InvitationID   = ID[ofInvitation]
	TokenID        = ID[ofToken]
	ChannelID      = ID[ofChannel]
	RequestID      = ID[ofRequest]
	ArchiveID      = ID[ofArchive]
	ReportID       = ID[ofReport]
	RestrictionID  = ID[ofRestriction]
	ClaimID        = ID[ofClaim]
	BackupID       = ID[ofBackup]
	AgentRequestID = ID[ofAgentRequest]
	IncidentID     = ID[ofIncident]
	RecipientID    = ID[ofRecipient]
)

// NewID returns a fresh random identifier: NewID[VaultID]().
func NewID[T ~[16]byte]() T {
	var id T
	rand.Read(id[:]) // never fails: crypto/rand aborts the program instead
	return id
}

// ParseID reads the 32 lower-case hexadecimal digits that String writes. Any
// other spelling is refused, so that one thing has one address.
func ParseID[T ~[16]byte](s string) (T, error) {
	var id, zero T
	if len(s) != hex.EncodedLen(len(id)) {
		return zero, fmt.Errorf("hearkeep: an id has %d characters, not %d", hex.EncodedLen(len(id)), len(s))
	}
	if _, err := hex.Decode(id[:], []byte(s)); err != nil || hex.EncodeToString(id[:]) != s {
		return zero, errors.New("hearkeep: an id is lower-case hexadecimal")
	}
	return id, nil
}

// String is 32 lower-case hexadecimal digits.
func (id ID[Of]) String() string { return hex.EncodeToString(id[:]) }

// IsZero reports whether id names nothing.
func (id ID[Of]) IsZero() bool { return id == ID[Of]{} }

// MarshalText writes the form of String.
func (id ID[Of]) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText reads the form of String.
func (id *ID[Of]) UnmarshalText(text []byte) error {
	got, err := ParseID[ID[Of]](string(text))
	if err != nil {
		return err
	}
	*id = got
	return nil
}

// Value stores the 16 bytes in a database; the zero id is NULL.
func (id ID[Of]) Value() (driver.Value, error) {
	if id.IsZero() {
		return nil, nil
	}
	return id[:], nil
}

// Scan reads what Value stored.
func (id *ID[Of]) Scan(src any) error {
	switch b := src.(type) {
	case nil:
		*id = ID[Of]{}
		return nil
	case []byte:
		if len(b) == len(id) {
			copy(id[:], b)
			return nil
		}
	}
	return fmt.Errorf("hearkeep: not a stored id")
}
