package identity

import (
	"context"
	"testing"
	"time"
)

// TestEvenly: what takes a little or a little more ends at the same tick, and
// whoever goes away is not waited for.
func TestEvenly(t *testing.T) {
	for _, work := range []time.Duration{0, time.Microsecond, tick / 2, tick - time.Microsecond, tick, 3*tick + tick/2} {
		begin := time.Now().Add(-work)
		evenly(t.Context(), begin)
		if took, least := time.Since(begin), work.Truncate(tick)+tick; took < least {
			t.Errorf("after work of %v: answered after %v, want at least %v", work, took, least)
		}
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	evenly(gone, time.Now())
}
