package identity_test

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/identity"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/store"
)

// What changes rights needs an unlocker that was shown in the last five
// minutes, and goes on once it was.
func TestStepUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, ctx := openKeep(t), t.Context()
		in, kit := k.create(t, "Anna")
		key, prf := newKey(t), random32()
		in = k.addPasskey(t, in, key, prf)
		way := k.way(t, in.Who, identity.KindPasskey)
		if err := in.Who.Fresh(); err != nil {
			t.Fatalf("just signed in: %v", err)
		}
		time.Sleep(identity.StepUpLife)
		who := k.again(t, in)
		for name, try := range map[string]func() error{
			"a passphrase":    func() error { return second(k.desk.SetPassphrase(ctx, who, "another passphrase", at("10.0.0.1"))) },
			"a kit":           func() error { _, _, err := k.desk.NewKit(ctx, who); return err },
			"a passkey":       func() error { return second(k.desk.NewPasskey(ctx, who)) },
			"a passkey's end": func() error { return second(k.desk.RemoveWay(ctx, who, way.ID, at("10.0.0.1"))) },
			"an address":      func() error { return second(k.desk.AddAddress(ctx, who, "webhook", "https://hooks.example/x")) },
			"an address's end": func() error {
				return second(k.desk.RemoveAddress(ctx, who, hearkeep.NewID[hearkeep.ChannelID](), at("10.0.0.1")))
			},
			"an answer": func() error {
				_, _, err := k.desk.AddPasskey(ctx, who, "x", identity.PasskeyAnswer{}, at("10.0.0.1"))
				return err
			},
		} {
			wantCode(t, name+" after five minutes", try(), hearkeep.StepUp)
		}
		for _, tc := range []struct {
			name  string
			proof func() identity.Proof
		}{
			{"passphrase", func() identity.Proof { return identity.Proof{Passphrase: passphrase} }},
			{"kit", func() identity.Proof { return identity.Proof{Kit: kit} }},
			{"passkey", func() identity.Proof {
				c, err := k.desk.PasskeyToStepUp(ctx, in.Who)
				if err != nil {
					t.Fatal(err)
				}
				a := key.get(t, c, prf)
				return identity.Proof{Passkey: &a}
			}},
		} {
			time.Sleep(identity.StepUpLife)
			before := in
			next, err := k.desk.StepUp(ctx, k.again(t, in), tc.proof(), at("10.0.0.1"))
			if err != nil {
				t.Fatalf("%s: %v", tc.name, err)
			}
			in = next
			k.ended(t, "the cookie from before", before.Cookie)
			who := k.again(t, in)
			if err := who.Fresh(); err != nil {
				t.Errorf("%s: %v", tc.name, err)
			}
			if !who.Expires().Equal(before.Expires) {
				t.Errorf("%s: the session ends at %v, want %v", tc.name, who.Expires(), before.Expires)
			}
			if k.way(t, who, tc.name).Used.IsZero() {
				t.Errorf("%s: its use was not noted", tc.name)
			}
		}
		if _, err := k.desk.SetPassphrase(ctx, in.Who, "another passphrase", at("10.0.0.1")); err != nil {
			t.Errorf("after a step-up: %v", err)
		}
	})
}

func TestStepUpIsNotForOthers(t *testing.T) {
	k, ctx := openKeep(t), t.Context()
	anna, _ := k.create(t, "Anna")
	bert, bertsKit := k.create(t, "Bert")
	bertsKey, bprf, mute := newKey(t), random32(), newKey(t)
	bert = k.addPasskey(t, bert, bertsKey, bprf)
	annasKey, prf := newKey(t), random32()
	anna = k.addPasskey(t, anna, annasKey, prf)
	anna = k.addPasskey(t, anna, mute, nil)
	ask := func(who identity.Verified) identity.PasskeyCeremony {
		c, err := k.desk.PasskeyToStepUp(ctx, who)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	other, err := k.desk.SignIn(ctx, "Anna", passphrase, at("10.0.0.5"))
	if err != nil {
		t.Fatal(err)
	}
	with := func(a identity.PasskeyAnswer) identity.Proof { return identity.Proof{Passkey: &a} }
	for _, tc := range []struct {
		name  string
		proof func() identity.Proof
		want  hearkeep.Code
	}{
		{"nothing", func() identity.Proof { return identity.Proof{} }, hearkeep.Invalid},
		{"two at once", func() identity.Proof { return identity.Proof{Passphrase: passphrase, Kit: bertsKit} }, hearkeep.Invalid},
		{"a wrong passphrase", func() identity.Proof { return identity.Proof{Passphrase: passphrase + " "} }, hearkeep.Forbidden},
		{"another's kit", func() identity.Proof { return identity.Proof{Kit: bertsKit} }, hearkeep.Forbidden},
		{"half a kit", func() identity.Proof { return identity.Proof{Kit: bertsKit[:12]} }, hearkeep.Invalid},
		{"another's passkey on another's question", func() identity.Proof { return with(bertsKey.get(t, ask(bert.Who), bprf)) }, hearkeep.Forbidden},
		{"another's passkey on her question", func() identity.Proof { return with(bertsKey.get(t, ask(anna.Who), bprf)) }, hearkeep.Forbidden},
		{"her passkey on her other session's question", func() identity.Proof { return with(annasKey.get(t, ask(other.Who), prf)) }, hearkeep.Forbidden},
		{"her passkey on a sign-in's question", func() identity.Proof { return with(annasKey.get(t, k.toSignIn(t, "Anna"), prf)) }, hearkeep.Forbidden},
		{"her passkey with other PRF bytes", func() identity.Proof { return with(annasKey.get(t, ask(anna.Who), bprf)) }, hearkeep.Forbidden},
		{"her passkey in a browser without PRF", func() identity.Proof { return with(annasKey.get(t, ask(anna.Who), nil)) }, hearkeep.Forbidden},
		{"her passkey that does not unlock", func() identity.Proof { return with(mute.get(t, ask(anna.Who), nil)) }, hearkeep.Forbidden},
	} {
		t.Run(tc.name, func(t *testing.T) {
			k.restart(t)
			_, err := k.desk.StepUp(ctx, anna.Who, tc.proof(), at("10.0.0.1"))
			wantCode(t, tc.name, err, tc.want)
			k.again(t, anna)
		})
	}
	k.restart(t)
	for name, key := range map[string]*key{"a browser without PRF": annasKey, "a passkey without PRF": mute} {
		_, err = k.desk.StepUp(ctx, anna.Who, with(key.get(t, ask(anna.Who), nil)), at("10.0.0.1"))
		if _, message, hint := hearkeep.Explain(err); message != "This passkey signs in, but it cannot unlock your vault." || hint == "" {
			t.Errorf("%s: got %q, %q", name, message, hint)
		}
	}
	_, err = k.desk.StepUp(ctx, identity.Verified{}, identity.Proof{Passphrase: passphrase}, at("10.0.0.1"))
	wantCode(t, "nobody", err, hearkeep.Unauthorized)
}

// A stolen cookie is no way to guess a passphrase.
func TestStepUpIsLimited(t *testing.T) {
	k, ctx := openKeep(t), t.Context()
	in, _ := k.create(t, "Anna")
	tries := func(from func(i int) identity.Visitor) (limited bool) {
		for i := range 12 {
			_, err := k.desk.StepUp(ctx, in.Who, identity.Proof{Passphrase: "not the passphrase"}, from(i))
			limited = limited || hearkeep.CodeOf(err) == hearkeep.TooMany
		}
		return limited
	}
	if !tries(func(int) identity.Visitor { return at("10.0.0.1") }) {
		t.Error("twelve guesses from one address were all tried")
	}
	_, err := k.desk.SignIn(ctx, "Anna", passphrase, at("10.0.0.1"))
	wantCode(t, "signing in from the guesser's address", err, hearkeep.TooMany)
	k.restart(t)
	if !tries(func(i int) identity.Visitor { return at(fmt.Sprintf("10.0.%d.1", i)) }) {
		t.Error("twelve guesses with one cookie from twelve addresses were all tried")
	}
	k.restart(t)
	if !tries(func(int) identity.Visitor {
		v := at("10.0.0.1")
		v.Known = in.Known
		return v
	}) {
		t.Error("twelve guesses from a known browser were all tried")
	}
}

// Whoever writes rows makes no wrap that steps up.
func TestStepUpWithASwappedWrap(t *testing.T) {
	k, ctx := openKeep(t), t.Context()
	anna, _ := k.create(t, "Anna")
	bert, _ := k.create(t, "Bert")
	_, mine := k.rows(t, anna.Who.Account())
	_, berts := k.rows(t, bert.Who.Account())
	mine[0].Params, mine[0].Wrap = berts[0].Params, berts[0].Wrap
	k.update(t, func(tx *store.Tx) error { return tx.Identity.SetUnlocker(ctx, mine[0]) })
	_, err := k.desk.StepUp(ctx, anna.Who, identity.Proof{Passphrase: passphrase}, at("10.0.0.1"))
	wantCode(t, "another's wrap", err, hearkeep.Forbidden)
}

func TestTabsThatWereLeftOpen(t *testing.T) {
	k, ctx := openKeep(t), t.Context()
	in, _ := k.create(t, "Anna")
	stale := k.again(t, in)
	if _, err := k.desk.StepUp(ctx, in.Who, identity.Proof{Passphrase: passphrase}, at("10.0.0.1")); err != nil {
		t.Fatal(err)
	}
	for name, try := range map[string]func() error{
		"a passphrase": func() error { return second(k.desk.SetPassphrase(ctx, stale, "another passphrase", at("10.0.0.1"))) },
		"a kit":        func() error { _, _, err := k.desk.NewKit(ctx, stale); return err },
		"a passkey":    func() error { return second(k.desk.NewPasskey(ctx, stale)) },
		"a step-up": func() error {
			return second(k.desk.StepUp(ctx, stale, identity.Proof{Passphrase: passphrase}, at("10.0.0.1")))
		},
		"a removal": func() error {
			return second(k.desk.RemoveWay(ctx, stale, k.way(t, stale, identity.KindKit).ID, at("10.0.0.1")))
		},
		"an address": func() error {
			return second(k.desk.AddAddress(ctx, stale, "webhook", "https://hooks.example/x"))
		},
		"another session's end": func() error { return k.desk.EndSession(ctx, stale, stale.Session()) },
		"all others' end":       func() error { return second(k.desk.EndOthers(ctx, stale)) },
	} {
		wantCode(t, name+" by a request from before", try(), hearkeep.Unauthorized)
	}
}

func TestWaitingTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, ctx := openKeep(t), t.Context()
		in, _ := k.create(t, "Anna")
		if got := in.Who.Waits(); !got.IsZero() {
			t.Errorf("after the set-up: got %v, want no waiting", got)
		}
		if !(identity.Verified{}).Waits().IsZero() {
			t.Error("nobody waits")
		}
		now := time.Now()
		in, err := k.desk.SetPassphrase(ctx, in.Who, "another passphrase", at("10.0.0.1"))
		if err != nil {
			t.Fatal(err)
		}
		for _, who := range []identity.Verified{in.Who, k.again(t, in)} {
			if got, want := who.Waits(), now.Add(identity.WaitLife); !got.Equal(want) {
				t.Errorf("got %v, want %v", got, want)
			}
		}
		time.Sleep(identity.WaitLife - time.Millisecond)
		if k.again(t, in).Waits().IsZero() {
			t.Error("a millisecond before, it is over")
		}
		time.Sleep(time.Millisecond)
		if got := k.again(t, in).Waits(); !got.IsZero() {
			t.Errorf("got %v, want it to be over", got)
		}
		// The setting says how long.
		k.config.Wait = time.Hour
		k.restart(t)
		if in, err = k.desk.StepUp(ctx, k.again(t, in), identity.Proof{Passphrase: "another passphrase"}, at("10.0.0.1")); err != nil {
			t.Fatal(err)
		}
		if in, err = k.desk.SetPassphrase(ctx, in.Who, passphrase, at("10.0.0.1")); err != nil {
			t.Fatal(err)
		}
		if got, want := in.Who.Waits(), time.Now().Add(time.Hour); !got.Equal(want) {
			t.Errorf("got %v, want %v", got, want)
		}
	})
}

func TestSessions(t *testing.T) {
	k, ctx := openKeep(t), t.Context()
	in, _ := k.create(t, "Anna")
	bert, _ := k.create(t, "Bert")
	phone, err := k.desk.SignIn(ctx, "Anna", passphrase, identity.Visitor{Addr: at("10.0.0.2").Addr, Agent: "a phone"})
	if err != nil {
		t.Fatal(err)
	}
	list, err := k.desk.Sessions(ctx, in.Who)
	if err != nil || len(list) != 2 {
		t.Fatalf("got %d sessions, %v, want 2", len(list), err)
	}
	for _, s := range list {
		if s.Current != (s.ID == in.Who.Session()) || s.Agent == "a phone" != (s.ID == phone.Who.Session()) || s.Created.IsZero() || s.Used.IsZero() {
			t.Errorf("got %+v", s)
		}
	}
	wantCode(t, "another's session", k.desk.EndSession(ctx, bert.Who, phone.Who.Session()), hearkeep.NotFound)
	wantCode(t, "no session", k.desk.EndSession(ctx, in.Who, ""), hearkeep.NotFound)
	k.again(t, phone)
	if err := k.desk.EndSession(ctx, in.Who, phone.Who.Session()); err != nil {
		t.Fatal(err)
	}
	k.ended(t, "a session that was ended", phone.Cookie)
	wantCode(t, "a session that ended", k.desk.EndSession(ctx, in.Who, phone.Who.Session()), hearkeep.NotFound)

	tablet, err := k.desk.SignIn(ctx, "Anna", passphrase, at("10.0.0.2"))
	if err != nil {
		t.Fatal(err)
	}
	if n, err := k.desk.EndOthers(ctx, in.Who); err != nil || n != 1 {
		t.Errorf("got %d, %v, want 1", n, err)
	}
	k.ended(t, "one of the others", tablet.Cookie)
	k.again(t, in)
	k.again(t, bert)
	if got := k.purposes(t, in.Who.Account(), ledger.KindSignedOut); !slices.Equal(got, []string{"keyholder: by its account", "keyholder: all others"}) {
		t.Errorf("the ledger says %q", got)
	}
}
