package seal

import (
	"bytes"
	"crypto/cipher"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hearkeep/hearkeep"
)

func passphraseVectors(t *testing.T) []named {
	// Ångström with a ligature, spaces at both ends: NFKC, untrimmed.
	composed, decomposed := " \u00c5ngstr\u00f6m of\ufb01ce ", " A\u030angstro\u0308m office "
	p := Argon2Params{Memory: 64, Time: 1, Lanes: 1, Salt: randomBytes(16)}
	u := must(NewStretcher().Passphrase(t.Context(), composed, p))
	good := ok(PublicOfUnlocker(u).Bytes(), p.Encode(), hexLine("passphrase", []byte(composed)))
	same := named{"ok in another normal form", vector{slices.Clone(good.lines), good.body}}
	same.set("passphrase", hex.EncodeToString([]byte(decomposed)))
	set := func(at int, n uint32) func(*vector) {
		return func(v *vector) { binary.BigEndian.PutUint32(v.body[at:], n) }
	}
	return []named{
		good, same,
		good.but("memory over the cap", "format", set(1, maxArgon2Memory+1)),
		good.but("memory below eight a lane", "format", set(1, 7)),
		good.but("no pass", "format", set(5, 0)),
		good.but("passes over the cap", "format", set(5, maxArgon2Time+1)),
		good.but("no lane", "format", set(9, 0)),
		good.but("lanes over the cap", "format", set(9, maxArgon2Lanes+1)),
		good.but("short salt", "format", cut(len(good.body)-1)),
		good.but("unknown format", "format", func(v *vector) { v.body[0] = 0x02 }),
	}
}

func unlockKitVectors(*testing.T) []named {
	account, id := idLine("account")
	k := NewKit()
	good := ok(PublicOfUnlocker(KitUnlocker(k, id)).Bytes(), []byte(k.Reveal()), account, line{"body", "text"})
	typed := named{"ok as typed", vector{good.lines, []byte(strings.ToLower(strings.ReplaceAll(k.Reveal(), "-", "  ")))}}
	return []named{good, typed}
}

func passkeyVectors(*testing.T) []named {
	prf := randomBytes(32)
	return []named{ok(PublicOfUnlocker(PRFUnlocker([32]byte(prf))).Bytes(), prf)}
}

func prfVectors(*testing.T) []named {
	random := randomBytes(32)
	in := PRFInput([32]byte(random))
	return []named{ok(in[:], random)}
}

func kitVectors(*testing.T) []named {
	k := NewKit()
	text := k.Reveal()
	good := ok(k.b[:], []byte(text), line{"body", "text"})
	again := func(name string, body string) named {
		return named{name, vector{good.lines, []byte(body)}}
	}
	// A kit of zeros and ones shows the letters that are read as digits.
	plain := Kit{b: &[kitSize]byte{0x08, 0x42, 0x10}}
	digits := ok(plain.b[:], []byte(plain.Reveal()), line{"body", "text"})
	letters := strings.NewReplacer("0", "O", "1", "l").Replace(plain.Reveal())
	to := func(s string) func(*vector) { return func(v *vector) { v.body = []byte(s) } }
	last := crockford[(strings.IndexByte(crockford, text[len(text)-1])+1)%32]
	first := crockford[(strings.IndexByte(crockford, text[0])+1)%32]
	return []named{
		good,
		again("ok in lower case", strings.ToLower(text)),
		again("ok without dashes", strings.ReplaceAll(text, "-", "")),
		again("ok with more dashes and spaces", " \t"+strings.ReplaceAll(text, "-", " \u2013- ")+"\n"),
		{"ok digits", digits.vector},
		{"ok letters for digits", vector{digits.lines, []byte(letters)}},
		good.but("wrong check symbol", "format", to(text[:len(text)-1]+string(last))),
		good.but("wrong symbol", "format", to(string(first)+text[1:])),
		good.but("two groups swapped", "format", to(text[5:10]+text[:5]+text[10:])),
		good.but("letter U", "format", to("U"+text[1:])),
		good.but("letter outside ASCII", "format", to("\u0416"+text[1:])),
		good.but("symbol short", "format", to(text[:len(text)-1])),
		good.but("symbol more", "format", to(text+"0")),
		good.but("empty", "format", to("")),
	}
}

func accountKeyVectors(*testing.T) []named {
	account, a := idLine("account")
	unlocker, u := idLine("unlocker")
	ak := NewAccountKey()
	private := randomBytes(32)
	pair := must(suite().NewPrivateKey(private))
	wrap := must(WrapAccountKey(ak, UnlockerPublic{pair.PublicKey()}, a, u))
	good := ok(ak.k[:], wrap, account, unlocker, hexLine("unlocker-private", private))
	return slices.Concat([]named{good}, good.wrongEach("open", "account", "unlocker", "unlocker-private"), good.publicDamage())
}

func unlockersVectors(*testing.T) []named {
	account, a := idLine("account")
	ak := NewAccountKey()
	var list []ListedUnlocker
	for range 2 {
		pair := must(suite().NewPrivateKey(randomBytes(32)))
		list = append(list, ListedUnlocker{hearkeep.UnlockerID(randomBytes(16)), UnlockerPublic{pair.PublicKey()}})
	}
	var plain []byte
	for _, u := range list {
		plain = append(append(plain, u.ID[:]...), u.Public.Bytes()...)
	}
	c := contextOf(purposeUnlockers).id(a)
	good := ok(plain, must(SealUnlockerList(ak, a, list)), account, hexLine("account-key", ak.k[:]))
	return slices.Concat([]named{
		good,
		good.but("half an unlocker", "format", func(v *vector) { v.body = must(sealUnder(ak.k, c, plain[:listedSize+20])) }),
		good.but("private key in place of the list", "open", func(v *vector) {
			pair := must(suite().NewPrivateKey(randomBytes(32)))
			v.body = must(SealAccountPrivate(ak, a, AccountPrivate{pair: pair}))
		}),
	}, good.wrongEach("open", "account", "account-key"), good.symmetricDamage(false))
}

func accountPrivateVectors(*testing.T) []named {
	account, a := idLine("account")
	ak := NewAccountKey()
	private, _, err := NewAccountPair()
	seed := must(private.pair.Bytes())
	good := ok(seed, must(SealAccountPrivate(ak, a, must(private, err))), account, hexLine("account-key", ak.k[:]))
	return slices.Concat([]named{good}, good.wrongEach("open", "account", "account-key"), good.symmetricDamage(true))
}

func sessionVectors(*testing.T) []named {
	account, a := idLine("account")
	secret, hash := [32]byte(randomBytes(32)), [32]byte(randomBytes(32))
	ak := NewAccountKey()
	c := SessionContext{a, hash, time.UnixMilli(day), time.UnixMilli(day + 86_400_000), time.Time{}}
	good := ok(ak.k[:], must(WrapSession(secret, ak, c)), hexLine("secret", secret[:]), account,
		hexLine("session-hash", hash[:]), intLine("created", c.Created.UnixMilli()),
		intLine("expires", c.Expires.UnixMilli()), intLine("stepped-up", c.SteppedUp.UnixMilli()))
	return slices.Concat([]named{good},
		good.wrongEach("open", "secret", "account", "session-hash", "created", "expires", "stepped-up"),
		good.symmetricDamage(true))
}

func vaultPublicVectors(*testing.T) []named {
	k := must(NewVaultKey())
	p := PublicOfVault(k)
	return []named{ok(append(p.HPKE, p.Verify...), nil, hexLine("s", k.v.s[:]))}
}

func vaultKeyVectors(*testing.T) []named {
	vault, v := idLine("vault")
	account, a := idLine("account")
	private, public, err := NewAccountPair()
	k := must(NewVaultKey())
	wrap := must(SealVaultKey(k, public, v, gen, a))
	good := ok(k.v.s[:], wrap, vault, intLine("generation", gen), account,
		hexLine("account-private", must(must(private, err).pair.Bytes())))
	return slices.Concat([]named{good},
		good.wrongEach("open", "vault", "generation", "account", "account-private"), good.publicDamage())
}

func tokenVectors(*testing.T) []named {
	vault, v := idLine("vault")
	token, id := idLine("token")
	account, a := idLine("account")
	secret := [32]byte(randomBytes(32))
	k := must(NewVaultKey())
	make := func(write bool) named {
		c := TokenContext{a, v, gen, id, write, time.UnixMilli(day)}
		opens, flag := append(bytes.Clone(k.v.ikm[:]), k.v.wrap[:]...), "0"
		if write {
			opens, flag = append(opens, k.v.sign.Seed()...), "1"
		}
		return ok(opens, must(WrapToken(secret, k, c)), hexLine("secret", secret[:]), account, vault,
			intLine("generation", gen), token, line{"write", flag}, intLine("expires", c.Expires.UnixMilli()))
	}
	read, write := make(false), make(true)
	write.name = "ok that writes"
	return slices.Concat([]named{read, write},
		read.wrongEach("open", "secret", "account", "vault", "generation", "token", "write", "expires"),
		read.symmetricDamage(false))
}

// envelopeLines makes a context and the lines that say it.
func envelopeLines() ([]line, EnvelopeContext) {
	vault, v := idLine("vault")
	envelope, e := idLine("envelope")
	binding, b := idLine("binding")
	return []line{vault, intLine("generation", gen), envelope, binding}, EnvelopeContext{v, gen, e, b}
}

func envelopeVectors(*testing.T) []named {
	lines, c := envelopeLines()
	k := must(NewVaultKey())
	ek, wrap, err := NewEnvelope(PublicOfVault(k), c)
	good := ok(must(ek, err).k[:], wrap, append(lines, hexLine("s", k.v.s[:]))...)
	return slices.Concat([]named{good},
		good.wrongEach("open", "vault", "generation", "envelope", "binding", "s"), good.publicDamage())
}

func rewrappedVectors(*testing.T) []named {
	lines, c := envelopeLines()
	k, ek := must(NewVaultKey()), EnvelopeKey{k: newKey()}
	good := ok(ek.k[:], must(RewrapEnvelope(k, ek, c)), append(lines, hexLine("s", k.v.s[:]))...)
	return slices.Concat([]named{good},
		good.wrongEach("open", "vault", "generation", "envelope", "binding", "s"), good.symmetricDamage(true))
}

func partKeyVectors(*testing.T) []named {
	lines, e := envelopeLines()
	recording, r := idLine("recording")
	c := PartContext{e, 1700, r, time.UnixMilli(day), hearkeep.PartAudio, 1}
	ek := EnvelopeKey{k: newKey()}
	pk, wrap, err := NewPartKey(ek, c)
	good := ok(must(pk, err).k[:], wrap, append(lines, intLine("number", c.Number), recording,
		intLine("start", c.Start.UnixMilli()), line{"part", string(c.Part)}, intLine("version", c.Version),
		hexLine("envelope-key", ek.k[:]))...)
	return slices.Concat([]named{good}, good.wrongEach("open", "vault", "generation", "envelope", "binding",
		"number", "recording", "start", "part", "version", "envelope-key"), good.symmetricDamage(true))
}

// sealedPart is a vector of a part and the means to make damaged ones.
func sealedPart(size int) (named, PartKey, []byte) {
	pk := freshPartKey()
	plain := randomBytes(size)
	body := must(SealPart(pk, "audio/flac", plain))
	lines := []line{hexLine("part-key", pk.k[:]), {"media-type", "audio/flac"}}
	if size > 1000 {
		lines = append(lines, line{"body", "raw"})
	}
	return ok(plain, body, lines...), pk, plain
}

func freshPartKey() PartKey {
	pk, _, err := NewPartKey(EnvelopeKey{k: newKey()}, PartContext{})
	return must(pk, err)
}

// craft seals under a header of its own making.
func craft(pk PartKey, header []byte, chunks func(aead cipher.AEAD, out []byte) []byte) func(*vector) {
	return func(v *vector) {
		aead := newGCM(pk.k)
		v.body = chunks(aead, aead.Seal(nil, nonce(0, flagHeader), header, nil))
	}
}

func partVectors(*testing.T) []named {
	small, pk, plain := sealedPart(100)
	empty, _, _ := sealedPart(0)
	full, _, _ := sealedPart(chunkSize)
	two, _, _ := sealedPart(chunkSize + 100)
	three, _, _ := sealedPart(2*chunkSize + 1)
	empty.name, full.name, two.name, three.name = "ok empty", "ok of one full chunk", "ok of two chunks", "ok of three chunks"
	good := func(aead cipher.AEAD, out []byte) []byte { return sealChunks(aead, out, plain) }
	header := func(edit func(h []byte)) []byte {
		h := encodeHeader("audio/flac", plain)
		edit(h)
		return h
	}
	n := len(small.body)
	return slices.Concat([]named{small, empty, full, two, three},
		small.wrongEach("open", "part-key"),
		[]named{
			small.but("flipped header", "open", flip(0)),
			small.but("flipped header tag", "open", flip(headerSize)),
			small.but("flipped chunk", "open", flip(sealedHeader)),
			small.but("flipped chunk tag", "open", flip(n-1)),
			two.but("flipped first chunk", "open", flip(sealedHeader)),
			small.but("truncated mid-chunk", "open", cut(n-1)),
			two.but("truncated at a chunk boundary", "open", cut(sealedHeader+sealedChunkSize)),
			small.but("header only", "open", cut(sealedHeader)),
			small.but("no bytes", "open", cut(0)),
			small.but("appended byte", "open", func(v *vector) { v.body = append(v.body, 0) }),
			small.but("appended chunk", "open", func(v *vector) { v.body = append(v.body, v.body[sealedHeader:]...) }),
			three.but("swapped chunks", "open", func(v *vector) {
				a := bytes.Clone(v.body[sealedHeader:][:sealedChunkSize])
				b := v.body[sealedHeader+sealedChunkSize:][:sealedChunkSize]
				copy(v.body[sealedHeader:], b)
				copy(b, a)
			}),
			small.but("last flag missing", "open", craft(pk, header(func([]byte) {}), func(aead cipher.AEAD, out []byte) []byte {
				return aead.Seal(out, nonce(0, flagChunk), plain, nil)
			})),
			small.but("header flag on a chunk", "open", craft(pk, header(func([]byte) {}), func(aead cipher.AEAD, out []byte) []byte {
				return aead.Seal(out, nonce(0, flagHeader), plain, nil)
			})),
			small.but("wrong counter", "open", craft(pk, header(func([]byte) {}), func(aead cipher.AEAD, out []byte) []byte {
				return aead.Seal(out, nonce(1, flagLast), plain, nil)
			})),
			small.but("wrong length in the header", "open", craft(pk, header(func(h []byte) { h[7]++ }), good)),
			small.but("huge length in the header", "format", craft(pk, header(func(h []byte) { h[0] = 0xFF }), good)),
			small.but("wrong SHA-256 in the header", "open", craft(pk, header(func(h []byte) { h[headerSHA] ^= 1 }), good)),
			small.but("wrong CRC-32 in the header", "open", craft(pk, header(func(h []byte) { h[headerCRC] ^= 1 }), good)),
			small.but("long media type in the header", "format", craft(pk, header(func(h []byte) { h[headerMedia] = MaxMediaType + 1 }), good)),
			small.but("padding in the header", "format", craft(pk, header(func(h []byte) { h[headerSize-1] = 1 }), good)),
		})
}

func generationVectors(*testing.T) []named {
	vault, v := idLine("vault")
	before, after := must(NewVaultKey()), must(NewVaultKey())
	s := GenerationStatement{v, gen, PublicOfVault(after),
		[]hearkeep.AccountID{hearkeep.NewID[hearkeep.AccountID](), hearkeep.NewID[hearkeep.AccountID]()}}
	holders := func(ids ...hearkeep.AccountID) string {
		var all []string
		for _, id := range ids {
			all = append(all, id.String())
		}
		return strings.Join(all, " ")
	}
	a, b := s.Keyholders[0], s.Keyholders[1]
	good := ok(nil, must(SignGeneration(before, s)), vault, intLine("generation", s.N),
		hexLine("hpke", s.Public.HPKE), hexLine("verify", s.Public.Verify), line{"keyholders", holders(a, b)},
		hexLine("by", PublicOfVault(before).Verify))
	to := func(name, value string) func(*vector) { return func(v *vector) { v.set(name, value) } }
	same := named{"ok in another order", vector{slices.Clone(good.lines), good.body}}
	same.set("keyholders", holders(b, a))
	return slices.Concat([]named{good, same},
		good.wrongEach("verify", "vault", "generation", "hpke", "verify", "by"),
		[]named{
			good.but("keyholder removed", "verify", to("keyholders", holders(a))),
			good.but("keyholder added", "verify", to("keyholders", holders(a, b, hearkeep.NewID[hearkeep.AccountID]()))),
			good.but("signed by itself", "verify", func(v *vector) { v.body = must(SignGeneration(after, s)) }),
			good.but("short key", "verify", to("by", "00")),
			good.but("flipped signature", "verify", flip(0)),
			good.but("truncated signature", "verify", cut(63)),
			good.but("empty", "verify", cut(0)),
		})
}

func bindingVectors(*testing.T) []named {
	vault, v := idLine("vault")
	binding, b := idLine("binding")
	hash := randomBytes(32)
	k := must(NewVaultKey())
	s := BindingStatement{v, gen, b, "say", "audio+words", [32]byte(hash), time.UnixMilli(day)}
	good := ok(nil, must(SignBinding(k, s)), vault, intLine("generation", s.Generation), binding,
		line{"source", s.Source}, line{"rule", s.Rule}, hexLine("label-hash", hash),
		intLine("created", s.Created.UnixMilli()), hexLine("by", PublicOfVault(k).Verify))
	return slices.Concat([]named{good},
		good.wrongEach("verify", "vault", "generation", "binding", "source", "rule", "label-hash", "created", "by"),
		[]named{
			good.but("flipped signature", "verify", flip(63)),
			good.but("empty", "verify", cut(0)),
		})
}

func pinVectors(*testing.T) []named {
	binding, b := idLine("binding")
	vault, v := idLine("vault")
	hk := NewHouseKey()
	p := PublicOfVault(must(NewVaultKey()))
	s := PinStatement{b, v, gen, p.Verify, p.HPKE, PublicOfVault(must(NewVaultKey())).Verify}
	good := ok(nil, MACPin(hk, s), hexLine("house-key", hk.k[:]), binding, vault,
		intLine("generation", s.Generation), hexLine("verify", s.Verify), hexLine("hpke", s.HPKE),
		hexLine("signed-by", s.SignedBy))
	return slices.Concat([]named{good},
		good.wrongEach("verify", "house-key", "binding", "vault", "generation", "verify", "hpke", "signed-by"),
		[]named{good.but("flipped MAC", "verify", flip(0)), good.but("truncated MAC", "verify", cut(31)), good.but("empty", "verify", cut(0))})
}

func holderVectors(*testing.T) []named {
	account, a := idLine("account")
	vault, v := idLine("vault")
	hk := NewHouseKey()
	s := HolderStatement{a, v, gen, PublicOfVault(must(NewVaultKey()))}
	good := ok(nil, MACHolder(hk, s), hexLine("house-key", hk.k[:]), account, vault,
		intLine("generation", s.Generation), hexLine("verify", s.Public.Verify), hexLine("hpke", s.Public.HPKE))
	return slices.Concat([]named{good},
		good.wrongEach("verify", "house-key", "account", "vault", "generation", "verify", "hpke"),
		[]named{good.but("flipped MAC", "verify", flip(0)), good.but("truncated MAC", "verify", cut(31)), good.but("empty", "verify", cut(0))})
}

func browserVectors(*testing.T) []named {
	account, a := idLine("account")
	random, r := idLine("random")
	hk := NewHouseKey()
	good := ok(nil, MACBrowser(hk, a, r), hexLine("house-key", hk.k[:]), account, random)
	return slices.Concat([]named{good}, good.wrongEach("verify", "house-key", "account", "random"),
		[]named{good.but("flipped MAC", "verify", flip(0)), good.but("empty", "verify", cut(0))})
}

func houseVectors(*testing.T) []named {
	id, i := idLine("id")
	hk := NewHouseKey()
	plain := []byte("Kitchen")
	good := ok(plain, must(SealHouse(hk, HouseLabel, i, plain)), hexLine("house-key", hk.k[:]),
		line{"purpose", string(HouseLabel)}, id)
	unknown := good.but("unknown purpose", "format", func(v *vector) { v.set("purpose", "attic") })
	return slices.Concat([]named{good, unknown},
		good.wrongEach("open", "house-key", "purpose", "id"), good.symmetricDamage(false))
}
