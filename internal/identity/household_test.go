package identity_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/identity"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/notify"
	"github.com/hearkeep/hearkeep/internal/seal"
	"github.com/hearkeep/hearkeep/internal/store"
	"github.com/hearkeep/hearkeep/internal/store/sqlite"
)

// house is a Desk with letters, and a room of vaults that writes down what it
// is asked.
type house struct {
	fixture
	key     seal.HouseKey
	letters *notify.Desk
	vaults  *vaults
	ledger  *ledger.Ledger
}

func openHouse(t *testing.T) house {
	t.Helper()
	dir := t.TempDir()
	st, err := sqlite.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	log, err := ledger.Open(t.Context(), st, filepath.Join(dir, "ledger.key"))
	if err != nil {
		t.Fatal(err)
	}
	h := house{key: seal.NewHouseKey(), vaults: &vaults{}, ledger: log}
	h.letters, err = notify.New(notify.Config{Store: st, House: h.key, Origin: origin})
	if err != nil {
		t.Fatal(err)
	}
	desk, err := identity.New(identity.Config{
		Store: st, Ledger: log, House: h.key, Costs: cheap, Letters: h.letters, Vaults: h.vaults, Origin: origin,
	})
	if err != nil {
		t.Fatal(err)
	}
	h.fixture = fixture{dir, st, desk}
	return h
}

const origin = "https://keep.example"

// vaults stands for room vault.
type vaults struct {
	mu        sync.Mutex
	departed  []departure
	forgotten []hearkeep.AccountID
	fail      error
	then      func() // runs when an account was forgotten
}

type departure struct {
	Account, By hearkeep.AccountID
	From, To    hearkeep.HouseholdID
}

func (v *vaults) Rekey(context.Context, identity.Verified, identity.Verified) (func(*store.Tx) error, error) {
	return nil, errors.New("not asked for here")
}

func (v *vaults) Depart(ctx context.Context, tx *store.Tx, account hearkeep.AccountID, from hearkeep.HouseholdID, by hearkeep.AccountID) error {
	m, err := tx.Houses.Member(ctx, account)
	v.mu.Lock()
	defer v.mu.Unlock()
	v.departed = append(v.departed, departure{account, by, from, m.Household})
	return errors.Join(err, v.fail)
}

func (v *vaults) Forget(_ context.Context, account hearkeep.AccountID) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.forgotten = append(v.forgotten, account)
	if v.then != nil {
		v.then()
	}
	return v.fail
}

func (h house) make(t *testing.T, name string) identity.Verified {
	t.Helper()
	in, _ := h.create(t, name)
	return in.Who
}

// member makes somebody who lives with an admin.
func (h house) member(t *testing.T, admin identity.Verified, name string) identity.Verified {
	t.Helper()
	who := h.make(t, name)
	if err := h.desk.Accept(t.Context(), who, h.invite(t, admin)); err != nil {
		t.Fatal(err)
	}
	return who
}

func (h house) invite(t *testing.T, admin identity.Verified) string {
	t.Helper()
	secret, err := h.desk.Invite(t.Context(), admin, false)
	if err != nil {
		t.Fatal(err)
	}
	return secret
}

func (h house) household(t *testing.T, who identity.Verified) identity.Household {
	t.Helper()
	got, err := h.desk.Household(t.Context(), who)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// names are those of a household's members, admins with a star.
func (h house) names(t *testing.T, who identity.Verified) []string {
	t.Helper()
	var names []string
	for _, m := range h.household(t, who).Members {
		if m.Admin {
			m.Name += "*"
		}
		names = append(names, m.Name)
	}
	return names
}

func (h house) wantNames(t *testing.T, who identity.Verified, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, h.names(t, who)); diff != "" {
		t.Errorf("members (-want +got):\n%s", diff)
	}
}

// channel gives an account an address.
func (h house) channel(t *testing.T, who identity.Verified, address string, confirmed bool) {
	t.Helper()
	c := store.Channel{ID: hearkeep.NewID[hearkeep.ChannelID](), Account: who.Account(), Kind: notify.Email, Created: time.Now()}
	var err error
	if c.Address, err = h.letters.Seal(c.ID, address); err != nil {
		t.Fatal(err)
	}
	if confirmed {
		c.Confirmed = time.Now()
	}
	h.update(t, func(tx *store.Tx) error { return tx.Letters.InsertChannel(t.Context(), c) })
}

type written struct{ Topic, Address, Text string }

// post returns the letters that wait for an account, oldest first.
func (h house) post(t *testing.T, account hearkeep.AccountID) (all []written) {
	t.Helper()
	h.view(t, func(tx *store.Tx) error {
		rows, err := tx.Letters.Deliveries(t.Context(), account, 100)
		for _, row := range slices.Backward(rows) {
			plain, err := seal.OpenHouse(h.key, seal.HouseLetter, row.Channel, row.Sealed)
			if err != nil {
				return err
			}
			var w written
			if err := json.Unmarshal(plain, &w); err != nil {
				return err
			}
			all = append(all, w)
		}
		return err
	})
	return all
}

func (h house) topics(t *testing.T, account hearkeep.AccountID) (topics []string) {
	t.Helper()
	for _, w := range h.post(t, account) {
		topics = append(topics, w.Topic)
	}
	return topics
}

// purposes are those of an account's ledger entries of a kind, oldest first.
func (h house) purposes(t *testing.T, account hearkeep.AccountID, kind ledger.Kind) (purposes []string) {
	t.Helper()
	entries, err := h.ledger.EntriesOf(t.Context(), account, nil, 1<<40, 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range slices.Backward(entries) {
		if e.Kind == kind {
			purposes = append(purposes, string(e.Role)+": "+e.Purpose)
		}
	}
	return purposes
}

func (h house) update(t *testing.T, fn func(*store.Tx) error) {
	t.Helper()
	if err := h.store.Update(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

func (h house) view(t *testing.T, fn func(*store.Tx) error) {
	t.Helper()
	if err := h.store.View(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

// A member who is no admin is told of everything that admins do that it is
// not there, in the same words as somebody from another house.
func TestOnlyAdminsManage(t *testing.T) {
	h, ctx := openHouse(t), t.Context()
	anna := h.make(t, "Anna")
	bert, carl := h.member(t, anna, "Bert"), h.member(t, anna, "Carl")
	other := h.make(t, "Olga")
	h.invite(t, anna)
	open := h.household(t, anna).Invitations[0].ID
	for _, tc := range []struct {
		name string
		try  func(who identity.Verified) error
	}{
		{"admin", func(who identity.Verified) error { return h.desk.Admin(ctx, who) }},
		{"rename", func(who identity.Verified) error { return h.desk.RenameHousehold(ctx, who, "Mine") }},
		{"invite", func(who identity.Verified) error { _, err := h.desk.Invite(ctx, who, true); return err }},
		{"withdraw", func(who identity.Verified) error { return h.desk.Withdraw(ctx, who, open) }},
		{"make an admin", func(who identity.Verified) error { return h.desk.SetAdmin(ctx, who, who.Account(), true) }},
		{"end an admin", func(who identity.Verified) error { return h.desk.SetAdmin(ctx, who, anna.Account(), false) }},
		{"remove", func(who identity.Verified) error { return h.desk.RemoveMember(ctx, who, carl.Account()) }},
	} {
		wantCode(t, tc.name+", as a member", tc.try(bert), hearkeep.NotFound)
		switch tc.name {
		case "admin", "rename", "invite", "make an admin": // of a household of her own
		default:
			wantCode(t, tc.name+", from another house", tc.try(other), hearkeep.NotFound)
		}
		wantCode(t, tc.name+", as nobody", tc.try(identity.Verified{}), hearkeep.Unauthorized)
	}
	_, err := h.desk.Household(ctx, identity.Verified{})
	wantCode(t, "the household of nobody", err, hearkeep.Unauthorized)
	wantCode(t, "an admin removes who is nowhere", h.desk.RemoveMember(ctx, anna, hearkeep.NewID[hearkeep.AccountID]()), hearkeep.NotFound)
	wantCode(t, "an admin removes a stranger", h.desk.RemoveMember(ctx, anna, other.Account()), hearkeep.NotFound)
	wantCode(t, "an admin makes a stranger one", h.desk.SetAdmin(ctx, anna, other.Account(), true), hearkeep.NotFound)

	h.wantNames(t, anna, "Anna*", "Bert", "Carl")
	if got := len(h.household(t, bert).Invitations); got != 0 {
		t.Errorf("a member sees %d invitations of others, want 0", got)
	}
	if got := h.household(t, anna); len(got.Invitations) != 1 || got.Name != "" {
		t.Errorf("after all that: got %d invitations and name %q, want 1 and none", len(got.Invitations), got.Name)
	}
	if len(h.vaults.departed) != 0 {
		t.Errorf("somebody departed: %v", h.vaults.departed)
	}
}

// What an admin may do ends with the role, not with the session.
func TestFormerAdminsSessionManagesNoMore(t *testing.T) {
	h, ctx := openHouse(t), t.Context()
	anna := h.make(t, "Anna")
	bert := h.member(t, anna, "Bert")
	if err := h.desk.SetAdmin(ctx, anna, bert.Account(), true); err != nil {
		t.Fatal(err)
	}
	if err := h.desk.Admin(ctx, bert); err != nil {
		t.Fatalf("a new admin: %v", err)
	}
	berts := h.invite(t, bert)
	if err := h.desk.SetAdmin(ctx, anna, bert.Account(), false); err != nil {
		t.Fatal(err)
	}
	wantCode(t, "ended, then inviting", second(h.desk.Invite(ctx, bert, true)), hearkeep.NotFound)
	wantCode(t, "an invitation of his", second(h.desk.Offered(ctx, berts)), hearkeep.NotFound)

	if err := h.desk.SetAdmin(ctx, anna, bert.Account(), true); err != nil {
		t.Fatal(err)
	}
	berts = h.invite(t, bert)
	if err := h.desk.RemoveMember(ctx, anna, bert.Account()); err != nil {
		t.Fatal(err)
	}
	wantCode(t, "removed, then removing", h.desk.RemoveMember(ctx, bert, anna.Account()), hearkeep.NotFound)
	wantCode(t, "removed, his invitation", second(h.desk.Offered(ctx, berts)), hearkeep.NotFound)
	wantCode(t, "back by his own invitation", h.desk.Accept(ctx, bert, berts), hearkeep.NotFound)
	h.wantNames(t, anna, "Anna*")
	h.wantNames(t, bert, "Bert*")
}

func second[T any](_ T, err error) error { return err }

func TestLastAdminStays(t *testing.T) {
	h, ctx := openHouse(t), t.Context()
	anna := h.make(t, "Anna")
	wantCode(t, "alone, steps down", h.desk.SetAdmin(ctx, anna, anna.Account(), false), hearkeep.Conflict)
	wantCode(t, "alone, leaves", h.desk.Leave(ctx, anna), hearkeep.Conflict)
	bert := h.member(t, anna, "Bert")
	for name, err := range map[string]error{
		"steps down":       h.desk.SetAdmin(ctx, anna, anna.Account(), false),
		"leaves":           h.desk.Leave(ctx, anna),
		"removes herself":  h.desk.RemoveMember(ctx, anna, anna.Account()),
		"joins the others": h.desk.Accept(ctx, anna, h.invite(t, h.make(t, "Olga"))),
	} {
		wantCode(t, name, err, hearkeep.Conflict)
		if _, message, hint := hearkeep.Explain(err); message == "" || hint == "" {
			t.Errorf("%s: got %q and hint %q", name, message, hint)
		}
	}
	h.wantNames(t, anna, "Anna*", "Bert")
	if err := h.desk.SetAdmin(ctx, anna, bert.Account(), true); err != nil {
		t.Fatal(err)
	}
	if err := h.desk.Leave(ctx, anna); err != nil {
		t.Errorf("with another admin: %v", err)
	}
	h.wantNames(t, bert, "Bert*")
}

// Whoever has the session of an admin makes nobody another one, and all admins
// learn of each that is made or ended; how often one admin changes it is
// bounded, and leaves the others free to undo it.
func TestChangeOfAdmins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, ctx := openHouse(t), t.Context()
		anna := h.make(t, "Anna")
		time.Sleep(time.Second)
		bert := h.member(t, anna, "Bert")
		time.Sleep(time.Second)
		carl := h.member(t, anna, "Carl")
		for name, who := range map[string]identity.Verified{"anna": anna, "bert": bert, "carl": carl} {
			h.channel(t, who, name+"@example.org", true)
		}
		if err := h.desk.SetAdmin(ctx, anna, bert.Account(), true); err != nil {
			t.Fatal(err)
		}
		if err := h.desk.SetAdmin(ctx, bert, carl.Account(), true); err != nil {
			t.Fatal(err)
		}
		if err := h.desk.SetAdmin(ctx, bert, carl.Account(), false); err != nil {
			t.Fatal(err)
		}
		for who, want := range map[identity.Verified][]string{
			anna: {"admin made", "admin made", "admin no longer"}, // she made Bert one; Bert made Carl one, and ended it
			bert: {"admin made", "admin made", "admin no longer"}, // he is one; what he did with Carl
			carl: {"admin made", "admin no longer"},
		} {
			if diff := cmp.Diff(want, h.topics(t, who.Account())); diff != "" {
				t.Errorf("letters to %s (-want +got):\n%s", who.Name(), diff)
			}
		}

		for i := range 4 {
			if err := h.desk.SetAdmin(ctx, bert, anna.Account(), i%2 == 1); err != nil {
				t.Fatal(err)
			}
		}
		before := len(h.post(t, anna.Account()))
		wantCode(t, "the seventh change", h.desk.SetAdmin(ctx, bert, anna.Account(), false), hearkeep.TooMany)
		if got := len(h.post(t, anna.Account())); got != before {
			t.Errorf("letters after it: got %d, want %d", got, before)
		}
		if err := h.desk.SetAdmin(ctx, anna, bert.Account(), false); err != nil {
			t.Errorf("another admin ends it: %v", err)
		}
		h.wantNames(t, anna, "Anna*", "Bert", "Carl")
	})
}

// Two admins who end each other in the same moment leave one.
func TestAdminsEndEachOther(t *testing.T) {
	h, ctx := openHouse(t), t.Context()
	anna := h.make(t, "Anna")
	bert := h.member(t, anna, "Bert")
	if err := h.desk.SetAdmin(ctx, anna, bert.Account(), true); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() { h.desk.SetAdmin(ctx, anna, bert.Account(), false) })
	wg.Go(func() { h.desk.SetAdmin(ctx, bert, anna.Account(), false) })
	wg.Wait()
	admins := 0
	for _, m := range h.household(t, anna).Members {
		if m.Admin {
			admins++
		}
	}
	if admins != 1 {
		t.Errorf("got %d admins, want 1", admins)
	}
}

func TestRemoveAndLeave(t *testing.T) {
	h, ctx := openHouse(t), t.Context()
	anna := h.make(t, "Anna")
	h.channel(t, anna, "anna@example.org", true)
	bert, carl := h.member(t, anna, "Bert"), h.member(t, anna, "Carl")
	h.channel(t, bert, "bert@example.org", true)
	h.channel(t, carl, "carl@example.org", true)
	home := h.household(t, anna).ID
	if err := h.desk.RemoveMember(ctx, anna, bert.Account()); err != nil {
		t.Fatal(err)
	}
	if err := h.desk.Leave(ctx, carl); err != nil {
		t.Fatal(err)
	}
	h.wantNames(t, anna, "Anna*")
	h.wantNames(t, bert, "Bert*")
	h.wantNames(t, carl, "Carl*")
	want := []departure{
		{Account: bert.Account(), By: anna.Account(), From: home, To: h.household(t, bert).ID},
		{Account: carl.Account(), By: carl.Account(), From: home, To: h.household(t, carl).ID},
	}
	if diff := cmp.Diff(want, h.vaults.departed); diff != "" {
		t.Errorf("departures (-want +got):\n%s", diff)
	}
	for account, want := range map[hearkeep.AccountID][]string{
		anna.Account(): {"invitation accepted", "invitation accepted"},
		bert.Account(): {"household left"}, carl.Account(): {"household left"},
	} {
		if diff := cmp.Diff(want, h.topics(t, account)); diff != "" {
			t.Errorf("letters (-want +got):\n%s", diff)
		}
	}
	for account, want := range map[hearkeep.AccountID][]string{
		anna.Account(): {"admin: invitation made", "admin: invitation made", "admin: member removed"},
		bert.Account(): {"keyholder: household joined", "admin: member removed"},
		carl.Account(): {"keyholder: household joined", "keyholder: household left"},
	} {
		if diff := cmp.Diff(want, h.purposes(t, account, ledger.KindHousehold)); diff != "" {
			t.Errorf("ledger (-want +got):\n%s", diff)
		}
	}
}

// Where the vaults cannot be closed to somebody, they do not go half-way.
func TestRemovalIsWholeOrNot(t *testing.T) {
	h, ctx := openHouse(t), t.Context()
	anna := h.make(t, "Anna")
	bert := h.member(t, anna, "Bert")
	h.vaults.fail = errors.New("disk full")
	wantCode(t, "removal", h.desk.RemoveMember(ctx, anna, bert.Account()), hearkeep.Internal)
	wantCode(t, "leaving", h.desk.Leave(ctx, bert), hearkeep.Internal)
	h.wantNames(t, bert, "Anna*", "Bert")

	bare := open(t) // a Desk without room vault
	carl, _ := bare.create(t, "Carl")
	dora, _ := bare.create(t, "Dora")
	link, err := bare.desk.Invite(ctx, carl.Who, true)
	if err != nil {
		t.Fatal(err)
	}
	if err := bare.desk.Accept(ctx, dora.Who, link); err != nil {
		t.Fatal(err)
	}
	wantCode(t, "leaving where no vault can be closed", bare.desk.Leave(ctx, dora.Who), hearkeep.Internal)
}

func TestHouseholdsNameIsSealed(t *testing.T) {
	h, ctx := openHouse(t), t.Context()
	anna := h.make(t, "Anna")
	if err := h.desk.RenameHousehold(ctx, anna, "  Villa   Kanarienvogel "); err != nil {
		t.Fatal(err)
	}
	if got, want := h.household(t, anna).Name, "Villa Kanarienvogel"; got != want {
		t.Errorf("name: got %q, want %q", got, want)
	}
	h.search(t, []byte("Kanarienvogel"))
	for name, bad := range map[string]string{"long": string(bytes.Repeat([]byte("x"), 65)), "bell": "a\ab", "broken": "a\xff"} {
		wantCode(t, name, h.desk.RenameHousehold(ctx, anna, bad), hearkeep.Invalid)
	}
	// A label of another household does not open as this one's.
	bert := h.make(t, "Bert")
	h.update(t, func(tx *store.Tx) error {
		row, err := tx.Houses.Household(ctx, h.household(t, anna).ID)
		if err != nil {
			return err
		}
		row.ID = h.household(t, bert).ID
		return tx.Houses.SetHousehold(ctx, row)
	})
	if got := h.household(t, bert).Name; got != "" {
		t.Errorf("a label that was moved opens as %q", got)
	}
	if err := h.desk.RenameHousehold(ctx, anna, ""); err != nil {
		t.Fatal(err)
	}
	if got := h.household(t, anna).Name; got != "" {
		t.Errorf("a name that was taken away: got %q", got)
	}
}
