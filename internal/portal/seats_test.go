package portal

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hearkeep/hearkeep"
)

// One vault takes its share of the seats and leaves the others'.
func TestSeatsAreShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSeats(3, 2)
		greedy, other := hearkeep.NewID[hearkeep.VaultID](), hearkeep.NewID[hearkeep.VaultID]()
		within := func(vault hearkeep.VaultID) (func(), error) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			return s.take(ctx, vault)
		}
		first, err := within(greedy)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := within(greedy); err != nil {
			t.Fatal(err)
		}
		if _, err := within(greedy); err == nil {
			t.Error("one vault has three seats")
		}
		if _, err := within(other); err != nil {
			t.Errorf("the other vault has none: %v", err)
		}
		if _, err := within(other); err == nil {
			t.Error("four seats of three are taken")
		}
		waiting := make(chan error, 1)
		go func() {
			_, err := s.take(t.Context(), greedy)
			waiting <- err
		}()
		synctest.Wait()
		first()
		if err := <-waiting; err != nil {
			t.Errorf("a seat that was left is not given on: %v", err)
		}
		if len(s.of) != 2 {
			t.Errorf("%d vaults are counted, want 2", len(s.of))
		}
	})
}
