package seal

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/hearkeep/hearkeep"
)

// The families of requests, sealed archives and imports.

func requestVectors(*testing.T) []named {
	request, q := idLine("request")
	account, a := idLine("account")
	binding, b := idLine("binding")
	hk := NewHouseKey()
	s := RequestStatement{q, a, hearkeep.RequestAccess, hearkeep.ViaVoice, b, time.UnixMilli(day)}
	good := ok(nil, MACRequest(hk, s), hexLine("house-key", hk.k[:]), request, account, line{"request-kind", string(s.Kind)},
		line{"via", string(s.Via)}, binding, intLine("received", s.Received.UnixMilli()))
	return slices.Concat([]named{good},
		good.wrongEach("verify", "house-key", "request", "account", "request-kind", "via", "binding", "received"),
		[]named{good.but("flipped MAC", "verify", flip(0)), good.but("truncated MAC", "verify", cut(31)), good.but("empty", "verify", cut(0))})
}

func indexVectors(*testing.T) []named {
	vault, v := idLine("vault")
	account, a := idLine("account")
	archive, r := idLine("archive")
	request, q := idLine("request")
	k := must(NewVaultKey())
	pk, wrap, err := NewIndexKey(PublicOfVault(k), IndexContext{v, gen, a, r, q})
	good := ok(must(pk, err).k[:], wrap, vault, intLine("generation", gen), account, archive, request, hexLine("s", k.v.s[:]))
	return slices.Concat([]named{good},
		good.wrongEach("open", "vault", "generation", "account", "archive", "request", "s"), good.publicDamage())
}

func importVectors(*testing.T) []named {
	vault, v := idLine("vault")
	k, file := must(NewVaultKey()), [32]byte(randomBytes(32))
	good := ok(ImportDigest(k, v, file), nil, hexLine("s", k.v.s[:]), vault, hexLine("file", file[:]))
	another := [32]byte(randomBytes(32))
	next := ok(ImportDigest(k, v, another), nil, hexLine("s", k.v.s[:]), vault, hexLine("file", another[:]))
	next.name = "ok of another file"
	return []named{good, next}
}

// An index's key seals once, and what was opened never does; an envelope's
// wrap is no index's.
func TestIndexKey(t *testing.T) {
	k := must(NewVaultKey())
	c := IndexContext{Vault: hearkeep.NewID[hearkeep.VaultID](), Generation: gen, Account: hearkeep.NewID[hearkeep.AccountID]()}
	pk, wrap, err := NewIndexKey(PublicOfVault(k), c)
	if err != nil {
		t.Fatal(err)
	}
	sealed := must(SealPart(pk, "application/json", []byte("{}")))
	if _, err := SealPart(pk, "application/json", []byte("{}")); !errors.Is(err, ErrUsed) {
		t.Errorf("sealing twice: got %v, want %v", err, ErrUsed)
	}
	again := must(OpenIndexKey(k, wrap, c))
	if _, err := SealPart(again, "", nil); !errors.Is(err, ErrUsed) {
		t.Errorf("sealing with an opened key: got %v, want %v", err, ErrUsed)
	}
	if plain, _, err := ReadPart(again, sealed); err != nil || !bytes.Equal(plain, []byte("{}")) {
		t.Errorf("got %q, %v", plain, err)
	}
	if _, err := OpenEnvelope(k, wrap, EnvelopeContext{Vault: c.Vault, Generation: gen}); !errors.Is(err, ErrOpen) {
		t.Errorf("as an envelope: got %v, want %v", err, ErrOpen)
	}
	for name, err := range map[string]error{
		"making with the zero key":  errOf(NewIndexKey(VaultPublic{}, c)),
		"opening with the zero key": errOf2(OpenIndexKey(VaultKey{}, wrap, c)),
	} {
		if err == nil {
			t.Errorf("%s went well", name)
		}
	}
	if ImportDigest(VaultKey{}, c.Vault, [32]byte{}) != nil || MACRequest(HouseKey{}, RequestStatement{}) != nil {
		t.Error("the zero keys authenticate")
	}
	if err := VerifyRequest(HouseKey{}, RequestStatement{}, nil); !errors.Is(err, ErrKey) {
		t.Errorf("verifying under the zero key: got %v, want %v", err, ErrKey)
	}
}

func errOf(_ PartKey, _ []byte, err error) error { return err }
func errOf2(_ PartKey, err error) error          { return err }

// One file has one digest in a vault, also through a token, and another one in
// every other vault, so that rows do not tell who brought the same.
func TestImportDigest(t *testing.T) {
	k, vault, file := must(NewVaultKey()), hearkeep.NewID[hearkeep.VaultID](), [32]byte{1}
	want := ImportDigest(k, vault, file)
	token := must(OpenToken([32]byte{}, must(WrapToken([32]byte{}, k, TokenContext{Write: true})), TokenContext{Write: true}))
	if got := ImportDigest(token, vault, file); !bytes.Equal(got, want) {
		t.Error("a token knows another digest")
	}
	for name, got := range map[string][]byte{
		"another file":  ImportDigest(k, vault, [32]byte{2}),
		"another vault": ImportDigest(k, hearkeep.NewID[hearkeep.VaultID](), file),
		"another key":   ImportDigest(must(NewVaultKey()), vault, file),
	} {
		if bytes.Equal(got, want) {
			t.Errorf("%s has the same digest", name)
		}
	}
}
