package bring

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/hearkeep/hearkeep"
)

// packed makes a ZIP file of members as a test wants them.
func packed(t testing.TB, members ...func(*zip.Writer) error) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	for _, m := range members {
		if err := m(w); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func member(h zip.FileHeader, data []byte) func(*zip.Writer) error {
	return func(w *zip.Writer) error {
		m, err := w.CreateHeader(&h)
		if err == nil {
			_, err = m.Write(data)
		}
		return err
	}
}

// TestHostileZIP holds everything that a ZIP file may be against us: what can
// be read of it is, and the rest is told.
func TestHostileZIP(t *testing.T) {
	good := member(zip.FileHeader{Name: "good.wav", Method: zip.Deflate}, tone(1, 100))
	link := zip.FileHeader{Name: "link.wav"}
	link.SetMode(fs.ModeSymlink | 0o777)
	device := zip.FileHeader{Name: "device.wav"}
	device.SetMode(fs.ModeDevice | 0o666)
	encrypted := packed(t, good, member(zip.FileHeader{Name: "secret.wav", Method: zip.Store}, tone(2, 100)))
	for at := 0; ; at++ { // the flag in the directory, which counts
		next := bytes.Index(encrypted[at:], []byte("PK\x01\x02"))
		if next < 0 {
			break
		}
		at += next
		if n := int(binary.LittleEndian.Uint16(encrypted[at+28:])); string(encrypted[at+46:at+46+n]) == "secret.wav" {
			encrypted[at+8] |= 1
		}
	}
	whole := packed(t, good, member(zip.FileHeader{Name: "other.wav", Method: zip.Store}, tone(3, 100)))
	overlap := bytes.Clone(whole)
	directory := bytes.Index(overlap, []byte("PK\x01\x02"))
	second := directory + 4 + bytes.Index(overlap[directory+4:], []byte("PK\x01\x02"))
	copy(overlap[second+42:second+46], overlap[directory+42:directory+46]) // both begin at the same place
	altered := bytes.Clone(whole)
	altered[bytes.Index(altered, []byte("RIFF"))+200] ^= 1 // of the stored one
	claims := bytes.Clone(whole)
	binary.LittleEndian.PutUint32(claims[second+24:], 0xfffffff0) // a size that it has not
	for _, test := range []struct {
		name  string
		data  []byte
		items int
		says  string // of what is left out; of the whole where items is -1
	}{
		{"leads out", packed(t, good, member(zip.FileHeader{Name: "../../etc/cron.d/x.wav"}, tone(2, 100))), 1, "leads out"},
		{"absolute", packed(t, good, member(zip.FileHeader{Name: "/etc/x.wav"}, tone(2, 100))), 1, "leads out"},
		{"of a drive", packed(t, good, member(zip.FileHeader{Name: `C:\x.wav`}, tone(2, 100))), 1, "leads out"},
		{"with backslashes", packed(t, good, member(zip.FileHeader{Name: `..\..\x.wav`}, tone(2, 100))), 1, "leads out"},
		{"of control characters", packed(t, good, member(zip.FileHeader{Name: "a\x1b[2J\n.wav"}, tone(2, 100))), 1, "leads out"},
		{"a very long name", packed(t, good, member(zip.FileHeader{Name: strings.Repeat("n", 5000) + ".wav"}, tone(2, 100))), 1, "leads out"},
		{"a link", packed(t, good, member(link, []byte("/etc/passwd"))), 1, "link"},
		{"a device", packed(t, good, member(device, nil)), 1, "link"},
		{"twice the same name", packed(t, good, member(zip.FileHeader{Name: "good.wav"}, tone(2, 100))), 1, "twice"},
		{"encrypted", encrypted, 1, "encrypted"},
		{"another method", packed(t, good, func(w *zip.Writer) error {
			_, err := w.CreateRaw(&zip.FileHeader{Name: "x.wav", Method: 93, UncompressedSize64: 10, CompressedSize64: 0})
			return err
		}), 1, "packed in a way"},
		{"overlapping members", overlap, -1, "damaged"},
		{"altered", altered, 2, ""},
		{"claims a size", claims, 2, ""},
		{"cut off", whole[:len(whole)-30], -1, "damaged"},
		{"no ZIP file at all", []byte("PK\x03\x04 and nothing more"), -1, "damaged"},
		{"empty", packed(t), 0, ""},
		{"only zeros", packed(t, member(zip.FileHeader{Name: "x.wav", Method: zip.Deflate}, make([]byte, 50<<20))), 0, "does not begin like"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, err := Open(write(t, "x.zip", test.data))
			if err != nil {
				if test.items >= 0 || !strings.Contains(err.Error(), test.says) || hearkeep.CodeOf(err) == hearkeep.Internal {
					t.Errorf("it is refused with %v", err)
				}
				return
			}
			defer s.Close()
			a, err := Read(t.Context(), s, time.UTC)
			if err != nil {
				t.Fatal(err)
			}
			if len(a.Items) != test.items || test.says != "" && !strings.Contains(fmt.Sprint(a.Unread), test.says) {
				t.Errorf("got %d items, want %d; unread %q", len(a.Items), test.items, a.Unread)
			}
			for _, it := range a.Items {
				data, err := a.Sound(it)
				if ok := a.NameOf(it) == "good.wav"; ok != (err == nil) || err != nil && hearkeep.CodeOf(err) == hearkeep.Internal {
					t.Errorf("%s: %d bytes, %v", a.NameOf(it), len(data), err)
				}
			}
		})
	}
}

// TestBombs reads small files that claim to hold very much, within little memory.
func TestBombs(t *testing.T) {
	zeros := member(zip.FileHeader{Name: "bomb.wav", Method: zip.Deflate}, append(tone(1, 10)[:44], make([]byte, 200<<20)...))
	field := append([]byte("Timestamp,Transcript,File\n2021-03-04T05:06:07Z,hello,\n2021-03-04T05:06:08Z,\""), bytes.Repeat([]byte("x"), 100<<20)...)
	deep := append([]byte(`[{"header":"a","title":"Said hello","time":"2020-01-01T00:00:00Z"},`), bytes.Repeat([]byte("["), 50<<20)...)
	markup := append([]byte("<html><div class=\"outer-cell\"><div class=\"content-cell body-1\">Said hello<br>2020-01-01T00:00:00Z</div></div><div title='"), bytes.Repeat([]byte("&amp;"), 10<<20)...)
	s, err := Open(write(t, "x.zip", packed(t, zeros,
		member(zip.FileHeader{Name: "list.csv", Method: zip.Deflate}, field),
		member(zip.FileHeader{Name: "MyActivity.json", Method: zip.Deflate}, deep),
		member(zip.FileHeader{Name: "MyActivity.html", Method: zip.Deflate}, markup))))
	if err != nil {
		t.Fatal(err)
	}
	field, deep, markup = nil, nil, nil
	defer s.Close()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	a, err := Read(t.Context(), s, time.UTC)
	runtime.ReadMemStats(&after)
	if err != nil {
		t.Fatal(err)
	}
	if len(a.Items) != 4 || len(a.Unread) != 3 {
		t.Errorf("got %d items, unread %v", len(a.Items), a.Unread)
	}
	if grown := int64(after.Sys) - int64(before.Sys); grown > 64<<20 {
		t.Errorf("it took %d MB", grown>>20)
	}
	for _, it := range a.Items {
		if _, err := a.Sound(it); it.HasSound() && hearkeep.CodeOf(err) != hearkeep.TooLarge {
			t.Errorf("the bomb gives %v", err)
		}
	}
}

// TestHostileFolder: links lead nowhere, and what is put in a file's place
// after it was listed is not read either.
func TestHostileFolder(t *testing.T) {
	secret := write(t, "secret.wav", tone(9, 100))
	dir := files{"a.wav": tone(1, 100), "b.wav": tone(2, 100)}.folder(t)
	for name, to := range map[string]string{"link.wav": secret, "up": "..", "dangling.wav": "nowhere"} {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	a := read(t, dir)
	if len(a.Items) != 2 || len(a.Unread) != 3 {
		t.Fatalf("got %d items, unread %v", len(a.Items), a.Unread)
	}
	b := filepath.Join(dir, "b.wav")
	if err := errors.Join(os.Remove(b), os.Symlink(secret, b)); err != nil {
		t.Fatal(err)
	}
	for _, it := range a.Items {
		if data, err := a.Sound(it); (err == nil) != (a.NameOf(it) == "a.wav") {
			t.Errorf("%s: %d bytes, %v", a.NameOf(it), len(data), err)
		}
	}
}

// TestMany reads a list of 100,000 within bounded memory.
func TestMany(t *testing.T) {
	var list bytes.Buffer
	list.WriteString("Timestamp,Device,Transcript,File\n")
	start := time.Date(2015, 1, 1, 0, 0, 0, 0, time.UTC)
	all := make([]File, 0, 100_001)
	head := tone(1, 10)[:64]
	for i := range 100_000 {
		fmt.Fprintf(&list, "%s,Echo %d,set a timer for %d minutes,%06d.wav\n", start.Add(time.Duration(i)*time.Minute).Format(time.RFC3339), i%5, i, i)
		all = append(all, File{Name: fmt.Sprintf("Alexa/%06d.wav", i), Size: 150_000, Head: head})
	}
	all = append(all, File{Name: "Alexa/list.csv", Size: int64(list.Len()), Head: list.Bytes()[:64]})
	l, err := NewListed(all)
	if err == nil {
		err = l.Give(100_000, list.Bytes())
	}
	if err != nil {
		t.Fatal(err)
	}
	a, err := Read(t.Context(), l, time.UTC)
	if err != nil || len(a.Items) != 100_000 || len(a.Unread) != 0 {
		t.Fatalf("got %d items, unread %d, %v", len(a.Items), len(a.Unread), err)
	}
	if c := a.Check(time.UTC); c.Recordings != 100_000 || len(c.Devices) != 5 || c.NoWords != 0 {
		t.Errorf("got the check of %d recordings", c.Recordings)
	}
	var after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&after)
	if after.HeapAlloc > 128<<20 {
		t.Errorf("%d MB are held", after.HeapAlloc>>20)
	}
}

// TestListed refuses what a browser must not say.
func TestListed(t *testing.T) {
	l, err := NewListed([]File{{Name: "../a.wav", Size: 5}, {Name: "b.wav", Size: 5}, {Name: "b.wav", Size: 5}, {Name: "c.wav", Head: make([]byte, 1<<20), Size: 1}})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []bool{true, false, true, false} {
		if f := l.Files()[i]; (f.Trouble != "") != want || len(f.Head) > headBytes {
			t.Errorf("file %d: trouble %q, a head of %d bytes", i, f.Trouble, len(f.Head))
		}
	}
	if l.Give(4, nil) == nil || l.Give(-1, nil) == nil {
		t.Error("a file that is not listed is given")
	}
	if _, err := l.Open(1); err == nil {
		t.Error("what was not sent is read")
	}
	if _, err := NewListed(make([]File, MaxFiles+1)); err == nil {
		t.Error("any number of files is taken")
	}
}

func fuzzRead(f *testing.F, name string, seeds ...string) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		l, err := NewListed([]File{{Name: "a.wav", Size: 64, Head: tone(1, 10)[:64]}, {Name: name, Size: int64(len(data)), Head: data[:min(len(data), 64)]}})
		if err == nil {
			err = l.Give(1, data)
		}
		if err != nil {
			t.Fatal(err)
		}
		a, err := Read(context.Background(), l, time.UTC)
		if err != nil {
			if hearkeep.CodeOf(err) == hearkeep.Internal {
				t.Fatalf("failed with %v", err)
			}
			return
		}
		a.Check(time.UTC)
		for _, it := range a.Items {
			if it.File > 0 || len(it.Device) > maxLabel+4 || len(it.Words.Reveal()) > maxWords {
				t.Fatalf("an item of file %d", it.File)
			}
		}
	})
}

// FuzzCSV reads any list of rows.
func FuzzCSV(f *testing.F) {
	fuzzRead(f, "list.csv", "Timestamp,Transcript,File\n2021-03-04T05:06:07Z,hello,a.wav\n", "\xff\xfea\x00,\x00", "Datum;Transkript\n1.2.3;\"x", "file,words\n\"a\"\"b\",\"c\nd\"")
}

// FuzzJSON reads any list of objects, ours among them.
func FuzzJSON(f *testing.F) {
	fuzzRead(f, "data.json", `[{"header":"a","title":"Said hello","time":"2020-01-01T00:00:00Z","audioFiles":["a.wav"]}]`, `{"x":[{"file":"a.wav","words":"hi"}]}`, `[[[[`,
		`{"$schema":"schema.json","format":"hearkeep-archive/1","name":"Anna","recordings":[{"from":"Desk","start":"2020-01-01T00:00:00Z","sound":{"file":"a.wav","sha256":"00"},"words":"hi"}],"openings":[]}`)
}

// FuzzHTML reads any page.
func FuzzHTML(f *testing.F) {
	fuzzRead(f, "MyActivity.html", string(page(cardOf("Said hello", "Nov 21, 2018, 5:32:39 PM UTC", "a.wav"))), "<html><div class=outer-cell><br><br>", "<!doctype html>&#0;&#xfffffff;<![CDATA[")
}

// FuzzZIP reads any ZIP file.
func FuzzZIP(f *testing.F) {
	f.Add(packed(f, member(zip.FileHeader{Name: "a.wav", Method: zip.Deflate}, tone(1, 10))))
	f.Add([]byte("PK\x05\x06" + strings.Repeat("\x00", 18)))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := ReadZIP(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			if hearkeep.CodeOf(err) == hearkeep.Internal {
				t.Fatalf("failed with %v", err)
			}
			return
		}
		a, err := Read(context.Background(), s, time.UTC)
		if err != nil {
			return
		}
		for _, it := range a.Items {
			a.Sound(it)
		}
	})
}
