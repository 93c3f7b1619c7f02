package bring

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/archive"
	"golang.org/x/text/encoding/charmap"
)

// maxDirectory bounds what a ZIP file's list of members may take, in bytes.
const maxDirectory = 128 << 20

// Open opens an archive: folders, ZIP files, and single files, which together
// are one, as the parts of a divided download are.
func Open(paths ...string) (Source, error) {
	all := &parts{}
	for _, p := range paths {
		s, err := openPath(p)
		if err == nil {
			err = all.add(s)
		}
		if err != nil {
			return nil, errors.Join(err, all.Close())
		}
	}
	return all, nil
}

func openPath(p string) (Source, error) {
	info, err := os.Stat(p)
	if err != nil {
		return nil, hearkeep.Errorf(hearkeep.NotFound, "There is nothing called %s.", p).Because(err)
	}
	if info.IsDir() {
		return openFolder(p)
	}
	if !info.Mode().IsRegular() {
		return nil, hearkeep.Errorf(hearkeep.Invalid, "%s is neither a file nor a folder.", p)
	}
	f, err := os.Open(p)
	if err != nil {
		return nil, hearkeep.Errorf(hearkeep.Invalid, "%s cannot be opened.", p).Because(err)
	}
	var head [4]byte
	n, _ := f.ReadAt(head[:], 0)
	if s := string(head[:n]); s == "PK\x03\x04" || s == "PK\x05\x06" {
		z, err := ReadZIP(f, info.Size())
		if err != nil {
			return nil, errors.Join(err, f.Close())
		}
		return &zipFile{z, f, info.Size()}, nil
	}
	f.Close()
	return openSingle(p, info)
}

// parts are several sources as one.
type parts struct {
	of    []Source
	first []int // index of each source's first file
	files []File
}

func (p *parts) add(s Source) error {
	p.of, p.first = append(p.of, s), append(p.first, len(p.files))
	p.files = append(p.files, s.Files()...)
	if len(p.files) > MaxFiles {
		return errTooMany
	}
	return nil
}

func (p *parts) Files() []File { return p.files }

func (p *parts) Open(i int) (io.ReadCloser, error) {
	at, found := slices.BinarySearch(p.first, i)
	if !found {
		at--
	}
	for at+1 < len(p.first) && p.first[at+1] <= i { // sources without files
		at++
	}
	return p.of[at].Open(i - p.first[at])
}

// verify checks an archive of Hearkeep's own as a whole.
func (p *parts) verify(ctx context.Context) (err error) {
	if len(p.of) != 1 {
		return nil // each recording is held against its hash all the same
	}
	switch s := p.of[0].(type) {
	case *zipFile:
		_, err = archive.Verify(ctx, s.file, s.size)
	case *folder:
		_, err = archive.VerifyFolder(ctx, s.path)
	}
	if faults := (*archive.Faults)(nil); errors.As(err, &faults) {
		return hearkeep.Errorf(hearkeep.Invalid, "This archive is not as it was handed out: something in it is missing, added or altered.").
			WithHint("hearkeep archive verify names it.").Because(err)
	}
	return err
}

func (p *parts) Close() (err error) {
	for _, s := range p.of {
		err = errors.Join(err, s.Close())
	}
	return err
}

var errTooMany = hearkeep.Errorf(hearkeep.TooLarge, "There are more than %d files in it.", MaxFiles)

// zipFile is a ZIP file on the disk.
type zipFile struct {
	Source
	file *os.File
	size int64
}

func (z *zipFile) Close() error { return z.file.Close() }

// zipped is a ZIP archive, read at random.
type zipped struct {
	members []*zip.File
	files   []File
}

// ReadZIP reads a ZIP archive in place.
func ReadZIP(r io.ReaderAt, size int64) (Source, error) {
	in := &budgeted{r: r}
	in.left.Store(maxDirectory)
	reader, err := zip.NewReader(in, size)
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) { // names are checked below
		return nil, notZIP(err)
	}
	if len(reader.File) > MaxFiles {
		return nil, errTooMany
	}
	in.left.Store(1 << 62)
	z := &zipped{}
	seen := make(map[string]bool, len(reader.File))
	for _, m := range reader.File {
		f := memberOf(m)
		switch {
		case strings.HasSuffix(m.Name, "/"):
			continue
		case seen[f.Name] && f.Trouble == "":
			f.Trouble = "Its name stands in the archive twice."
		}
		seen[f.Name] = true
		z.members, z.files = append(z.members, m), append(z.files, f)
	}
	if err := z.apart(size); err != nil {
		return nil, err
	}
	for i := range z.files {
		z.files[i].Head = headOf(z, i)
	}
	return z, nil
}

func notZIP(err error) error {
	return hearkeep.Errorf(hearkeep.Invalid, "This is not a ZIP file that can be read: it is damaged, or not whole.").
		WithHint("Download it again. Of a download in several parts, name all of them.").Because(err)
}

// memberOf is a member's file, with what speaks against reading it.
func memberOf(m *zip.File) File {
	name, ok := cleanName(m.Name, m.NonUTF8)
	f := File{Name: name, Size: int64(min(m.UncompressedSize64, 1<<62)), Modified: m.Modified}
	if f.Modified.Year() < 1990 { // 1980 is how ZIP writes "unknown"
		f.Modified = time.Time{}
	}
	switch {
	case !ok:
		f.Trouble = "Its name leads out of the archive, or is none."
	case m.Mode()&fs.ModeSymlink != 0, m.Mode()&fs.ModeType != 0 && !m.Mode().IsDir():
		f.Trouble = "It is a link, not a file."
	case m.Flags&1 != 0:
		f.Trouble = "It is encrypted. Unpack it with its password first."
	case m.Method != zip.Store && m.Method != zip.Deflate:
		f.Trouble = "It is packed in a way that is not read here."
	}
	return f
}

// apart refuses members that share bytes: so a small file claims to hold very
// much more than there is.
func (z *zipped) apart(size int64) error {
	type span struct{ from, to int64 }
	spans := make([]span, 0, len(z.members))
	for i, m := range z.members {
		from, err := m.DataOffset()
		if err != nil || m.CompressedSize64 > uint64(size) || from+int64(m.CompressedSize64) > size {
			z.files[i].Trouble = "It is not in the archive: the list of files is damaged."
			continue
		}
		spans = append(spans, span{from, from + int64(m.CompressedSize64)})
	}
	slices.SortFunc(spans, func(a, b span) int { return int(min(max(a.from-b.from, -1), 1)) })
	for i := 1; i < len(spans); i++ {
		if spans[i].from < spans[i-1].to {
			return notZIP(errors.New("bring: members overlap"))
		}
	}
	return nil
}

func (z *zipped) Files() []File { return z.files }

func (z *zipped) Open(i int) (io.ReadCloser, error) {
	if why := z.files[i].Trouble; why != "" {
		return nil, hearkeep.Errorf(hearkeep.Invalid, "%s", why)
	}
	r, err := z.members[i].Open()
	if err != nil {
		return nil, notWhole(err)
	}
	return r, nil
}

func (z *zipped) Close() error { return nil }

// budgeted is a reader that ends after so many bytes: the list of a ZIP
// file's members is read whole into memory.
type budgeted struct {
	r    io.ReaderAt
	left atomic.Int64
}

func (b *budgeted) ReadAt(p []byte, at int64) (int, error) {
	if b.left.Add(-int64(len(p))) < 0 {
		return 0, errors.New("bring: the list of members is too long")
	}
	return b.r.ReadAt(p, at)
}

// cleanName is a member's name with slashes; ok is false where it is none that
// a file of an archive has.
func cleanName(name string, notUTF8 bool) (string, bool) {
	if notUTF8 || !utf8.ValidString(name) {
		if s, err := charmap.CodePage437.NewDecoder().String(name); err == nil {
			name = s
		}
	}
	name = strings.ReplaceAll(name, `\`, "/")
	ok := len(name) <= maxName && fs.ValidPath(strings.TrimSuffix(name, "/")) && !strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }) &&
		!(len(name) > 1 && name[1] == ':')
	if len(name) > maxName {
		name = strings.ToValidUTF8(name[:maxName], "")
	}
	return name, ok
}

// headOf reads how a file begins.
func headOf(s Source, i int) []byte {
	if s.Files()[i].Trouble != "" {
		return nil
	}
	r, err := s.Open(i)
	if err != nil {
		return nil
	}
	defer r.Close()
	head := make([]byte, headBytes)
	n, _ := io.ReadFull(r, head)
	return head[:n]
}

// folder is a folder on the disk. os.Root keeps what is opened inside it;
// links are not followed.
type folder struct {
	path  string
	root  *os.Root
	files []File
}

func openFolder(p string) (Source, error) {
	root, err := os.OpenRoot(p)
	if err != nil {
		return nil, hearkeep.Errorf(hearkeep.Invalid, "%s cannot be opened.", p).Because(err)
	}
	d := &folder{path: p, root: root}
	err = fs.WalkDir(root.FS(), ".", func(name string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			d.files = append(d.files, File{Name: name, Trouble: "It cannot be opened."})
			return nil
		case e.IsDir():
			return nil
		case len(d.files) >= MaxFiles:
			return errTooMany
		}
		f := File{Name: filepath.ToSlash(name)}
		info, err := e.Info()
		switch {
		case err != nil:
			f.Trouble = "It cannot be opened."
		case !info.Mode().IsRegular():
			f.Trouble = "It is a link, not a file."
		default:
			f.Size, f.Modified = info.Size(), info.ModTime()
		}
		d.files = append(d.files, f)
		return nil
	})
	if err != nil {
		return nil, errors.Join(err, root.Close())
	}
	for i := range d.files {
		d.files[i].Head = headOf(d, i)
	}
	return d, nil
}

func (d *folder) Files() []File { return d.files }

func (d *folder) Open(i int) (io.ReadCloser, error) {
	if why := d.files[i].Trouble; why != "" {
		return nil, hearkeep.Errorf(hearkeep.Invalid, "%s", why)
	}
	f, err := d.root.Open(d.files[i].Name)
	if err != nil {
		return nil, hearkeep.Errorf(hearkeep.Invalid, "It cannot be opened.").Because(err)
	}
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() { // it was another when it was listed
		return nil, errors.Join(hearkeep.Errorf(hearkeep.Invalid, "It is a link, not a file."), f.Close())
	}
	return f, nil
}

func (d *folder) Close() error { return d.root.Close() }

// single is one file.
type single struct {
	path string
	file []File
}

func openSingle(p string, info fs.FileInfo) (Source, error) {
	s := &single{p, []File{{Name: filepath.Base(p), Size: info.Size(), Modified: info.ModTime()}}}
	s.file[0].Head = headOf(s, 0)
	return s, nil
}

func (s *single) Files() []File                   { return s.file }
func (s *single) Open(int) (io.ReadCloser, error) { return os.Open(s.path) }
func (s *single) Close() error                    { return nil }

// Listed is an archive that lies elsewhere: in a browser, which says what is
// in it and gives the lists. Its sound is not here.
type Listed struct {
	files []File
	texts map[int][]byte
}

// NewListed takes what a browser says of an archive's files. Names are
// checked as those of a ZIP file's members are.
func NewListed(files []File) (*Listed, error) {
	if len(files) > MaxFiles {
		return nil, errTooMany
	}
	l := &Listed{files: files, texts: map[int][]byte{}}
	seen := make(map[string]bool, len(files))
	for i := range files {
		f := &files[i]
		name, ok := cleanName(f.Name, false)
		f.Name, f.Head = name, f.Head[:min(len(f.Head), headBytes)]
		switch {
		case f.Trouble != "":
			f.Trouble = label(f.Trouble)
		case !ok:
			f.Trouble = "Its name leads out of the archive, or is none."
		case seen[name]:
			f.Trouble = "Its name stands in the archive twice."
		}
		seen[name] = true
	}
	return l, nil
}

// Give hands over the content of a list.
func (l *Listed) Give(i int, text []byte) error {
	if i < 0 || i >= len(l.files) {
		return hearkeep.Errorf(hearkeep.Invalid, "There is no file %d in the list.", i)
	}
	l.texts[i] = text
	return nil
}

// Files implements Source.
func (l *Listed) Files() []File { return l.files }

// Open reads a list that was handed over.
func (l *Listed) Open(i int) (io.ReadCloser, error) {
	text, ok := l.texts[i]
	if !ok {
		return nil, hearkeep.Errorf(hearkeep.Invalid, "It was not sent along: it is no list, or too long for a page.").
			WithHint("hearkeep import reads archives of any size.")
	}
	return io.NopCloser(bytes.NewReader(text)), nil
}

// Close implements Source.
func (l *Listed) Close() error { return nil }

// isDamage reports whether an error of a reader is the archive's fault.
func isDamage(err error) bool {
	var corrupt flate.CorruptInputError
	return errors.As(err, &corrupt) || errors.Is(err, zip.ErrChecksum) || errors.Is(err, zip.ErrFormat) || errors.Is(err, io.ErrUnexpectedEOF)
}

// dirOf is the folder of a file's name; "" at the top.
func dirOf(name string) string {
	if d := path.Dir(name); d != "." {
		return d
	}
	return ""
}

// nth names the row of a list, for people.
func nth(n int) string { return fmt.Sprintf("entry %d", n) }
