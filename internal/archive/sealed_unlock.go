package archive

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/seal"
)

// Unlocked is a sealed archive that its owner's recovery kit opened. It may be
// used by one at a time.
type Unlocked struct {
	file   *SealedFile
	vaults []*unlockedVault
	faults []Fault // of the file, and what was found since
}

// unlockedVault is a vault of which the index opened.
type unlockedVault struct {
	id        hearkeep.VaultID
	keys      map[hearkeep.Generation]seal.VaultKey
	index     *index
	starts    []rowStart
	envelopes map[int]openedEnvelope
	wraps     *io.SectionReader
	text      *io.SectionReader
	sound     *io.SectionReader
}

// rowStart is where a row's bytes begin in the members of its vault.
type rowStart struct{ wraps, text, sound int64 }

type openedEnvelope struct {
	key seal.EnvelopeKey
	err error
}

// Bounds of what is read whole, in bytes.
const (
	maxKeys = 16 << 20
	maxKits = 100
)

// Unlock opens an archive with the recovery kit of its account. It fails with
// Forbidden where the kit opens nothing of it: then it is another kit, or
// somebody else's archive, and noise. What else does not open it notes.
func (f *SealedFile) Unlock(kit seal.Kit) (*Unlocked, error) {
	text, err := f.whole(memberKeys, maxKeys)
	if err != nil {
		return nil, notSealed(err).WithHint("Without its keys.json nothing of it opens. Fetch it again.")
	}
	var keys sealedKeys
	if err := json.Unmarshal(text, &keys); err != nil {
		return nil, notSealed(errors.New("archive: keys.json cannot be read")).WithHint("Its keys.json is damaged, and without it nothing opens. Fetch it again.")
	}
	private, err := f.private(keys, kit)
	if err != nil {
		return nil, err
	}
	u := &Unlocked{file: f, faults: append([]Fault(nil), f.faults...)}
	for i, k := range keys.Vaults {
		if slices.ContainsFunc(u.vaults, func(v *unlockedVault) bool { return v.id == k.Vault }) {
			u.faults = append(u.faults, Fault{Member: vaultMember(i, memberIndex), What: faultTwice})
			continue
		}
		v, err := u.vault(private, i, k)
		if err != nil {
			return nil, err
		}
		if v != nil {
			u.vaults = append(u.vaults, v)
		}
	}
	if len(keys.Vaults) != f.manifest.vaults || u.claimed() != f.manifest.recordings {
		u.faults = append(u.faults, Fault{Member: "the archive", What: faultCount})
	}
	return u, nil
}

// claimed counts the recordings of the indexes that opened.
func (u *Unlocked) claimed() (n int) {
	for _, v := range u.vaults {
		n += len(v.index.rows)
	}
	return n
}

// private leads from the kit to the account's private key. The account that
// the manifest names counts, not what stands beside the keys.
func (f *SealedFile) private(keys sealedKeys, kit seal.Kit) (seal.AccountPrivate, error) {
	account := f.manifest.account
	unlocker := seal.KitUnlocker(kit, account)
	for _, k := range keys.Kits[:min(len(keys.Kits), maxKits)] {
		root, err := seal.UnwrapAccountKey(k.Wrap, unlocker, account, k.Unlocker)
		if err != nil {
			continue
		}
		private, err := seal.OpenAccountPrivate(root, account, keys.AccountPrivate)
		if err != nil {
			return private, notSealed(err).WithHint("Your kit is the right one, but the key after it was altered or is another account's. Fetch the archive again.")
		}
		return private, nil
	}
	return seal.AccountPrivate{}, hearkeep.Errorf(hearkeep.Forbidden, "This recovery kit does not open this archive.").
		WithHint("It is another kit than the account's at the time, or the archive is somebody else's: then it is noise to you. If it is, please tell the service and delete it.").
		Because(seal.ErrOpen)
}

// vault opens the keys and the index of the i-th vault; nil where that fails.
func (u *Unlocked) vault(private seal.AccountPrivate, i int, k sealedVaultKeys) (*unlockedVault, error) {
	v := &unlockedVault{id: k.Vault, keys: make(map[hearkeep.Generation]seal.VaultKey), envelopes: make(map[int]openedEnvelope)}
	m := u.file.manifest
	for _, h := range k.Held {
		key, err := seal.OpenVaultKey(h.Wrap, private, k.Vault, h.Generation, m.account)
		if err != nil {
			u.faults = append(u.faults, Fault{Member: memberKeys, What: fmt.Sprintf("has a key for %s, of generation %d, that %s", vaultMember(i, ""), h.Generation, faultForeign)})
			continue
		}
		v.keys[h.Generation] = key
	}
	name := vaultMember(i, memberIndex)
	sealed := u.file.members[name]
	if sealed == nil || len(k.Held) == 0 {
		return nil, nil // named as missing when the file was opened
	}
	c := seal.IndexContext{Vault: k.Vault, Generation: k.Held[len(k.Held)-1].Generation, Account: m.account, Archive: m.archive, Request: m.request}
	x, err := openIndex(sealed, v.keys[c.Generation], c)
	var unread *readError
	switch {
	case errors.As(err, &unread):
		return nil, err
	case errors.Is(err, errIndex):
		u.faults = append(u.faults, Fault{Member: name, What: "opens, and is not an index that this program can read"})
		return nil, nil
	case err != nil:
		u.faults = append(u.faults, Fault{Member: name, What: faultForeign + ", or is of another archive"})
		return nil, nil
	}
	v.index = x
	u.layOut(v, i)
	u.faults = append(u.faults, x.numbering(x.head.Name)...)
	return v, nil
}

// readError is a failure of the disk, or of the browser, and not of the archive.
type readError struct{ err error }

func (e *readError) Error() string { return "archive: read: " + e.err.Error() }
func (e *readError) Unwrap() error { return e.err }

// openIndex opens an index: the wrap of its key, and what is under it.
func openIndex(sealed *io.SectionReader, with seal.VaultKey, c seal.IndexContext) (*index, error) {
	wrap := make([]byte, seal.PublicWrapSize)
	if n, err := sealed.ReadAt(wrap, 0); n < len(wrap) {
		if errors.Is(err, io.EOF) {
			return nil, seal.ErrOpen
		}
		return nil, &readError{err}
	}
	key, err := seal.OpenIndexKey(with, wrap, c)
	if err != nil {
		return nil, err
	}
	size := sealed.Size() - int64(len(wrap))
	part, err := seal.OpenPart(key, io.NewSectionReader(sealed, int64(len(wrap)), size), size)
	if err != nil {
		return nil, err
	}
	x, err := readIndex(io.NewSectionReader(part, 0, part.Size()), part.Size())
	if err != nil {
		return nil, err
	}
	if x.head.Vault != c.Vault {
		return nil, errIndex
	}
	doors := make(map[hearkeep.BindingID]bool, len(x.head.Doors))
	for _, d := range x.head.Doors {
		if doors[d.Binding] {
			return nil, errIndex // a number of it would be two recordings'
		}
		doors[d.Binding] = true
	}
	return x, nil
}

// layOut says where each row's bytes begin, and holds the sums against the
// members. A sum stops at what the whole file has, so that none overflows.
func (u *Unlocked) layOut(v *unlockedVault, i int) {
	at, most := rowStart{}, u.file.extent()
	v.starts = make([]rowStart, 0, len(v.index.rows))
	for k := range v.index.rows {
		v.starts = append(v.starts, at)
		for p, part := range v.index.rows[k].parts {
			switch {
			case part.size == 0:
				continue
			case hearkeep.Parts()[p] == hearkeep.PartAudio:
				at.sound = min(at.sound+part.size, most)
			default:
				at.text = min(at.text+part.size, most)
			}
			at.wraps = min(at.wraps+sealedWrapSize, most)
		}
	}
	v.wraps = u.member(vaultMember(i, memberWraps), at.wraps)
	v.text = u.member(vaultMember(i, memberText), at.text)
	v.sound = u.member(vaultMember(i, memberSound), at.sound)
}

// member is a member that an index says to have some size; an empty one where
// it is missing.
func (u *Unlocked) member(name string, size int64) *io.SectionReader {
	m := u.file.members[name]
	if m == nil {
		return io.NewSectionReader(noBytes{}, 0, 0)
	}
	if m.Size() != size {
		u.faults = append(u.faults, Fault{Member: name, What: faultLeftovers})
	}
	return m
}

// extent is more than any sum of an honest archive.
func (f *SealedFile) extent() int64 {
	n := int64(1)
	for _, m := range f.members {
		n += m.Size()
	}
	return n
}

// noBytes stands for a member that is missing.
type noBytes struct{}

func (noBytes) ReadAt([]byte, int64) (int, error) { return 0, io.EOF }
