package vault_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/blob"
	"github.com/hearkeep/hearkeep/internal/blob/files"
	"github.com/hearkeep/hearkeep/internal/identity"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/seal"
	"github.com/hearkeep/hearkeep/internal/store"
	"github.com/hearkeep/hearkeep/internal/store/sqlite"
	"github.com/hearkeep/hearkeep/internal/vault"
)

// home is a whole keep on real SQLite, files and crypto.
type home struct {
	dir    string
	house  seal.HouseKey
	store  *faultyStore
	blobs  *faultyBlobs
	ledger *ledger.Ledger
	desk   *identity.Desk
	keep   *vault.Keep
	shut   func()
}

// faultyStore and faultyBlobs fail where a test says so.
type faultyStore struct {
	store.Store
	fail error
}

func (s *faultyStore) Update(ctx context.Context, fn func(*store.Tx) error) error {
	if s.fail != nil {
		return s.fail
	}
	return s.Store.Update(ctx, fn)
}

type faultyBlobs struct {
	blob.Store
	fail error
}

func (b *faultyBlobs) Put(ctx context.Context, name string, data io.Reader) error {
	if b.fail != nil {
		return b.fail
	}
	return b.Store.Put(ctx, name, data)
}

func newHome(t *testing.T) *home {
	t.Helper()
	h := &home{dir: t.TempDir(), house: seal.NewHouseKey()}
	h.open(t)
	t.Cleanup(func() { h.shut() })
	return h
}

// reopen is what a restart does.
func (h *home) reopen(t *testing.T) {
	t.Helper()
	h.shut()
	h.open(t)
}

func (h *home) open(t *testing.T) {
	t.Helper()
	st, err := sqlite.Open(t.Context(), h.dir)
	must(t, err)
	h.store = &faultyStore{Store: st}
	blobs, err := files.Open(filepath.Join(h.dir, "audio"))
	must(t, err)
	h.blobs = &faultyBlobs{Store: blobs}
	h.ledger, err = ledger.Open(t.Context(), h.store, filepath.Join(h.dir, "ledger.key"))
	must(t, err)
	journal, err := store.OpenJournal(filepath.Join(h.dir, "erasures.journal"))
	must(t, err)
	reserve, err := store.OpenReserve(filepath.Join(h.dir, "reserve"), 1<<20)
	must(t, err)
	h.desk, err = identity.New(identity.Config{Store: h.store, Ledger: h.ledger, House: h.house, Costs: cheap})
	must(t, err)
	h.shut = func() { st.Close(); journal.Close(); reserve.Close() }
	h.keep, err = vault.Open(t.Context(), vault.Config{
		Store: h.store, Blobs: h.blobs, Ledger: h.ledger, House: h.house, Journal: journal, Reserve: reserve,
	})
	must(t, err)
}

func cheap() seal.Argon2Params {
	p := seal.DefaultArgon2()
	p.Memory, p.Time = 64, 1
	return p
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantCode(t *testing.T, what string, err error, want hearkeep.Code) {
	t.Helper()
	if got := hearkeep.CodeOf(err); err == nil || got != want {
		t.Errorf("%s: got %v (%s), want %s", what, err, got, want)
	}
}

// person is an account with its vault, a terminal, and a Room.
type person struct {
	who    identity.Verified
	vault  hearkeep.VaultID
	room   *vault.Room
	device identity.Device
	inbox  *vault.Inbox
}

func (h *home) person(t *testing.T, name string) person {
	t.Helper()
	ctx := t.Context()
	link, err := h.desk.AnotherLink(ctx)
	must(t, err)
	in, _, err := h.desk.Create(ctx, link, name, "correct horse battery", identity.Visitor{Addr: netip.MustParseAddr("127.0.0.1")})
	must(t, err)
	p := person{who: in.Who}
	p.vault, err = h.keep.Create(ctx, in.Who)
	must(t, err)
	p.room = h.enter(t, p)
	p.device = h.terminal(t, p, hearkeep.KeepAll)
	p.inbox, err = h.keep.Device(ctx, p.device)
	must(t, err)
	return p
}

// enter is what each request does: a fresh Room.
func (h *home) enter(t *testing.T, p person) *vault.Room {
	t.Helper()
	room, err := h.keep.Enter(t.Context(), p.who, p.vault)
	must(t, err)
	return room
}

func (h *home) terminal(t *testing.T, p person, rule hearkeep.RoomRule) identity.Device {
	t.Helper()
	ctx := t.Context()
	id, err := p.room.Bind(ctx, hearkeep.SourceSay, "Terminal", rule)
	must(t, err)
	code, err := h.desk.PairingCode(ctx, p.who, id)
	must(t, err)
	token, err := h.desk.Redeem(ctx, code, identity.Visitor{Addr: netip.MustParseAddr("127.0.0.1")})
	must(t, err)
	device, err := h.desk.Device(ctx, token)
	must(t, err)
	return device
}

// audio stands for FLAC: package vault seals bytes of any kind.
var audio = bytes.Repeat([]byte("fLaC canary audio of somebody's kitchen; "), 5000)

func taken(words string) vault.Taken {
	return vault.Taken{
		ID: hearkeep.NewID[hearkeep.RecordingID](), Start: time.Now(), Duration: 3 * time.Second,
		Audio: audio, Waveform: []byte{1, 2, 3}, Words: hearkeep.NewWords(words), HasWords: true,
		Turn: hearkeep.Turn{
			Intent: "HassStartTimer", Did: "started a timer", Answer: hearkeep.NewWords("Ten minutes, " + words),
			Slots:  []hearkeep.Slot{{Name: "name", Spoken: hearkeep.NewWords(words), Value: hearkeep.NewWords(words)}},
			Stages: []hearkeep.StageTime{{Stage: hearkeep.StageRecognise, Took: 72 * time.Millisecond, Engine: "pocketsphinx en-us"}},
		},
	}
}

// say keeps one recording and returns its id.
func (p person) say(t *testing.T, words string) hearkeep.RecordingID {
	t.Helper()
	r := taken(words)
	must(t, p.inbox.Keep(t.Context(), r))
	return r.ID
}

// kinds counts a vault's ledger entries by kind.
func (h *home) kinds(t *testing.T, v hearkeep.VaultID) map[ledger.Kind]int {
	t.Helper()
	entries, err := h.ledger.Entries(t.Context(), v, 0, 10_000)
	must(t, err)
	n := map[ledger.Kind]int{}
	for _, e := range entries {
		n[e.Kind]++
	}
	return n
}

// onDisk returns the files under the home that hold needle.
func (h *home) onDisk(t *testing.T, needle []byte) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(h.dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if bytes.Contains(data, needle) {
			found = append(found, path)
		}
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		return err
	})
	must(t, err)
	return found
}

func readAll(t *testing.T, r *vault.Room, id hearkeep.RecordingID) []byte {
	t.Helper()
	a, err := r.Listen(t.Context(), id)
	must(t, err)
	defer a.Close()
	got, err := io.ReadAll(a)
	must(t, err)
	return got
}
