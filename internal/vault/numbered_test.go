package vault_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/vault"
	"github.com/hearkeep/hearkeep/internal/vault/vaulttest"
)

// TestNumbered: numbers lead to what still stands under them, in the vault of
// the Room and of the generations that it opens, and no opening is written.
func TestNumbered(t *testing.T) {
	h, ctx := vaulttest.New(t), t.Context()
	anna := h.Person(t, "Anna")
	living := h.Vault(t, anna, vault.Shared)
	var ids []hearkeep.RecordingID
	for range 4 {
		ids = append(ids, say(t, living, "before"))
	}
	room := h.Enter(t, living)
	first, err := room.Place(ctx, ids[0])
	must(t, err)
	_, err = room.Erase(ctx, ids[1])
	must(t, err)
	all := []hearkeep.Run{{Binding: first.Binding, From: first.Number, To: first.Number + 9}}
	got := func(r *vault.Room, runs []hearkeep.Run, limit int) (out []hearkeep.RecordingID) {
		t.Helper()
		found, err := r.Numbered(ctx, runs, limit)
		must(t, err)
		for _, n := range found {
			out = append(out, n.ID)
		}
		return out
	}
	before := entriesOf(t, h)
	for _, c := range []struct {
		name  string
		runs  []hearkeep.Run
		limit int
		want  []hearkeep.RecordingID
	}{
		{"all that stand", all, 100, []hearkeep.RecordingID{ids[0], ids[2], ids[3]}},
		{"the first two", all, 2, []hearkeep.RecordingID{ids[0], ids[2]}},
		{"one", []hearkeep.Run{{Binding: first.Binding, From: first.Number + 2, To: first.Number + 2}}, 9, ids[2:3]},
		{"the erased one", []hearkeep.Run{{Binding: first.Binding, From: first.Number + 1, To: first.Number + 1}}, 9, nil},
		{"before the first number", []hearkeep.Run{{Binding: first.Binding, From: 0, To: 0}}, 9, nil},
		{"a door of nobody's", []hearkeep.Run{{Binding: hearkeep.NewID[hearkeep.BindingID](), From: 1, To: 9}}, 9, nil},
		{"none", nil, 9, nil},
	} {
		if diff := cmp.Diff(c.want, got(room, c.runs, c.limit)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
	// Not in another vault of the same person, nor to whoever came without the past.
	if in := got(h.Enter(t, anna), all, 9); in != nil {
		t.Errorf("another vault has %v", in)
	}
	bert := h.Joined(t, living, h.Person(t, "Bert"), vault.Invitation{As: "holder"})
	if in := got(h.Enter(t, bert), all, 9); in != nil {
		t.Errorf("somebody who came later is led to %v", in)
	}
	if _, err := h.Enter(t, bert).Place(ctx, ids[0]); hearkeep.CodeOf(err) != hearkeep.NotFound {
		t.Errorf("and is told where one stands: %v", err)
	}
	if n := entriesOf(t, h) - before; n != 0 {
		t.Errorf("looking wrote %d openings", n)
	}
}

// entriesOf counts openings in the ledger.
func entriesOf(t *testing.T, h *vaulttest.Home) (n int) {
	t.Helper()
	all, err := h.Ledger.Entries(t.Context(), hearkeep.VaultID{}, 0, 1000)
	must(t, err)
	for _, e := range all {
		if e.Kind == ledger.KindOpened {
			n++
		}
	}
	return n
}
