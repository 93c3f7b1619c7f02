package archive

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

const (
	maxTagFile = 64 << 10 // bytes of bagit.txt and bag-info.txt
	maxLine    = 4096     // bytes of a line of a manifest
)

// bagFile is a file of a bag that is being checked.
type bagFile struct {
	shown  string // its name as the archive has it
	size   int64
	open   func() (io.ReadCloser, error)
	listed bool
	sum    [32]byte // as its manifest has it
}

// bagCheck checks a bag whose files have distinct and safe names.
type bagCheck struct {
	faults *Faults
	files  map[string]*bagFile
}

// check checks declaration, manifests and every file; what it can go on after,
// it goes on after.
func (b *bagCheck) check(ctx context.Context) (Verified, error) {
	v := Verified{}
	if declaration := b.text(bagitName); declaration != bagitText && b.files[bagitName] != nil {
		b.faults.add(b.files[bagitName].shown, "does not declare BagIt 1.0 in UTF-8, in exactly the usual two lines")
	}
	b.manifest(manifestName, true)
	b.manifest(tagManifestName, false)
	b.unlisted(&v)
	b.info(&v)
	if err := b.hashes(ctx, &v); err != nil {
		return Verified{}, err
	}
	if err := b.faults.err(); err != nil {
		return Verified{}, err
	}
	return v, nil
}

// text reads a small tag file; it is empty where there is a fault.
func (b *bagCheck) text(name string) string {
	f := b.files[name]
	switch {
	case f == nil:
		b.faults.add(name, "is missing")
		return ""
	case f.size > maxTagFile:
		b.faults.add(f.shown, "is too long")
		return ""
	}
	r, err := f.open()
	if err == nil {
		defer r.Close()
		var text []byte
		if text, err = io.ReadAll(io.LimitReader(r, maxTagFile)); err == nil {
			return string(text)
		}
	}
	b.faults.add(f.shown, "cannot be read: %v", err)
	return ""
}

// manifest reads what a manifest lists: the payload, or all other files.
func (b *bagCheck) manifest(name string, payload bool) {
	f := b.files[name]
	if f == nil {
		b.faults.add(name, "is missing")
		return
	}
	r, err := f.open()
	if err != nil {
		b.faults.add(f.shown, "cannot be read: %v", err)
		return
	}
	defer r.Close()
	in := bufio.NewReaderSize(r, maxLine)
	for n := 1; ; n++ {
		line, err := in.ReadSlice('\n')
		if err == io.EOF && len(line) == 0 {
			return
		}
		if err != nil {
			b.faults.add(f.shown, "has a line %d that does not end, or is too long: %v", n, err)
			return
		}
		sum, listed, err := manifestEntry(line)
		if err != nil {
			b.faults.add(f.shown, "is wrong in line %d: %v", n, err)
			return
		}
		b.list(f, n, sum, listed, payload)
	}
}

func (b *bagCheck) list(in *bagFile, n int, sum [32]byte, name string, payload bool) {
	f := b.files[name]
	switch {
	case strings.HasPrefix(name, "data/") != payload || name == tagManifestName:
		b.faults.add(in.shown, "lists in line %d %q, which does not belong there", n, name)
	case f == nil:
		b.faults.add(name, "is missing")
	case f.listed:
		b.faults.add(in.shown, "lists in line %d %q a second time", n, name)
	default:
		f.listed, f.sum = true, sum
	}
}

// manifestEntry reads a line: 64 lower-case hexadecimal digits, two spaces, a
// path with only %, CR and LF escaped.
func manifestEntry(line []byte) (sum [32]byte, name string, err error) {
	digits, rest, ok := bytes.Cut(bytes.TrimSuffix(line, []byte("\n")), []byte("  "))
	if !ok || len(digits) != 64 {
		return sum, "", errors.New("is not a SHA-256, two spaces and a name")
	}
	if _, err := hex.Decode(sum[:], digits); err != nil || hex.EncodeToString(sum[:]) != string(digits) {
		return sum, "", errors.New("its SHA-256 is not lower-case hexadecimal")
	}
	name = strings.NewReplacer("%0D", "\r", "%0A", "\n", "%25", "%").Replace(string(rest))
	if escaped(name) != string(rest) {
		return sum, "", errors.New("its name is escaped in another way than BagIt 1.0 has it")
	}
	if what := unsafe(name); what != "" {
		return sum, "", fmt.Errorf("%q: %s", name, what)
	}
	return sum, name, nil
}

// unlisted finds what no manifest lists, and counts the payload.
func (b *bagCheck) unlisted(v *Verified) {
	for _, name := range slices.Sorted(maps.Keys(b.files)) {
		f := b.files[name]
		switch {
		case name == tagManifestName: // lists the others
		case !f.listed:
			b.faults.add(f.shown, "is in no manifest: it was added")
		case name == "fetch.txt" || strings.Contains(name, "manifest-") && name != manifestName && !strings.Contains(name, "/"):
			b.faults.add(f.shown, "is no file that Hearkeep's archives have")
		}
		if strings.HasPrefix(name, "data/") {
			v.Files, v.Bytes = v.Files+1, v.Bytes+f.size
		}
		if strings.HasPrefix(name, "data/recordings/") {
			v.Recordings++
		}
	}
}

// info reads bag-info.txt and holds Payload-Oxum against what is there.
func (b *bagCheck) info(v *Verified) {
	text := b.text(infoName)
	if text == "" {
		return
	}
	shown := b.files[infoName].shown
	fields := make(map[string]string)
	for n, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		key, value, ok := strings.Cut(line, ": ")
		if _, twice := fields[key]; twice || !ok || key == "" || key != inOneLine(key) || value != inOneLine(value) || unprintableIn(line) {
			b.faults.add(shown, "has a line %d that is not one label, a colon and a value, or is there twice", n+1)
			return
		}
		fields[key] = value
	}
	if got, want := fields["Payload-Oxum"], fmt.Sprintf("%d.%d", v.Bytes, v.Files); got != want {
		b.faults.add(shown, "says a Payload-Oxum of %q, and what is there is %s", got, want)
	}
	v.Archive, v.Service, v.Made = fields["External-Identifier"], fields["Source-Organization"], fields["Bagging-Date"]
}

func unprintableIn(s string) bool { return strings.IndexFunc(s, unprintable) >= 0 }

// hashes reads every listed file.
func (b *bagCheck) hashes(ctx context.Context, v *Verified) error {
	names := slices.SortedFunc(maps.Keys(b.files), func(a, c string) int { return cmp.Compare(a, c) })
	for _, name := range names {
		f := b.files[name]
		sum, n, err := sumOf(ctx, f)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, errChecksum):
			b.faults.add(f.shown, "is altered: its CRC-32 is another")
		case err != nil:
			b.faults.add(f.shown, "cannot be read: %v", err)
		case n != f.size:
			b.faults.add(f.shown, "has another size than it had")
		case name == tagManifestName:
			v.Hash = sum
		case f.listed && sum != f.sum:
			b.faults.add(f.shown, "is altered: its SHA-256 is another")
		}
	}
	return nil
}
