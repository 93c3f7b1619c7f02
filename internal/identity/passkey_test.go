package identity_test

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"slices"
	"testing"

	"github.com/descope/virtualwebauthn"
	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/identity"
	"github.com/hearkeep/hearkeep/internal/store"
)

// key is an authenticator with one credential. What its PRF extension would
// give stands with the test, as it would with the browser.
type key struct {
	auth virtualwebauthn.Authenticator
	cred virtualwebauthn.Credential
	rp   virtualwebauthn.RelyingParty
}

func newKey(t *testing.T) *key {
	t.Helper()
	k := &key{
		auth: virtualwebauthn.NewAuthenticator(),
		rp:   virtualwebauthn.RelyingParty{ID: "keep.example", Name: "Hearkeep", Origin: origin},
	}
	// The virtual authenticator leaves out leading zeros of a coordinate, one
	// time in 128, and such a key is malformed. A whole one has 77 bytes.
	for k.cred.Key == nil || len(k.cred.Key.AttestationData()) != 77 {
		k.cred = virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2)
	}
	return k
}

func random32() []byte {
	b := make([]byte, 32)
	rand.Read(b)
	return b
}

// create answers the options of NewPasskey.
func (k *key) create(t *testing.T, c identity.PasskeyCeremony, prf []byte) identity.PasskeyAnswer {
	t.Helper()
	options, err := virtualwebauthn.ParseAttestationOptions(string(c.Options))
	if err != nil {
		t.Fatal(err)
	}
	k.auth.Options.UserHandle = []byte(options.UserID)
	response := virtualwebauthn.CreateAttestationResponse(k.rp, k.auth, k.cred, *options)
	return identity.PasskeyAnswer{Ceremony: c.ID, Response: json.RawMessage(response), PRF: prf}
}

// get answers the options of PasskeyToSignIn and PasskeyToStepUp.
func (k *key) get(t *testing.T, c identity.PasskeyCeremony, prf []byte) identity.PasskeyAnswer {
	t.Helper()
	options, err := virtualwebauthn.ParseAssertionOptions(string(c.Options))
	if err != nil {
		t.Fatal(err)
	}
	response := virtualwebauthn.CreateAssertionResponse(k.rp, k.auth, k.cred, *options)
	return identity.PasskeyAnswer{Ceremony: c.ID, Response: json.RawMessage(response), PRF: prf}
}

func (k keep) addPasskey(t *testing.T, in identity.SignedIn, key *key, prf []byte) identity.SignedIn {
	t.Helper()
	c, err := k.desk.NewPasskey(t.Context(), in.Who)
	if err != nil {
		t.Fatal(err)
	}
	next, way, err := k.desk.AddPasskey(t.Context(), in.Who, "my key", key.create(t, c, prf), at("10.0.0.1"))
	if err != nil {
		t.Fatal(err)
	}
	if way.Kind != identity.KindPasskey || way.Name != "my key" || way.Unlocks != (prf != nil) {
		t.Fatalf("got %+v", way)
	}
	return next
}

func (k keep) toSignIn(t *testing.T, name string) identity.PasskeyCeremony {
	t.Helper()
	c, err := k.desk.PasskeyToSignIn(t.Context(), name, at("10.0.0.1"))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestSignInWithPasskey(t *testing.T) {
	k, ctx := openKeep(t), t.Context()
	in, _ := k.create(t, "Anna")
	key, prf := newKey(t), random32()
	next := k.addPasskey(t, in, key, prf)
	k.ended(t, "the cookie from before", in.Cookie)
	k.again(t, next)
	if next.Who.Waits().IsZero() {
		t.Error("a new passkey makes nothing wait")
	}
	got, half, err := k.desk.SignInWithPasskey(ctx, key.get(t, k.toSignIn(t, "anna"), prf), at("10.0.0.1"))
	if err != nil || half != nil {
		t.Fatalf("got %v, %v", half, err)
	}
	if who := k.again(t, got); who.Account() != in.Who.Account() {
		t.Error("signed in as somebody else")
	}
	if k.way(t, got.Who, identity.KindPasskey).Used.IsZero() {
		t.Error("its use was not noted")
	}
	// The same key in a browser without the extension.
	_, half, err = k.desk.SignInWithPasskey(ctx, key.get(t, k.toSignIn(t, "anna"), nil), at("10.0.0.1"))
	if err != nil || half == nil || half.Name != "Anna" || half.Known == "" {
		t.Errorf("without PRF: got %v, %v, want Anna's half", half, err)
	}
}

func TestPasskeyWithoutPRF(t *testing.T) {
	k, ctx := openKeep(t), t.Context()
	in, _ := k.create(t, "Anna")
	key := newKey(t)
	in = k.addPasskey(t, in, key, nil)
	got, half, err := k.desk.SignInWithPasskey(ctx, key.get(t, k.toSignIn(t, "Anna"), nil), at("10.0.0.1"))
	if err != nil || half == nil || got.Cookie != "" || got.Who.Valid() {
		t.Fatalf("got %v, %v, want a half and no session", half, err)
	}
	_, half, err = k.desk.SignInWithPasskey(ctx, key.get(t, k.toSignIn(t, "Anna"), random32()), at("10.0.0.1"))
	if err != nil || half == nil {
		t.Errorf("bytes that it never unlocked with: got %v, %v, want a half", half, err)
	}
	_, err = k.desk.PasskeyToStepUp(ctx, in.Who)
	wantCode(t, "to step up with none that unlocks", err, hearkeep.Invalid)
}

// Every answer that is not this passkey's, to this question, asked by this
// keep, now, is refused; and the question is used up.
func TestForeignAssertions(t *testing.T) {
	k, ctx := openKeep(t), t.Context()
	anna, _ := k.create(t, "Anna")
	bert, _ := k.create(t, "Bert")
	annas, bobs, prf, bprf := newKey(t), newKey(t), random32(), random32()
	anna = k.addPasskey(t, anna, annas, prf)
	bert = k.addPasskey(t, bert, bobs, bprf)
	for _, tc := range []struct {
		name   string
		answer func() identity.PasskeyAnswer
	}{
		{"another origin", func() identity.PasskeyAnswer {
			evil := *annas
			evil.rp.Origin = "https://keep.example.evil.test"
			return evil.get(t, k.toSignIn(t, "Anna"), prf)
		}},
		{"without TLS", func() identity.PasskeyAnswer {
			evil := *annas
			evil.rp.Origin = "http://keep.example"
			return evil.get(t, k.toSignIn(t, "Anna"), prf)
		}},
		{"another relying party", func() identity.PasskeyAnswer {
			evil := *annas
			evil.rp.ID = "evil.test"
			return evil.get(t, k.toSignIn(t, "Anna"), prf)
		}},
		{"another's passkey", func() identity.PasskeyAnswer { return bobs.get(t, k.toSignIn(t, "Anna"), bprf) }},
		{"another's passkey under her id", func() identity.PasskeyAnswer {
			evil := *bobs
			evil.cred.ID, evil.auth.Options.UserHandle = annas.cred.ID, annas.auth.Options.UserHandle
			return evil.get(t, k.toSignIn(t, "Anna"), prf)
		}},
		{"another's user handle", func() identity.PasskeyAnswer {
			evil := *annas
			evil.auth.Options.UserHandle = bobs.auth.Options.UserHandle
			return evil.get(t, k.toSignIn(t, "Anna"), prf)
		}},
		{"nobody verified", func() identity.PasskeyAnswer {
			evil := *annas
			evil.auth.Options.UserNotVerified = true
			return evil.get(t, k.toSignIn(t, "Anna"), prf)
		}},
		{"another question's answer", func() identity.PasskeyAnswer {
			a := annas.get(t, k.toSignIn(t, "Anna"), prf)
			a.Ceremony = k.toSignIn(t, "Anna").ID
			return a
		}},
		{"an altered signature", func() identity.PasskeyAnswer {
			a := annas.get(t, k.toSignIn(t, "Anna"), prf)
			return alter(t, a, "signature")
		}},
		{"altered authenticator data", func() identity.PasskeyAnswer {
			a := annas.get(t, k.toSignIn(t, "Anna"), prf)
			return alter(t, a, "authenticatorData")
		}},
		{"an unknown name", func() identity.PasskeyAnswer { return annas.get(t, k.toSignIn(t, "Nobody"), prf) }},
		{"a step-up's question", func() identity.PasskeyAnswer {
			c, err := k.desk.PasskeyToStepUp(ctx, anna.Who)
			if err != nil {
				t.Fatal(err)
			}
			return annas.get(t, c, prf)
		}},
		{"an adding's question", func() identity.PasskeyAnswer {
			c, err := k.desk.NewPasskey(ctx, anna.Who)
			if err != nil {
				t.Fatal(err)
			}
			return annas.get(t, c, prf)
		}},
		{"other PRF bytes", func() identity.PasskeyAnswer { return annas.get(t, k.toSignIn(t, "Anna"), bprf) }},
		{"an invented question", func() identity.PasskeyAnswer {
			a := annas.get(t, k.toSignIn(t, "Anna"), prf)
			a.Ceremony = "0" + a.Ceremony[1:] // no letter of its alphabet
			return a
		}},
		{"rubbish", func() identity.PasskeyAnswer {
			return identity.PasskeyAnswer{Ceremony: k.toSignIn(t, "Anna").ID, Response: json.RawMessage(`{"id":3}`), PRF: prf}
		}},
		{"nothing", func() identity.PasskeyAnswer { return identity.PasskeyAnswer{} }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			k.restart(t)
			a := tc.answer()
			in, half, err := k.desk.SignInWithPasskey(ctx, a, at("10.0.0.1"))
			wantCode(t, tc.name, err, hearkeep.Unauthorized)
			if half != nil || in.Cookie != "" {
				t.Error("it signed in")
			}
			_, message, _ := hearkeep.Explain(err)
			if want := "This passkey was not accepted."; message != want {
				t.Errorf("got %q, want %q", message, want)
			}
		})
	}
	t.Run("a passkey that was added since", func(t *testing.T) {
		c, later := k.toSignIn(t, "Bert"), newKey(t)
		bert = k.addPasskey(t, bert, later, bprf)
		_, _, err := k.desk.SignInWithPasskey(ctx, later.get(t, c, bprf), at("10.0.0.1"))
		wantCode(t, "to a question from before", err, hearkeep.Unauthorized)
		if _, _, err = k.desk.SignInWithPasskey(ctx, later.get(t, k.toSignIn(t, "Bert"), bprf), at("10.0.0.1")); err != nil {
			t.Error(err)
		}
	})
	t.Run("replayed", func(t *testing.T) {
		a := annas.get(t, k.toSignIn(t, "Anna"), prf)
		if _, _, err := k.desk.SignInWithPasskey(ctx, a, at("10.0.0.1")); err != nil {
			t.Fatal(err)
		}
		_, _, err := k.desk.SignInWithPasskey(ctx, a, at("10.0.0.1"))
		wantCode(t, "the same answer again", err, hearkeep.Unauthorized)
	})
	t.Run("short PRF bytes", func(t *testing.T) {
		_, _, err := k.desk.SignInWithPasskey(ctx, annas.get(t, k.toSignIn(t, "Anna"), prf[:31]), at("10.0.0.1"))
		wantCode(t, "31 bytes", err, hearkeep.Invalid)
	})
	t.Run("a copy", func(t *testing.T) {
		annas.cred.Counter = 9
		if _, _, err := k.desk.SignInWithPasskey(ctx, annas.get(t, k.toSignIn(t, "Anna"), prf), at("10.0.0.1")); err != nil {
			t.Fatal(err)
		}
		annas.cred.Counter = 8
		_, _, err := k.desk.SignInWithPasskey(ctx, annas.get(t, k.toSignIn(t, "Anna"), prf), at("10.0.0.1"))
		wantCode(t, "a counter that went back", err, hearkeep.Unauthorized)
	})
}

// alter flips a bit of a field of an answer.
func alter(t *testing.T, a identity.PasskeyAnswer, field string) identity.PasskeyAnswer {
	t.Helper()
	var whole map[string]any
	if err := json.Unmarshal(a.Response, &whole); err != nil {
		t.Fatal(err)
	}
	response := whole["response"].(map[string]any)
	raw, err := base64.RawURLEncoding.DecodeString(response[field].(string))
	if err != nil {
		t.Fatal(err)
	}
	raw[len(raw)-1] ^= 1
	response[field] = base64.RawURLEncoding.EncodeToString(raw)
	if a.Response, err = json.Marshal(whole); err != nil {
		t.Fatal(err)
	}
	return a
}

// Whoever asks cannot tell a name that has passkeys from one that has none,
// nor from one that nobody has.
func TestForeignPasskeysAreNotAdded(t *testing.T) {
	k, ctx := openKeep(t), t.Context()
	anna, _ := k.create(t, "Anna")
	bert, _ := k.create(t, "Bert")
	begin := func(in identity.SignedIn) identity.PasskeyCeremony {
		c, err := k.desk.NewPasskey(ctx, in.Who)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	for _, tc := range []struct {
		name   string
		answer func() identity.PasskeyAnswer
		want   hearkeep.Code
	}{
		{"another origin", func() identity.PasskeyAnswer {
			key := newKey(t)
			key.rp.Origin = "https://evil.test"
			return key.create(t, begin(anna), nil)
		}, hearkeep.Invalid},
		{"another relying party", func() identity.PasskeyAnswer {
			key := newKey(t)
			key.rp.ID = "evil.test"
			return key.create(t, begin(anna), nil)
		}, hearkeep.Invalid},
		{"nobody verified", func() identity.PasskeyAnswer {
			key := newKey(t)
			key.auth.Options.UserNotVerified = true
			return key.create(t, begin(anna), nil)
		}, hearkeep.Invalid},
		{"another's question", func() identity.PasskeyAnswer { return newKey(t).create(t, begin(bert), nil) }, hearkeep.Invalid},
		{"short PRF bytes", func() identity.PasskeyAnswer { return newKey(t).create(t, begin(anna), []byte{1}) }, hearkeep.Invalid},
		{"rubbish", func() identity.PasskeyAnswer {
			return identity.PasskeyAnswer{Ceremony: begin(anna).ID, Response: json.RawMessage(`[]`)}
		}, hearkeep.Invalid},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, _, err := k.desk.AddPasskey(ctx, anna.Who, "x", tc.answer(), at("10.0.0.1"))
			wantCode(t, tc.name, err, tc.want)
			if got := len(k.ways(t, anna.Who)); got != 2 {
				t.Errorf("got %d ways, want 2", got)
			}
		})
	}
	t.Run("twice", func(t *testing.T) {
		key := newKey(t)
		anna = k.addPasskey(t, anna, key, nil)
		_, _, err := k.desk.AddPasskey(ctx, anna.Who, "x", key.create(t, begin(anna), nil), at("10.0.0.1"))
		wantCode(t, "a passkey that is there", err, hearkeep.Conflict)
	})
	t.Run("a question of the session's old cookie", func(t *testing.T) {
		c := begin(anna)
		next, err := k.desk.StepUp(ctx, anna.Who, identity.Proof{Passphrase: passphrase}, at("10.0.0.1"))
		if err != nil {
			t.Fatal(err)
		}
		anna = next
		_, _, err = k.desk.AddPasskey(ctx, anna.Who, "x", newKey(t).create(t, c, nil), at("10.0.0.1"))
		wantCode(t, "an old question", err, hearkeep.Invalid)
	})
	t.Run("too many", func(t *testing.T) {
		for len(k.ways(t, anna.Who)) < 2+identity.MaxPasskeys {
			anna = k.addPasskey(t, anna, newKey(t), nil)
		}
		_, err := k.desk.NewPasskey(ctx, anna.Who)
		wantCode(t, "one more", err, hearkeep.Conflict)
	})
}

func TestRemovedPasskey(t *testing.T) {
	k, ctx := openKeep(t), t.Context()
	in, _ := k.create(t, "Anna")
	key, prf := newKey(t), random32()
	in = k.addPasskey(t, in, key, prf)
	before := key.get(t, k.toSignIn(t, "Anna"), prf) // asked while it was there
	in, err := k.desk.RemoveWay(ctx, in.Who, k.way(t, in.Who, identity.KindPasskey).ID, at("10.0.0.1"))
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = k.desk.SignInWithPasskey(ctx, before, at("10.0.0.1"))
	wantCode(t, "an answer to a question from before", err, hearkeep.Unauthorized)
	_, _, err = k.desk.SignInWithPasskey(ctx, key.get(t, k.toSignIn(t, "Anna"), prf), at("10.0.0.1"))
	wantCode(t, "a removed passkey", err, hearkeep.Unauthorized)
	if _, err := k.desk.SignIn(ctx, "Anna", passphrase, at("10.0.0.1")); err != nil {
		t.Errorf("the passphrase, which stayed: %v", err)
	}
}

// A damaged row keeps nobody from the other ways in.
func TestDamagedPasskey(t *testing.T) {
	k, ctx := openKeep(t), t.Context()
	in, _ := k.create(t, "Anna")
	in = k.addPasskey(t, in, newKey(t), random32())
	key, prf := newKey(t), random32()
	_, rows := k.rows(t, in.Who.Account())
	in = k.addPasskey(t, in, key, prf)
	damaged := rows[slices.IndexFunc(rows, func(u store.Unlocker) bool { return u.Kind == identity.KindPasskey })]
	damaged.Params = []byte("{}")
	k.update(t, func(tx *store.Tx) error { return tx.Identity.SetUnlocker(ctx, damaged) })
	if _, _, err := k.desk.SignInWithPasskey(ctx, key.get(t, k.toSignIn(t, "Anna"), prf), at("10.0.0.1")); err != nil {
		t.Errorf("the other passkey: %v", err)
	}
	in = k.addPasskey(t, in, newKey(t), nil)
	if _, err := k.desk.RemoveWay(ctx, in.Who, damaged.ID, at("10.0.0.1")); err != nil {
		t.Errorf("removing it: %v", err)
	}
}

// Whoever writes rows can let a key of their own answer, and opens nothing by it.
func TestRowWritersPasskey(t *testing.T) {
	k, ctx := openKeep(t), t.Context()
	anna, _ := k.create(t, "Anna")
	eve, _ := k.create(t, "Eve")
	annas, eves, prf, eprf := newKey(t), newKey(t), random32(), random32()
	anna = k.addPasskey(t, anna, annas, prf)
	eve = k.addPasskey(t, eve, eves, eprf)
	find := func(who identity.Verified) store.Unlocker {
		_, rows := k.rows(t, who.Account())
		return rows[slices.IndexFunc(rows, func(u store.Unlocker) bool { return u.Kind == identity.KindPasskey })]
	}
	mine, hers := find(eve.Who), find(anna.Who)
	for _, tc := range []struct {
		name  string
		alter func(*store.Unlocker)
	}{
		{"her key in Anna's row", func(u *store.Unlocker) { u.Params = mine.Params }},
		{"her key and wrap in Anna's row", func(u *store.Unlocker) { u.Params, u.Wrap = mine.Params, mine.Wrap }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			row := hers
			tc.alter(&row)
			k.update(t, func(tx *store.Tx) error { return tx.Identity.SetUnlocker(ctx, row) })
			evil := *eves
			evil.auth.Options.UserHandle = annas.auth.Options.UserHandle
			in, _, err := k.desk.SignInWithPasskey(ctx, evil.get(t, k.toSignIn(t, "Anna"), eprf), at("10.0.0.1"))
			wantCode(t, tc.name, err, hearkeep.Unauthorized)
			if in.Who.Valid() {
				t.Error("Eve is Anna")
			}
		})
	}
}

// Nothing that unlocks stands on the disk.
func TestNoPRFAndNoKitOnDisk(t *testing.T) {
	k, ctx := openKeep(t), t.Context()
	in, _ := k.create(t, "Anna")
	key, prf := newKey(t), random32()
	in = k.addPasskey(t, in, key, prf)
	kit, check, err := k.desk.NewKit(ctx, in.Who)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := k.desk.SignInWithPasskey(ctx, key.get(t, k.toSignIn(t, "Anna"), prf), at("10.0.0.1")); err != nil {
		t.Fatal(err)
	}
	c := k.toSignIn(t, "Anna")
	groups := bytes.Split([]byte(kit), []byte("-"))
	for _, secret := range [][]byte{
		prf, []byte(base64.RawURLEncoding.EncodeToString(prf)), []byte(base64.StdEncoding.EncodeToString(prf)),
		[]byte(kit), bytes.Join(groups, nil), bytes.Join(groups[:2], []byte("-")), []byte(check.Ticket), []byte(c.ID),
	} {
		k.search(t, secret)
	}
}
