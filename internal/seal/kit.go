package seal

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"strings"
	"unicode"

	"github.com/hearkeep/hearkeep"
)

// crockford is base32 without I, L, O and U.
const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

const (
	kitSize    = 20 // bytes: 160 bits, 32 symbols
	kitSymbols = 36 // 32 and four that check them
	maxKitText = 512
)

// Kit is a recovery kit: 160 random bits, shown once and printed.
type Kit struct {
	hidden
	b *[kitSize]byte
}

// NewKit returns a fresh kit.
func NewKit() Kit {
	var b [kitSize]byte
	rand.Read(b[:])
	return Kit{b: &b}
}

// Reveal returns the kit as people print it: nine groups of four symbols
// joined by '-', the last of which checks the others. It is empty for the
// zero value.
func (k Kit) Reveal() string {
	if k.b == nil {
		return ""
	}
	check := kitCheck(k.b)
	// 160 bits and 20 more are 36 symbols of five bits.
	bits := append(bytes.Clone(k.b[:]), check[:3]...)
	var s strings.Builder
	for i := range kitSymbols {
		if i > 0 && i%4 == 0 {
			s.WriteByte('-')
		}
		s.WriteByte(crockford[fiveBits(bits, i)])
	}
	return s.String()
}

// ParseKit reads a kit as people type it: in either case, with dashes and
// spaces anywhere or nowhere, O for 0, I and L for 1. Its errors are
// hearkeep.Invalid over ErrFormat and say nothing of what was typed.
func ParseKit(s string) (Kit, error) {
	if len(s) > maxKitText {
		return Kit{}, kitError("A recovery kit is much shorter than this.")
	}
	var values []byte
	for _, r := range s {
		if unicode.IsSpace(r) || unicode.Is(unicode.Pd, r) || r == '\u2212' {
			continue
		}
		v := kitValue(r)
		if v < 0 {
			return Kit{}, kitError("A recovery kit has no such character.")
		}
		values = append(values, byte(v))
	}
	if len(values) != kitSymbols {
		return Kit{}, kitError("A recovery kit has %d letters and digits; these are %d.", kitSymbols, len(values))
	}
	var bits [kitSize + 3]byte
	for i, v := range values {
		putFiveBits(bits[:], i, v)
	}
	var b [kitSize]byte
	copy(b[:], bits[:])
	check := kitCheck(&b)
	if !bytes.Equal(check[:], bits[kitSize:]) {
		return Kit{}, kitError("There is a typing mistake in this recovery kit.")
	}
	return Kit{b: &b}, nil
}

func kitError(format string, args ...any) error {
	return hearkeep.Errorf(hearkeep.Invalid, format, args...).
		WithHint("Type all nine groups of four as they are printed.").Because(ErrFormat)
}

// kitCheck is the first 20 bits of SHA-256(hearkeep/v1/kit ‖ bytes); the last
// four bits of the three bytes are zero.
func kitCheck(b *[kitSize]byte) [3]byte {
	sum := sha256.Sum256(append([]byte(labelKit), b[:]...))
	return [3]byte{sum[0], sum[1], sum[2] & 0xF0}
}

// kitValue is a symbol's value, or -1.
func kitValue(r rune) int {
	switch r = unicode.ToUpper(r); r {
	case 'O':
		return 0
	case 'I', 'L':
		return 1
	}
	return strings.IndexRune(crockford, r)
}

// fiveBits returns the i-th group of five bits, from the most significant.
func fiveBits(b []byte, i int) byte {
	at := 5 * i
	two := uint16(b[at/8]) << 8
	if at/8+1 < len(b) {
		two |= uint16(b[at/8+1])
	}
	return byte(two>>(11-at%8)) & 31
}

// putFiveBits is the reverse of fiveBits on zeroed bytes.
func putFiveBits(b []byte, i int, v byte) {
	at := 5 * i
	two := uint16(v) << (11 - at%8)
	b[at/8] |= byte(two >> 8)
	if at/8+1 < len(b) {
		b[at/8+1] |= byte(two)
	}
}
