package store

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
)

// fullStore has no room while the reserve is held.
type fullStore struct {
	Store
	reserve *Reserve
	tries   int
}

func (s *fullStore) Update(_ context.Context, fn func(*Tx) error) error {
	s.tries++
	if s.reserve.Held() {
		return ErrFull
	}
	return fn(&Tx{})
}

func TestReservingGivesTheReserveUp(t *testing.T) {
	reserve, err := OpenReserve(filepath.Join(t.TempDir(), "reserve"), 64<<10)
	if err != nil {
		t.Fatal(err)
	}
	defer reserve.Close()
	full := &fullStore{reserve: reserve}
	ran := 0
	if err := (Reserving{full, reserve}).Update(t.Context(), func(*Tx) error { ran++; return nil }); err != nil || ran != 1 || full.tries != 2 {
		t.Errorf("got %v after %d tries and %d runs, want nil after 2 and 1", err, full.tries, ran)
	}
	other := errors.New("another fault")
	if err := (Reserving{full, reserve}).Update(t.Context(), func(*Tx) error { return other }); !errors.Is(err, other) || full.tries != 3 {
		t.Errorf("got %v after %d tries, want the fault itself after one more", err, full.tries)
	}
}
