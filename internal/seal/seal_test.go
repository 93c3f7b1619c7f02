package seal

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/hearkeep/hearkeep"
)

// The bytes of contexts, written by hand from the encodings and not by the
// encoder.
func TestContextBytes(t *testing.T) {
	zeros := func(last byte) [16]byte { return [16]byte{15: last} }
	env := EnvelopeContext{Vault: zeros(1), Generation: 2, Envelope: zeros(3), Binding: zeros(4)}
	at := time.UnixMilli(0x0102).Add(999 * time.Microsecond)
	id := func(last string) string { return "00000010" + strings.Repeat("00", 15) + last }
	num := func(last string) string { return "00000008" + strings.Repeat("00", 6) + last }
	const head = "0000001468656172 6b6565702f76312f 656e76656c6f7065" // 20, hearkeep/v1/envelope
	tests := []struct {
		name string
		got  context
		want string
	}{
		{"envelope", env.fields(purposeEnvelope), head + id("01") + num("0002") + id("03") + id("04")},
		{"part", PartContext{env, 5, zeros(6), at, hearkeep.PartTurn, 7}.context(),
			"00000010" + hex.EncodeToString([]byte("hearkeep/v1/part")) + id("01") + num("0002") + id("03") + id("04") +
				num("0005") + id("06") + num("0102") + "00000004" + hex.EncodeToString([]byte("turn")) + num("0007")},
		{"flag", contextOf(purposeToken).bool(true).bool(false),
			"00000011" + hex.EncodeToString([]byte("hearkeep/v1/token")) + num("0001") + num("0000")},
		{"zero time", contextOf(purposeSession).time(time.Time{}),
			"00000013" + hex.EncodeToString([]byte("hearkeep/v1/session")) + "00000008" + "ffffc77cedd32800"},
		{"empty field", contextOf(purposePin).bytes(nil),
			"0000000f" + hex.EncodeToString([]byte("hearkeep/v1/pin")) + "00000000"},
	}
	for _, tt := range tests {
		if got, want := hex.EncodeToString(tt.got), strings.ReplaceAll(tt.want, " ", ""); got != want {
			t.Errorf("%s:\n got %s\nwant %s", tt.name, got, want)
		}
	}
}

// secrets is one of each type that holds a key, made from known bytes.
func secrets(t *testing.T) map[string]any {
	t.Helper()
	private, _, err := NewAccountPair()
	if err != nil {
		t.Fatal(err)
	}
	pk, _, err := NewPartKey(EnvelopeKey{k: newKey()}, PartContext{})
	if err != nil {
		t.Fatal(err)
	}
	return map[string]any{
		"AccountKey": NewAccountKey(), "AccountPrivate": private, "UnlockerPrivate": PRFUnlocker([32]byte{1}),
		"Kit": NewKit(), "VaultKey": must(NewVaultKey()), "EnvelopeKey": EnvelopeKey{k: newKey()},
		"PartKey": pk, "HouseKey": NewHouseKey(),
	}
}

// Keys show nothing, wherever they stand.
func TestKeysDoNotPrint(t *testing.T) {
	for name, k := range secrets(t) {
		t.Run(name, func(t *testing.T) {
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
				if got := fmt.Sprintf(verb, k); got != redacted {
					t.Errorf("%s: got %q, want %q", verb, got, redacted)
				}
			}
			var log strings.Builder
			slog.New(slog.NewTextHandler(&log, nil)).Info("x", "key", k)
			if !strings.Contains(log.String(), "key="+redacted) {
				t.Errorf("log: got %q, want the key redacted", log.String())
			}
			if b, err := json.Marshal(k); err == nil {
				t.Errorf("json: got %s, want an error", b)
			}
		})
	}
}

// fmt does not call methods on unexported fields; the pointer keeps the bytes.
func TestKeysInUnexportedFieldsDoNotPrint(t *testing.T) {
	ak, kit := NewAccountKey(), NewKit()
	holder := struct {
		ak  AccountKey
		kit Kit
	}{ak, kit}
	for _, verb := range []string{"%v", "%+v", "%#v", "%x", "%d"} {
		got := fmt.Sprintf(verb, holder)
		for _, b := range [][]byte{ak.k[:4], kit.b[:4]} {
			decimal := strings.Trim(fmt.Sprint(b), "[]")
			if strings.Contains(got, hex.EncodeToString(b)) || strings.Contains(got, decimal) {
				t.Errorf("%s: shows a key: %s", verb, got)
			}
		}
	}
}

// Methods are not walled by imports: a key may have none that opens, signs or
// reveals, and no exported field.
func TestKeysHaveNoMethods(t *testing.T) {
	allowed := map[string]bool{"String": true, "GoString": true, "Format": true, "LogValue": true, "MarshalText": true}
	for name, k := range secrets(t) {
		rt := reflect.TypeOf(k)
		for _, typ := range []reflect.Type{rt, reflect.PointerTo(rt)} {
			for i := range typ.NumMethod() {
				m := typ.Method(i).Name
				if !allowed[m] && (name != "Kit" || m != "Reveal") {
					t.Errorf("%s has the method %s", name, m)
				}
			}
		}
		for i := range rt.NumField() {
			if rt.Field(i).IsExported() {
				t.Errorf("%s has the exported field %s", name, rt.Field(i).Name)
			}
		}
	}
}

// The zero value of every key is refused by everything that takes one.
func TestZeroKeys(t *testing.T) {
	ak, hk := NewAccountKey(), NewHouseKey()
	vk := must(NewVaultKey())
	_, public, _ := NewAccountPair()
	var a hearkeep.AccountID
	var u hearkeep.UnlockerID
	var v hearkeep.VaultID
	wrap := make([]byte, SymmetricWrapSize)
	wrap[0] = formatSymmetric
	tests := map[string]func() error{
		"WrapAccountKey of":   func() error { _, err := WrapAccountKey(AccountKey{}, UnlockerPublic(public), a, u); return err },
		"WrapAccountKey to":   func() error { _, err := WrapAccountKey(ak, UnlockerPublic{}, a, u); return err },
		"UnwrapAccountKey":    func() error { _, err := UnwrapAccountKey(nil, UnlockerPrivate{}, a, u); return err },
		"SealUnlockerList":    func() error { _, err := SealUnlockerList(AccountKey{}, a, nil); return err },
		"SealUnlockerList of": func() error { _, err := SealUnlockerList(ak, a, make([]ListedUnlocker, 1)); return err },
		"OpenUnlockerList":    func() error { _, err := OpenUnlockerList(AccountKey{}, a, wrap); return err },
		"SealAccountPrivate":  func() error { _, err := SealAccountPrivate(ak, a, AccountPrivate{}); return err },
		"OpenAccountPrivate":  func() error { _, err := OpenAccountPrivate(AccountKey{}, a, wrap); return err },
		"WrapSession":         func() error { _, err := WrapSession([32]byte{}, AccountKey{}, SessionContext{}); return err },
		"SealVaultKey of":     func() error { _, err := SealVaultKey(VaultKey{}, public, v, 1, a); return err },
		"SealVaultKey to":     func() error { _, err := SealVaultKey(vk, AccountPublic{}, v, 1, a); return err },
		"OpenVaultKey":        func() error { _, err := OpenVaultKey(nil, AccountPrivate{}, v, 1, a); return err },
		"SignGeneration":      func() error { _, err := SignGeneration(VaultKey{}, GenerationStatement{}); return err },
		"SignBinding":         func() error { _, err := SignBinding(VaultKey{}, BindingStatement{}); return err },
		"WrapToken":           func() error { _, err := WrapToken([32]byte{}, VaultKey{}, TokenContext{}); return err },
		"OpenEnvelope":        func() error { _, err := OpenEnvelope(VaultKey{}, wrap, EnvelopeContext{}); return err },
		"RewrapEnvelope of":   func() error { _, err := RewrapEnvelope(vk, EnvelopeKey{}, EnvelopeContext{}); return err },
		"RewrapEnvelope under": func() error {
			_, err := RewrapEnvelope(VaultKey{}, EnvelopeKey{k: newKey()}, EnvelopeContext{})
			return err
		},
		"NewPartKey":  func() error { _, _, err := NewPartKey(EnvelopeKey{}, PartContext{}); return err },
		"OpenPartKey": func() error { _, err := OpenPartKey(EnvelopeKey{}, wrap, PartContext{}); return err },
		"SealPart":    func() error { _, err := SealPart(PartKey{}, "", nil); return err },
		"OpenPart":    func() error { _, err := OpenPart(PartKey{}, strings.NewReader(""), 0); return err },
		"SignRoster":  func() error { _, err := SignRoster(VaultKey{}, v, 1, nil); return err },
		"SealInvitation": func() error {
			_, err := SealInvitation(VaultKey{}, [32]byte{}, InvitationContext{})
			return err
		},
		"OpenInvitation": func() error { _, err := OpenInvitation(VaultKey{}, wrap, InvitationContext{}); return err },
		"SealHouse":      func() error { _, err := SealHouse(HouseKey{}, HouseName, a, nil); return err },
		"OpenHouse":      func() error { _, err := OpenHouse(HouseKey{}, HouseName, a, wrap); return err },
		"VerifyPin":      func() error { return VerifyPin(HouseKey{}, PinStatement{}, MACPin(HouseKey{}, PinStatement{})) },
		"VerifyBrowser":  func() error { return VerifyBrowser(HouseKey{}, a, u, MACBrowser(HouseKey{}, a, u)) },
	}
	for name, f := range tests {
		if err := f(); !errors.Is(err, ErrKey) {
			t.Errorf("%s: got %v, want %v", name, err, ErrKey)
		}
	}
	if err := VerifyPin(hk, PinStatement{}, nil); !errors.Is(err, ErrVerify) {
		t.Errorf("a nil MAC: got %v, want %v", err, ErrVerify)
	}
	if got := PublicOfVault(VaultKey{}); got.HPKE != nil || got.Verify != nil {
		t.Errorf("PublicOfVault of the zero key: got %d and %d bytes, want none", len(got.HPKE), len(got.Verify))
	}
	for name, b := range map[string][]byte{
		"account":  PublicOfAccount(AccountPrivate{}).Bytes(),
		"unlocker": PublicOfUnlocker(KitUnlocker(Kit{}, a)).Bytes(),
	} {
		if b != nil {
			t.Errorf("public half of the zero %s: got %d bytes, want none", name, len(b))
		}
	}
}

func TestParsePublic(t *testing.T) {
	private, public, err := NewAccountPair()
	if err != nil {
		t.Fatal(err)
	}
	b := public.Bytes()
	if len(b) != PublicKeySize {
		t.Errorf("public key: got %d bytes, want %d", len(b), PublicKeySize)
	}
	again, err := ParseAccountPublic(b)
	if err != nil || !again.Equal(public) || !PublicOfAccount(private).Equal(public) {
		t.Errorf("a public key does not survive its bytes: %v", err)
	}
	if unlocker, err := ParseUnlockerPublic(b); err != nil || !unlocker.Equal(UnlockerPublic(public)) {
		t.Errorf("an unlocker's public key does not survive its bytes: %v", err)
	}
	for _, bad := range [][]byte{nil, b[1:], append(b, 0), make([]byte, 32), []byte(strings.Repeat("\xff", PublicKeySize))} {
		if _, err := ParseAccountPublic(bad); !errors.Is(err, ErrFormat) {
			t.Errorf("%d bytes: got %v, want %v", len(bad), err, ErrFormat)
		}
	}
	if _, _, err := NewEnvelope(VaultPublic{HPKE: b[1:]}, EnvelopeContext{}); !errors.Is(err, ErrFormat) {
		t.Errorf("NewEnvelope to a short key: got %v, want %v", err, ErrFormat)
	}
}

func TestLimits(t *testing.T) {
	hk := NewHouseKey()
	var id [16]byte
	if _, err := SealHouse(hk, HouseName, id, make([]byte, maxSymmetric+1)); !errors.Is(err, ErrFormat) {
		t.Errorf("an item over the limit: got %v, want %v", err, ErrFormat)
	}
	sealed := must(SealHouse(hk, HouseName, id, make([]byte, maxSymmetric)))
	if got, err := OpenHouse(hk, HouseName, id, sealed); err != nil || len(got) != maxSymmetric {
		t.Errorf("an item at the limit: got %d bytes, %v", len(got), err)
	}
	if _, err := SealHouse(hk, "attic", id, nil); !errors.Is(err, ErrFormat) {
		t.Errorf("an unknown purpose: got %v, want %v", err, ErrFormat)
	}
	_, public, _ := NewAccountPair()
	list := make([]ListedUnlocker, MaxUnlockers+1)
	for i := range list {
		list[i].Public = UnlockerPublic(public)
	}
	if _, err := SealUnlockerList(NewAccountKey(), id, list); !errors.Is(err, ErrFormat) {
		t.Errorf("too many unlockers: got %v, want %v", err, ErrFormat)
	}
	if _, err := SealUnlockerList(NewAccountKey(), id, list[1:]); err != nil {
		t.Errorf("as many unlockers as may be: %v", err)
	}
}

// A token opens what its generation seals, makes no keyholder and no token,
// and signs only where it may write.
func TestTokenMayAndMayNot(t *testing.T) {
	k := must(NewVaultKey())
	_, public, _ := NewAccountPair()
	ec := EnvelopeContext{Generation: 1}
	ek, wrap, err := NewEnvelope(PublicOfVault(k), ec)
	if err != nil {
		t.Fatal(err)
	}
	again := must(RewrapEnvelope(k, ek, ec))
	if IsRewrapped(wrap) || !IsRewrapped(again) || IsRewrapped(nil) {
		t.Error("a fresh wrap and a re-wrapped one are not told apart")
	}
	for _, write := range []bool{false, true} {
		t.Run(fmt.Sprintf("write=%t", write), func(t *testing.T) {
			secret := [32]byte{1}
			c := TokenContext{Generation: 1, Write: write, Expires: time.UnixMilli(day)}
			token := must(OpenToken(secret, must(WrapToken(secret, k, c)), c))
			for _, w := range [][]byte{wrap, again} {
				if got, err := OpenEnvelope(token, w, ec); err != nil || *got.k != *ek.k {
					t.Errorf("a token does not open its vault's envelope: %v", err)
				}
			}
			if _, err := WrapToken(secret, token, c); !errors.Is(err, ErrToken) {
				t.Errorf("a token of a token: got %v, want %v", err, ErrToken)
			}
			if _, err := SealVaultKey(token, public, hearkeep.VaultID{}, 1, hearkeep.AccountID{}); !errors.Is(err, ErrToken) {
				t.Errorf("a keyholder by a token: got %v, want %v", err, ErrToken)
			}
			sig, err := SignBinding(token, BindingStatement{})
			_, errG := SignGeneration(token, GenerationStatement{})
			if !write {
				if !errors.Is(err, ErrToken) || !errors.Is(errG, ErrToken) {
					t.Errorf("a reading token signs: got %v and %v, want %v", err, errG, ErrToken)
				}
				if PublicOfVault(token).Verify != nil {
					t.Error("a reading token has a verification key")
				}
				return
			}
			if err != nil || errG != nil {
				t.Errorf("a writing token does not sign: %v, %v", err, errG)
			}
			if !PublicOfVault(token).Equal(PublicOfVault(k)) {
				t.Error("a writing token has other public keys than its vault")
			}
			if err := VerifyBinding(PublicOfVault(k).Verify, BindingStatement{}, sig); err != nil {
				t.Errorf("a writing token's signature: %v", err)
			}
		})
	}
}

// A new account key reaches an unlocker that is not present, and ends lists
// sealed under the old one.
func TestNewAccountKeyReachesAbsentUnlockers(t *testing.T) {
	account := hearkeep.NewID[hearkeep.AccountID]()
	kept := PRFUnlocker([32]byte{1})
	id := hearkeep.NewID[hearkeep.UnlockerID]()
	old := NewAccountKey()
	sealed := must(SealUnlockerList(old, account, []ListedUnlocker{{id, PublicOfUnlocker(kept)}}))
	list := must(OpenUnlockerList(old, account, sealed))
	if len(list) != 1 || list[0].ID != id {
		t.Fatalf("list: got %d unlockers, want the one", len(list))
	}
	next := NewAccountKey()
	wrap := must(WrapAccountKey(next, list[0].Public, account, id))
	got, err := UnwrapAccountKey(wrap, kept, account, id)
	if err != nil || *got.k != *next.k {
		t.Errorf("the absent unlocker does not open the new account key: %v", err)
	}
	if _, err := OpenUnlockerList(next, account, sealed); !errors.Is(err, ErrOpen) {
		t.Errorf("the old list under the new key: got %v, want %v", err, ErrOpen)
	}
}
