package seal

import (
	"sync/atomic"
	"time"

	"github.com/hearkeep/hearkeep"
)

// EnvelopeContext is what an envelope's wraps are bound to.
type EnvelopeContext struct {
	Vault      hearkeep.VaultID
	Generation hearkeep.Generation
	Envelope   hearkeep.EnvelopeID
	Binding    hearkeep.BindingID
}

// fields appends the envelope's four fields; a part's context goes on from there.
func (c EnvelopeContext) fields(p purpose) context {
	return contextOf(p).id(c.Vault).uint(uint64(c.Generation)).id(c.Envelope).id(c.Binding)
}

// EnvelopeKey wraps the part keys of one binding's recordings for a while, so
// that a recording costs no HPKE operation.
type EnvelopeKey struct {
	hidden
	k *key
}

// NewEnvelope returns a fresh envelope key and its wrap to the vault (HPKE).
// Anybody who knows the vault's public key can make one: a wrap that opens
// says for whom something was sealed, not by whom.
func NewEnvelope(to VaultPublic, c EnvelopeContext) (EnvelopeKey, []byte, error) {
	public, err := parsePublic(to.HPKE)
	if err != nil {
		return EnvelopeKey{}, nil, err
	}
	k := newKey()
	wrap, err := sealTo(public, c.fields(purposeEnvelope), k)
	if err != nil {
		return EnvelopeKey{}, nil, err
	}
	return EnvelopeKey{k: k}, wrap, nil
}

// OpenEnvelope opens what NewEnvelope or RewrapEnvelope made.
func OpenEnvelope(k VaultKey, wrap []byte, c EnvelopeContext) (EnvelopeKey, error) {
	if k.v == nil {
		return EnvelopeKey{}, ErrKey
	}
	var ek *key
	var err error
	if IsRewrapped(wrap) {
		ek, err = openKeyUnder(k.v.wrap, c.fields(purposeEnvelope), wrap)
	} else {
		ek, err = openWith(k.v.pair, c.fields(purposeEnvelope), wrap)
	}
	if err != nil {
		return EnvelopeKey{}, err
	}
	return EnvelopeKey{k: ek}, nil
}

// IsRewrapped reports whether an envelope's wrap has the form that
// RewrapEnvelope makes, which opens without HPKE. It does not say that it opens.
func IsRewrapped(wrap []byte) bool { return len(wrap) > 0 && wrap[0] == formatSymmetric }

// RewrapEnvelope wraps an opened envelope key under the vault's symmetric
// key, so that opening it again costs no HPKE operation.
func RewrapEnvelope(k VaultKey, ek EnvelopeKey, c EnvelopeContext) ([]byte, error) {
	if k.v == nil || ek.k == nil {
		return nil, ErrKey
	}
	return sealUnder(k.v.wrap, c.fields(purposeEnvelope), ek.k[:])
}

// PartContext is what a part key's wrap is bound to.
type PartContext struct {
	EnvelopeContext
	Number    hearkeep.Number
	Recording hearkeep.RecordingID
	Start     time.Time
	Part      hearkeep.Part
	Version   uint64 // from 1
}

func (c PartContext) context() context {
	return c.EnvelopeContext.fields(purposePart).uint(uint64(c.Number)).id(c.Recording).
		time(c.Start).text(string(c.Part)).uint(c.Version)
}

// PartKey seals one version of one part. Destroying its wrap erases the part.
type PartKey struct {
	hidden
	k *key
	// fresh is true until the key seals; false for a key that was opened. It
	// is a pointer so that copies of the key share it.
	fresh *atomic.Bool
}

// NewPartKey returns a fresh part key and its wrap under the envelope key.
func NewPartKey(ek EnvelopeKey, c PartContext) (PartKey, []byte, error) {
	k := newKey()
	wrap, err := sealUnder(ek.k, c.context(), k[:])
	if err != nil {
		return PartKey{}, nil, err
	}
	return sealingPartKey(k), wrap, nil
}

// sealingPartKey seals once; readingPartKey never does.
func sealingPartKey(k *key) PartKey {
	pk := readingPartKey(k)
	pk.fresh.Store(true)
	return pk
}

func readingPartKey(k *key) PartKey { return PartKey{k: k, fresh: new(atomic.Bool)} }

// OpenPartKey opens a part key's wrap, in order to read.
func OpenPartKey(ek EnvelopeKey, wrap []byte, c PartContext) (PartKey, error) {
	k, err := openKeyUnder(ek.k, c.context(), wrap)
	if err != nil {
		return PartKey{}, err
	}
	return readingPartKey(k), nil
}
