package identity_test

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/identity"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/seal"
	"github.com/hearkeep/hearkeep/internal/store"
	"github.com/hearkeep/hearkeep/internal/store/sqlite"
)

const passphrase = "correct horse battery"

type fixture struct {
	dir   string
	store store.Store
	desk  *identity.Desk
}

// cheap is Argon2 at the least cost, with a fresh salt.
func cheap() seal.Argon2Params {
	p := seal.DefaultArgon2()
	p.Memory, p.Time = 64, 1
	return p
}

func open(t *testing.T) fixture {
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
	desk, err := identity.New(identity.Config{Store: st, Ledger: log, House: seal.NewHouseKey(), Costs: cheap})
	if err != nil {
		t.Fatal(err)
	}
	return fixture{dir, st, desk}
}

func at(addr string) identity.Visitor { return identity.Visitor{Addr: netip.MustParseAddr(addr)} }

func (f fixture) create(t *testing.T, name string) (identity.SignedIn, string) {
	t.Helper()
	link, err := f.desk.AnotherLink(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	in, kit, _, err := f.desk.Create(t.Context(), link, name, passphrase, at("127.0.0.1"))
	if err != nil {
		t.Fatal(err)
	}
	return in, kit
}

func wantCode(t *testing.T, what string, err error, want hearkeep.Code) {
	t.Helper()
	if got := hearkeep.CodeOf(err); err == nil || got != want {
		t.Errorf("%s: got %v (%s), want %s", what, err, got, want)
	}
}

func TestSetupLinkWorksOnce(t *testing.T) {
	f, ctx := open(t), t.Context()
	old, err := f.desk.SetupLink(ctx)
	if err != nil {
		t.Fatal(err)
	}
	link, err := f.desk.SetupLink(ctx)
	if err != nil {
		t.Fatal(err)
	}
	wantCode(t, "an earlier link", f.desk.CheckSetup(ctx, old), hearkeep.NotFound)
	for range 2 { // looking does not use it up
		if err := f.desk.CheckSetup(ctx, link); err != nil {
			t.Fatal(err)
		}
	}
	_, _, _, err = f.desk.Create(ctx, link, "  ", passphrase, at("127.0.0.1"))
	wantCode(t, "no name", err, hearkeep.Invalid)
	_, _, _, err = f.desk.Create(ctx, link, "Anna", "short", at("127.0.0.1"))
	wantCode(t, "short passphrase", err, hearkeep.Invalid)
	in, kit, _, err := f.desk.Create(ctx, link, "  Anna   Lind ", passphrase, at("127.0.0.1"))
	if err != nil {
		t.Fatalf("a refused attempt must leave the link: %v", err)
	}
	if got, want := in.Who.Name(), "Anna Lind"; got != want {
		t.Errorf("name: got %q, want %q", got, want)
	}
	if got := len(strings.Split(kit, "-")); got != 9 {
		t.Errorf("kit: got %d groups, want 9", got)
	}
	_, _, _, err = f.desk.Create(ctx, link, "Bert", passphrase, at("127.0.0.1"))
	wantCode(t, "a used link", err, hearkeep.NotFound)
	_, err = f.desk.SetupLink(ctx)
	wantCode(t, "a set-up link after set-up", err, hearkeep.Conflict)
}

func TestTakenNameLeavesTheLink(t *testing.T) {
	f, ctx := open(t), t.Context()
	f.create(t, "Anna")
	link, err := f.desk.AnotherLink(ctx)
	if err != nil {
		t.Fatal(err)
	}
	_, _, _, err = f.desk.Create(ctx, link, "ANNA", passphrase, at("127.0.0.1"))
	wantCode(t, "the same name in capitals", err, hearkeep.Conflict)
	if _, _, _, err := f.desk.Create(ctx, link, "Bert", passphrase, at("127.0.0.1")); err != nil {
		t.Errorf("another name on the same link: %v", err)
	}
}

func TestSignIn(t *testing.T) {
	f, ctx := open(t), t.Context()
	made, kit := f.create(t, "Anna")
	f.create(t, "Bert")
	for _, tc := range []struct {
		name string
		try  func() (identity.SignedIn, error)
		want hearkeep.Code
	}{
		{"right", func() (identity.SignedIn, error) { return f.desk.SignIn(ctx, "anna", passphrase, at("10.0.0.1")) }, ""},
		{"kit, in lower case", func() (identity.SignedIn, error) {
			return f.desk.SignInWithKit(ctx, "Anna", strings.ToLower(kit), at("10.0.0.1"))
		}, ""},
		{"wrong passphrase", func() (identity.SignedIn, error) { return f.desk.SignIn(ctx, "Anna", passphrase+" ", at("10.0.0.2")) }, hearkeep.Unauthorized},
		{"unknown name", func() (identity.SignedIn, error) { return f.desk.SignIn(ctx, "Carl", passphrase, at("10.0.0.2")) }, hearkeep.Unauthorized},
		{"another's kit", func() (identity.SignedIn, error) { return f.desk.SignInWithKit(ctx, "Bert", kit, at("10.0.0.2")) }, hearkeep.Unauthorized},
		{"a kit for nobody", func() (identity.SignedIn, error) { return f.desk.SignInWithKit(ctx, "Carl", kit, at("10.0.0.2")) }, hearkeep.Unauthorized},
		{"a mistyped kit", func() (identity.SignedIn, error) { return f.desk.SignInWithKit(ctx, "Anna", kit[1:], at("10.0.0.2")) }, hearkeep.Invalid},
	} {
		t.Run(tc.name, func(t *testing.T) {
			in, err := tc.try()
			if tc.want != "" {
				wantCode(t, tc.name, err, tc.want)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if in.Who.Account() != made.Who.Account() {
				t.Error("signed in as somebody else")
			}
			who, err := f.desk.Authenticate(ctx, in.Cookie)
			if err != nil || who.Account() != made.Who.Account() {
				t.Errorf("authenticate: got %v, %v", who.Account(), err)
			}
		})
	}
}

// The answers for an unknown name and for a wrong passphrase are the same.
func TestUnknownNameAnswersLikeWrongPassphrase(t *testing.T) {
	f, ctx := open(t), t.Context()
	f.create(t, "Anna")
	_, wrong := f.desk.SignIn(ctx, "Anna", "not the passphrase", at("10.0.0.1"))
	_, unknown := f.desk.SignIn(ctx, "Nobody", "not the passphrase", at("10.0.0.1"))
	for i, err := range []error{wrong, unknown} {
		code, message, hint := hearkeep.Explain(err)
		wcode, wmessage, whint := hearkeep.Explain(wrong)
		if code != wcode || message != wmessage || hint != whint {
			t.Errorf("answer %d: got %s %q %q, want %s %q %q", i, code, message, hint, wcode, wmessage, whint)
		}
	}
}

func TestCookies(t *testing.T) {
	f, ctx := open(t), t.Context()
	in, _ := f.create(t, "Anna")
	flip := func(s string, at int) string {
		c := byte('A')
		if s[at] == 'A' {
			c = 'B'
		}
		return s[:at] + string(c) + s[at+1:]
	}
	for name, cookie := range map[string]string{
		"empty": "", "rubbish": "x", "long": strings.Repeat("A", 4096),
		"another id": flip(in.Cookie, 3), "another secret": flip(in.Cookie, 40), "padded": in.Cookie + "==",
	} {
		_, err := f.desk.Authenticate(ctx, cookie)
		wantCode(t, name, err, hearkeep.Unauthorized)
	}
	if err := f.desk.SignOut(ctx, in.Cookie); err != nil {
		t.Fatal(err)
	}
	_, err := f.desk.Authenticate(ctx, in.Cookie)
	wantCode(t, "after sign-out", err, hearkeep.Unauthorized)
	if err := f.desk.SignOut(ctx, in.Cookie); err != nil {
		t.Errorf("signing out twice: %v", err)
	}
}

// Whoever writes rows cannot make a session last longer or belong to another.
func TestAlteredSessionRowIsRefused(t *testing.T) {
	f, ctx := open(t), t.Context()
	anna, _ := f.create(t, "Anna")
	bert, _ := f.create(t, "Bert")
	for _, tc := range []struct {
		name  string
		alter func(*store.Session)
	}{
		{"expires later", func(s *store.Session) { s.Expires = s.Expires.Add(time.Hour) }},
		{"stepped up later", func(s *store.Session) { s.SteppedUp = s.SteppedUp.Add(time.Hour) }},
		{"another account", func(s *store.Session) { s.Account = bert.Who.Account() }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			in, err := f.desk.SignIn(ctx, "Anna", passphrase, at("10.0.0.1"))
			if err != nil {
				t.Fatal(err)
			}
			f.alterSession(t, in.Cookie, tc.alter)
			_, err = f.desk.Authenticate(ctx, in.Cookie)
			wantCode(t, tc.name, err, hearkeep.Unauthorized)
		})
	}
	if _, err := f.desk.Authenticate(ctx, anna.Cookie); err != nil {
		t.Errorf("the untouched session: %v", err)
	}
}

func TestGuessesDelayTheGuesserOnly(t *testing.T) {
	f, ctx := open(t), t.Context()
	first, _ := f.create(t, "Anna")
	attacker := at("198.51.100.7")
	var limited bool
	for range 12 {
		_, err := f.desk.SignIn(ctx, "Anna", "not the passphrase", attacker)
		limited = limited || hearkeep.CodeOf(err) == hearkeep.TooMany
	}
	if !limited {
		t.Error("twelve guesses from one address were all tried")
	}
	_, err := f.desk.SignIn(ctx, "Anna", passphrase, attacker)
	wantCode(t, "the right passphrase from the guesser's address", err, hearkeep.TooMany)
	if _, err := f.desk.SignIn(ctx, "Anna", passphrase, at("203.0.113.9")); err != nil {
		t.Errorf("from another address: %v", err)
	}
	known := attacker
	known.Known = first.Known
	if _, err := f.desk.SignIn(ctx, "Anna", passphrase, known); err != nil {
		t.Errorf("from a browser that signed in before, at the guesser's address: %v", err)
	}
	again, err := f.desk.SignIn(ctx, "Anna", passphrase, known)
	if err != nil || again.Known != first.Known {
		t.Errorf("the mark of a browser that signs in again: got another, want its own (%v)", err)
	}
	other, err := f.desk.SignIn(ctx, "Anna", passphrase, at("203.0.113.9"))
	if err != nil {
		t.Fatal(err)
	}
	anna := first.Who.Account()
	ben, _ := f.create(t, "Ben")
	if name := f.desk.Browser(anna, first.Known); name == "" || name == f.desk.Browser(anna, other.Known) {
		t.Errorf("two browsers: got the names %q and %q, want two", name, f.desk.Browser(anna, other.Known))
	}
	for what, name := range map[string]string{
		"no mark": f.desk.Browser(anna, ""), "a forged one": f.desk.Browser(anna, "AAAA"+first.Known[4:]), "another account's": f.desk.Browser(ben.Who.Account(), first.Known),
	} {
		if name != "" {
			t.Errorf("%s: got the name %q, want none", what, name)
		}
	}
	known.Known = "AAAA" + first.Known[4:]
	_, err = f.desk.SignIn(ctx, "Anna", passphrase, known)
	wantCode(t, "with a forged mark", err, hearkeep.TooMany)
}

// All of loopback is one network: a process on this machine has very many of
// its addresses.
func TestLoopbackIsOneNetwork(t *testing.T) {
	f, ctx := open(t), t.Context()
	f.create(t, "Anna")
	var limited bool
	for i := range 12 {
		_, err := f.desk.SignIn(ctx, "Anna", "not the passphrase", at(fmt.Sprintf("127.0.%d.7", i)))
		limited = limited || hearkeep.CodeOf(err) == hearkeep.TooMany
	}
	if !limited {
		t.Error("twelve guesses from twelve loopback addresses were all tried")
	}
}

func TestZeroVerifiedIsNobody(t *testing.T) {
	var v identity.Verified
	if v.Valid() || !v.Account().IsZero() || v.Name() != "" || v.Session() != "" {
		t.Error("the zero Verified is somebody")
	}
	f := open(t)
	_, err := f.desk.PairingCode(t.Context(), v, hearkeep.NewID[hearkeep.BindingID]())
	wantCode(t, "a pairing code for nobody", err, hearkeep.Unauthorized)
	if _, ok := (identity.Device{}).Binding(); ok {
		t.Error("the zero Device is a device")
	}
}

// Nothing that signs in stands on the disk: not the passphrase, the kit, the
// cookie's secret, nor a link's.
func TestNoSecretOnDisk(t *testing.T) {
	f := open(t)
	link, err := f.desk.AnotherLink(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	in, kit := f.create(t, "Anna")
	for _, secret := range []string{passphrase, kit, strings.ReplaceAll(kit, "-", ""), in.Cookie, link, in.Known} {
		f.search(t, []byte(secret))
	}
}

func (f fixture) search(t *testing.T, needle []byte) {
	t.Helper()
	err := filepath.WalkDir(f.dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if bytes.Contains(data, needle) {
			t.Errorf("%s holds a secret of %d bytes", filepath.Base(path), len(needle))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (f fixture) alterSession(t *testing.T, cookie string, alter func(*store.Session)) {
	t.Helper()
	hash := identity.CookieHash(cookie)
	err := f.store.Update(t.Context(), func(tx *store.Tx) error {
		ctx := context.Background()
		row, err := tx.Identity.Session(ctx, hash)
		if err != nil {
			return err
		}
		if err := tx.Identity.DeleteSession(ctx, hash); err != nil {
			return err
		}
		alter(&row)
		return tx.Identity.InsertSession(ctx, row)
	})
	if err != nil {
		t.Fatal(err)
	}
}
