package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hpke"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
)

// The first byte of everything wrapped says by which construction.
const (
	formatSymmetric = 0x01
	formatHPKE      = 0x02
)

const (
	keySize        = 32
	saltSize       = 32
	commitmentSize = 32
	nonceSize      = 12
	tagSize        = 16
	encSize        = 1120 // ML-KEM-768 ciphertext and X25519 point

	symmetricOverhead = 1 + saltSize + commitmentSize + tagSize

	// maxSymmetric bounds what a symmetric wrap seals. Speech goes in parts.
	maxSymmetric = 1 << 20
)

// sealUnder makes a symmetric wrap of a plaintext of any length:
//
//	0x01 ‖ salt ‖ commitment ‖ AES-256-GCM(k, nonce 0, plaintext, AAD context)
//	k ‖ commitment = HKDF-SHA256(wrapping key, salt, context, 64)
//
// The nonce is zero because k is used once. The commitment is there because
// AES-GCM alone lets one ciphertext open under two keys.
func sealUnder(with *key, c context, plaintext []byte) ([]byte, error) {
	if with == nil {
		return nil, ErrKey
	}
	if len(plaintext) > maxSymmetric {
		return nil, fmt.Errorf("%w: %d bytes under one wrap", ErrFormat, len(plaintext))
	}
	out := make([]byte, 1+saltSize, symmetricOverhead+len(plaintext))
	out[0] = formatSymmetric
	rand.Read(out[1:])
	k, commitment := wrappingKeys(with, out[1:], c)
	out = append(out, commitment...)
	return newGCM(k).Seal(out, make([]byte, nonceSize), plaintext, c), nil
}

// openUnder opens what sealUnder made. The commitment is checked first.
func openUnder(with *key, c context, wrap []byte) ([]byte, error) {
	if with == nil {
		return nil, ErrKey
	}
	if len(wrap) < symmetricOverhead || wrap[0] != formatSymmetric {
		return nil, ErrFormat
	}
	salt, rest := wrap[1:1+saltSize], wrap[1+saltSize:]
	k, commitment := wrappingKeys(with, salt, c)
	if subtle.ConstantTimeCompare(commitment, rest[:commitmentSize]) != 1 {
		return nil, ErrOpen
	}
	plaintext, err := newGCM(k).Open(nil, make([]byte, nonceSize), rest[commitmentSize:], c)
	if err != nil {
		return nil, ErrOpen
	}
	return plaintext, nil
}

// openKeyUnder opens a symmetric wrap of exactly one key.
func openKeyUnder(with *key, c context, wrap []byte) (*key, error) {
	if len(wrap) != SymmetricWrapSize {
		return nil, ErrFormat
	}
	plaintext, err := openUnder(with, c, wrap)
	if err != nil {
		return nil, err
	}
	return (*key)(plaintext), nil
}

// sealTo makes an HPKE wrap of one key in base mode (RFC 9180): the context
// is info, and there is no AAD. Its form is 0x02 ‖ enc ‖ ciphertext.
func sealTo(to hpke.PublicKey, c context, k *key) ([]byte, error) {
	if to == nil || k == nil {
		return nil, ErrKey
	}
	sealed, err := hpke.Seal(to, hpke.HKDFSHA256(), hpke.AES256GCM(), c, k[:])
	if err != nil {
		return nil, fmt.Errorf("seal: encapsulate: %w", err)
	}
	return append([]byte{formatHPKE}, sealed...), nil
}

// openWith opens what sealTo made.
func openWith(with hpke.PrivateKey, c context, wrap []byte) (*key, error) {
	if with == nil {
		return nil, ErrKey
	}
	if len(wrap) != PublicWrapSize || wrap[0] != formatHPKE {
		return nil, ErrFormat
	}
	plaintext, err := hpke.Open(with, hpke.HKDFSHA256(), hpke.AES256GCM(), c, wrap[1:])
	if err != nil || len(plaintext) != keySize {
		return nil, ErrOpen
	}
	return (*key)(plaintext), nil
}

// wrappingKeys derives the one-use key of a symmetric wrap and its commitment.
func wrappingKeys(with *key, salt []byte, c context) (k *key, commitment []byte) {
	both := derive(with[:], salt, string(c), keySize+commitmentSize)
	return (*key)(both[:keySize]), both[keySize:]
}

// derive is HKDF-SHA256. It fails only for lengths that no caller asks for.
func derive(secret, salt []byte, info string, size int) []byte {
	out, err := hkdf.Key(sha256.New, secret, salt, info, size)
	if err != nil {
		panic("seal: HKDF: " + err.Error())
	}
	return out
}

// newGCM is AES-256-GCM with a 12-byte nonce and a 16-byte tag. It fails only
// for key sizes that the type rules out.
func newGCM(k *key) cipher.AEAD {
	block, err := aes.NewCipher(k[:])
	if err != nil {
		panic("seal: AES: " + err.Error())
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic("seal: GCM: " + err.Error())
	}
	return aead
}

// suite is the key encapsulation of all pairs: ML-KEM-768 with X25519.
func suite() hpke.KEM { return hpke.MLKEM768X25519() }

// pairFrom derives a key pair as RFC 9180's DeriveKeyPair does. It cannot fail
// for 32 bytes of input.
func pairFrom(ikm *key) hpke.PrivateKey {
	pair, err := suite().DeriveKeyPair(ikm[:])
	if err != nil {
		panic("seal: DeriveKeyPair: " + err.Error())
	}
	return pair
}

// parsePublic reads an encapsulation key.
func parsePublic(b []byte) (hpke.PublicKey, error) {
	public, err := suite().NewPublicKey(b)
	if err != nil {
		return nil, fmt.Errorf("%w: public key of %d bytes", ErrFormat, len(b))
	}
	return public, nil
}
