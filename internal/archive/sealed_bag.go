package archive

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/seal"
)

// SealedBag is a sealed archive that was laid out: its size and name are
// known, and any range of it can be written. It holds its index and forty
// bytes more for each recording, and nothing that was said. It never changes:
// several may write ranges of it at once where its contents allow that.
type SealedBag struct {
	folder  string
	hash    [sha256.Size]byte
	count   int
	zip     *zipLayout
	members []sealedMember
	vaults  []*sealedPlan
}

// sealedMember is a member and where its bytes come from: from the bag itself,
// or from a vault's rows or sounds.
type sealedMember struct {
	zipMember
	bytes []byte
	vault *sealedPlan // nil where bytes is all
	of    string      // memberWraps, memberText or memberSound
}

// sealedPlan is what is known of a vault before its ciphertext is written.
type sealedPlan struct {
	vault   *SealedVault
	rows    []sealedRow
	wraps   int64 // sizes of the members
	text    int64
	sound   int64
	wrapSum listedMember // what the manifest says of the wraps
	crcs    struct{ wraps, text uint32 }
}

// sealedRow is where a recording's bytes begin in the members of its vault,
// and the first half of a SHA-256 over what stood in its rows.
type sealedRow struct {
	wraps, text, sound int64
	sum                [16]byte
}

// sealedWrapSize is one part in the wraps: its key's wrap, and its hash.
const sealedWrapSize = seal.SymmetricWrapSize + sha256.Size

// NewSealed lays out a sealed archive. It reads the rows once and no sound. It
// fails with Conflict for an account without a recovery kit, as nobody could
// open its archive; with Changed where the content is not what it says; and
// with Internal for what no archive can be made of.
func NewSealed(ctx context.Context, facts SealedFacts) (*SealedBag, error) {
	if len(facts.Keys.Kits) == 0 {
		return nil, hearkeep.Errorf(hearkeep.Conflict, "A sealed archive opens with a recovery kit, and this account has none.").
			WithHint("Sign in and make a recovery kit; then ask again. While you are signed in, you can fetch an open archive without one.")
	}
	zone := facts.Zone
	if zone == nil {
		zone = time.UTC
	}
	made := facts.Made.In(zone)
	b := &SealedBag{folder: fmt.Sprintf("hearkeep-%s-%s-sealed", made.Format(time.DateOnly), hex.EncodeToString(facts.Archive[:3]))}
	m := &manifest{service: facts.Service, key: facts.Key, account: facts.Account, request: facts.Request, kind: facts.Kind,
		archive: facts.Archive, made: facts.Made, vaults: len(facts.Vaults)}
	keys, err := encodeKeys(&facts)
	if err != nil {
		return nil, err
	}
	opener := openerPage()
	small := []struct {
		name  string
		bytes []byte
	}{{memberReadme, sealedReadme(&facts, opener != nil)}, {memberOpener, opener}, {memberKeys, keys}}
	when := dosTime(made)
	for _, s := range small {
		if s.bytes != nil {
			m.members = append(m.members, b.hold(s.name, s.bytes, when))
		}
	}
	for i := range facts.Vaults {
		listed, err := b.planVault(ctx, &facts, i, when)
		if err != nil {
			return nil, err
		}
		m.members = append(m.members, listed...)
	}
	m.recordings = b.count
	signed, err := signManifest(m, facts.Sign)
	if err != nil {
		return nil, err
	}
	b.hash = sha256.Sum256(signed)
	b.hold(memberManifest, signed, when)
	last := len(b.members) - 1
	b.members = slices.Insert(b.members[:last], 1, b.members[last]) // people see it first; nothing depends on it
	b.zip, err = newZipLayout(len(b.members), func(i int) zipMember { return b.members[i].zipMember })
	return b, err
}

func signManifest(m *manifest, sign func(string) ([]byte, error)) ([]byte, error) {
	signed, err := sign(m.text())
	if err != nil {
		return nil, fmt.Errorf("archive: sign manifest of %s: %w", m.archive, err)
	}
	if _, ok, err := parseManifest(signed); err != nil || !ok {
		return nil, fmt.Errorf("archive: manifest of %s is not signed by the key it names (%v)", m.archive, err)
	}
	return signed, nil
}

// hold adds a member whose bytes are kept, and returns its line of the manifest.
func (b *SealedBag) hold(name string, content []byte, when uint32) listedMember {
	b.members = append(b.members, sealedMember{
		zipMember: zipMember{name: b.folder + "/" + name, size: int64(len(content)), crc: crc32.ChecksumIEEE(content), when: when},
		bytes:     content,
	})
	return listedMember{name: name, size: int64(len(content)), hash: sha256.Sum256(content), hashed: true}
}

// planVault adds the members of the i-th vault.
func (b *SealedBag) planVault(ctx context.Context, facts *SealedFacts, i int, when uint32) ([]listedMember, error) {
	v := &facts.Vaults[i]
	p := &sealedPlan{vault: v, rows: make([]sealedRow, 0, v.Content.Len())}
	plain, err := p.read(ctx)
	if err != nil {
		return nil, err
	}
	sealed, err := sealIndex(facts, v, plain)
	if err != nil {
		return nil, err
	}
	b.vaults, b.count = append(b.vaults, p), b.count+len(p.rows)
	name := func(of string) string { return vaultMember(i, of) }
	listed := []listedMember{b.hold(name(memberIndex), sealed, when)}
	p.wrapSum.name, p.wrapSum.size, p.wrapSum.hashed = name(memberWraps), p.wraps, true
	for _, s := range []sealedMember{
		{zipMember: zipMember{size: p.wraps, crc: p.crcs.wraps}, of: memberWraps},
		{zipMember: zipMember{size: p.text, crc: p.crcs.text}, of: memberText},
		{zipMember: zipMember{size: p.sound, late: p.sound > 0}, of: memberSound},
	} {
		s.name, s.when, s.vault = b.folder+"/"+name(s.of), when, p
		b.members = append(b.members, s)
	}
	return append(listed, p.wrapSum,
		listedMember{name: name(memberText), size: p.text}, listedMember{name: name(memberSound), size: p.sound}), nil
}

// read goes through the rows once, and returns the index's plaintext.
func (p *sealedPlan) read(ctx context.Context) ([]byte, error) {
	w, err := newIndexWriter(p.vault)
	if err != nil {
		return nil, err
	}
	all := sha256.New()
	err = p.vault.Content.Each(ctx, 0, func(i int, r SealedRecording) error {
		if i != len(p.rows) {
			return errChangedRow(r)
		}
		if err := w.add(r); err != nil {
			return err
		}
		wraps, text, sound, err := rowBytes(r)
		if err != nil {
			return err
		}
		p.rows = append(p.rows, sealedRow{p.wraps, p.text, p.sound, rowSum(r, wraps, text)})
		p.wraps += int64(len(wraps))
		p.text += int64(len(text))
		p.sound += sound
		p.crcs.wraps = crc32.Update(p.crcs.wraps, crc32.IEEETable, wraps)
		p.crcs.text = crc32.Update(p.crcs.text, crc32.IEEETable, text)
		all.Write(wraps)
		return nil
	})
	if err == nil && len(p.rows) != p.vault.Content.Len() {
		err = changed(fmt.Sprintf("vault %s, with %d recordings", p.vault.ID, len(p.rows)))
	}
	if err != nil {
		return nil, err
	}
	all.Sum(p.wrapSum.hash[:0])
	return w.plain, w.addsUp()
}

// rowBytes returns what a recording gives to the wraps and to the text, and
// the size of its sound.
func rowBytes(r SealedRecording) (wraps, text []byte, sound int64, err error) {
	parts, err := sortedParts(r)
	if err != nil {
		return nil, nil, 0, err
	}
	for _, p := range parts {
		if p == nil {
			continue
		}
		wraps = append(append(wraps, p.Wrap...), p.Hash[:]...)
		if p.Part == hearkeep.PartAudio {
			sound = p.Size
			continue
		}
		text = append(text, p.Bytes...)
	}
	return wraps, text, sound, nil
}

// rowSum is over everything that was frozen of a recording. The wraps hold the
// hash of its sound, and the id says that it is still this one.
func rowSum(r SealedRecording, wraps, text []byte) (sum [16]byte) {
	h := sha256.New()
	h.Write(r.ID[:])
	h.Write(wraps)
	h.Write(text)
	copy(sum[:], h.Sum(nil))
	return sum
}

func errChangedRow(r SealedRecording) error { return changed("recording " + r.ID.String()) }

// sealIndex seals an index to the newest generation that its account holds.
func sealIndex(facts *SealedFacts, v *SealedVault, plain []byte) ([]byte, error) {
	if len(v.Held) == 0 {
		return nil, fmt.Errorf("archive: account %s holds no key of vault %s", facts.Account, v.ID)
	}
	newest := v.Held[len(v.Held)-1]
	key, wrap, err := seal.NewIndexKey(newest.Public, seal.IndexContext{
		Vault: v.ID, Generation: newest.Generation, Account: facts.Account, Archive: facts.Archive, Request: facts.Request,
	})
	if err != nil {
		return nil, fmt.Errorf("archive: index of vault %s: %w", v.ID, err)
	}
	sealed, err := seal.SealPart(key, indexMedia, plain)
	if err != nil {
		return nil, fmt.Errorf("archive: index of vault %s: %w", v.ID, err)
	}
	return slices.Concat(wrap, sealed), nil
}

// sealedKeys is keys.json: what leads from a recovery kit to each vault.
type sealedKeys struct {
	Format         string             `json:"format"`
	Account        hearkeep.AccountID `json:"account"`
	Kits           []sealedKit        `json:"kits"`
	AccountPrivate []byte             `json:"account_private"`
	Vaults         []sealedVaultKeys  `json:"vaults"` // in the order of the folders
}

type sealedKit struct {
	Unlocker hearkeep.UnlockerID `json:"unlocker"`
	Wrap     []byte              `json:"wrap"`
}

type sealedVaultKeys struct {
	Vault hearkeep.VaultID `json:"vault"`
	Held  []sealedHeld     `json:"held"` // the index is sealed to the last
}

type sealedHeld struct {
	Generation hearkeep.Generation `json:"generation"`
	Wrap       []byte              `json:"wrap"`
}

func encodeKeys(facts *SealedFacts) ([]byte, error) {
	k := sealedKeys{Format: sealedFormat, Account: facts.Account, AccountPrivate: facts.Keys.AccountPrivate, Vaults: []sealedVaultKeys{}}
	for _, kit := range facts.Keys.Kits {
		k.Kits = append(k.Kits, sealedKit(kit))
	}
	for _, v := range facts.Vaults {
		one := sealedVaultKeys{Vault: v.ID}
		for _, h := range v.Held {
			one.Held = append(one.Held, sealedHeld{h.Generation, h.Wrap})
		}
		k.Vaults = append(k.Vaults, one)
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetIndent("", " ")
	if err := e.Encode(k); err != nil {
		return nil, fmt.Errorf("archive: keys of %s: %w", facts.Archive, err)
	}
	return b.Bytes(), nil
}

// Name is what the file is called: it says when, and nobody's name.
func (b *SealedBag) Name() string { return b.folder + ".zip" }

// Size is of the whole file, in bytes.
func (b *SealedBag) Size() int64 { return b.zip.size }

// ETag names these bytes, quoted as HTTP wants it.
func (b *SealedBag) ETag() string { return `"` + hex.EncodeToString(b.hash[:16]) + `"` }

// Hash is SHA-256 of the signed manifest.
func (b *SealedBag) Hash() [sha256.Size]byte { return b.hash }

// Count is how many recordings it holds.
func (b *SealedBag) Count() int { return b.count }

// Write writes the bytes from offset from, up to and without to. It fails with
// Changed where something was erased or changed since, and with Stopped where
// ciphertext is not what was stored: a sound's end is written only after its
// hash was compared, so that none leaves whole that is altered.
func (b *SealedBag) Write(ctx context.Context, w io.Writer, from, to int64) error {
	return b.zip.write(ctx, w, b.body, from, to)
}

func (b *SealedBag) body(ctx context.Context, i int, w io.Writer, from, to int64) error {
	switch m := b.members[i]; {
	case m.vault == nil:
		_, err := w.Write(m.bytes[from:to])
		return err
	case m.of == memberSound:
		return m.vault.writeSound(ctx, w, from, to)
	default:
		return m.vault.writeRows(ctx, w, m.of, from, to)
	}
}
