package archive

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hearkeep/hearkeep"
	"pgregory.net/rapid"
)

// made is a ZIP's members as bytes.
type made struct {
	members []zipMember
	bodies  [][]byte
}

func (m *made) add(name string, body []byte, late bool) {
	crc := crc32.ChecksumIEEE(body)
	if late {
		crc = 0 // not known
	}
	m.members = append(m.members, zipMember{name: name, size: int64(len(body)), crc: crc, late: late, when: dosTime(noon())})
	m.bodies = append(m.bodies, body)
}

func (m *made) layout(t testing.TB) *zipLayout {
	z, err := newZipLayout(len(m.members), func(i int) zipMember { return m.members[i] })
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func (m *made) body(_ context.Context, i int, w io.Writer, from, to int64) error {
	_, err := w.Write(m.bodies[i][from:to])
	return err
}

func (m *made) whole(t testing.TB) []byte {
	z := m.layout(t)
	var b bytes.Buffer
	if err := z.write(t.Context(), &b, m.body, 0, z.size); err != nil {
		t.Fatal(err)
	}
	if got, want := int64(b.Len()), z.size; got != want {
		t.Fatalf("wrote %d bytes, planned %d", got, want)
	}
	return b.Bytes()
}

func noon() time.Time { return time.Date(2026, 7, 3, 12, 30, 14, 0, time.UTC) }

func someFiles() *made {
	m := new(made)
	m.add("top/readme.txt", []byte("hello\n"), false)
	m.add("top/leer", nil, false)
	m.add("top/Küche.flac", bytes.Repeat([]byte("sound"), 9000), false)
	m.add("top/late", bytes.Repeat([]byte{0, 1, 2}, 700), true)
	m.add("top/late and empty", nil, true)
	return m
}

func TestOthersReadOurZIP(t *testing.T) {
	m := someFiles()
	file := filepath.Join(t.TempDir(), "a.zip")
	if err := os.WriteFile(file, m.whole(t), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, command := range [][]string{
		{"unzip", "-tqq", file},
		{"python3", "-c", "import sys,zipfile; z=zipfile.ZipFile(sys.argv[1]); assert z.testzip() is None; print(*z.namelist(),sep='|')", file},
	} {
		out, err := exec.Command(command[0], command[1:]...).CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v: %s", command[0], err, out)
		}
		if want := "Küche"; command[0] == "python3" && !strings.Contains(string(out), want) {
			t.Errorf("got %s, want %s in it", out, want)
		}
	}
	r, err := zip.OpenReader(file)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	sameMembers(t, m, &r.Reader)
	if got, want := r.File[0].Modified.UTC(), noon(); !got.Equal(want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got, want := r.File[0].Mode(), os.FileMode(0o644); got != want {
		t.Errorf("got mode %v, want %v", got, want)
	}
}

func sameMembers(t testing.TB, m *made, r *zip.Reader) {
	t.Helper()
	if got, want := len(r.File), len(m.members); got != want {
		t.Fatalf("got %d members, want %d", got, want)
	}
	for i, f := range r.File {
		rc, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(rc)
		if err != nil {
			t.Fatalf("%s: %v", f.Name, err)
		}
		if f.Name != m.members[i].name || !bytes.Equal(got, m.bodies[i]) {
			t.Errorf("member %d is %q of %d bytes, want %q of %d", i, f.Name, len(got), m.members[i].name, len(m.bodies[i]))
		}
	}
}

func TestAnySplitIsTheWhole(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := new(made)
		for i := range rapid.IntRange(0, 12).Draw(rt, "members") {
			m.add(fmt.Sprint(i, rapid.StringMatching(`[a-zé/ ]{0,9}x`).Draw(rt, "name")),
				rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(rt, "body"), rapid.Bool().Draw(rt, "late"))
		}
		want := m.whole(t)
		r, err := zip.NewReader(bytes.NewReader(want), int64(len(want)))
		if err != nil {
			rt.Fatal(err)
		}
		sameMembers(t, m, r)
		var got bytes.Buffer
		z := m.layout(t) // has read no body yet
		for at := int64(0); at < z.size; {
			to := min(z.size, at+int64(rapid.IntRange(1, 150).Draw(rt, "piece")))
			if err := z.write(t.Context(), &got, m.body, at, to); err != nil {
				rt.Fatal(err)
			}
			at = to
		}
		if d := cmp.Diff(got.Bytes(), want); d != "" {
			rt.Error(d)
		}
	})
}

// zeroes is a body too large to hold.
func zeroes(_ context.Context, _ int, w io.Writer, from, to int64) error {
	_, err := io.CopyN(w, zero{}, to-from)
	return err
}

type zero struct{}

func (zero) Read(b []byte) (int, error) { clear(b); return len(b), nil }

// at reads a layout without ever making it.
type at struct {
	z    *zipLayout
	body zipBody
}

func (a at) ReadAt(b []byte, off int64) (int, error) {
	to := min(off+int64(len(b)), a.z.size)
	if off >= to {
		return 0, io.EOF
	}
	var buf bytes.Buffer
	if err := a.z.write(context.Background(), &buf, a.body, off, to); err != nil {
		return 0, err
	}
	n := copy(b, buf.Bytes())
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func TestLargerThanFourGigabytes(t *testing.T) {
	members := []zipMember{
		{name: "terabyte", size: 1 << 40, crc: 7},
		{name: "just under", size: max32 - 1, crc: 8},
		{name: "just so", size: max32, crc: 9},
		{name: "small", size: 5, crc: crc32.ChecksumIEEE(make([]byte, 5))},
		{name: "small and late", size: 5, late: true},
	}
	z, err := newZipLayout(len(members), func(i int) zipMember { return members[i] })
	if err != nil {
		t.Fatal(err)
	}
	r, err := zip.NewReader(at{z, zeroes}, z.size)
	if err != nil {
		t.Fatal(err)
	}
	for i, f := range r.File {
		if got, want := f.UncompressedSize64, uint64(members[i].size); got != want {
			t.Errorf("%s: got %d bytes, want %d", f.Name, got, want)
		}
		got, err := f.DataOffset()
		if err != nil {
			t.Fatalf("%s: %v", f.Name, err)
		}
		if want := z.body(i); got != want {
			t.Errorf("%s: begins at %d, want %d", f.Name, got, want)
		}
		if f.UncompressedSize64 > 5 {
			continue
		}
		rc, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, rc); err != nil {
			t.Errorf("%s: %v", f.Name, err)
		}
	}
}

func TestMoreThan65535Members(t *testing.T) {
	const n = 70_000
	z, err := newZipLayout(n, func(i int) zipMember { return zipMember{name: fmt.Sprintf("%06d", i)} })
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := z.write(t.Context(), &b, zeroes, 0, z.size); err != nil {
		t.Fatal(err)
	}
	r, err := zip.NewReader(bytes.NewReader(b.Bytes()), z.size)
	if err != nil {
		t.Fatal(err)
	}
	if got := len(r.File); got != n {
		t.Errorf("got %d members, want %d", got, n)
	}
}

func TestBodyThatIsNotAsPlanned(t *testing.T) {
	for name, body := range map[string]string{"shorter": "hell\n", "longer": "hello\n\n", "other": "hullo\n"} {
		m := someFiles()
		z := m.layout(t)
		m.bodies[0] = []byte(body)
		short := func(ctx context.Context, i int, w io.Writer, from, to int64) error {
			_, err := w.Write(m.bodies[i][from:])
			return err
		}
		if err := z.write(t.Context(), io.Discard, short, 0, z.size); hearkeep.CodeOf(err) != hearkeep.Changed {
			t.Errorf("%s: got %v, want Changed", name, err)
		}
	}
}

func TestLateBodyThatChanges(t *testing.T) {
	m := someFiles()
	z := m.layout(t)
	if err := z.write(t.Context(), io.Discard, m.body, 0, z.size); err != nil {
		t.Fatal(err)
	}
	m.bodies[3] = bytes.Repeat([]byte{3}, len(m.bodies[3]))
	if err := z.write(t.Context(), io.Discard, m.body, 0, z.size); hearkeep.CodeOf(err) != hearkeep.Changed {
		t.Errorf("got %v, want Changed", err)
	}
}

func TestZIPRefuses(t *testing.T) {
	for _, m := range []zipMember{{name: "", size: 1}, {name: "a", size: -1}, {name: "a\xff"}, {name: strings.Repeat("a", 1<<16)}} {
		if _, err := newZipLayout(1, func(int) zipMember { return m }); err == nil {
			t.Errorf("laid out a name of %d bytes and size %d", len(m.name), m.size)
		}
	}
	m := someFiles()
	z := m.layout(t)
	for _, r := range [][2]int64{{-1, 3}, {3, 2}, {0, z.size + 1}} {
		if err := z.write(t.Context(), io.Discard, m.body, r[0], r[1]); err == nil {
			t.Errorf("wrote %v", r)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := z.write(ctx, io.Discard, m.body, 0, z.size); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want it cancelled", err)
	}
}

func TestDOSTime(t *testing.T) {
	for _, test := range []struct{ at, want time.Time }{
		{noon(), noon()},
		{time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)},
		{time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2107, 12, 31, 23, 59, 58, 0, time.UTC)},
	} {
		packed := dosTime(test.at)
		f := zip.FileHeader{ModifiedDate: uint16(packed >> 16), ModifiedTime: uint16(packed)}
		if got := f.ModTime(); !got.Equal(test.want) { //nolint:staticcheck // the packed fields are what is tested
			t.Errorf("%v: got %v, want %v", test.at, got, test.want)
		}
	}
}
