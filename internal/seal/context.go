package seal

import (
	"encoding/binary"
	"time"
)

// prefix begins the first field of every context and every bare label.
const prefix = "hearkeep/v1/"

// purpose names what a context is for. The list below is closed: a new use of
// a key is a new purpose here, and a line in docs/keys.md.
type purpose string

const (
	// Derivation of an unlocker's key pair.
	purposePassphrase purpose = "unlock-passphrase"
	purposeKit        purpose = "unlock-kit"     // account
	purposePasskey    purpose = "unlock-passkey" //

	// HPKE wraps.
	purposeAccountKey purpose = "account-key" // account, unlocker
	purposeVaultKey   purpose = "vault-key"   // vault, generation, account
	purposeEnvelope   purpose = "envelope"    // vault, generation, envelope, binding; also re-wrapped
	purposeIndex      purpose = "index"       // vault, generation, account, archive, request

	// Symmetric wraps.
	purposeUnlockers      purpose = "unlockers"       // account
	purposeAccountPrivate purpose = "account-private" // account
	purposeSession        purpose = "session"         // account, session hash, created, expires, stepped up
	purposeToken          purpose = "token"           // account, vault, generation, token, write, expires
	purposePart           purpose = "part"            // the envelope's, number, recording, start, part, version
	purposeHouseTimer     purpose = "house-timer"     // id
	purposeHouseLabel     purpose = "house-label"     // id
	purposeHouseName      purpose = "house-name"      // id
	purposeHouseChannel   purpose = "house-channel"   // id
	purposeHouseLetter    purpose = "house-letter"    // id
	purposeHouseClaim     purpose = "house-claim"     // id
	purposeHouseAgent     purpose = "house-agent"     // id
	purposeHouseReport    purpose = "house-report"    // id
	purposeHouseIncident  purpose = "house-incident"  // id
	purposeHouseRecipient purpose = "house-recipient" // id
	purposeInvitation     purpose = "invitation"      // vault, generation, invitation, as, past, expires

	// Signatures and MACs.
	purposeGeneration purpose = "generation" // vault, n, HPKE key, verification key, keyholders
	purposeBinding    purpose = "binding"    // vault, generation, binding, source, rule, label hash, created
	purposePin        purpose = "pin"        // binding, vault, generation, verification key, HPKE key, signed by
	purposeHolder     purpose = "holder"     // account, vault, generation, verification key, HPKE key
	purposeBrowser    purpose = "browser"    // account, random
	purposeRoster     purpose = "roster"     // vault, generation, entries (account, letter, public key; one field); MAC: the whole roster
	purposeAccept     purpose = "accept"     // invitation, vault, account, public key
	purposeDecoy      purpose = "decoy"      // name, n
	purposeRequest    purpose = "request"    // request, account, kind, via, binding, received
	purposeImport     purpose = "import"     // vault, SHA-256 of a file
	purposePlace      purpose = "place"      // account, network
)

// Bare labels stand where no field follows, or where fixed bytes do. They
// begin with 'h' and a context with a zero byte, so that none is the other.
const (
	labelVaultHPKE    = prefix + "vault-hpke"
	labelVaultSign    = prefix + "vault-sign"
	labelVaultWrap    = prefix + "vault-wrap"
	labelHousePin     = prefix + "house-pin"
	labelHouseHolder  = prefix + "house-holder"
	labelHouseBrowser = prefix + "house-browser"
	labelHouseDecoy   = prefix + "house-decoy"
	labelHouseRoster  = prefix + "house-roster"
	labelHouseInvite  = prefix + "house-invitation"
	labelHouseRequest = prefix + "house-request"
	labelHousePlace   = prefix + "house-place"
	labelAccept       = prefix + "accept-mac"
	labelImport       = prefix + "import-mac"
	labelPRF          = prefix + "prf" // ‖ 32 random bytes
	labelKit          = prefix + "kit" // ‖ the kit's 20 bytes
)

// A context is fields in order, each a uint32 big-endian length and its bytes;
// the first is hearkeep/v1/<purpose>. A purpose fixes the number and the
// kinds of its fields, so that no two statements share their bytes.
type context []byte

func contextOf(p purpose) context { return context{}.text(prefix + string(p)) }

func (c context) bytes(b []byte) context {
	c = binary.BigEndian.AppendUint32(c, uint32(len(b)))
	return append(c, b...)
}

func (c context) text(s string) context { return c.bytes([]byte(s)) }

// id appends the 16 bytes of an identifier.
func (c context) id(id [16]byte) context { return c.bytes(id[:]) }

// uint appends eight bytes, big-endian.
func (c context) uint(n uint64) context { return c.bytes(binary.BigEndian.AppendUint64(nil, n)) }

// time appends int64 Unix milliseconds; what is finer than that is not bound.
// The zero time is -62135596800000.
func (c context) time(t time.Time) context { return c.uint(uint64(t.UnixMilli())) }

// bool appends the integer 0 or 1.
func (c context) bool(b bool) context {
	if b {
		return c.uint(1)
	}
	return c.uint(0)
}
