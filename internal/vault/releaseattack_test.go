package vault_test

import (
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"testing"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/store"
	"github.com/hearkeep/hearkeep/internal/vault"
	"github.com/hearkeep/hearkeep/internal/vault/vaulttest"
)

// spoil is what somebody with the files does. Where carried is false, a
// Courier, which opens nothing, finds it out as well; else whoever opens the
// sealed archive does.
type spoil struct {
	name    string
	what    string
	carried bool
	do      func(t *testing.T, h *vaulttest.Home, anna, bert vaulttest.Person, id, other hearkeep.RecordingID)
}

func spoils() []spoil {
	type rec = hearkeep.RecordingID
	some := func(t *testing.T, n int64) {
		t.Helper()
		if n == 0 {
			t.Fatal("nothing was changed")
		}
	}
	flip := func(t *testing.T, h *vaulttest.Home, id rec, at int) {
		data, err := os.ReadFile(h.AudioFile(id))
		must(t, err)
		data[(at+len(data))%len(data)] ^= 1
		must(t, os.WriteFile(h.AudioFile(id), data, 0o600))
	}
	return []spoil{
		{"a row is deleted", vault.WhatNumbers, false, func(t *testing.T, h *vaulttest.Home, anna, _ vaulttest.Person, id, _ rec) {
			must(t, h.Store.Update(t.Context(), func(tx *store.Tx) error { return tx.Vaults.DeleteRecording(t.Context(), anna.Vault, id) }))
		}},
		{"the last row is deleted, and the count set back", vault.WhatNumbers, false, func(t *testing.T, h *vaulttest.Home, anna, _ vaulttest.Person, _, other rec) {
			must(t, h.Store.Update(t.Context(), func(tx *store.Tx) error {
				return tx.Vaults.DeleteRecording(t.Context(), anna.Vault, other)
			}))
			some(t, h.SQL(t, "UPDATE bindings SET next = next - 1 WHERE id = ?", id(anna)))
		}},
		{"numbers are counted on", vault.WhatNumbers, false, func(t *testing.T, h *vaulttest.Home, anna, _ vaulttest.Person, _, _ rec) {
			some(t, h.SQL(t, "UPDATE bindings SET next = 4611686018427387904 WHERE id = ?", id(anna)))
		}},
		{"a number is erased as well", vault.WhatForeign, false, func(t *testing.T, h *vaulttest.Home, anna, _ vaulttest.Person, _, _ rec) {
			some(t, h.SQL(t, "INSERT INTO tombstones VALUES (?, ?, 1, 1, 'erased', 1)", anna.Vault[:], id(anna)))
		}},
		{"a recording comes back under a new number", vault.WhatForeign, false, func(t *testing.T, h *vaulttest.Home, anna, _ vaulttest.Person, id, _ rec) {
			some(t, h.SQL(t, "UPDATE recordings SET number = 77 WHERE id = ?", id[:]))
		}},
		{"numbers are exchanged", vault.WhatOpening, true, func(t *testing.T, h *vaulttest.Home, anna, _ vaulttest.Person, id, other rec) {
			some(t, h.SQL(t, "UPDATE recordings SET number = -number WHERE vault = ?", anna.Vault[:]))
			some(t, h.SQL(t, "UPDATE recordings SET number = CASE WHEN id = ? THEN 2 ELSE 1 END WHERE vault = ?", id[:], anna.Vault[:]))
		}},
		{"a generation that is not there", vault.WhatForeign, false, func(t *testing.T, h *vaulttest.Home, _, _ vaulttest.Person, id, _ rec) {
			some(t, h.SQL(t, "UPDATE recordings SET generation = 9 WHERE id = ?", id[:]))
		}},
		{"a generation of before, so that it is left out", vault.WhatForeign, false, func(t *testing.T, h *vaulttest.Home, _, _ vaulttest.Person, id, _ rec) {
			some(t, h.SQL(t, "UPDATE recordings SET generation = 0 WHERE id = ?", id[:]))
		}},
		{"a part is taken away", vault.WhatOpening, false, func(t *testing.T, h *vaulttest.Home, _, _ vaulttest.Person, id, _ rec) {
			some(t, h.SQL(t, "DELETE FROM parts WHERE recording = ? AND part = 'words'", id[:]))
		}},
		{"a key is taken away", vault.WhatOpening, false, func(t *testing.T, h *vaulttest.Home, anna, _ vaulttest.Person, id, _ rec) {
			must(t, h.Store.Keys().Destroy(t.Context(), anna.Vault, []rec{id}, []hearkeep.Part{hearkeep.PartAudio}))
		}},
		{"an envelope key is taken away", vault.WhatOpening, false, func(t *testing.T, h *vaulttest.Home, anna, _ vaulttest.Person, _, _ rec) {
			some(t, h.KeysSQL(t, "DELETE FROM envelopes WHERE vault = ?", anna.Vault[:]))
		}},
		{"all parts and keys are taken away", vault.WhatOpening, false, func(t *testing.T, h *vaulttest.Home, anna, _ vaulttest.Person, id, _ rec) {
			must(t, h.Store.Keys().Destroy(t.Context(), anna.Vault, []rec{id}, nil))
			some(t, h.SQL(t, "DELETE FROM parts WHERE recording = ?", id[:]))
		}},
		{"words are altered", vault.WhatOpening, false, func(t *testing.T, h *vaulttest.Home, _, _ vaulttest.Person, id, _ rec) {
			some(t, h.SQL(t, "UPDATE parts SET bytes = zeroblob(length(bytes)) WHERE recording = ? AND part = 'words'", id[:]))
		}},
		{"words are exchanged, with their hashes", vault.WhatOpening, true, func(t *testing.T, h *vaulttest.Home, _, _ vaulttest.Person, id, other rec) {
			some(t, h.SQL(t, `UPDATE parts SET (bytes, hash, size) = (SELECT bytes, hash, size FROM parts o WHERE o.part = 'words' AND o.recording = ?)
				WHERE recording = ? AND part = 'words'`, other[:], id[:]))
		}},
		{"words are another person's, with their hashes", vault.WhatOpening, true, func(t *testing.T, h *vaulttest.Home, _, bert vaulttest.Person, id, _ rec) {
			some(t, h.SQL(t, `UPDATE parts SET (bytes, hash, size) = (SELECT bytes, hash, size FROM parts o WHERE o.part = 'words' AND o.vault = ? LIMIT 1)
				WHERE recording = ? AND part = 'words'`, bert.Vault[:], id[:]))
		}},
		{"audio is torn", vault.WhatOpening, false, func(t *testing.T, h *vaulttest.Home, _, _ vaulttest.Person, id, _ rec) {
			must(t, os.Truncate(h.AudioFile(id), 100_000))
		}},
		{"audio is longer", vault.WhatOpening, false, func(t *testing.T, h *vaulttest.Home, _, _ vaulttest.Person, id, _ rec) {
			must(t, os.Truncate(h.AudioFile(id), 1_000_000))
		}},
		{"audio is gone", vault.WhatOpening, false, func(t *testing.T, h *vaulttest.Home, _, _ vaulttest.Person, id, _ rec) {
			must(t, os.Remove(h.AudioFile(id)))
		}},
		{"audio's header is altered", vault.WhatOpening, true, func(t *testing.T, h *vaulttest.Home, _, _ vaulttest.Person, id, _ rec) { flip(t, h, id, 3) }},
		{"audio's last piece is altered", vault.WhatOpening, true, func(t *testing.T, h *vaulttest.Home, _, _ vaulttest.Person, id, _ rec) { flip(t, h, id, -1) }},
		{"audio is another's file", vault.WhatOpening, true, func(t *testing.T, h *vaulttest.Home, _, bert vaulttest.Person, id, _ rec) {
			some(t, h.SQL(t, "UPDATE recordings SET blob = (SELECT blob FROM recordings WHERE vault = ? LIMIT 1) WHERE id = ?", bert.Vault[:], id[:]))
		}},
		{"another's recording, relabelled", vault.WhatForeign, false, func(t *testing.T, h *vaulttest.Home, anna, bert vaulttest.Person, _, _ rec) {
			some(t, h.SQL(t, "UPDATE recordings SET vault = ? WHERE vault = ?", anna.Vault[:], bert.Vault[:]))
			some(t, h.SQL(t, "UPDATE parts SET vault = ? WHERE vault = ?", anna.Vault[:], bert.Vault[:]))
			some(t, h.KeysSQL(t, "UPDATE part_keys SET vault = ? WHERE vault = ?", anna.Vault[:], bert.Vault[:]))
			some(t, h.KeysSQL(t, "UPDATE envelopes SET vault = ? WHERE vault = ?", anna.Vault[:], bert.Vault[:]))
		}},
		{"another's recording under an own door", vault.WhatOpening, true, func(t *testing.T, h *vaulttest.Home, anna, bert vaulttest.Person, _, _ rec) {
			some(t, h.SQL(t, "UPDATE bindings SET next = 4 WHERE id = ?", id(anna)))
			some(t, h.SQL(t, "UPDATE recordings SET vault = ?, binding = ?, number = 3 WHERE vault = ?", anna.Vault[:], id(anna), bert.Vault[:]))
			some(t, h.SQL(t, "UPDATE parts SET vault = ? WHERE vault = ?", anna.Vault[:], bert.Vault[:]))
			some(t, h.KeysSQL(t, "UPDATE part_keys SET vault = ? WHERE vault = ?", anna.Vault[:], bert.Vault[:]))
			some(t, h.KeysSQL(t, "UPDATE envelopes SET vault = ? WHERE vault = ?", anna.Vault[:], bert.Vault[:]))
		}},
		{"another's door, relabelled", vault.WhatForeign, false, func(t *testing.T, h *vaulttest.Home, anna, bert vaulttest.Person, _, _ rec) {
			some(t, h.SQL(t, "UPDATE bindings SET vault = ? WHERE id = ?", anna.Vault[:], id(bert)))
		}},
		{"another's tombstones", vault.WhatForeign, false, func(t *testing.T, h *vaulttest.Home, anna, bert vaulttest.Person, _, _ rec) {
			some(t, h.SQL(t, "INSERT INTO tombstones VALUES (?, ?, 5, 7, 'erased', 1)", anna.Vault[:], id(bert)))
		}},
	}
}

// Whatever is done to rows, keys or files, nothing leaves, and the ledger says
// that something did not add up.
func TestWhatDoesNotAddUpDoesNotLeave(t *testing.T) {
	for _, sp := range spoils() {
		t.Run(sp.name, func(t *testing.T) {
			t.Parallel() // each on files of its own
			h, ctx := vaulttest.New(t), t.Context()
			anna, bert := h.Person(t, "Anna"), h.Person(t, "Bert")
			id, other := say(t, anna, "one"), say(t, anna, "two")
			say(t, bert, "berts secret")
			room := h.Enter(t, anna)
			before := release(t, room)
			cargo := freeze(t, couriers(t, h, anna)[0])

			sp.do(t, h, anna, bert, id, other)
			_, err := h.Enter(t, anna).Release(ctx, hearkeep.NewID[hearkeep.ArchiveID]())
			stop := wantStop(t, "a release", err, sp.what)
			if sp.what == vault.WhatNumbers && len(stop.Missing) == 0 || stop.Vault != anna.Vault {
				t.Errorf("the stop names no numbers, or another vault: %+v", stop)
			}
			if n := kinds(t, h, anna.Vault)[ledger.KindOpeningFailed]; n == 0 {
				t.Error("the ledger says nothing")
			}
			carrier := couriers(t, h, anna)[0]
			_, err = carrier.Freeze(ctx, hearkeep.NewID[hearkeep.ArchiveID]())
			if sp.carried {
				must(t, err)
			} else {
				wantStop(t, "a courier", err, sp.what)
			}

			// What was frozen before gives its own, or an error; never another's.
			got, err := unpack(t, h.Enter(t, anna), before)
			for _, words := range got.words {
				if words != "one" && words != "two" {
					t.Errorf("it opens %d bytes that are not hers", len(words))
				}
			}
			if err == nil && len(got.words) != 2 {
				t.Errorf("%d of 2 recordings, and no error", len(got.words))
			}
			sealed := 0
			err = carrier.Each(ctx, cargo, 0, func(_ int, s vault.Sealed) error {
				if s.Recording.ID != id && s.Recording.ID != other {
					t.Error("it carries another's recording")
				}
				sealed++
				return nil
			})
			if err == nil && sealed != 2 {
				t.Errorf("%d of 2 recordings are carried, and no error", sealed)
			}
		})
	}
}

// A row for somebody else's vault, or the loss of one's own, is not a smaller
// archive.
func TestHoldingsAreWhole(t *testing.T) {
	for name, do := range map[string]func(t *testing.T, h *vaulttest.Home, anna, bert vaulttest.Person){
		"her keys are taken away": func(t *testing.T, h *vaulttest.Home, anna, _ vaulttest.Person) {
			h.SQL(t, "DELETE FROM keyholders WHERE vault = ?", anna.Vault[:])
		},
		"her pin is altered": func(t *testing.T, h *vaulttest.Home, anna, _ vaulttest.Person) {
			h.SQL(t, "UPDATE keyholders SET pin = '{}' WHERE vault = ?", anna.Vault[:])
		},
		"she is given another's vault": func(t *testing.T, h *vaulttest.Home, anna, bert vaulttest.Person) {
			h.SQL(t, "INSERT INTO keyholders SELECT vault, ?, generation, wrap, pin FROM keyholders WHERE vault = ?", idOf(anna), bert.Vault[:])
			h.SQL(t, "UPDATE generations SET keyholders = ? WHERE vault = ?", idOf(anna), bert.Vault[:])
		},
		"a generation is altered": func(t *testing.T, h *vaulttest.Home, anna, _ vaulttest.Person) {
			h.SQL(t, "UPDATE generations SET signature = zeroblob(64) WHERE vault = ?", anna.Vault[:])
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := vaulttest.New(t)
			anna, bert := h.Person(t, "Anna"), h.Person(t, "Bert")
			say(t, anna, "hers")
			do(t, h, anna, bert)
			_, err := h.Keep.Couriers(t.Context(), anna.Who.Account())
			wantStop(t, "couriers", err, vault.WhatForeign)
			_, err = h.Keep.Counted(t.Context(), anna.Who.Account())
			wantStop(t, "counts", err, vault.WhatForeign)
		})
	}
	t.Run("a row by itself makes nobody a keyholder", func(t *testing.T) {
		h := vaulttest.New(t)
		anna, bert := h.Person(t, "Anna"), h.Person(t, "Bert")
		say(t, bert, "his")
		h.SQL(t, "INSERT INTO keyholders SELECT vault, ?, generation, wrap, pin FROM keyholders WHERE vault = ?", idOf(anna), bert.Vault[:])
		held, err := h.Keep.Counted(t.Context(), anna.Who.Account())
		must(t, err)
		if len(held) != 1 || held[0].ID != anna.Vault {
			t.Errorf("Anna holds %d vaults", len(held))
		}
	})
}

// Someone who is only passing by makes no fault of what is well.
func TestReleaseIsCancelled(t *testing.T) {
	h := vaulttest.New(t)
	anna := h.Person(t, "Anna")
	say(t, anna, "one")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := h.Enter(t, anna).Release(ctx, hearkeep.NewID[hearkeep.ArchiveID]())
	if !errors.Is(err, context.Canceled) || hearkeep.CodeOf(err) == hearkeep.Stopped {
		t.Errorf("got %v", err)
	}
	if n := kinds(t, h, anna.Vault)[ledger.KindOpeningFailed]; n != 0 {
		t.Errorf("%d failed openings in the ledger", n)
	}
}

// An altered piece in the middle of a sound is found when it is read, and is
// not read.
func TestAlteredMiddle(t *testing.T) {
	h := vaulttest.New(t)
	anna := h.Person(t, "Anna")
	id := say(t, anna, "one")
	room := h.Enter(t, anna)
	l := release(t, room)
	data, err := os.ReadFile(h.AudioFile(id))
	must(t, err)
	data[70_000] ^= 1
	must(t, os.WriteFile(h.AudioFile(id), data, 0o600))
	a, err := room.Sound(t.Context(), l, 0)
	must(t, err)
	defer a.Close()
	got, err := io.ReadAll(a)
	if err == nil || len(got) > 65536 {
		t.Errorf("read %d bytes, %v", len(got), err)
	}
	if n := kinds(t, h, anna.Vault)[ledger.KindOpeningFailed]; n != 1 {
		t.Errorf("failed openings in the ledger: got %d, want 1", n)
	}
}

// Rows that are taken away before a start are told to whoever holds the vault,
// and to nobody else; the number itself is accounted for from then on.
func TestMissingAtStart(t *testing.T) {
	h, ctx := vaulttest.New(t), t.Context()
	anna, bert := h.Person(t, "Anna"), h.Person(t, "Bert")
	living := h.Vault(t, anna, vault.Shared)
	bert = h.Joined(t, living, bert, vault.Invitation{As: "holder"})
	stranger := h.Person(t, "Mallory")
	one, two := say(t, living, "one"), say(t, living, "two")
	own := say(t, stranger, "own")
	h.Reopen(t)
	if n := len(h.Mail.Sent); slices.ContainsFunc(h.Mail.Sent, func(l vaulttest.Told) bool { return l.Letter.Topic == "numbers missing" }) {
		t.Fatalf("a start tells of what is not missing, among %d letters", n)
	}
	must(t, h.Store.Update(ctx, func(tx *store.Tx) error {
		return errors.Join(tx.Vaults.DeleteRecording(ctx, living.Vault, one), tx.Vaults.DeleteRecording(ctx, living.Vault, two))
	}))
	h.Reopen(t)
	for _, p := range []vaulttest.Person{anna, bert} {
		if got := h.Mail.To(p.Who.Account()); !slices.Contains(got, "numbers missing") {
			t.Errorf("a keyholder was told of %v", got)
		}
	}
	if got := h.Mail.To(stranger.Who.Account()); slices.Contains(got, "numbers missing") {
		t.Error("a stranger was told")
	}
	reports := func() (all []store.Report) {
		must(t, h.Store.View(ctx, func(tx *store.Tx) (err error) { all, err = tx.Incidents.OpenReports(ctx, 10); return err }))
		return all
	}
	if all := reports(); len(all) != 1 || all[0].What != vault.WhatAtStart || all[0].Vault != living.Vault || !all[0].Account.IsZero() || all[0].Binding != living.Inbox.Binding() {
		t.Errorf("reports: got %+v", all)
	}
	if n := kinds(t, h, living.Vault); n[ledger.KindReported] != 1 || n[ledger.KindKeepFailed] != 1 {
		t.Errorf("entries: got %v", n)
	}
	h.Reopen(t)
	if all := reports(); len(all) != 1 {
		t.Errorf("the next start reports again: %+v", all)
	}
	must(t, h.Store.Update(ctx, func(tx *store.Tx) error { return tx.Vaults.DeleteRecording(ctx, stranger.Vault, own) }))
	h.Reopen(t)
	if all := reports(); len(all) != 2 || all[1].Account != stranger.Who.Account() {
		t.Errorf("of a vault that one holds: got %+v", all)
	}
	room := h.Enter(t, living)
	l := release(t, room)
	if a := l.Accounts()[len(l.Accounts())-1]; a.Failed != 2 || l.Len() != 0 {
		t.Errorf("got %+v", a)
	}
}
