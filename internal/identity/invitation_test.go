package identity_test

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/identity"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/seal"
	"github.com/hearkeep/hearkeep/internal/store"
)

// shared makes the rows of a shared vault of an account's household.
func (h house) shared(t *testing.T, who identity.Verified, name string) hearkeep.VaultID {
	t.Helper()
	v := store.Vault{ID: hearkeep.NewID[hearkeep.VaultID](), Kind: "shared", Household: h.household(t, who).ID, Created: time.Now()}
	var err error
	if v.Label, err = seal.SealHouse(h.key, seal.HouseName, v.ID, []byte(name)); err != nil {
		t.Fatal(err)
	}
	h.update(t, func(tx *store.Tx) error {
		if err := tx.Vaults.InsertVault(t.Context(), v); err != nil {
			return err
		}
		g := store.Generation{
			Vault: v.ID, N: 1, HPKEPublic: []byte{1}, SignPublic: []byte{2}, Signature: []byte{3},
			Keyholders: []hearkeep.AccountID{who.Account()}, Created: time.Now(),
		}
		return tx.Vaults.InsertGeneration(t.Context(), g)
	})
	h.holds(t, v.ID, who)
	return v.ID
}

func (h house) holds(t *testing.T, vault hearkeep.VaultID, who identity.Verified) {
	t.Helper()
	k := store.Keyholder{Vault: vault, Generation: 1, Account: who.Account(), Wrap: []byte{1}, Pin: []byte{2}}
	h.update(t, func(tx *store.Tx) error { return tx.Vaults.InsertKeyholder(t.Context(), k) })
}

// next makes the rows of a second generation.
func (h house) next(t *testing.T, vault hearkeep.VaultID, holders ...identity.Verified) {
	t.Helper()
	g := store.Generation{Vault: vault, N: 2, HPKEPublic: []byte{1}, SignPublic: []byte{2}, Signature: []byte{3}, Created: time.Now()}
	for _, who := range holders {
		g.Keyholders = append(g.Keyholders, who.Account())
	}
	h.update(t, func(tx *store.Tx) error { return tx.Vaults.InsertGeneration(t.Context(), g) })
}

// offer makes the row of an invitation to a vault, as room vault does.
func (h house) offer(t *testing.T, by identity.Verified, vault hearkeep.VaultID) (link string, secret [32]byte) {
	t.Helper()
	rand.Read(secret[:])
	i := store.Invitation{
		ID: hearkeep.NewID[hearkeep.InvitationID](), Hash: sha256.Sum256(secret[:]), Household: h.household(t, by).ID,
		Vault: vault, Generation: 1, By: by.Account(), Role: "member", As: "guardian", Past: true, Sealed: []byte{1},
		Created: time.Now(), Expires: time.Now().Add(identity.InvitationLife),
	}
	h.update(t, func(tx *store.Tx) error { return tx.Houses.InsertInvitation(t.Context(), i) })
	return base64.RawURLEncoding.EncodeToString(secret[:]), secret
}

func (h house) invitationsTo(t *testing.T, vault hearkeep.VaultID) (rows []store.Invitation) {
	t.Helper()
	h.view(t, func(tx *store.Tx) (err error) {
		rows, err = tx.Houses.InvitationsTo(t.Context(), vault)
		return err
	})
	return rows
}

func TestInvitationWorksOnce(t *testing.T) {
	h, ctx := openHouse(t), t.Context()
	anna, bert, carl := h.make(t, "Anna"), h.make(t, "Bert"), h.make(t, "Carl")
	link := h.invite(t, anna)
	for range 2 { // looking does not use it up
		o, err := h.desk.Offered(ctx, link)
		if err != nil || o.From != "Anna" || !o.Vault.IsZero() || o.Admin {
			t.Fatalf("offered: got %+v, %v", o, err)
		}
	}
	if err := h.desk.Accept(ctx, bert, link); err != nil {
		t.Fatal(err)
	}
	wantCode(t, "offered after it was accepted", second(h.desk.Offered(ctx, link)), hearkeep.NotFound)
	wantCode(t, "by the same person again", h.desk.Accept(ctx, bert, link), hearkeep.NotFound)
	wantCode(t, "by another person", h.desk.Accept(ctx, carl, link), hearkeep.NotFound)
	_, _, _, err := h.desk.CreateInvited(ctx, link, "Dora", passphrase, at("127.0.0.1"))
	wantCode(t, "by somebody new", err, hearkeep.NotFound)
	h.wantNames(t, anna, "Anna*", "Bert")
	h.wantNames(t, carl, "Carl*")
	if got := h.household(t, anna).Invitations; len(got) != 0 {
		t.Errorf("an invitation that was accepted is listed: %+v", got)
	}
}

func TestInvitationAcceptedByManyAtOnce(t *testing.T) {
	h, ctx := openHouse(t), t.Context()
	anna := h.make(t, "Anna")
	vault := h.shared(t, anna, "Kitchen")
	household := h.invite(t, anna)
	toVault, _ := h.offer(t, anna, vault)
	for what, link := range map[string]string{"to the household": household, "to a vault": toVault} {
		var accepted atomic.Int32
		var wg sync.WaitGroup
		for i := range 6 {
			who := h.make(t, what+" "+string(rune('A'+i)))
			for range 2 { // from two tabs
				wg.Go(func() {
					if err := h.desk.Accept(ctx, who, link); err == nil {
						accepted.Add(1)
					} else if code := hearkeep.CodeOf(err); code != hearkeep.NotFound {
						t.Errorf("%s: got %v", what, err)
					}
				})
			}
		}
		wg.Wait()
		if got := accepted.Load(); got != 1 {
			t.Errorf("%s: %d were accepted, want 1", what, got)
		}
	}
	if got := len(h.household(t, anna).Members); got != 3 {
		t.Errorf("members: got %d, want 3", got)
	}
}

func TestInvitationLinksThatDoNotWork(t *testing.T) {
	h, ctx := openHouse(t), t.Context()
	anna, bert := h.make(t, "Anna"), h.make(t, "Bert")
	withdrawn := h.invite(t, anna)
	if err := h.desk.Withdraw(ctx, anna, h.household(t, anna).Invitations[0].ID); err != nil {
		t.Fatal(err)
	}
	link := h.invite(t, anna)
	setup, err := h.desk.AnotherLink(ctx)
	if err != nil {
		t.Fatal(err)
	}
	flipped := "A" + link[1:]
	if flipped == link {
		flipped = "B" + link[1:]
	}
	// 32 bytes leave two bits of the last character unused: a spelling that
	// sets them is another link, and works as none.
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(alphabet, link[len(link)-1])
	for name, bad := range map[string]string{
		"empty": "", "rubbish": "%%%", "altered": flipped, "longer": link + "AA", "shorter": link[:40], "padded": link + "=",
		"spelled otherwise": link[:len(link)-1] + string(alphabet[last|1]), "with a space": " " + link,
		"of another kind": setup, "withdrawn": withdrawn, "huge": strings.Repeat("A", 1<<20),
	} {
		_, message, hint := hearkeep.Explain(second(h.desk.Offered(ctx, bad)))
		if want := "This invitation no longer works."; message != want || hint == "" {
			t.Errorf("%s: got %q and hint %q, want %q", name, message, hint, want)
		}
		wantCode(t, name+", accepted", h.desk.Accept(ctx, bert, bad), hearkeep.NotFound)
		_, _, _, err := h.desk.CreateInvited(ctx, bad, "Dora", passphrase, at("127.0.0.1"))
		wantCode(t, name+", by somebody new", err, hearkeep.NotFound)
	}
	wantCode(t, "by nobody", h.desk.Accept(ctx, identity.Verified{}, link), hearkeep.Unauthorized)
	wantCode(t, "one's own", h.desk.Accept(ctx, anna, link), hearkeep.Conflict)
	h.wantNames(t, anna, "Anna*")
	if err := h.desk.Accept(ctx, bert, link); err != nil {
		t.Errorf("the link itself, after all that: %v", err)
	}
}

func TestInvitationExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, ctx := openHouse(t), t.Context()
		anna, bert, carl := h.make(t, "Anna"), h.make(t, "Bert"), h.make(t, "Carl")
		vault := h.shared(t, anna, "Kitchen")
		accepted, _ := h.offer(t, anna, vault)
		if err := h.desk.Accept(ctx, carl, accepted); err != nil {
			t.Fatal(err)
		}
		link, toVault := h.invite(t, anna), first(h.offer(t, anna, vault))
		time.Sleep(identity.InvitationLife - time.Second)
		if _, err := h.desk.Offered(ctx, link); err != nil {
			t.Errorf("a second before it expires: %v", err)
		}
		time.Sleep(time.Second)
		for name, link := range map[string]string{"to the household": link, "to a vault": toVault} {
			wantCode(t, name+", offered", second(h.desk.Offered(ctx, link)), hearkeep.NotFound)
			wantCode(t, name+", accepted", h.desk.Accept(ctx, bert, link), hearkeep.NotFound)
		}
		if got := h.household(t, anna).Invitations; len(got) != 1 || got[0].Accepted != "Carl" {
			t.Errorf("listed after they expired: got %+v, want what Carl accepted", got)
		}
		if err := h.desk.Expire(ctx, time.Now()); err != nil {
			t.Fatal(err)
		}
		h.view(t, func(tx *store.Tx) error {
			rows, err := tx.Houses.Invitations(ctx, h.household(t, anna).ID)
			if len(rows) != 1 || rows[0].Account != carl.Account() {
				t.Errorf("rows after Expire: got %d, want what Carl accepted", len(rows))
			}
			return err
		})
	})
}

func first[T, U any](v T, _ U) T { return v }

func TestInvitationNeedsAFreshUnlocker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, ctx := openHouse(t), t.Context()
		anna := h.make(t, "Anna")
		bert := h.member(t, anna, "Bert")
		link, olga := h.invite(t, anna), h.make(t, "Olga")
		time.Sleep(identity.StepUpLife)
		for name, err := range map[string]error{
			"make an admin": h.desk.SetAdmin(ctx, anna, bert.Account(), true),
			"accept":        h.desk.Accept(ctx, olga, link),
			"invite":        second(h.desk.Invite(ctx, anna, false)),
			"remove":        h.desk.RemoveMember(ctx, anna, bert.Account()),
			"leave":         h.desk.Leave(ctx, bert),
			"say farewell":  second(h.desk.SayFarewell(ctx, bert)),
		} {
			wantCode(t, name, err, hearkeep.StepUp)
		}
		wantCode(t, "invite, as no admin", second(h.desk.Invite(ctx, bert, false)), hearkeep.NotFound)
	})
}

// Link secrets stand nowhere in the database: not as they are written, nor as
// bytes.
func TestInvitationSecretIsNotOnDisk(t *testing.T) {
	h, ctx := openHouse(t), t.Context()
	anna, bert := h.make(t, "Anna"), h.make(t, "Bert")
	h.channel(t, anna, "anna@example.org", true)
	open, taken := h.invite(t, anna), h.invite(t, anna)
	toVault, secret := h.offer(t, anna, h.shared(t, anna, "Kanarienkitchen"))
	if err := h.desk.Accept(ctx, bert, taken); err != nil {
		t.Fatal(err)
	}
	if err := h.desk.Accept(ctx, h.make(t, "Carl"), toVault); err != nil {
		t.Fatal(err)
	}
	for _, link := range []string{open, taken, toVault} {
		raw, err := base64.RawURLEncoding.DecodeString(link)
		if err != nil {
			t.Fatal(err)
		}
		h.search(t, []byte(link))
		h.search(t, raw)
	}
	h.search(t, secret[:])
	h.search(t, []byte("Kanarienkitchen")) // in a letter, which is sealed
}

// An outsider sees no invitation, and ends none.
func TestWithdraw(t *testing.T) {
	h, ctx := openHouse(t), t.Context()
	anna := h.make(t, "Anna")
	bert, carl := h.member(t, anna, "Bert"), h.member(t, anna, "Carl")
	olga := h.make(t, "Olga")
	vault := h.shared(t, bert, "Kitchen")
	berts, _ := h.offer(t, bert, vault)
	annas := h.invite(t, anna)
	ids := map[hearkeep.AccountID]hearkeep.InvitationID{}
	for _, i := range h.household(t, anna).Invitations {
		ids[i.By] = i.ID
	}
	for name, who := range map[string]identity.Verified{"an outsider": olga, "a member who made none": carl} {
		if got := h.household(t, who).Invitations; len(got) != 0 {
			t.Errorf("%s sees %+v", name, got)
		}
		for _, id := range ids {
			wantCode(t, name, h.desk.Withdraw(ctx, who, id), hearkeep.NotFound)
		}
	}
	wantCode(t, "a member ends an admin's", h.desk.Withdraw(ctx, bert, ids[anna.Account()]), hearkeep.NotFound)
	wantCode(t, "what is not there", h.desk.Withdraw(ctx, anna, hearkeep.NewID[hearkeep.InvitationID]()), hearkeep.NotFound)
	if got := h.household(t, bert).Invitations; len(got) != 1 || got[0].VaultName != "Kitchen" || got[0].As != "guardian" || !got[0].Past {
		t.Errorf("who made one sees %+v", got)
	}

	if err := h.desk.Accept(ctx, olga, berts); err != nil {
		t.Fatal(err)
	}
	if err := h.desk.Withdraw(ctx, bert, ids[bert.Account()]); err != nil {
		t.Errorf("one's own, accepted already: %v", err)
	}
	if got := h.invitationsTo(t, vault); len(got) != 0 {
		t.Errorf("withdrawn and still there: %+v", got)
	}
	if err := h.desk.Withdraw(ctx, anna, ids[anna.Account()]); err != nil {
		t.Errorf("an admin's: %v", err)
	}
	wantCode(t, "withdrawn, then accepted", h.desk.Accept(ctx, h.make(t, "Dora"), annas), hearkeep.NotFound)
}

// A keyholder who lives elsewhere ends what he made for a vault of a
// household that he does not belong to.
func TestWithdrawFromAnotherHousehold(t *testing.T) {
	h, ctx := openHouse(t), t.Context()
	anna := h.make(t, "Anna")
	vault := h.shared(t, anna, "Kitchen")
	olga := h.make(t, "Olga")
	h.member(t, olga, "Piet")
	h.holds(t, vault, olga)
	link, secret := h.offer(t, olga, vault)
	var id hearkeep.InvitationID
	h.update(t, func(tx *store.Tx) error {
		i, err := tx.Houses.Invitation(ctx, sha256.Sum256(secret[:]), time.Now())
		if err != nil {
			return err
		}
		if err := tx.Houses.DeleteInvitation(ctx, i.ID); err != nil {
			return err
		}
		id, i.Household = i.ID, h.household(t, anna).ID
		return tx.Houses.InsertInvitation(ctx, i)
	})
	if err := h.desk.Withdraw(ctx, olga, id); err != nil {
		t.Error(err)
	}
	wantCode(t, "offered", second(h.desk.Offered(ctx, link)), hearkeep.NotFound)
}

// An acceptance says which account, with which key, had the secret; a changed
// row makes it say nothing else.
func TestAcceptanceIsAuthenticated(t *testing.T) {
	h, ctx := openHouse(t), t.Context()
	anna, bert, mallory := h.make(t, "Anna"), h.make(t, "Bert"), h.make(t, "Mallory")
	vault, other := h.shared(t, anna, "Kitchen"), h.shared(t, anna, "Attic")
	link, secret := h.offer(t, anna, vault)
	// Whoever writes rows exchanges the key in Bert's.
	h.update(t, func(tx *store.Tx) error {
		row, err := tx.Identity.Account(ctx, bert.Account())
		row.Public = seal.PublicOfAccount(mallory.Private()).Bytes()
		if err != nil {
			return err
		}
		return tx.Identity.SetAccount(ctx, row)
	})
	if err := h.desk.Accept(ctx, bert, link); err != nil {
		t.Fatal(err)
	}
	row := h.invitationsTo(t, vault)[0]
	if row.Account != bert.Account() {
		t.Fatalf("accepted by %s, want %s", row.Account, bert.Account())
	}
	public, err := seal.ParseAccountPublic(row.Public)
	if err != nil {
		t.Fatal(err)
	}
	good := seal.Acceptance{Invitation: row.ID, Vault: vault, Account: bert.Account(), Public: seal.PublicOfAccount(bert.Private())}
	if string(public.Bytes()) != string(good.Public.Bytes()) {
		t.Error("the key is not the session's")
	}
	if err := seal.VerifyAcceptance(secret, good, row.MAC); err != nil {
		t.Errorf("the acceptance: %v", err)
	}
	for name, tc := range map[string]struct {
		secret [32]byte
		alter  func(*seal.Acceptance)
	}{
		"another secret":     {sha256.Sum256(secret[:]), func(*seal.Acceptance) {}},
		"another account":    {secret, func(a *seal.Acceptance) { a.Account = mallory.Account() }},
		"another key":        {secret, func(a *seal.Acceptance) { a.Public = seal.PublicOfAccount(mallory.Private()) }},
		"another vault":      {secret, func(a *seal.Acceptance) { a.Vault = other }},
		"another invitation": {secret, func(a *seal.Acceptance) { a.Invitation = hearkeep.NewID[hearkeep.InvitationID]() }},
	} {
		bad := good
		tc.alter(&bad)
		if err := seal.VerifyAcceptance(tc.secret, bad, row.MAC); err == nil {
			t.Errorf("%s verifies", name)
		}
	}
}

func TestInvitationToAVault(t *testing.T) {
	h, ctx := openHouse(t), t.Context()
	anna := h.make(t, "Anna")
	h.channel(t, anna, "anna@example.org", true)
	vault := h.shared(t, anna, "Kitchen")
	if err := h.desk.RenameHousehold(ctx, anna, "Villa"); err != nil {
		t.Fatal(err)
	}
	link, _ := h.offer(t, anna, vault)
	got, err := h.desk.Offered(ctx, link)
	if err != nil {
		t.Fatal(err)
	}
	want := identity.Offer{
		ID: got.ID, House: h.household(t, anna).ID, Household: "Villa", From: "Anna", By: anna.Account(), Vault: vault, VaultName: "Kitchen",
		As: "guardian", Past: true, Expires: got.Expires,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("offered (-want +got):\n%s", diff)
	}
	if _, message, _ := hearkeep.Explain(h.desk.Accept(ctx, anna, link)); message != "This is your own invitation." {
		t.Errorf("by who made it: got %q", message)
	}
	holder := h.make(t, "Hugo")
	h.holds(t, vault, holder)
	wantCode(t, "by who holds it", h.desk.Accept(ctx, holder, link), hearkeep.Conflict)
	left := h.make(t, "Lena")
	h.update(t, func(tx *store.Tx) error {
		return tx.Vaults.PutDeparture(ctx, store.Departure{Vault: vault, Account: left.Account(), By: anna.Account(), At: time.Now()})
	})
	wantCode(t, "by who is about to hold it no more", h.desk.Accept(ctx, left, link), hearkeep.Conflict)

	// Somebody who lives with others stays with them; somebody alone moves in.
	olga := h.make(t, "Olga")
	piet := h.member(t, olga, "Piet")
	if err := h.desk.Accept(ctx, piet, link); err != nil {
		t.Fatal(err)
	}
	h.wantNames(t, piet, "Olga*", "Piet")
	again, _ := h.offer(t, anna, vault)
	wantCode(t, "a second one, while the first waits", h.desk.Accept(ctx, piet, again), hearkeep.Conflict)
	bert := h.make(t, "Bert")
	if err := h.desk.Accept(ctx, bert, again); err != nil {
		t.Fatal(err)
	}
	h.wantNames(t, bert, "Anna*", "Bert")
	for who, want := range map[identity.Verified]int{piet: 1, bert: 1, anna: 0, olga: 0} { // also across households
		awaits, err := h.desk.Awaits(ctx, who)
		if err != nil || len(awaits) != want || want > 0 && (awaits[0].VaultName != "Kitchen" || awaits[0].From != "Anna") {
			t.Errorf("%s waits for %+v, %v", who.Name(), awaits, err)
		}
	}
	_, err = h.desk.Awaits(ctx, identity.Verified{})
	wantCode(t, "nobody waits", err, hearkeep.Unauthorized)
	var waiting []string
	for _, o := range h.household(t, anna).Invitations {
		waiting = append(waiting, o.Accepted)
	}
	slices.Sort(waiting)
	if diff := cmp.Diff([]string{"Bert", "Piet"}, waiting); diff != "" {
		t.Errorf("waiting (-want +got):\n%s", diff)
	}
	if got := h.purposes(t, bert.Account(), ledger.KindHousehold); !cmp.Equal(got, []string{"keyholder: household joined", "keyholder: invitation accepted"}) {
		t.Errorf("ledger: got %q", got)
	}
	if got := h.topics(t, anna.Account()); !cmp.Equal(got, []string{"invitation accepted", "invitation accepted"}) {
		t.Errorf("letters: got %q", got)
	}
}

// Whoever holds a vault no more invites nobody to it, by no link made before.
func TestInvitationFallsWithItsMaker(t *testing.T) {
	h, ctx := openHouse(t), t.Context()
	anna := h.make(t, "Anna")
	bert := h.member(t, anna, "Bert")
	vault := h.shared(t, anna, "Kitchen")
	h.holds(t, vault, bert)
	link, _ := h.offer(t, bert, vault)
	if _, err := h.desk.Offered(ctx, link); err != nil {
		t.Fatal(err)
	}
	h.update(t, func(tx *store.Tx) error {
		return tx.Vaults.PutDeparture(ctx, store.Departure{Vault: vault, Account: bert.Account(), By: anna.Account(), At: time.Now()})
	})
	wantCode(t, "of who is leaving", second(h.desk.Offered(ctx, link)), hearkeep.NotFound)
	wantCode(t, "accepted of who is leaving", h.desk.Accept(ctx, h.make(t, "Carl"), link), hearkeep.NotFound)

	// And what a removed member accepted is not completed.
	dora := h.member(t, anna, "Dora")
	toDora, _ := h.offer(t, anna, vault)
	if err := h.desk.Accept(ctx, dora, toDora); err != nil {
		t.Fatal(err)
	}
	for _, m := range []identity.Verified{bert, dora} {
		if err := h.desk.RemoveMember(ctx, anna, m.Account()); err != nil {
			t.Fatal(err)
		}
	}
	if got := h.invitationsTo(t, vault); len(got) != 0 {
		t.Errorf("after both were removed: got %d invitations, want 0", len(got))
	}
}

// An emptied household is gone, with its invitations. What was held in it is
// no household's: the admins of the new one do not manage what somebody brought.
func TestEmptiedHouseholdIsDeleted(t *testing.T) {
	h, ctx := openHouse(t), t.Context()
	anna, bert, olga := h.make(t, "Anna"), h.make(t, "Bert"), h.make(t, "Olga")
	old := h.household(t, bert).ID
	his, both, hers := h.shared(t, bert, "Workshop"), h.shared(t, bert, "Garden"), h.shared(t, bert, "Shed")
	h.next(t, both, bert, olga)
	h.next(t, hers, olga) // Bert left it
	stale := h.invite(t, bert)
	if err := h.desk.Accept(ctx, bert, h.invite(t, anna)); err != nil {
		t.Fatal(err)
	}
	wantCode(t, "an invitation to the old household", second(h.desk.Offered(ctx, stale)), hearkeep.NotFound)
	h.view(t, func(tx *store.Tx) error {
		if _, err := tx.Houses.Household(ctx, old); err == nil {
			t.Error("the old household is still there")
		}
		for _, vault := range []hearkeep.VaultID{his, both, hers} {
			v, err := tx.Vaults.Vault(ctx, vault)
			if err != nil || !v.Household.IsZero() {
				t.Errorf("a vault of it: got household %s, %v, want none", v.Household, err)
			}
		}
		return nil
	})
}

// An open link tells a few times a minute whether a name is taken, and draws on
// the computations that signing in needs no more often than that.
func TestCreatingIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, ctx := openHouse(t), t.Context()
		anna := h.make(t, "Anna")
		link := h.invite(t, anna)
		setup, err := h.desk.AnotherLink(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for kind, create := range map[string]func(name, from string) error{
			"invitation": func(name, from string) error {
				_, _, _, err := h.desk.CreateInvited(ctx, link, name, passphrase, at(from))
				return err
			},
			"set-up": func(name, from string) error {
				_, _, _, err := h.desk.Create(ctx, setup, name, passphrase, at(from))
				return err
			},
		} {
			for range 5 {
				wantCode(t, kind+", a taken name", create("Anna", "192.0.2.1"), hearkeep.Conflict)
			}
			wantCode(t, kind+", the sixth", create("Anna", "192.0.2.1"), hearkeep.TooMany)
			wantCode(t, kind+", from elsewhere", create("Anna", "198.51.100.1"), hearkeep.TooMany)
			time.Sleep(time.Minute)
			if err := create("New by "+kind, "192.0.2.1"); err != nil {
				t.Errorf("%s, a minute later: %v", kind, err)
			}
		}
	})
}

func TestCreateInvited(t *testing.T) {
	h, ctx := openHouse(t), t.Context()
	anna := h.make(t, "Anna")
	vault := h.shared(t, anna, "Kitchen")
	link, err := h.desk.Invite(ctx, anna, true)
	if err != nil {
		t.Fatal(err)
	}
	_, _, _, err = h.desk.CreateInvited(ctx, link, "ANNA", passphrase, at("127.0.0.1"))
	wantCode(t, "a taken name", err, hearkeep.Conflict)
	_, _, _, err = h.desk.CreateInvited(ctx, link, "Bert", "short", at("127.0.0.1"))
	wantCode(t, "a short passphrase", err, hearkeep.Invalid)
	in, kit, check, err := h.desk.CreateInvited(ctx, link, "Bert", passphrase, at("127.0.0.1"))
	if err != nil {
		t.Fatalf("refused attempts must leave the link: %v", err)
	}
	if kit == "" || check.Ticket == "" {
		t.Errorf("got kit of %d bytes and check %v", len(kit), check)
	}
	if _, err := h.desk.Authenticate(ctx, in.Cookie); err != nil {
		t.Errorf("the session: %v", err)
	}
	if err := h.desk.Admin(ctx, in.Who); err != nil {
		t.Errorf("invited as an admin: %v", err)
	}
	h.wantNames(t, anna, "Anna*", "Bert*")

	toVault, secret := h.offer(t, anna, vault)
	in, _, _, err = h.desk.CreateInvited(ctx, toVault, "Carl", passphrase, at("127.0.0.1"))
	if err != nil {
		t.Fatal(err)
	}
	h.wantNames(t, anna, "Anna*", "Bert*", "Carl")
	row := h.invitationsTo(t, vault)[0]
	a := seal.Acceptance{Invitation: row.ID, Vault: vault, Account: in.Who.Account(), Public: seal.PublicOfAccount(in.Who.Private())}
	if err := seal.VerifyAcceptance(secret, a, row.MAC); err != nil {
		t.Errorf("the acceptance: %v", err)
	}
	h.view(t, func(tx *store.Tx) error {
		got, err := tx.Identity.CountAccounts(ctx)
		if got != 3 {
			t.Errorf("accounts: got %d, want 3", got)
		}
		return err
	})
}

func TestOpenInvitationsAreBounded(t *testing.T) {
	h, ctx := openHouse(t), t.Context()
	anna := h.make(t, "Anna")
	for range 50 {
		h.invite(t, anna)
	}
	wantCode(t, "one too many", second(h.desk.Invite(ctx, anna, false)), hearkeep.Conflict)
	if err := h.desk.Withdraw(ctx, anna, h.household(t, anna).Invitations[0].ID); err != nil {
		t.Fatal(err)
	}
	h.invite(t, anna)
}
