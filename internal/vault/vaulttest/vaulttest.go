// Package vaulttest makes whole keeps for tests, on real SQLite, files and
// crypto, with people, terminals and faults. It is for tests only.
package vaulttest

import (
	"context"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
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

// Home is a whole keep on real SQLite, files and crypto.
type Home struct {
	Dir    string
	House  seal.HouseKey
	Store  *FaultyStore
	Blobs  *FaultyBlobs
	Ledger *ledger.Ledger
	Desk   *identity.Desk
	Keep   *vault.Keep
	Mail   *Mail
	shut   func()
}

// Mail remembers the letters that vaults wrote.
type Mail struct {
	mu   sync.Mutex
	Sent []Told
}

// Told is one letter.
type Told struct {
	To     hearkeep.AccountID
	Letter hearkeep.Letter
}

// Tell implements vault.Teller.
func (m *Mail) Tell(_ context.Context, _ *store.Tx, to hearkeep.AccountID, l hearkeep.Letter) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.Sent = append(m.Sent, Told{to, l})
	return nil
}

// To returns the topics of the letters to an account.
func (m *Mail) To(account hearkeep.AccountID) (topics []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, told := range m.Sent {
		if told.To == account {
			topics = append(topics, told.Letter.Topic)
		}
	}
	return topics
}

// vaults leads from the Desk, which is made first, to the Keep above it.
type vaults struct{ *Home }

func (v vaults) Rekey(ctx context.Context, from, to identity.Verified) (func(*store.Tx) error, error) {
	return v.Keep.Rekey(ctx, from, to)
}

func (v vaults) Depart(ctx context.Context, tx *store.Tx, account hearkeep.AccountID, house hearkeep.HouseholdID, by hearkeep.AccountID) error {
	return v.Keep.Depart(ctx, tx, account, house, by)
}

func (v vaults) Forget(ctx context.Context, account hearkeep.AccountID) error {
	return v.Keep.Forget(ctx, account)
}

// FaultyStore is a store whose Update fails while Fail is set. What Before is
// set to comes before the next one, once.
type FaultyStore struct {
	store.Store
	Fail   error
	Before func()
}

// Update fails, or does what the store does.
func (s *FaultyStore) Update(ctx context.Context, fn func(*store.Tx) error) error {
	if s.Fail != nil {
		return s.Fail
	}
	if first := s.Before; first != nil {
		s.Before = nil
		first()
	}
	return s.Store.Update(ctx, fn)
}

// FaultyBlobs is a blob store whose Put fails while Fail is set.
type FaultyBlobs struct {
	blob.Store
	Fail error
}

// Put fails, or does what the store does.
func (b *FaultyBlobs) Put(ctx context.Context, name string, data io.Reader) error {
	if b.Fail != nil {
		return b.Fail
	}
	return b.Store.Put(ctx, name, data)
}

// New makes an empty keep in a folder of its own.
func New(t testing.TB) *Home {
	t.Helper()
	h := &Home{Dir: t.TempDir(), House: seal.NewHouseKey(), Mail: &Mail{}}
	h.open(t)
	t.Cleanup(func() { h.shut() })
	return h
}

// NewInMemory is New in a folder that lies in memory, where the machine has
// one, for tests that write very often.
func NewInMemory(t testing.TB) *Home {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "keep")
	if err != nil {
		dir = t.TempDir()
	}
	h := &Home{Dir: dir, House: seal.NewHouseKey(), Mail: &Mail{}}
	h.open(t)
	t.Cleanup(func() { h.shut(); os.RemoveAll(dir) })
	return h
}

// Reopen is what a restart does.
func (h *Home) Reopen(t testing.TB) {
	t.Helper()
	h.shut()
	h.open(t)
}

func (h *Home) open(t testing.TB) {
	t.Helper()
	st, err := sqlite.Open(t.Context(), h.Dir)
	must(t, err)
	h.Store = &FaultyStore{Store: st}
	blobs, err := files.Open(filepath.Join(h.Dir, "audio"))
	must(t, err)
	h.Blobs = &FaultyBlobs{Store: blobs}
	h.Ledger, err = ledger.Open(t.Context(), h.Store, filepath.Join(h.Dir, "ledger.key"))
	must(t, err)
	journal, err := store.OpenJournal(filepath.Join(h.Dir, "erasures.journal"))
	must(t, err)
	reserve, err := store.OpenReserve(filepath.Join(h.Dir, "reserve"), 1<<20)
	must(t, err)
	h.Desk, err = identity.New(identity.Config{Store: h.Store, Ledger: h.Ledger, House: h.House, Costs: Cheap, Vaults: vaults{h}})
	must(t, err)
	h.shut = func() { st.Close(); journal.Close(); reserve.Close() }
	h.Keep, err = vault.Open(t.Context(), vault.Config{
		Store: h.Store, Blobs: h.Blobs, Ledger: h.Ledger, House: h.House, Journal: journal, Reserve: reserve, Letters: h.Mail,
	})
	must(t, err)
}

// Cheap is Argon2 at the least cost, with a fresh salt.
func Cheap() seal.Argon2Params {
	p := seal.DefaultArgon2()
	p.Memory, p.Time = 64, 1
	return p
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Person is an account with its vault, a Room, and a terminal that keeps all.
type Person struct {
	Who    identity.Verified
	Kit    string // its recovery kit
	Vault  hearkeep.VaultID
	Room   *vault.Room
	Device identity.Device
	Inbox  *vault.Inbox
}

// Person makes an account with everything that belongs to it.
func (h *Home) Person(t testing.TB, name string) Person {
	t.Helper()
	ctx := t.Context()
	link, err := h.Desk.AnotherLink(ctx)
	must(t, err)
	in, kit, _, err := h.Desk.Create(ctx, link, name, "correct horse battery", identity.Visitor{Addr: netip.MustParseAddr("127.0.0.1")})
	must(t, err)
	p := Person{Who: in.Who, Kit: kit}
	p.Vault, err = h.Keep.Create(ctx, in.Who)
	must(t, err)
	p.Room = h.Enter(t, p)
	p.Device = h.Terminal(t, p, hearkeep.RoomRule{Keep: hearkeep.KeepAll})
	p.Inbox, err = h.Keep.Device(ctx, p.Device)
	must(t, err)
	return p
}

// Enter is what each request does: a fresh Room.
func (h *Home) Enter(t testing.TB, p Person) *vault.Room {
	t.Helper()
	room, err := h.Keep.Enter(t.Context(), p.Who, p.Vault)
	must(t, err)
	return room
}

// Terminal binds and pairs one more terminal.
func (h *Home) Terminal(t testing.TB, p Person, rule hearkeep.RoomRule) identity.Device {
	t.Helper()
	ctx := t.Context()
	id, err := p.Room.Bind(ctx, hearkeep.SourceSay, vault.Door{Name: "Terminal"}, rule)
	must(t, err)
	code, err := h.Desk.PairingCode(ctx, p.Who, id)
	must(t, err)
	token, err := h.Desk.Redeem(ctx, code, identity.Visitor{Addr: netip.MustParseAddr("127.0.0.1")})
	must(t, err)
	device, err := h.Desk.Device(ctx, token)
	must(t, err)
	return device
}

// Vault makes one more vault of a kind and returns p in it, with a terminal of
// its own there. A child's is to be taken over in ten years.
func (h *Home) Vault(t testing.TB, p Person, kind string) Person {
	t.Helper()
	id, err := h.Keep.Add(t.Context(), p.Who, vault.NewVault{Name: "The " + kind + " one", Kind: kind, OfAge: time.Now().AddDate(10, 0, 0)})
	must(t, err)
	p.Vault = id
	p.Room = h.Enter(t, p)
	p.Device = h.Terminal(t, p, hearkeep.RoomRule{Keep: hearkeep.KeepAll})
	p.Inbox, err = h.Keep.Device(t.Context(), p.Device)
	must(t, err)
	return p
}

// Invited invites p to the vault that host is in, accepts, and returns p in
// that vault, without a Room: who has the key has yet to enter.
func (h *Home) Invited(t testing.TB, host, p Person, i vault.Invitation) Person {
	t.Helper()
	link, err := h.Enter(t, host).Invite(t.Context(), i)
	must(t, err)
	must(t, h.Desk.Accept(t.Context(), p.Who, link))
	return Person{Who: p.Who, Vault: host.Vault}
}

// Joined is Invited, and host enters and p does.
func (h *Home) Joined(t testing.TB, host, p Person, i vault.Invitation) Person {
	t.Helper()
	p = h.Invited(t, host, p, i)
	h.Enter(t, host)
	p.Room = h.Enter(t, p)
	return p
}

// Beside is Joined as a holder, of what comes from then on.
func (h *Home) Beside(t testing.TB, host, p Person) Person {
	t.Helper()
	return h.Joined(t, host, p, vault.Invitation{As: "holder"})
}

// Rekeyed removes p's recovery kit, which gives the account new keys and every
// vault that it holds a new generation. It works once for each.
func (h *Home) Rekeyed(t testing.TB, p Person) Person {
	t.Helper()
	ways, err := h.Desk.Ways(t.Context(), p.Who)
	must(t, err)
	for _, w := range ways {
		if w.Kind == identity.KindKit {
			in, err := h.Desk.RemoveWay(t.Context(), p.Who, w.ID, identity.Visitor{})
			must(t, err)
			p.Who = in.Who
			return p
		}
	}
	t.Fatal("there is no kit to remove")
	return p
}
