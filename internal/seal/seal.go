// Package seal keeps the keys and makes the ciphertext of Hearkeep. It is the
// only cryptography in the project: every byte that is sealed, opened, signed
// or checked for its owner goes through a function of this package.
//
// # What it promises
//
// What was sealed for one vault, account, envelope, recording or part opens
// under no other: every wrap is bound to a context (see the closed list of
// purposes in context.go) that the opener supplies from its own handle, never
// from the row that carried the wrap. Keys are opaque values. They have no
// exported fields and no methods that open, sign or reveal; every operation
// is a package function, so that whoever holds a key without importing this
// package can do nothing with it. Keys print as [key] and refuse to be
// marshalled. The zero value of every key is refused with ErrKey.
//
// What does not open is ErrOpen, whatever the reason: another vault, another
// number, a flipped bit. Nothing here tells the reasons apart, and no error
// holds key material or plaintext.
//
// # What it refuses
//
// It takes no key from a caller as bytes, apart from the secrets that stand
// in a cookie or a token, a passkey's PRF output, a kit and a passphrase. It
// seals no second plaintext under a part key. It does not wipe memory: Go's
// runtime copies values freely, so wiping would promise what it cannot keep.
//
// # Limits
//
// NIST SP 800-38D asks that no AES-GCM key sees one nonce twice, and bounds
// how much one key may seal. Here every AES-GCM key has one use:
//
//   - A symmetric wrap (0x01) seals one plaintext under a key derived with a
//     fresh 32-byte salt, with the zero nonce. Two wraps under one wrapping
//     key share an AES key only if two 256-bit salts collide. What it seals has
//     at most 1 MiB.
//   - HPKE (0x02) seals one plaintext per encapsulation.
//   - A part key seals one part of at most MaxPart bytes: one header under the
//     nonce 0‖02 and at most 2^24 chunks under distinct 88-bit counters, far
//     below the 2^32 invocations of section 8.3; a chunk has 4,096 blocks, far
//     below the 2^32-2 of section 5.2.1.1.
//
// Tags have 128 bits everywhere.
//
// All functions may be called concurrently.
package seal

import "errors"

// Failures that callers tell apart. None holds key material.
var (
	// ErrOpen says that something does not open: a wrong key, a wrong
	// context, a changed byte. The reasons are not told apart.
	ErrOpen = errors.New("seal: does not open")
	// ErrFormat says that something has no form this version knows: an unknown
	// first byte, an impossible length, a field over its cap.
	ErrFormat = errors.New("seal: unknown or malformed format")
	// ErrVerify says that a signature or a MAC is not of this key over this
	// statement.
	ErrVerify = errors.New("seal: does not verify")
	// ErrKey says that the zero value of a key was used.
	ErrKey = errors.New("seal: there is no key in this value")
	// ErrUsed says that a part key that has sealed, or that was opened in
	// order to read, was asked to seal.
	ErrUsed = errors.New("seal: a part key seals one plaintext only")
	// ErrToken says that the key came out of an API token and may not do this.
	ErrToken = errors.New("seal: a token's key may not do this")
)

// Sizes of wraps of one 32-byte key, in bytes.
const (
	// SymmetricWrapSize is 0x01 ‖ salt ‖ commitment ‖ key and tag.
	SymmetricWrapSize = 1 + saltSize + commitmentSize + keySize + tagSize // 113
	// PublicWrapSize is 0x02 ‖ encapsulation ‖ key and tag.
	PublicWrapSize = 1 + encSize + keySize + tagSize // 1,169
	// PublicKeySize is an encapsulation key of ML-KEM-768 and X25519.
	PublicKeySize = 1216
)
