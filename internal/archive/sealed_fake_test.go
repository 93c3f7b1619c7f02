package archive

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/seal"
)

// person is an account with a kit, and what leads from it to its vaults.
type person struct {
	account hearkeep.AccountID
	kit     seal.Kit
	keys    SealedKeys
	public  seal.AccountPublic
}

func newPerson(t testing.TB) person {
	t.Helper()
	p := person{account: hearkeep.NewID[hearkeep.AccountID](), kit: seal.NewKit()}
	root, unlocker := seal.NewAccountKey(), hearkeep.NewID[hearkeep.UnlockerID]()
	private, public, err := seal.NewAccountPair()
	ok(t, err)
	p.public = public
	wrap, err := seal.WrapAccountKey(root, seal.PublicOfUnlocker(seal.KitUnlocker(p.kit, p.account)), p.account, unlocker)
	ok(t, err)
	sealed, err := seal.SealAccountPrivate(root, p.account, private)
	ok(t, err)
	p.keys = SealedKeys{Kits: []SealedKit{{unlocker, wrap}}, AccountPrivate: sealed}
	return p
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// service signs as the ledger does.
type service struct {
	signer note.Signer
	key    string
}

func newService(t testing.TB) service {
	t.Helper()
	private, public, err := note.GenerateKey(rand.Reader, "hearkeep.local/test")
	ok(t, err)
	signer, err := note.NewSigner(private)
	ok(t, err)
	return service{signer, public}
}

func (s service) sign(text string) ([]byte, error) {
	return note.Sign(&note.Note{Text: text}, s.signer)
}

// cargo is what a Courier would carry.
type cargo struct {
	rows    []SealedRecording
	damaged []error
}

func (c *cargo) Len() int { return len(c.rows) }

func (c *cargo) Each(ctx context.Context, from int, fn func(int, SealedRecording) error) error {
	for i := from; i < len(c.rows); i++ {
		if err := fn(i, c.rows[i]); err != nil {
			return fmt.Errorf("cargo: %w", err)
		}
	}
	return nil
}

// sealedHome is a vault of n recordings at two doors, sealed for a person as
// an Inbox seals. Every fifth keeps no sound, every seventh no words.
func sealedVault(t testing.TB, p person, name string, n int, sound func(i int) []byte) SealedVault {
	t.Helper()
	v := SealedVault{ID: hearkeep.NewID[hearkeep.VaultID](), Name: name, Kind: "personal"}
	var publics []seal.VaultPublic
	for g := hearkeep.Generation(1); g <= 2; g++ {
		key, err := seal.NewVaultKey()
		ok(t, err)
		wrap, err := seal.SealVaultKey(key, p.public, v.ID, g, p.account)
		ok(t, err)
		v.Held = append(v.Held, SealedKey{g, wrap, seal.PublicOfVault(key)})
		publics = append(publics, seal.PublicOfVault(key))
	}
	v.Doors = []Door{
		{Binding: hearkeep.NewID[hearkeep.BindingID](), Name: "Kitchen", Source: hearkeep.SourceWyoming, Erased: 2, Expired: 1},
		{Binding: hearkeep.NewID[hearkeep.BindingID](), Name: "../../etc/Terminal\u202e", Source: hearkeep.SourceSay},
	}
	c := new(cargo)
	var env seal.EnvelopeKey
	var at seal.EnvelopeContext
	var wrap []byte
	for i := range n {
		d := &v.Doors[i%2]
		if i%6 < 2 {
			at = seal.EnvelopeContext{Vault: v.ID, Generation: hearkeep.Generation(1 + i/2%2), Envelope: hearkeep.NewID[hearkeep.EnvelopeID](), Binding: d.Binding}
		}
		if at.Binding != d.Binding || i%6 < 2 {
			at.Binding, at.Envelope = d.Binding, hearkeep.NewID[hearkeep.EnvelopeID]()
			var err error
			env, wrap, err = seal.NewEnvelope(publics[at.Generation-1], at)
			ok(t, err)
		}
		d.In++
		c.rows = append(c.rows, sealedRow1(t, c, env, wrap, at, i, hearkeep.Number(d.In), sound(i)))
	}
	for i := range v.Doors {
		d := &v.Doors[i]
		d.Last = d.In + d.Erased + d.Expired + d.Failed + d.Withheld
	}
	v.Content = c
	return v
}

func sealedRow1(t testing.TB, c *cargo, env seal.EnvelopeKey, wrap []byte, at seal.EnvelopeContext, i int, n hearkeep.Number, sound []byte) SealedRecording {
	t.Helper()
	start := time.Date(2026, 7, 3, 9, 0, 0, 123e6, time.UTC).Add(time.Duration(i) * 7 * time.Minute)
	r := SealedRecording{ID: hearkeep.NewID[hearkeep.RecordingID](), Binding: at.Binding, Number: n, Generation: at.Generation,
		Envelope: at.Envelope, EnvelopeWrap: wrap, Start: start, Duration: 2300 * time.Millisecond}
	part := func(p hearkeep.Part, media string, plain []byte) []byte {
		key, wrap, err := seal.NewPartKey(env, seal.PartContext{EnvelopeContext: at, Number: n, Recording: r.ID, Start: start, Part: p, Version: 1})
		ok(t, err)
		sealed, err := seal.SealPart(key, media, plain)
		ok(t, err)
		sp := SealedPart{Part: p, Version: 1, Size: int64(len(sealed)), Hash: sha256.Sum256(sealed), Until: start.AddDate(0, 0, 90), Wrap: wrap}
		if p != hearkeep.PartAudio {
			sp.Bytes = sealed
		}
		r.Parts = append(r.Parts, sp)
		return sealed
	}
	if i%5 != 4 {
		sealed := part(hearkeep.PartAudio, "audio/flac", sound)
		r.Audio = func(context.Context) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(sealed)), nil }
		part(hearkeep.PartWaveform, "application/octet-stream", bytes.Repeat([]byte{9, 200, 40, byte(i)}, 20))
	}
	r.Damaged = func(_ context.Context, cause error) error { c.damaged = append(c.damaged, cause); return nil }
	if i%7 != 6 {
		part(hearkeep.PartWords, "text/plain; charset=utf-8", fmt.Appendf(nil, "set timer %d <script>alert(1)</script>", i))
	}
	turn, err := json.Marshal(map[string]any{"intent": "HassStartTimer", "did": "started a timer", "answer": "A timer.",
		"slots": []map[string]string{{"name": "minutes", "spoken": "ten", "value": "10"}}, "stages": []map[string]any{{"stage": "act", "took_us": 1200}}})
	ok(t, err)
	part(hearkeep.PartTurn, "application/json", turn)
	return r
}

func noise(size int) func(int) []byte {
	return func(i int) []byte { return bytes.Repeat(fmt.Appendf(nil, "sound %d ", i), max(1, size/8)) }
}

func sealedFacts(s service, p person, vaults ...SealedVault) SealedFacts {
	return SealedFacts{
		Archive: hearkeep.NewID[hearkeep.ArchiveID](), Request: hearkeep.NewID[hearkeep.RequestID](), Kind: hearkeep.RequestAccess, Account: p.account,
		Service: "https://keep.example", Made: time.Date(2026, 11, 22, 15, 0, 0, 0, time.UTC), Key: s.key, Sign: s.sign, Keys: p.keys, Vaults: vaults,
	}
}

func newSealed(t testing.TB, f SealedFacts) *SealedBag {
	t.Helper()
	b, err := NewSealed(context.Background(), f)
	ok(t, err)
	return b
}

func sealedBytes(t testing.TB, b *SealedBag) []byte {
	t.Helper()
	var out bytes.Buffer
	ok(t, b.Write(context.Background(), &out, 0, b.Size()))
	if int64(out.Len()) != b.Size() {
		t.Fatalf("wrote %d bytes, want %d", out.Len(), b.Size())
	}
	return out.Bytes()
}

func openSealed(t testing.TB, b []byte) *SealedFile {
	t.Helper()
	f, err := OpenSealed(bytes.NewReader(b), int64(len(b)))
	ok(t, err)
	return f
}

func unlock(t testing.TB, b []byte, kit seal.Kit) *Unlocked {
	t.Helper()
	u, err := openSealed(t, b).Unlock(kit)
	ok(t, err)
	return u
}

// everything opens all of an archive and returns all its faults as sentences.
func everything(t testing.TB, u *Unlocked) []string {
	t.Helper()
	var said []string
	for _, f := range u.Faults() {
		said = append(said, f.String())
	}
	for i := range u.Count() {
		faults, err := u.Check(i)
		ok(t, err)
		for _, f := range faults {
			said = append(said, f.String())
		}
	}
	return said
}

func codeIs(t testing.TB, err error, want hearkeep.Code) {
	t.Helper()
	if got := hearkeep.CodeOf(err); err == nil || got != want {
		t.Errorf("got %v (%s), want %s", err, got, want)
	}
}

var errDisk = errors.New("disk")
