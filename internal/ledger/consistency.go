package ledger

import (
	"fmt"
	"strings"
)

// ParseConsistency reads the text of a consistency proof: "old" and the size of
// the older tree, a hash a line (RFC 6962 section 2.1.2), an empty line, and the
// newer checkpoint. It fails with ErrMalformed; see Checkpoint.CheckConsistency.
func ParseConsistency(text []byte) (older int64, path [][32]byte, newer []byte, err error) {
	head, checkpoint, ok := strings.Cut(string(text), "\n\n")
	lines := strings.Split(head, "\n")
	size, old := strings.CutPrefix(lines[0], "old ")
	if !ok || !old || len(lines) > 1+2*maxPath {
		return 0, nil, nil, fmt.Errorf("%w: it is no consistency proof", ErrMalformed)
	}
	if older, err = parseCount(size); err != nil {
		return 0, nil, nil, err
	}
	for _, line := range lines[1:] {
		h, err := parseHash(line)
		if err != nil {
			return 0, nil, nil, err
		}
		path = append(path, h)
	}
	return older, path, []byte(checkpoint), nil
}
