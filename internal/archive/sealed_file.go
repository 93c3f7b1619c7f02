package archive

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/hearkeep/hearkeep"
)

// SealedFile is a sealed archive that somebody has, before it is unlocked.
type SealedFile struct {
	manifest *manifest
	signed   bool
	members  map[string]*io.SectionReader
	faults   []Fault
}

// SealedAbout is what a sealed archive says of itself. It is true as far as it
// is Signed, and signed by the service as far as Fingerprint is the one that
// the service's page shows.
type SealedAbout struct {
	Service     string
	Account     hearkeep.AccountID
	Request     hearkeep.RequestID
	Kind        hearkeep.RequestKind
	Archive     hearkeep.ArchiveID
	Made        time.Time
	Vaults      int
	Recordings  int
	Signed      bool
	Fingerprint string // of the key that it names
}

// maxDirectory bounds what is read to find a ZIP file's members, in bytes. A
// sealed archive has a handful.
const maxDirectory = 4 << 20

// OpenSealed reads what a sealed archive of size bytes is made of, and holds
// it against its signed list. It fails with Invalid for what is no sealed
// archive, or no whole one; whatever else is wrong it notes (Faults), so that
// the rest can be opened. r may not be used by others meanwhile.
func OpenSealed(r io.ReaderAt, size int64) (*SealedFile, error) {
	directory, err := zip.NewReader(&frugal{r: r, left: maxDirectory}, size)
	if err != nil || len(directory.File) > maxMembers {
		return nil, notSealed(err).WithHint("It is another file, or it was not fetched to its end. Fetch it again.")
	}
	f := &SealedFile{members: make(map[string]*io.SectionReader)}
	for _, entry := range directory.File {
		f.take(r, size, entry)
	}
	text, err := f.whole(memberManifest, maxManifest)
	if err != nil {
		return nil, notSealed(err).WithHint("It has no manifest.txt that can be read. Choose the whole ZIP file, as it was fetched.")
	}
	if f.manifest, f.signed, err = parseManifest(text); err != nil {
		return nil, notSealed(err).WithHint("Its manifest.txt is not one. Fetch it again.")
	}
	if !f.signed {
		f.fault(memberManifest, faultUnsigned)
	}
	return f, f.compare()
}

func notSealed(cause error) *hearkeep.Error {
	return hearkeep.Errorf(hearkeep.Invalid, "This is not a sealed archive of Hearkeep, or not a whole one.").Because(cause)
}

// frugal gives up after some bytes, so that no file makes its reader hold a
// directory as large as itself.
type frugal struct {
	r    io.ReaderAt
	left int64
}

func (f *frugal) ReadAt(b []byte, off int64) (int, error) {
	if f.left -= int64(len(b)); f.left < 0 {
		return 0, errors.New("archive: the directory is too large")
	}
	return f.r.ReadAt(b, off)
}

func (f *SealedFile) fault(member, what string) {
	f.faults = append(f.faults, Fault{Member: member, What: what})
}

// take notes where a member lies. Its name is without the folder that all of
// them are in.
func (f *SealedFile) take(r io.ReaderAt, size int64, entry *zip.File) {
	name := entry.Name
	if _, inside, found := strings.Cut(name, "/"); found {
		name = inside
	}
	at, err := entry.DataOffset()
	length := entry.UncompressedSize64
	switch {
	case err != nil || length > uint64(size) || at > size-int64(length):
		f.fault(printable(name), faultCut)
	case entry.Method != zip.Store || entry.CompressedSize64 != length:
		f.fault(printable(name), faultStored)
	case f.members[name] != nil:
		f.fault(printable(name), faultTwice)
	default:
		f.members[name] = io.NewSectionReader(r, at, int64(length))
	}
}

// printable is a name that somebody else chose, as it may be shown.
func printable(name string) string {
	if len(name) > 100 {
		name = name[:100] + "…"
	}
	quoted := fmt.Sprintf("%+q", name)
	if quoted == `"`+name+`"` {
		return name
	}
	return quoted
}

// whole reads a member of at most some bytes.
func (f *SealedFile) whole(name string, most int64) ([]byte, error) {
	m := f.members[name]
	switch {
	case m == nil:
		return nil, Fault{Member: name, What: faultMissing}
	case m.Size() > most:
		return nil, Fault{Member: name, What: faultCut}
	}
	b := make([]byte, m.Size())
	if _, err := m.ReadAt(b, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("archive: read %s: %w", name, err)
	}
	return b, nil
}

// compare holds the members against the signed list. What is hashed part by
// part is held against its hashes when it is opened.
func (f *SealedFile) compare() error {
	listed := map[string]bool{memberManifest: true}
	for _, l := range f.manifest.members {
		m := f.members[l.name]
		switch {
		case listed[l.name]:
			f.fault(printable(l.name), "is on the signed list twice")
			continue
		case m == nil:
			f.fault(printable(l.name), faultMissing)
		case m.Size() != l.size:
			f.fault(printable(l.name), faultCut)
		case l.hashed:
			sum := sha256.New()
			if _, err := io.Copy(sum, io.NewSectionReader(m, 0, m.Size())); err != nil {
				return fmt.Errorf("archive: read %s: %w", l.name, err)
			}
			if !bytes.Equal(sum.Sum(nil), l.hash[:]) {
				f.fault(printable(l.name), faultAltered)
			}
		}
		listed[l.name] = true
	}
	for name := range f.members {
		if !listed[name] {
			f.fault(printable(name), faultAdded)
		}
	}
	return nil
}

// About returns what the archive says of itself.
func (f *SealedFile) About() SealedAbout {
	m := f.manifest
	return SealedAbout{m.service, m.account, m.request, m.kind, m.archive, m.made, m.vaults, m.recordings, f.signed, Fingerprint(m.key)}
}

// Faults returns what is wrong with the file, as far as that is seen without
// unlocking it.
func (f *SealedFile) Faults() []Fault { return f.faults }
