package identity_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/identity"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/store"
)

// code is the last code that went out to an account.
func (k keep) code(t *testing.T, account hearkeep.AccountID) string {
	t.Helper()
	var code string
	for _, l := range k.post(t, account) {
		if found := regexp.MustCompile(`\b\d{8}\b`).FindString(l.Text); found != "" {
			code = found
		}
	}
	if code == "" {
		t.Fatal("no code went out")
	}
	return code
}

// wrong is a code that is not this one.
func wrong(code string) string {
	return fmt.Sprintf("%c%s", '0'+(code[0]-'0'+1)%10, code[1:])
}

func (k keep) addAddress(t *testing.T, in identity.SignedIn, address string) (identity.SignedIn, hearkeep.ChannelID) {
	t.Helper()
	id, err := k.desk.AddAddress(t.Context(), in.Who, "webhook", address)
	if err != nil {
		t.Fatal(err)
	}
	next, err := k.desk.ConfirmAddress(t.Context(), in.Who, id, k.code(t, in.Who.Account()), at("10.0.0.1"))
	if err != nil {
		t.Fatal(err)
	}
	return next, id
}

// lettersTo counts letters by address and topic.
func (k keep) lettersTo(t *testing.T, account hearkeep.AccountID) map[string]int {
	t.Helper()
	n := map[string]int{}
	for _, l := range k.post(t, account) {
		n[l.Topic+" to "+l.Address]++
	}
	return n
}

func TestAddresses(t *testing.T) {
	k, ctx := openKeep(t), t.Context()
	in, _ := k.create(t, "Anna")
	const one, two = "https://one.example/x", "https://two.example/x"
	first, id := k.addAddress(t, in, one)
	k.ended(t, "the cookie from before", in.Cookie)
	in = first
	if got := k.again(t, in).Waits(); !got.IsZero() {
		t.Errorf("the first address: archives wait until %v", got)
	}
	list, err := k.desk.Addresses(ctx, in.Who)
	if err != nil || len(list) != 1 || list[0].ID != id || list[0].Address != one || list[0].Confirmed.IsZero() {
		t.Fatalf("got %+v, %v", list, err)
	}
	in, second := k.addAddress(t, in, two)
	if k.again(t, in).Waits().IsZero() {
		t.Error("the second address: nothing waits")
	}
	in, err = k.desk.SetPassphrase(ctx, in.Who, "another passphrase", at("10.0.0.1"))
	if err != nil {
		t.Fatal(err)
	}
	if in, err = k.desk.RemoveAddress(ctx, in.Who, id, at("10.0.0.1")); err != nil {
		t.Fatal(err)
	}
	want := map[string]int{
		"address code to " + one: 1, "address code to " + two: 1,
		"address added to " + one: 2, "address added to " + two: 1,
		"passphrase changed to " + one: 1, "passphrase changed to " + two: 1,
		"address removed to " + one: 1, "address removed to " + two: 1,
	}
	if got := k.lettersTo(t, in.Who.Account()); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("letters: got %v, want %v", got, want)
	}
	sent, err := k.desk.Letters(ctx, in.Who)
	if err != nil || len(sent) != 9 || sent[0].State != "queued" {
		t.Errorf("got %d letters, %v", len(sent), err)
	}
	if list, err = k.desk.Addresses(ctx, in.Who); err != nil || len(list) != 1 || list[0].ID != second {
		t.Errorf("got %+v, %v", list, err)
	}
	if got := k.purposes(t, in.Who.Account(), ledger.KindKeys); !slices.Equal(got,
		[]string{"keyholder: account made", "keyholder: address added", "keyholder: address added",
			"keyholder: passphrase changed", "keyholder: address removed"}) {
		t.Errorf("the ledger says %q", got)
	}
}

// Whoever takes the last address away and puts their own there does not pass
// as somebody with a first address.
func TestReplacedAddressWaits(t *testing.T) {
	k, ctx := openKeep(t), t.Context()
	in, _ := k.create(t, "Anna")
	in, id := k.addAddress(t, in, "https://one.example/x")
	in, err := k.desk.RemoveAddress(ctx, in.Who, id, at("10.0.0.1"))
	if err != nil {
		t.Fatal(err)
	}
	in, _ = k.addAddress(t, in, "https://evil.example/x")
	if k.again(t, in).Waits().IsZero() {
		t.Error("nothing waits")
	}
}

func TestAddressCodes(t *testing.T) {
	k, ctx := openKeep(t), t.Context()
	in, _ := k.create(t, "Anna")
	bert, _ := k.create(t, "Bert")
	confirm := func(who identity.Verified, id hearkeep.ChannelID, code string) error {
		return second(k.desk.ConfirmAddress(ctx, who, id, code, at("10.0.0.1")))
	}
	id, err := k.desk.AddAddress(ctx, in.Who, "webhook", "https://one.example/x")
	if err != nil {
		t.Fatal(err)
	}
	old := k.code(t, in.Who.Account())
	k.search(t, []byte(old))
	wantCode(t, "another's", confirm(bert.Who, id, old), hearkeep.NotFound)
	for range 5 {
		wantCode(t, "a wrong code", confirm(in.Who, id, wrong(old)), hearkeep.Invalid)
	}
	wantCode(t, "the right code after five attempts", confirm(in.Who, id, old), hearkeep.NotFound)

	again, err := k.desk.AddAddress(ctx, in.Who, "webhook", "https://ONE.example/x")
	if err != nil || again != id {
		t.Fatalf("another code: got %v, %v, want the same address", again, err)
	}
	code := k.code(t, in.Who.Account())
	if code != old {
		wantCode(t, "the code from before", confirm(in.Who, id, old), hearkeep.Invalid)
	}
	// Until then, nothing but the codes goes there.
	next, err := k.desk.SetPassphrase(ctx, in.Who, "another passphrase", at("10.0.0.1"))
	if err != nil {
		t.Fatal(err)
	}
	if got := k.topics(t, in.Who.Account()); !slices.Equal(got, []string{"address code", "address code"}) {
		t.Errorf("letters to an unconfirmed address: got %q", got)
	}
	in, err = k.desk.ConfirmAddress(ctx, next.Who, id, code[:4]+" "+code[4:], at("10.0.0.1"))
	if err != nil {
		t.Fatal(err)
	}
	wantCode(t, "a used code", confirm(in.Who, id, code), hearkeep.NotFound)
	_, err = k.desk.AddAddress(ctx, in.Who, "webhook", "https://one.example/x")
	wantCode(t, "an address that is there", err, hearkeep.Conflict)
	_, err = k.desk.RemoveAddress(ctx, bert.Who, id, at("10.0.0.1"))
	wantCode(t, "removing another's", err, hearkeep.NotFound)
	_, err = k.desk.AddAddress(ctx, in.Who, "email", "anna@example.org")
	wantCode(t, "e-mail without a mail server", err, hearkeep.Unavailable)
	_, err = k.desk.AddAddress(ctx, in.Who, "webhook", "nonsense")
	wantCode(t, "nonsense", err, hearkeep.Invalid)
}

func TestAddressCodeEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, ctx := openKeep(t), t.Context()
		in, _ := k.create(t, "Anna")
		id, err := k.desk.AddAddress(ctx, in.Who, "webhook", "https://one.example/x")
		if err != nil {
			t.Fatal(err)
		}
		code := k.code(t, in.Who.Account())
		time.Sleep(identity.AddressCodeLife - time.Second)
		// A wrong attempt does not make a code last longer.
		_, err = k.desk.ConfirmAddress(ctx, in.Who, id, wrong(code), at("10.0.0.1"))
		wantCode(t, "a wrong code", err, hearkeep.Invalid)
		time.Sleep(time.Second)
		_, err = k.desk.ConfirmAddress(ctx, in.Who, id, code, at("10.0.0.1"))
		wantCode(t, "a code an hour later", err, hearkeep.NotFound)
	})
}

// Nobody's mailbox is filled from here.
func TestCodesAreLimited(t *testing.T) {
	k, ctx := openKeep(t), t.Context()
	in, _ := k.create(t, "Anna")
	var limited bool
	for range 8 {
		_, err := k.desk.AddAddress(ctx, in.Who, "webhook", "https://one.example/x")
		limited = limited || hearkeep.CodeOf(err) == hearkeep.TooMany
	}
	if !limited {
		t.Error("eight codes went out at once")
	}
}

// A keep that sends no letters says so, and all else works.
func TestWithoutLetters(t *testing.T) {
	k, ctx := openKeep(t), t.Context()
	k.config.Letters = nil
	k.restart(t)
	in, _ := k.create(t, "Anna")
	_, err := k.desk.AddAddress(ctx, in.Who, "webhook", "https://one.example/x")
	wantCode(t, "an address", err, hearkeep.Unavailable)
	_, err = k.desk.ConfirmAddress(ctx, in.Who, hearkeep.NewID[hearkeep.ChannelID](), "12345678", at("10.0.0.1"))
	wantCode(t, "a code", err, hearkeep.NotFound)
	_, err = k.desk.RemoveAddress(ctx, in.Who, hearkeep.NewID[hearkeep.ChannelID](), at("10.0.0.1"))
	wantCode(t, "a removal", err, hearkeep.NotFound)
	if list, err := k.desk.Addresses(ctx, in.Who); err != nil || len(list) != 0 {
		t.Errorf("got %v, %v", list, err)
	}
	if _, err := k.desk.SetPassphrase(ctx, in.Who, "another passphrase", at("10.0.0.1")); err != nil {
		t.Error(err)
	}
}

// A row that is damaged can be removed.
func TestDamagedAddress(t *testing.T) {
	k, ctx := openKeep(t), t.Context()
	in, _ := k.create(t, "Anna")
	in, id := k.addAddress(t, in, "https://one.example/x")
	k.update(t, func(tx *store.Tx) error {
		rows, err := tx.Letters.Channels(ctx, in.Who.Account())
		if err != nil {
			return err
		}
		if err := tx.Letters.DeleteChannel(ctx, in.Who.Account(), id); err != nil {
			return err
		}
		rows[0].Address = []byte(strings.Repeat("x", 80))
		return tx.Letters.InsertChannel(ctx, rows[0])
	})
	list, err := k.desk.Addresses(ctx, in.Who)
	if err != nil || len(list) != 1 || list[0].Address != "" {
		t.Fatalf("got %+v, %v", list, err)
	}
	if _, err := k.desk.RemoveAddress(ctx, in.Who, id, at("10.0.0.1")); err != nil {
		t.Error(err)
	}
}
