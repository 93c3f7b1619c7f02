package archive

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"strings"
)

// Verified is what a bag says of itself, once all of it has been checked. That
// it is whole does not say who made it: whoever can change it can make it whole
// again. What was handed over is in the ledger, by its hash.
type Verified struct {
	Folder     string // in the ZIP; empty for a folder
	Archive    string // its id
	Service    string
	Made       string   // a date
	Files      int      // of the payload
	Bytes      int64    // of the payload
	Recordings int      // with sound
	Hash       [32]byte // as Bag.Hash
}

// faultIn is a fault of a member, in whatever spelling it came, or of the
// whole archive.
func faultIn(member, what string) Fault {
	if member == "" {
		return Fault{Member: "the archive", What: what}
	}
	return Fault{Member: printable(member), What: what}
}

// maxFaults is how many faults are told one by one.
const maxFaults = 100

// Faults is all that is wrong with an archive, so that its person knows which
// of their recordings are still what they were.
type Faults struct {
	Faults []Fault // at least one, at most 100
	More   int
}

// Error tells the first.
func (f *Faults) Error() string {
	if more := len(f.Faults) - 1 + f.More; more > 0 {
		return fmt.Sprintf("archive: %s; and %d more", f.Faults[0].Error(), more)
	}
	return "archive: " + f.Faults[0].Error()
}

// Unwrap gives all that are told.
func (f *Faults) Unwrap() []error {
	errs := make([]error, len(f.Faults))
	for i := range f.Faults {
		errs[i] = f.Faults[i]
	}
	return errs
}

func (f *Faults) add(member, format string, args ...any) {
	if len(f.Faults) == maxFaults {
		f.More++
		return
	}
	f.Faults = append(f.Faults, faultIn(member, fmt.Sprintf(format, args...)))
}

func (f *Faults) err() error {
	if len(f.Faults) == 0 {
		return nil
	}
	return f
}

// Verify checks an open archive as one ZIP file of size bytes: that it is in
// every byte outside its files what New writes, and that its bag is whole. It
// unpacks nothing. It fails with *Faults where anything is missing, added,
// altered or unsafe to unpack, and with other errors where reading fails.
func Verify(ctx context.Context, r io.ReaderAt, size int64) (Verified, error) {
	z, err := openZIP(r, size)
	if f, ok := errors.AsType[Fault](err); ok {
		return Verified{}, &Faults{Faults: []Fault{f}}
	} else if err != nil {
		return Verified{}, err
	}
	bad := new(Faults)
	top := ""
	b := &bagCheck{faults: bad, files: make(map[string]*bagFile, len(z.members))}
	names := newDistinct(len(z.members))
	for i, m := range z.members {
		if what := unsafe(m.name); what != "" {
			bad.add(m.name, "%s", what)
			continue
		}
		if what := names.add(m.name); what != "" {
			bad.add(m.name, "%s", what)
			continue
		}
		folder, name, ok := strings.Cut(m.name, "/")
		if top == "" {
			top = folder
		}
		if !ok || folder != top {
			bad.add(m.name, "lies outside the archive's one folder")
			continue
		}
		b.files[name] = &bagFile{shown: m.name, size: m.size, open: func() (io.ReadCloser, error) {
			return &summed{Reader: z.body(i), want: m.crc, left: m.size}, nil
		}}
	}
	if err := bad.err(); err != nil {
		return Verified{}, err
	}
	v, err := b.check(ctx)
	v.Folder = top
	return v, err
}

// summed is a member's body, held against its CRC-32 at its end.
type summed struct {
	io.Reader
	want, got uint32
	left      int64
}

func (s *summed) Read(b []byte) (int, error) {
	n, err := s.Reader.Read(b)
	s.got = crc32.Update(s.got, crc32.IEEETable, b[:n])
	if s.left -= int64(n); s.left == 0 && s.got != s.want {
		return n, errChecksum
	}
	return n, err
}

func (s *summed) Close() error { return nil }

var errChecksum = errors.New("archive: another CRC-32 than the directory says")

// VerifyFolder checks an open archive that has been unpacked into a folder. It
// follows no links and opens no special files: they are faults.
func VerifyFolder(ctx context.Context, folder string) (Verified, error) {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return Verified{}, fmt.Errorf("archive: %w", err)
	}
	defer root.Close()
	bad := new(Faults)
	b := &bagCheck{faults: bad, files: make(map[string]*bagFile)}
	names := newDistinct(0)
	err = fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return fmt.Errorf("archive: %w", err)
		case ctx.Err() != nil:
			return ctx.Err()
		case d.IsDir():
			return nil
		case !d.Type().IsRegular():
			bad.add(name, "is a link or a special file")
			return nil
		case len(b.files) == maxBagMembers:
			bad.add("", "has more than %d files", maxBagMembers)
			return fs.SkipAll
		}
		if what := unsafe(name); what != "" {
			bad.add(name, "%s", what)
			return nil
		}
		if what := names.add(name); what != "" {
			bad.add(name, "%s", what)
			return nil
		}
		seen, err := d.Info()
		if err != nil {
			return fmt.Errorf("archive: %w", err)
		}
		b.files[name] = &bagFile{shown: name, size: seen.Size(), open: func() (io.ReadCloser, error) { return openSeen(root, name, seen) }}
		return nil
	})
	if err != nil {
		return Verified{}, err
	}
	if err := bad.err(); err != nil {
		return Verified{}, err
	}
	return b.check(ctx)
}

// openSeen opens the file that was seen, and not one that took its place.
func openSeen(root *os.Root, name string, seen fs.FileInfo) (io.ReadCloser, error) {
	f, err := root.Open(name)
	if err != nil {
		return nil, err
	}
	if now, err := f.Stat(); err != nil || !os.SameFile(now, seen) {
		f.Close()
		return nil, fmt.Errorf("archive: another file took its place: %v", err)
	}
	return f, nil
}

// sumOf reads a whole file of a bag.
func sumOf(ctx context.Context, f *bagFile) (sum [32]byte, n int64, err error) {
	r, err := f.open()
	if err != nil {
		return sum, 0, err
	}
	defer r.Close()
	h := sha256.New()
	buf := make([]byte, min(max(f.size, 512), 128<<10))
	for {
		if err := ctx.Err(); err != nil {
			return sum, n, err
		}
		k, err := r.Read(buf)
		h.Write(buf[:k])
		n += int64(k)
		if err == io.EOF {
			h.Sum(sum[:0])
			return sum, n, nil
		} else if err != nil {
			return sum, n, err
		}
	}
}
