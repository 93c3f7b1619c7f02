package vault_test

import (
	"bytes"
	"errors"
	"io"
	"net/netip"
	"testing"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/identity"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/store"
	"github.com/hearkeep/hearkeep/internal/vault"
	"github.com/hearkeep/hearkeep/internal/vault/vaulttest"
)

func TestKeepThenReadListenErase(t *testing.T) {
	h := vaulttest.New(t)
	anna := h.Person(t, "Anna")
	id := say(t, anna, "the canary sings")

	it, err := h.Enter(t, anna).Read(t.Context(), id)
	must(t, err)
	if got, want := it.Words.Reveal(), "the canary sings"; got != want {
		t.Errorf("words: got %q, want %q", got, want)
	}
	if got, want := it.Turn.Slots[0].Value.Reveal(), "the canary sings"; got != want {
		t.Errorf("slot: got %q, want %q", got, want)
	}
	if it.From != "Terminal" || it.Number != 1 || !it.HasAudio || it.Damaged {
		t.Errorf("item: got from %q, number %d, audio %v, damaged %v", it.From, it.Number, it.HasAudio, it.Damaged)
	}
	if got, want := it.Until.Sub(it.Start).Round(time.Hour), hearkeep.DefaultRetention; got != want {
		t.Errorf("kept for %s, want %s (V6)", got, want)
	}
	if got := readAll(t, h.Enter(t, anna), id); !bytes.Equal(got, audio) {
		t.Errorf("audio: got %d bytes, want the %d that were kept", len(got), len(audio))
	}

	receipt, err := h.Enter(t, anna).Erase(t.Context(), id)
	must(t, err)
	if receipt.Count != 1 || receipt.ID.IsZero() || receipt.KeysGone.IsZero() {
		t.Errorf("receipt: got %+v", receipt)
	}
	again, err := h.Enter(t, anna).Receipt(t.Context(), receipt.ID)
	must(t, err)
	if again != receipt {
		t.Errorf("receipt later: got %+v, want %+v", again, receipt)
	}
	_, err = h.Enter(t, anna).Read(t.Context(), id)
	wantCode(t, "read after erasing", err, hearkeep.NotFound)
	_, err = h.Enter(t, anna).Listen(t.Context(), id)
	wantCode(t, "listen after erasing", err, hearkeep.NotFound)
	_, err = h.Enter(t, anna).Erase(t.Context(), id)
	wantCode(t, "erase again", err, hearkeep.NotFound)
}

func TestRangesOfAudio(t *testing.T) {
	h := vaulttest.New(t)
	anna := h.Person(t, "Anna")
	id := say(t, anna, "a range")
	a, err := h.Enter(t, anna).Listen(t.Context(), id)
	must(t, err)
	defer a.Close()
	for _, at := range []int64{int64(len(audio)) - 7, 0, 65_535, 65_536, 131_070} {
		_, err := a.Seek(at, io.SeekStart)
		must(t, err)
		got := make([]byte, 7)
		_, err = io.ReadFull(a, got)
		must(t, err)
		if !bytes.Equal(got, audio[at:at+7]) {
			t.Errorf("range at %d: got other bytes", at)
		}
	}
}

// Every "may" has its "may not": another account's ids, and ids that do not
// exist, fail with the same words.
func TestAnotherAccountFindsNothing(t *testing.T) {
	h := vaulttest.New(t)
	anna, bert := h.Person(t, "Anna"), h.Person(t, "Bert")
	annas, absent := say(t, anna, "mine alone"), hearkeep.NewID[hearkeep.RecordingID]()
	receipt, err := h.Enter(t, anna).Erase(t.Context(), say(t, anna, "gone"))
	must(t, err)
	ctx := t.Context()

	_, foreign := h.Keep.Enter(ctx, bert.Who, anna.Vault)
	_, missing := h.Keep.Enter(ctx, bert.Who, hearkeep.NewID[hearkeep.VaultID]())
	sameAnswer(t, "enter", foreign, missing)
	room := h.Enter(t, bert)
	for name, try := range map[string]func(hearkeep.RecordingID) error{
		"read":     func(id hearkeep.RecordingID) error { _, err := room.Read(ctx, id); return err },
		"listen":   func(id hearkeep.RecordingID) error { _, err := room.Listen(ctx, id); return err },
		"waveform": func(id hearkeep.RecordingID) error { _, err := room.Waveform(ctx, id); return err },
		"erase":    func(id hearkeep.RecordingID) error { _, err := room.Erase(ctx, id); return err },
	} {
		sameAnswer(t, name, try(annas), try(absent))
	}
	_, foreign = room.Receipt(ctx, receipt.ID)
	_, missing = room.Receipt(ctx, hearkeep.NewID[hearkeep.ReceiptID]())
	sameAnswer(t, "receipt", foreign, missing)

	items, _, _, err := room.List(ctx, vault.Cursor{}, 50)
	must(t, err)
	if len(items) != 0 {
		t.Errorf("list: got %d of another's recordings", len(items))
	}
	if got := readAll(t, h.Enter(t, anna), annas); !bytes.Equal(got, audio) {
		t.Error("the owner lost her recording")
	}
	if n := kinds(t, h, anna.Vault)[ledger.KindOpened]; n != 1 {
		t.Errorf("openings in her ledger: got %d, want her own one", n)
	}
}

func sameAnswer(t *testing.T, what string, foreign, missing error) {
	t.Helper()
	c1, m1, h1 := hearkeep.Explain(foreign)
	c2, m2, h2 := hearkeep.Explain(missing)
	if foreign == nil || c1 != hearkeep.NotFound || c1 != c2 || m1 != m2 || h1 != h2 {
		t.Errorf("%s: not yours answers %v, not there answers %v", what, foreign, missing)
	}
}

func TestNobodyIsRefused(t *testing.T) {
	h := vaulttest.New(t)
	anna := h.Person(t, "Anna")
	ctx := t.Context()
	_, err := h.Keep.Enter(ctx, identity.Verified{}, anna.Vault)
	wantCode(t, "enter as nobody", err, hearkeep.Unauthorized)
	_, err = h.Keep.Create(ctx, identity.Verified{})
	wantCode(t, "create for nobody", err, hearkeep.Unauthorized)
	_, err = h.Keep.Device(ctx, identity.Device{})
	wantCode(t, "the zero device", err, hearkeep.Unauthorized)
}

func TestCreateTwiceIsOneVault(t *testing.T) {
	h := vaulttest.New(t)
	anna := h.Person(t, "Anna")
	again, err := h.Keep.Create(t.Context(), anna.Who)
	must(t, err)
	if again != anna.Vault {
		t.Error("a second vault was made")
	}
}

func TestRoomRules(t *testing.T) {
	h := vaulttest.New(t)
	anna := h.Person(t, "Anna")
	ctx := t.Context()

	words, err := h.Keep.Device(ctx, h.Terminal(t, anna, hearkeep.RoomRule{Keep: hearkeep.KeepWords}))
	must(t, err)
	r := taken("only words")
	must(t, words.Keep(ctx, r))
	it, err := h.Enter(t, anna).Read(ctx, r.ID)
	must(t, err)
	if it.HasAudio || it.Words.Reveal() != "only words" {
		t.Errorf("words only: got audio %v, words %v", it.HasAudio, it.HasWords)
	}
	_, err = h.Enter(t, anna).Listen(ctx, r.ID)
	wantCode(t, "listen where only words are kept", err, hearkeep.NotFound)

	nothing, err := h.Keep.Device(ctx, h.Terminal(t, anna, hearkeep.RoomRule{Keep: hearkeep.KeepNothing}))
	must(t, err)
	if err := nothing.Keep(ctx, taken("nothing")); !errors.Is(err, vault.ErrRule) {
		t.Errorf("keep in a room that keeps nothing: got %v, want ErrRule", err)
	}
	totals, err := h.Enter(t, anna).Totals(ctx)
	must(t, err)
	if totals.Recordings != 1 {
		t.Errorf("kept %d recordings, want the one of words", totals.Recordings)
	}
}

// No entry, no opening.
func TestNoEntryNoOpening(t *testing.T) {
	h := vaulttest.New(t)
	anna := h.Person(t, "Anna")
	id := say(t, anna, "silence is golden")
	room := h.Enter(t, anna)
	h.Store.Fail = store.ErrFull
	ctx := t.Context()
	_, err := room.Read(ctx, id)
	wantCode(t, "read", err, hearkeep.Unavailable)
	_, err = room.Listen(ctx, id)
	wantCode(t, "listen", err, hearkeep.Unavailable)
	_, err = room.Waveform(ctx, id)
	wantCode(t, "waveform", err, hearkeep.Unavailable)
	_, _, _, err = room.List(ctx, vault.Cursor{}, 10)
	wantCode(t, "list", err, hearkeep.Unavailable)
	h.Store.Fail = nil
	if n := kinds(t, h, anna.Vault)[ledger.KindOpened]; n != 0 {
		t.Fatalf("got %d entries of openings that did not happen", n)
	}
	for range 3 { // one listen is one entry per session, ranges included
		readAll(t, h.Enter(t, anna), id)
	}
	if n := kinds(t, h, anna.Vault)[ledger.KindOpened]; n != 1 {
		t.Errorf("three listens in a row: got %d entries, want 1", n)
	}
}

func TestListIsPaged(t *testing.T) {
	h := vaulttest.New(t)
	anna := h.Person(t, "Anna")
	ctx := t.Context()
	start := time.Now().Add(-time.Hour).Truncate(time.Second)
	want := map[hearkeep.RecordingID]bool{}
	for range 25 { // several at one time: the id breaks the tie
		r := taken("page")
		r.Start = start
		must(t, anna.Inbox.Keep(ctx, r))
		want[r.ID] = true
	}
	var at vault.Cursor
	for pages := 0; ; pages++ {
		items, next, more, err := h.Enter(t, anna).List(ctx, at, 10)
		must(t, err)
		for _, it := range items {
			if !want[it.ID] {
				t.Fatalf("recording %s twice, or foreign", it.ID)
			}
			delete(want, it.ID)
		}
		if !more {
			if pages != 2 {
				t.Errorf("got %d pages, want 3", pages+1)
			}
			break
		}
		parsed, err := vault.ParseCursor(next.String())
		must(t, err)
		at = parsed
	}
	if len(want) > 0 {
		t.Errorf("%d recordings on no page", len(want))
	}
	for _, bad := range []string{"x", "1-", "-", "1-zz", "9999999999999999999999-00000000000000000000000000000000"} {
		_, err := vault.ParseCursor(bad)
		wantCode(t, bad, err, hearkeep.Invalid)
	}
}

// Nothing of what was said stands on the disk in the clear.
func TestNothingInTheClear(t *testing.T) {
	h := vaulttest.New(t)
	anna := h.Person(t, "Anna")
	id := say(t, anna, "chartreuse elephants waltz")
	_, err := h.Enter(t, anna).Read(t.Context(), id)
	must(t, err)
	readAll(t, h.Enter(t, anna), id)
	for _, needle := range []string{"chartreuse", "canary audio", "HassStartTimer", "started a timer", "Terminal"} {
		if found := onDisk(t, h, []byte(needle)); len(found) > 0 {
			t.Errorf("%q stands in %v", needle, found)
		}
	}
}

func TestFailedKeepIsLoudAndAccountedFor(t *testing.T) {
	h := vaulttest.New(t)
	anna := h.Person(t, "Anna")
	ctx := t.Context()
	say(t, anna, "before")
	h.Blobs.Fail = errors.New("a disk that lies")
	err := anna.Inbox.Keep(ctx, taken("lost"))
	wantCode(t, "keep on a broken disk", err, hearkeep.Internal)
	if h.Keep.Status().Failing == "" {
		t.Error("keeping fails and the status does not say so")
	}
	h.Blobs.Fail = nil
	after := say(t, anna, "after")
	if h.Keep.Status().Failing != "" {
		t.Error("keeping works again and the status says it fails")
	}
	it, err := h.Enter(t, anna).Read(ctx, after)
	must(t, err)
	if it.Number != 3 {
		t.Errorf("number after a failed keep: got %d, want 3", it.Number)
	}
	gaps, err := vault.Gaps(ctx, h.Store, anna.Vault)
	must(t, err)
	if len(gaps) != 0 || kinds(t, h, anna.Vault)[ledger.KindKeepFailed] != 1 {
		t.Errorf("got gaps %v and %d entries, want none and one", gaps, kinds(t, h, anna.Vault)[ledger.KindKeepFailed])
	}
}

// A number that a crash left without a row is a failed keep after the start.
func TestCrashDuringKeep(t *testing.T) {
	h := vaulttest.New(t)
	anna := h.Person(t, "Anna")
	ctx := t.Context()
	say(t, anna, "one")
	must(t, h.Store.Update(ctx, func(tx *store.Tx) error {
		_, err := tx.Vaults.HandOut(ctx, anna.Vault, anna.Inbox.Binding())
		return err
	}))
	lost := hearkeep.NewID[hearkeep.RecordingID]()
	must(t, h.Blobs.Put(ctx, lost.String(), bytes.NewReader([]byte("sealed"))))
	must(t, h.Store.Keys().Put(ctx, anna.Vault, []store.PartKey{{Recording: lost, Part: hearkeep.PartAudio, Version: 1, Wrap: []byte("wrap")}}))

	h.Reopen(t)
	gaps, err := vault.Gaps(ctx, h.Store, anna.Vault)
	must(t, err)
	if len(gaps) != 0 {
		t.Errorf("gaps after start: %v", gaps)
	}
	var at vault.SweepCursor
	for done := false; !done; {
		done, err = h.Keep.Sweep(ctx, &at, 1)
		must(t, err)
	}
	if _, err := h.Blobs.Open(ctx, lost.String()); err == nil {
		t.Error("audio without a row outlived the sweep")
	}
	if _, err := h.Store.Keys().Part(ctx, anna.Vault, lost, hearkeep.PartAudio, 1); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a key without a row outlived the sweep: %v", err)
	}
	items, _, _, err := h.Enter(t, anna).List(ctx, vault.Cursor{}, 10)
	must(t, err)
	if len(items) != 1 || items[0].Damaged {
		t.Errorf("the sweep touched what is kept: %d items", len(items))
	}
}

func TestChangingADoor(t *testing.T) {
	h := vaulttest.New(t)
	anna, bert := h.Person(t, "Anna"), h.Person(t, "Bert")
	ctx := t.Context()
	say(t, anna, "before")
	rule := hearkeep.RoomRule{Keep: hearkeep.KeepWords, Quiet: hearkeep.Hours{From: 60, To: 120}}
	door := vault.Door{Name: "  The   bath "}
	must(t, anna.Room.Change(ctx, anna.Inbox.Binding(), door, rule))
	in, err := h.Keep.Device(ctx, anna.Device) // its token stays
	must(t, err)
	if got, err := in.Door(); err != nil || got.Name != "The bath" || in.Rule() != rule {
		t.Errorf("got %+v, %v, rule %s", got, err, in.Rule())
	}
	r := taken("after")
	r.Start = time.Date(2026, 11, 22, 12, 0, 0, 0, time.Local)
	must(t, in.Keep(ctx, r))
	it, err := h.Enter(t, anna).Read(ctx, r.ID)
	must(t, err)
	if it.HasAudio || it.Number != 2 || it.From != "The bath" {
		t.Errorf("after the change: got audio %v, number %d, from %q", it.HasAudio, it.Number, it.From)
	}
	r = taken("in quiet hours")
	r.Start = time.Date(2026, 11, 22, 1, 30, 0, 0, time.Local)
	if err := in.Keep(ctx, r); !errors.Is(err, vault.ErrRule) {
		t.Errorf("keep in quiet hours: got %v, want ErrRule", err)
	}
	wantCode(t, "another's door", bert.Room.Change(ctx, anna.Inbox.Binding(), door, rule), hearkeep.NotFound)
	wantCode(t, "no name", anna.Room.Change(ctx, anna.Inbox.Binding(), vault.Door{}, rule), hearkeep.Invalid)
	wantCode(t, "no rule", anna.Room.Change(ctx, anna.Inbox.Binding(), door, hearkeep.RoomRule{}), hearkeep.Invalid)
	if kinds(t, h, anna.Vault)[ledger.KindDoorChanged] != 1 {
		t.Error("no entry says that the door was changed")
	}
}

func TestListenerBeyondLoopbackNeedsAList(t *testing.T) {
	h := vaulttest.New(t)
	anna := h.Person(t, "Anna")
	keep := hearkeep.RoomRule{Keep: hearkeep.KeepAll}
	for _, tc := range []struct {
		listen, allow string
		want          hearkeep.Code
	}{
		{"127.0.0.1:10300", "", ""}, {"localhost:10300", "", ""}, {"[::1]:10300", "", ""},
		{"0.0.0.0:10300", "", hearkeep.Invalid}, {":10300", "", hearkeep.Invalid}, {"192.168.1.2:10300", "", hearkeep.Invalid},
		{"0.0.0.0:10300", "192.168.1.20/32", ""}, {"10300", "", hearkeep.Invalid},
	} {
		door := vault.Door{Name: "Kitchen", Listen: tc.listen}
		if tc.allow != "" {
			door.Allow = append(door.Allow, netip.MustParsePrefix(tc.allow))
		}
		id, err := anna.Room.Bind(t.Context(), hearkeep.SourceWyoming, door, keep)
		if tc.want == "" {
			must(t, err)
			must(t, anna.Room.Unbind(t.Context(), id))
			continue
		}
		wantCode(t, tc.listen, err, tc.want)
	}
}

// Two doors at one port would put one person's speech into the other's vault.
func TestPortsAreNotShared(t *testing.T) {
	h := vaulttest.New(t)
	anna, bert := h.Person(t, "Anna"), h.Person(t, "Bert")
	ctx, keep := t.Context(), hearkeep.RoomRule{Keep: hearkeep.KeepAll}
	door := func(listen string) vault.Door { return vault.Door{Name: "Kitchen", Listen: listen} }
	annas, err := anna.Room.Bind(ctx, hearkeep.SourceWyoming, door("127.0.0.1:10300"), keep)
	must(t, err)
	_, err = bert.Room.Bind(ctx, hearkeep.SourceWyoming, door("[::1]:10300"), keep)
	wantCode(t, "the same port of another vault", err, hearkeep.Conflict)
	berts, err := bert.Room.Bind(ctx, hearkeep.SourceWyoming, door("127.0.0.1:10301"), keep)
	must(t, err)
	wantCode(t, "moving onto it", bert.Room.Change(ctx, berts, door("127.0.0.1:10300"), keep), hearkeep.Conflict)
	must(t, anna.Room.Change(ctx, annas, vault.Door{Name: "Bath", Listen: "127.0.0.1:10300"}, keep)) // its own
	must(t, anna.Room.Unbind(ctx, annas))
	must(t, bert.Room.Change(ctx, berts, door("127.0.0.1:10300"), keep))
}

// A door moves to another vault of the same person: what it kept stays, what
// it hears from then on goes there, and its numbering begins anew.
func TestMovingADoor(t *testing.T) {
	h := vaulttest.New(t)
	anna, bert := h.Person(t, "Anna"), h.Person(t, "Bert")
	ctx := t.Context()
	before := say(t, anna, "before")
	other, err := h.Keep.Add(ctx, anna.Who, vault.NewVault{Name: "  Living   room ", Kind: vault.Personal})
	must(t, err)
	held, err := h.Keep.Vaults(ctx, anna.Who)
	must(t, err)
	if len(held) != 2 || held[0].ID != anna.Vault || held[1].ID != other {
		t.Fatalf("held: got %+v", held)
	}
	if got := held[1]; got.Name != "Living room" || got.Kind != vault.Personal || got.As != "holder" || got.Holders != 1 {
		t.Errorf("the other vault: got %+v", got)
	}
	to, err := h.Keep.Enter(ctx, anna.Who, other)
	must(t, err)
	moved, err := vault.MoveDoor(ctx, anna.Room, to, anna.Inbox.Binding())
	must(t, err)

	_, err = h.Keep.Device(ctx, anna.Device)
	wantCode(t, "the old door", err, hearkeep.NotFound)
	code, err := h.Desk.PairingCode(ctx, anna.Who, moved)
	must(t, err)
	token, err := h.Desk.Redeem(ctx, code, identity.Visitor{})
	must(t, err)
	device, err := h.Desk.Device(ctx, token)
	must(t, err)
	in, err := h.Keep.Device(ctx, device)
	must(t, err)
	r := taken("after")
	must(t, in.Keep(ctx, r))
	if it, err := to.Read(ctx, r.ID); err != nil || it.Number != 1 || it.From != "Terminal" {
		t.Errorf("in the other vault: got %+v, %v", it, err)
	}
	if _, err := h.Enter(t, anna).Read(ctx, before); err != nil {
		t.Errorf("what it kept before: %v", err)
	}
	_, err = h.Enter(t, anna).Read(ctx, r.ID)
	wantCode(t, "the new recording in the old vault", err, hearkeep.NotFound)
	_, err = vault.MoveDoor(ctx, bert.Room, to, anna.Inbox.Binding())
	wantCode(t, "moving a door that is not there", err, hearkeep.NotFound)
	_, err = vault.MoveDoor(ctx, to, to, moved)
	wantCode(t, "moving to where it is", err, hearkeep.Invalid)
	if kinds(t, h, anna.Vault)[ledger.KindUnbound] != 1 || kinds(t, h, other)[ledger.KindBound] != 2 {
		t.Error("the ledger does not say in both vaults that the door moved")
	}
}

// An id that is taken is refused, and what lies under it stays.
func TestTakenIDLeavesTheOther(t *testing.T) {
	h := vaulttest.New(t)
	anna, bert := h.Person(t, "Anna"), h.Person(t, "Bert")
	r := taken("first")
	must(t, anna.Inbox.Keep(t.Context(), r))
	for _, p := range []vaulttest.Person{anna, bert} {
		if err := p.Inbox.Keep(t.Context(), r); err == nil {
			t.Error("it was kept twice")
		}
	}
	if got := readAll(t, h.Enter(t, anna), r.ID); !bytes.Equal(got, audio) {
		t.Error("the first does not play any more")
	}
	wantSound(t, h)
}
