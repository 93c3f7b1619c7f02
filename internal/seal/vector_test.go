package seal

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hearkeep/hearkeep"
)

// A vector is one file of testdata/vectors: lines `name: value`, an empty
// line, and a body. Ids, keys and hashes are hexadecimal, integers decimal,
// times Unix milliseconds. `expect` is ok, or what is wrong; `opens` is what
// an ok vector opens to, in hex, or its SHA-256 where it is long; `error` is
// the class of a failure. The body is hexadecimal, text where `body: text`,
// or the bytes themselves where `body: raw`.
type vector struct {
	lines []line
	body  []byte
}

type line struct{ name, value string }

func (v vector) get(name string) (string, bool) {
	for _, l := range v.lines {
		if l.name == name {
			return l.value, true
		}
	}
	return "", false
}

// must returns a line that has to be there.
func (v vector) must(t *testing.T, name string) string {
	t.Helper()
	s, ok := v.get(name)
	if !ok {
		t.Fatalf("vector has no line %q", name)
	}
	return s
}

func (v vector) hex(t *testing.T, name string) []byte {
	t.Helper()
	b, err := hex.DecodeString(v.must(t, name))
	if err != nil {
		t.Fatalf("line %s: %v", name, err)
	}
	return b
}

func (v vector) key(t *testing.T, name string) *key {
	t.Helper()
	return (*key)(v.hex(t, name))
}

func (v vector) id(t *testing.T, name string) [16]byte {
	t.Helper()
	return [16]byte(v.hex(t, name))
}

func (v vector) uint(t *testing.T, name string) uint64 {
	t.Helper()
	n, err := strconv.ParseUint(v.must(t, name), 10, 64)
	if err != nil {
		t.Fatalf("line %s: %v", name, err)
	}
	return n
}

func (v vector) time(t *testing.T, name string) time.Time {
	t.Helper()
	n, err := strconv.ParseInt(v.must(t, name), 10, 64)
	if err != nil {
		t.Fatalf("line %s: %v", name, err)
	}
	return time.UnixMilli(n)
}

func (v vector) envelope(t *testing.T) EnvelopeContext {
	t.Helper()
	return EnvelopeContext{
		Vault:      v.id(t, "vault"),
		Generation: hearkeep.Generation(v.uint(t, "generation")),
		Envelope:   v.id(t, "envelope"),
		Binding:    v.id(t, "binding"),
	}
}

// encode writes the file.
func (v vector) encode() []byte {
	var b bytes.Buffer
	for _, l := range v.lines {
		fmt.Fprintf(&b, "%s: %s\n", l.name, l.value)
	}
	b.WriteByte('\n')
	if _, plain := v.get("body"); plain {
		b.Write(v.body)
		return b.Bytes()
	}
	for rest := hex.EncodeToString(v.body); rest != ""; {
		n := min(64, len(rest))
		b.WriteString(rest[:n] + "\n")
		rest = rest[n:]
	}
	return b.Bytes()
}

// parseVector reads a file.
func parseVector(b []byte) (vector, error) {
	var v vector
	for {
		l, rest, ok := bytes.Cut(b, []byte("\n"))
		if !ok {
			return vector{}, errors.New("no empty line ends the header")
		}
		b = rest
		if len(l) == 0 {
			break
		}
		name, value, ok := strings.Cut(string(l), ": ")
		if !ok {
			return vector{}, fmt.Errorf("no colon in %q", l)
		}
		v.lines = append(v.lines, line{name, value})
	}
	if _, plain := v.get("body"); plain {
		v.body = b
		return v, nil
	}
	body, err := hex.DecodeString(strings.ReplaceAll(string(b), "\n", ""))
	v.body = body
	return v, err
}

// short is how `opens` shows what was opened.
func short(b []byte) string {
	if len(b) <= 64 {
		return hex.EncodeToString(b)
	}
	return fmt.Sprintf("sha256:%x", sha256.Sum256(b))
}

var vectorErrors = map[string]error{
	"open": ErrOpen, "format": ErrFormat, "verify": ErrVerify, "used": ErrUsed, "token": ErrToken,
}

// openers opens a vector of each kind with nothing but what its file says.
func openers() map[string]func(*testing.T, vector) ([]byte, error) {
	return map[string]func(*testing.T, vector) ([]byte, error){
		"unlock-passphrase": func(t *testing.T, v vector) ([]byte, error) {
			p, err := ParseArgon2(v.body)
			if err != nil {
				return nil, err
			}
			u, err := NewStretcher().Passphrase(t.Context(), string(v.hex(t, "passphrase")), p)
			return PublicOfUnlocker(u).Bytes(), err
		},
		"unlock-kit": func(t *testing.T, v vector) ([]byte, error) {
			k, err := ParseKit(string(v.body))
			if err != nil {
				return nil, err
			}
			u := KitUnlocker(k, v.id(t, "account"))
			return PublicOfUnlocker(u).Bytes(), nil
		},
		"unlock-passkey": func(t *testing.T, v vector) ([]byte, error) {
			u := PRFUnlocker([32]byte(v.body))
			return PublicOfUnlocker(u).Bytes(), nil
		},
		"prf-input": func(t *testing.T, v vector) ([]byte, error) {
			sum := PRFInput([32]byte(v.body))
			return sum[:], nil
		},
		"kit": func(t *testing.T, v vector) ([]byte, error) {
			k, err := ParseKit(string(v.body))
			if err != nil {
				return nil, err
			}
			return k.b[:], nil
		},
		"account-key": func(t *testing.T, v vector) ([]byte, error) {
			ak, err := UnwrapAccountKey(v.body, UnlockerPrivate{pair: privatePair(t, v, "unlocker-private")},
				v.id(t, "account"), v.id(t, "unlocker"))
			return keyBytes(ak.k), err
		},
		"unlockers": func(t *testing.T, v vector) ([]byte, error) {
			list, err := OpenUnlockerList(AccountKey{k: v.key(t, "account-key")}, v.id(t, "account"), v.body)
			var all []byte
			for _, u := range list {
				all = append(append(all, u.ID[:]...), u.Public.Bytes()...)
			}
			return all, err
		},
		"account-private": func(t *testing.T, v vector) ([]byte, error) {
			p, err := OpenAccountPrivate(AccountKey{k: v.key(t, "account-key")}, v.id(t, "account"), v.body)
			if err != nil {
				return nil, err
			}
			return p.pair.Bytes()
		},
		"session": func(t *testing.T, v vector) ([]byte, error) {
			ak, err := UnwrapSession(*v.key(t, "secret"), v.body, SessionContext{
				Account: v.id(t, "account"), SessionHash: [32]byte(v.hex(t, "session-hash")),
				Created: v.time(t, "created"), Expires: v.time(t, "expires"), SteppedUp: v.time(t, "stepped-up"),
			})
			return keyBytes(ak.k), err
		},
		"vault-public": func(t *testing.T, v vector) ([]byte, error) {
			p := PublicOfVault(vaultKeyFrom(v.key(t, "s")))
			return append(p.HPKE, p.Verify...), nil
		},
		"vault-key": func(t *testing.T, v vector) ([]byte, error) {
			k, err := OpenVaultKey(v.body, AccountPrivate{pair: privatePair(t, v, "account-private")},
				v.id(t, "vault"), hearkeep.Generation(v.uint(t, "generation")), v.id(t, "account"))
			if err != nil {
				return nil, err
			}
			return k.v.s[:], nil
		},
		"token": func(t *testing.T, v vector) ([]byte, error) {
			k, err := OpenToken(*v.key(t, "secret"), v.body, TokenContext{
				Account: v.id(t, "account"), Vault: v.id(t, "vault"), Generation: hearkeep.Generation(v.uint(t, "generation")),
				Token: v.id(t, "token"), Write: v.uint(t, "write") == 1, Expires: v.time(t, "expires"),
			})
			if err != nil {
				return nil, err
			}
			opened := append(append([]byte(nil), k.v.ikm[:]...), k.v.wrap[:]...)
			if k.v.sign != nil {
				opened = append(opened, k.v.sign.Seed()...)
			}
			return opened, nil
		},
		"envelope":           openEnvelopeVector,
		"envelope-rewrapped": openEnvelopeVector,
		"part-key": func(t *testing.T, v vector) ([]byte, error) {
			pk, err := OpenPartKey(EnvelopeKey{k: v.key(t, "envelope-key")}, v.body, PartContext{
				EnvelopeContext: v.envelope(t),
				Number:          hearkeep.Number(v.uint(t, "number")),
				Recording:       v.id(t, "recording"),
				Start:           v.time(t, "start"),
				Part:            hearkeep.Part(v.must(t, "part")),
				Version:         v.uint(t, "version"),
			})
			return keyBytes(pk.k), err
		},
		"part": func(t *testing.T, v vector) ([]byte, error) {
			plain, header, err := ReadPart(PartKey{k: v.key(t, "part-key")}, v.body)
			if got, want := header.MediaType, v.must(t, "media-type"); err == nil && got != want {
				t.Errorf("media type: got %q, want %q", got, want)
			}
			return plain, err
		},
		"generation": func(t *testing.T, v vector) ([]byte, error) {
			var holders []hearkeep.AccountID
			for s := range strings.FieldsSeq(v.must(t, "keyholders")) {
				id, err := hearkeep.ParseID[hearkeep.AccountID](s)
				if err != nil {
					t.Fatal(err)
				}
				holders = append(holders, id)
			}
			return nil, VerifyGeneration(v.hex(t, "by"), GenerationStatement{
				Vault: v.id(t, "vault"), N: hearkeep.Generation(v.uint(t, "generation")),
				Public:     VaultPublic{HPKE: v.hex(t, "hpke"), Verify: v.hex(t, "verify")},
				Keyholders: holders,
			}, v.body)
		},
		"binding": func(t *testing.T, v vector) ([]byte, error) {
			return nil, VerifyBinding(v.hex(t, "by"), BindingStatement{
				Vault: v.id(t, "vault"), Generation: hearkeep.Generation(v.uint(t, "generation")),
				Binding: v.id(t, "binding"), Source: v.must(t, "source"), Rule: v.must(t, "rule"),
				LabelHash: [32]byte(v.hex(t, "label-hash")), Created: v.time(t, "created"),
			}, v.body)
		},
		"pin": func(t *testing.T, v vector) ([]byte, error) {
			return nil, VerifyPin(HouseKey{k: v.key(t, "house-key")}, PinStatement{
				Binding: v.id(t, "binding"), Vault: v.id(t, "vault"),
				Generation: hearkeep.Generation(v.uint(t, "generation")),
				Verify:     v.hex(t, "verify"), HPKE: v.hex(t, "hpke"), SignedBy: v.hex(t, "signed-by"),
			}, v.body)
		},
		"holder": func(t *testing.T, v vector) ([]byte, error) {
			return nil, VerifyHolder(HouseKey{k: v.key(t, "house-key")}, HolderStatement{
				Account: v.id(t, "account"), Vault: v.id(t, "vault"), Generation: hearkeep.Generation(v.uint(t, "generation")),
				Public: VaultPublic{Verify: v.hex(t, "verify"), HPKE: v.hex(t, "hpke")},
			}, v.body)
		},
		"browser": func(t *testing.T, v vector) ([]byte, error) {
			return nil, VerifyBrowser(HouseKey{k: v.key(t, "house-key")}, v.id(t, "account"), v.id(t, "random"), v.body)
		},
		"house":           openHouseVector,
		"house-channel":   openHouseVector,
		"house-letter":    openHouseVector,
		"house-claim":     openHouseVector,
		"house-agent":     openHouseVector,
		"house-report":    openHouseVector,
		"house-incident":  openHouseVector,
		"house-recipient": openHouseVector,
		"request": func(t *testing.T, v vector) ([]byte, error) {
			return nil, VerifyRequest(HouseKey{k: v.key(t, "house-key")}, RequestStatement{
				Request: v.id(t, "request"), Account: v.id(t, "account"), Kind: hearkeep.RequestKind(v.must(t, "request-kind")),
				Via: hearkeep.Via(v.must(t, "via")), Binding: v.id(t, "binding"), Received: v.time(t, "received"),
			}, v.body)
		},
		"index": func(t *testing.T, v vector) ([]byte, error) {
			pk, err := OpenIndexKey(vaultKeyFrom(v.key(t, "s")), v.body, IndexContext{
				Vault: v.id(t, "vault"), Generation: hearkeep.Generation(v.uint(t, "generation")),
				Account: v.id(t, "account"), Archive: v.id(t, "archive"), Request: v.id(t, "request"),
			})
			return keyBytes(pk.k), err
		},
		"import": func(t *testing.T, v vector) ([]byte, error) {
			return ImportDigest(vaultKeyFrom(v.key(t, "s")), v.id(t, "vault"), *v.key(t, "file")), nil
		},
		"roster": func(t *testing.T, v vector) ([]byte, error) {
			members, err := OpenRoster(v.hex(t, "by"), v.id(t, "vault"), hearkeep.Generation(v.uint(t, "generation")), v.body)
			var all []byte
			for _, m := range members {
				all = append(append(append(all, m.Account[:]...), m.As...), m.Public.Bytes()...)
			}
			return all, err
		},
		"roster-mac": func(t *testing.T, v vector) ([]byte, error) {
			return nil, VerifyRoster(HouseKey{k: v.key(t, "house-key")}, v.id(t, "vault"), hearkeep.Generation(v.uint(t, "generation")),
				v.hex(t, "roster"), v.body)
		},
		"invitation-mac": func(t *testing.T, v vector) ([]byte, error) {
			return nil, VerifyInvitation(HouseKey{k: v.key(t, "house-key")}, v.id(t, "by"), InvitationContext{
				Vault: v.id(t, "vault"), Generation: hearkeep.Generation(v.uint(t, "generation")), Invitation: v.id(t, "invitation"),
				As: v.must(t, "as"), Past: v.uint(t, "past") == 1, Expires: v.time(t, "expires"),
			}, v.body)
		},
		"invitation": func(t *testing.T, v vector) ([]byte, error) {
			secret, err := OpenInvitation(vaultKeyFrom(v.key(t, "s")), v.body, InvitationContext{
				Vault: v.id(t, "vault"), Generation: hearkeep.Generation(v.uint(t, "generation")), Invitation: v.id(t, "invitation"),
				As: v.must(t, "as"), Past: v.uint(t, "past") == 1, Expires: v.time(t, "expires"),
			})
			if err != nil {
				return nil, err
			}
			return secret[:], nil
		},
		"accept": func(t *testing.T, v vector) ([]byte, error) {
			public, err := ParseAccountPublic(v.hex(t, "public"))
			if err != nil {
				t.Fatal(err)
			}
			return nil, VerifyAcceptance(*v.key(t, "secret"), Acceptance{
				Invitation: v.id(t, "invitation"), Vault: v.id(t, "vault"), Account: v.id(t, "account"), Public: public,
			}, v.body)
		},
		"place": func(t *testing.T, v vector) ([]byte, error) {
			mark := PlaceMark(HouseKey{k: v.key(t, "house-key")}, v.id(t, "account"), v.must(t, "network"))
			return mark[:], nil
		},
		"decoy": func(t *testing.T, v vector) ([]byte, error) {
			return DecoyCredential(HouseKey{k: v.key(t, "house-key")}, v.must(t, "name"), int(v.uint(t, "n"))), nil
		},
	}
}

func openHouseVector(t *testing.T, v vector) ([]byte, error) {
	return OpenHouse(HouseKey{k: v.key(t, "house-key")}, HousePurpose(v.must(t, "purpose")), v.id(t, "id"), v.body)
}

func openEnvelopeVector(t *testing.T, v vector) ([]byte, error) {
	ek, err := OpenEnvelope(vaultKeyFrom(v.key(t, "s")), v.body, v.envelope(t))
	return keyBytes(ek.k), err
}

func keyBytes(k *key) []byte {
	if k == nil {
		return nil
	}
	return k[:]
}

const vectorDir = "testdata/vectors"

// The opening vectors are the contract: what one version sealed, every later
// one opens, and what it refused, every later one refuses.
func TestVectors(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(vectorDir, "*"))
	if err != nil || len(files) < 150 {
		t.Fatalf("got %d vectors, %v; want at least 150", len(files), err)
	}
	open, seen := openers(), map[string]int{}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			v, err := parseVector(b)
			if err != nil {
				t.Fatal(err)
			}
			kind, expect := v.must(t, "kind"), v.must(t, "expect")
			if open[kind] == nil {
				t.Fatalf("no opener of kind %q", kind)
			}
			got, err := open[kind](t, v)
			if expect == "ok" {
				seen[kind]++
				if err != nil {
					t.Fatalf("got %v, want it to open", err)
				}
				if want, ok := v.get("opens"); ok && short(got) != want {
					t.Errorf("opened %s, want %s", short(got), want)
				}
				return
			}
			if want := vectorErrors[v.must(t, "error")]; want == nil || !errors.Is(err, want) {
				t.Errorf("%s: got %v, want %v", expect, err, want)
			}
			if err != nil && got != nil {
				t.Errorf("%s: got %d bytes beside the error", expect, len(got))
			}
		})
	}
	for kind := range open {
		if seen[kind] == 0 {
			t.Errorf("no vector of kind %s opens", kind)
		}
	}
}
