package vault

import (
	"context"

	"github.com/hearkeep/hearkeep"
)

// Correct replaces the words of a recording by its keyholder's (GDPR Art. 16).
// The words before are destroyed with their key, before it returns. Their end
// stays the same. It fails with NotFound where the recording keeps no words,
// and with Invalid for none or for more than MaxWords bytes.
func (r *Room) Correct(ctx context.Context, id hearkeep.RecordingID, words hearkeep.Words) (Receipt, error) {
	return Receipt{}, errNotYet
}

// MaxWords bounds a corrected transcript, in bytes of UTF-8.
const MaxWords = 16 << 10
