package seal

import (
	"bytes"
	stdcontext "context"
	"crypto/hpke"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"

	"github.com/hearkeep/hearkeep"
)

// UnlockerPrivate is the key pair that a passphrase, a passkey or a recovery
// kit derives. It opens the account key's wrap.
type UnlockerPrivate struct {
	hidden
	pair hpke.PrivateKey
}

// UnlockerPublic is what an account key is wrapped to. It says nothing of the
// passphrase to whoever has it, but lets them try guesses: it is kept sealed
// (SealUnlockerList) and never in a bare row.
type UnlockerPublic struct{ key hpke.PublicKey }

// Bytes returns the PublicKeySize bytes of the key, or nil for the zero value.
func (p UnlockerPublic) Bytes() []byte { return publicBytes(p.key) }

// Equal reports whether both are the same key.
func (p UnlockerPublic) Equal(o UnlockerPublic) bool { return bytes.Equal(p.Bytes(), o.Bytes()) }

// ParseUnlockerPublic reads what Bytes wrote; ErrFormat for anything else.
func ParseUnlockerPublic(b []byte) (UnlockerPublic, error) {
	k, err := parsePublic(b)
	return UnlockerPublic{k}, err
}

// PublicOfUnlocker returns the pair's public half, zero for the zero value.
func PublicOfUnlocker(u UnlockerPrivate) UnlockerPublic {
	if u.pair == nil {
		return UnlockerPublic{}
	}
	return UnlockerPublic{u.pair.PublicKey()}
}

func publicBytes(k hpke.PublicKey) []byte {
	if k == nil {
		return nil
	}
	return k.Bytes()
}

// unlockerFrom derives the pair of an unlocker's secret.
func unlockerFrom(secret []byte, c context) UnlockerPrivate {
	return UnlockerPrivate{pair: pairFrom((*key)(derive(secret, nil, string(c), keySize)))}
}

// KitUnlocker derives the unlocker of an account's recovery kit; zero for the
// zero kit.
func KitUnlocker(k Kit, account hearkeep.AccountID) UnlockerPrivate {
	if k.b == nil {
		return UnlockerPrivate{}
	}
	return unlockerFrom(k.b[:], contextOf(purposeKit).id(account))
}

// PRFUnlocker derives the unlocker of a passkey from the output of its PRF
// extension over PRFInput.
func PRFUnlocker(prf [32]byte) UnlockerPrivate {
	return unlockerFrom(prf[:], contextOf(purposePasskey))
}

// PRFInput is what a passkey's PRF extension is evaluated on:
// SHA-256(hearkeep/v1/prf ‖ random), random being stored with the credential.
func PRFInput(random [32]byte) [32]byte {
	return sha256.Sum256(append([]byte(labelPRF), random[:]...))
}

// Argon2Params is how a passphrase becomes a secret (Argon2id, RFC 9106). It
// holds no secret and is stored with the unlocker.
type Argon2Params struct {
	Memory uint32 // KiB
	Time   uint32 // passes
	Lanes  uint32
	Salt   []byte // 16 bytes
}

// Caps on what a stored row may ask this machine to spend, and the floor
// under what is newly made.
const (
	maxArgon2Memory = 256 << 10 // KiB
	maxArgon2Time   = 16
	maxArgon2Lanes  = 16
	argon2SaltSize  = 16

	// OWASP's weakest recommended Argon2id: 19 MiB, 2 passes, 1 lane.
	minArgon2Memory = 19 << 10 // KiB
	minArgon2Time   = 2

	// MaxPassphrase bounds a passphrase, in bytes of UTF-8 before NFKC, so that
	// normalising it stays cheap.
	MaxPassphrase = 4096
)

// DefaultArgon2 is 64 MiB, 3 passes, 1 lane, and a fresh salt.
func DefaultArgon2() Argon2Params {
	p, err := NewArgon2(64<<10, 3, 1)
	if err != nil {
		panic("seal: default Argon2 parameters: " + err.Error())
	}
	return p
}

// NewArgon2 makes parameters with a fresh salt for a new passphrase. It
// refuses less than 19 MiB or 2 passes, and more than the caps. Stored and
// literal parameters are not held to the floor: what was made stays usable.
func NewArgon2(memoryKiB, time, lanes uint32) (Argon2Params, error) {
	p := Argon2Params{memoryKiB, time, lanes, make([]byte, argon2SaltSize)}
	rand.Read(p.Salt)
	if memoryKiB < minArgon2Memory || time < minArgon2Time {
		return Argon2Params{}, hearkeep.Errorf(hearkeep.Invalid,
			"These Argon2id costs are too low for a new passphrase.").
			WithHint("Choose at least %d KiB and %d passes.", minArgon2Memory, minArgon2Time)
	}
	if err := p.check(); err != nil {
		return Argon2Params{}, hearkeep.Errorf(hearkeep.Invalid,
			"These Argon2id costs are outside what this program accepts.").
			WithHint("Choose at most %d KiB, %d passes and %d lanes.",
				maxArgon2Memory, maxArgon2Time, maxArgon2Lanes).Because(err)
	}
	return p, nil
}

// check holds p to the caps and to what Argon2 can compute.
func (p Argon2Params) check() error {
	switch {
	case len(p.Salt) != argon2SaltSize,
		p.Time < 1 || p.Time > maxArgon2Time,
		p.Lanes < 1 || p.Lanes > maxArgon2Lanes,
		p.Memory < 8*p.Lanes || p.Memory > maxArgon2Memory:
		return fmt.Errorf("%w: Argon2 parameters", ErrFormat)
	}
	return nil
}

// argon2Format is the first byte of encoded parameters.
const argon2Format = 0x01

// Encode writes 0x01 ‖ memory ‖ time ‖ lanes (uint32, big-endian) ‖ salt.
func (p Argon2Params) Encode() []byte {
	b := []byte{argon2Format}
	b = binary.BigEndian.AppendUint32(b, p.Memory)
	b = binary.BigEndian.AppendUint32(b, p.Time)
	b = binary.BigEndian.AppendUint32(b, p.Lanes)
	return append(b, p.Salt...)
}

// ParseArgon2 reads what Encode wrote; ErrFormat for anything else, and for
// costs over the caps.
func ParseArgon2(b []byte) (Argon2Params, error) {
	if len(b) != 1+3*4+argon2SaltSize || b[0] != argon2Format {
		return Argon2Params{}, fmt.Errorf("%w: Argon2 parameters", ErrFormat)
	}
	p := Argon2Params{
		Memory: binary.BigEndian.Uint32(b[1:]),
		Time:   binary.BigEndian.Uint32(b[5:]),
		Lanes:  binary.BigEndian.Uint32(b[9:]),
		Salt:   bytes.Clone(b[13:]),
	}
	return p, p.check()
}

// atOnce is how many passphrases are stretched at the same moment: at the
// default that is 128 MiB.
const atOnce = 2

// Stretcher turns passphrases into unlockers, at most two at a time. A
// process has one; it may be used concurrently.
type Stretcher struct{ slots chan struct{} }

// NewStretcher returns a Stretcher with both places free.
func NewStretcher() *Stretcher { return &Stretcher{make(chan struct{}, atOnce)} }

// Passphrase derives an unlocker from a passphrase in NFKC, untrimmed. It
// waits for a place until ctx ends; once begun it runs to its end. Errors are
// ctx's, ErrFormat for parameters over the caps, and a hearkeep.TooLarge for
// more than MaxPassphrase bytes.
func (s *Stretcher) Passphrase(ctx stdcontext.Context, passphrase string, p Argon2Params) (UnlockerPrivate, error) {
	if err := p.check(); err != nil {
		return UnlockerPrivate{}, err
	}
	if len(passphrase) > MaxPassphrase {
		return UnlockerPrivate{}, hearkeep.Errorf(hearkeep.TooLarge, "This passphrase is too long.").
			WithHint("Use at most %d characters.", MaxPassphrase/4)
	}
	if err := ctx.Err(); err != nil { // select would toss a coin
		return UnlockerPrivate{}, err
	}
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	case <-ctx.Done():
		return UnlockerPrivate{}, ctx.Err()
	}
	secret := argon2.IDKey(norm.NFKC.Bytes([]byte(passphrase)), p.Salt, p.Time, p.Memory, uint8(p.Lanes), keySize)
	return unlockerFrom(secret, contextOf(purposePassphrase)), nil
}
