package identity_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/identity"
)

func TestCeremonyEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, ctx := openKeep(t), t.Context()
		in, _ := k.create(t, "Anna")
		key, prf := newKey(t), random32()
		k.addPasskey(t, in, key, prf)
		a := key.get(t, k.toSignIn(t, "Anna"), prf)
		time.Sleep(identity.CeremonyLife)
		_, _, err := k.desk.SignInWithPasskey(ctx, a, at("10.0.0.1"))
		wantCode(t, "an answer after five minutes", err, hearkeep.Unauthorized)
	})
}

func TestEveryNameIsAnsweredAlike(t *testing.T) {
	k := openKeep(t)
	in, _ := k.create(t, "Anna")
	k.create(t, "Bert")
	annas := newKey(t)
	in = k.addPasskey(t, in, annas, random32())
	k.addPasskey(t, in, newKey(t), nil)
	type options struct {
		Challenge string `json:"challenge"`
		Timeout   int    `json:"timeout"`
		RP        string `json:"rpId"`
		Allow     []struct {
			Type       string `json:"type"`
			ID         string `json:"id"`
			Transports any    `json:"transports"`
		} `json:"allowCredentials"`
		UV         string `json:"userVerification"`
		Extensions struct {
			PRF struct {
				Eval map[string]struct {
					First string `json:"first"`
				} `json:"evalByCredential"`
			} `json:"prf"`
		} `json:"extensions"`
	}
	read := func(name string) (o options, ids []string) {
		raw := k.toSignIn(t, name).Options
		d := json.NewDecoder(bytes.NewReader(raw))
		d.DisallowUnknownFields()
		if err := d.Decode(&o); err != nil {
			t.Fatalf("%s: %v in %s", name, err, raw)
		}
		for _, a := range o.Allow {
			ids = append(ids, a.ID)
			id, err := base64.RawURLEncoding.DecodeString(a.ID)
			if err != nil || len(id) < 16 || a.Type != "public-key" || a.Transports != nil {
				t.Errorf("%s: got %+v", name, a)
			}
			first, err := base64.RawURLEncoding.DecodeString(o.Extensions.PRF.Eval[a.ID].First)
			if err != nil || len(first) != 32 {
				t.Errorf("%s: a passkey comes without a salt", name)
			}
		}
		if len(ids) != identity.MaxPasskeys || len(o.Extensions.PRF.Eval) != len(ids) || o.UV != "required" || o.RP != "keep.example" {
			t.Errorf("%s: got %d passkeys, %d salts, %s, %s", name, len(ids), len(o.Extensions.PRF.Eval), o.UV, o.RP)
		}
		raws := make([]string, len(ids))
		for i, id := range ids {
			b, _ := base64.RawURLEncoding.DecodeString(id)
			raws[i] = string(b)
		}
		if !slices.IsSorted(raws) {
			t.Errorf("%s: the order of the passkeys says something", name)
		}
		return o, ids
	}
	for _, name := range []string{"Anna", "Bert", "Nobody", "", "anna "} {
		_, once := read(name)
		_, twice := read(name)
		if !slices.Equal(once, twice) {
			t.Errorf("%q: the second answer has other passkeys", name)
		}
	}
	_, anna := read("Anna")
	if !slices.Contains(anna, base64.RawURLEncoding.EncodeToString(annas.cred.ID)) {
		t.Error("Anna's own passkey is not among hers")
	}
	_, upper := read("ANNA")
	if !slices.Equal(anna, upper) {
		t.Error("another spelling of the name has other passkeys")
	}
	_, nobody := read("Nobody")
	_, else_ := read("Somebody")
	if slices.Equal(nobody, else_) {
		t.Error("all names that nobody has share passkeys")
	}
}

func TestAskingIsLimited(t *testing.T) {
	k := openKeep(t)
	var limited bool
	for range 40 {
		_, err := k.desk.PasskeyToSignIn(t.Context(), "Anna", at("198.51.100.7"))
		limited = limited || hearkeep.CodeOf(err) == hearkeep.TooMany
	}
	if !limited {
		t.Error("forty questions from one address were all answered")
	}
	if _, err := k.desk.PasskeyToSignIn(t.Context(), "Anna", at("203.0.113.9")); err != nil {
		t.Errorf("from another address: %v", err)
	}
}

func TestPasskeysNeedAHostName(t *testing.T) {
	k := openKeep(t)
	in, _ := k.create(t, "Anna")
	for _, tc := range []struct {
		origin string
		works  bool
	}{
		{"https://keep.example", true}, {"https://keep.example:8443", true}, {"http://localhost:8484", true},
		{"http://127.0.0.1:8484", false}, {"https://192.168.1.4", false}, {"https://[::1]:8484", false},
		{"https://Keep.Example:443", true}, {"https://raspberrypi", false}, {"https://keep.local", true},
		{"http://keep.example", false}, {"", false}, {"::", false}, {"https://_", false},
	} {
		k.config.Origin = tc.origin
		k.restart(t)
		_, err := k.desk.NewPasskey(t.Context(), in.Who)
		_, asked := k.desk.PasskeyToSignIn(t.Context(), "Anna", at("10.0.0.1"))
		if tc.works {
			if err != nil || asked != nil {
				t.Errorf("%q: got %v, %v", tc.origin, err, asked)
			}
			continue
		}
		wantCode(t, fmt.Sprintf("%q: adding", tc.origin), err, hearkeep.Unavailable)
		wantCode(t, fmt.Sprintf("%q: asking", tc.origin), asked, hearkeep.Unavailable)
	}
}
