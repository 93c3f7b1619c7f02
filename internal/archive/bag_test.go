package archive

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hearkeep/hearkeep"
	"pgregory.net/rapid"
)

// unzipped is a ZIP's members by their names within the top folder.
func unzipped(t testing.TB, b []byte) map[string]string {
	t.Helper()
	r, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	files := make(map[string]string)
	for _, f := range r.File {
		rc, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(rc)
		if err != nil {
			t.Fatal(err)
		}
		_, name, _ := bytes.Cut([]byte(f.Name), []byte("/"))
		files[string(name)] = string(body)
	}
	return files
}

func TestBagIsTheSameTwice(t *testing.T) {
	f, c := home(t, 600)
	one, two := newBag(t, f, c), newBag(t, f, c)
	if !bytes.Equal(written(t, one, c), written(t, two, c)) || one.ETag() != two.ETag() {
		t.Error("the same facts and contents made two bags")
	}
	f.Name = "Bert"
	if got := newBag(t, f, c); got.ETag() == one.ETag() {
		t.Error("another name, the same tag")
	}
	f, c = home(t, 600)
	c.recordings[3].Words = hearkeep.NewWords("something else")
	if got := newBag(t, f, c); got.ETag() == one.ETag() {
		t.Error("other words, the same tag")
	}
	f, c = home(t, 600)
	c.recordings[3].Sound.SHA256[0]++
	if got := newBag(t, f, c); got.ETag() == one.ETag() {
		t.Error("another sound, the same tag")
	}
}

func TestAnyRangeOfABag(t *testing.T) {
	f, c := home(t, 300)
	b := newBag(t, f, c)
	want := written(t, b, c)
	if got := int64(len(want)); got != b.Size() {
		t.Fatalf("wrote %d bytes, planned %d", got, b.Size())
	}
	rapid.Check(t, func(rt *rapid.T) {
		from := rapid.Int64Range(0, b.Size()).Draw(rt, "from")
		to := min(b.Size(), from+rapid.Int64Range(0, 5000).Draw(rt, "size"))
		var got bytes.Buffer
		if err := b.Write(t.Context(), &got, c, from, to); err != nil {
			rt.Fatal(err)
		}
		if !bytes.Equal(got.Bytes(), want[from:to]) {
			rt.Errorf("bytes %d to %d differ from the whole's", from, to)
		}
	})
}

func TestEmptyBag(t *testing.T) {
	f, c := home(t, 0)
	b := newBag(t, f, c)
	files := unzipped(t, written(t, b, c))
	if _, ok := files["data/transcripts.csv"]; !ok || b.Count() != 0 {
		t.Errorf("got %d recordings, transcripts %v", b.Count(), ok)
	}
}

func TestWhatDoesNotAddUpIsNotMade(t *testing.T) {
	for name, spoil := range map[string]func(*Facts, *spoken){
		"a gap":            func(f *Facts, _ *spoken) { f.Vaults[0].Doors[0].Last++ },
		"one less":         func(f *Facts, _ *spoken) { f.Vaults[0].Doors[0].Erased-- },
		"missing":          func(_ *Facts, s *spoken) { s.recordings = s.recordings[:9] },
		"foreign vault":    func(_ *Facts, s *spoken) { s.recordings[4].Vault = id[hearkeep.VaultID](77) },
		"foreign door":     func(_ *Facts, s *spoken) { s.recordings[4].Binding = id[hearkeep.BindingID](77) },
		"another's door":   func(_ *Facts, s *spoken) { s.recordings[0].Binding = id[hearkeep.BindingID](7) },
		"the same number":  func(_ *Facts, s *spoken) { s.recordings[2].Number = s.recordings[0].Number },
		"number none gave": func(_ *Facts, s *spoken) { s.recordings[2].Number = 400 },
		"number zero":      func(_ *Facts, s *spoken) { s.recordings[2].Number = 0 },
		"no FLAC":          func(_ *Facts, s *spoken) { s.recordings[0].Sound.MediaType = "audio/wav" },
	} {
		f, c := home(t, 10)
		spoil(&f, c)
		if _, err := New(t.Context(), f, c); hearkeep.CodeOf(err) != hearkeep.Stopped {
			t.Errorf("%s: got %v, want Stopped", name, err)
		}
	}
}

func TestWhatChangedIsNotHandedOver(t *testing.T) {
	for name, change := range map[string]func(*spoken){
		"words":        func(s *spoken) { s.recordings[3].Words = hearkeep.NewWords("corrected") },
		"sound":        func(s *spoken) { s.sounds[2][5]++ },
		"opening":      func(s *spoken) { s.openings[1].Who = "Bert" },
		"more":         func(s *spoken) { s.recordings = append(s.recordings, s.recordings[0]) },
		"more opening": func(s *spoken) { s.openings = append(s.openings, s.openings[0]) },
		"fewer":        func(s *spoken) { s.recordings = s.recordings[:8] },
	} {
		f, c := home(t, 10)
		b := newBag(t, f, c)
		change(c)
		if err := b.Write(t.Context(), io.Discard, c, 0, b.Size()); hearkeep.CodeOf(err) != hearkeep.Changed {
			t.Errorf("%s: got %v, want Changed", name, err)
		}
	}
}

// full is a disk.
type full struct{ room int }

func (f *full) Write(b []byte) (int, error) {
	if f.room -= len(b); f.room < 0 {
		return 0, fs.ErrClosed
	}
	return len(b), nil
}

func TestWriterThatFails(t *testing.T) {
	f, c := home(t, 300)
	b := newBag(t, f, c)
	for room := 0; int64(room) < b.Size(); room += 7001 {
		if err := b.Write(t.Context(), &full{room}, c, 0, b.Size()); !errors.Is(err, fs.ErrClosed) {
			t.Fatalf("room for %d bytes: got %v, want the writer's error", room, err)
		}
	}
}

func TestNamesThatEveryFileSystemTakes(t *testing.T) {
	taken := make(map[string]bool)
	var got []string
	for _, name := range []string{"Küche", "KUCHE", "kuche 2", "", "..", "../../etc", "con", "日本", "a very long name of a door that goes on", "a\x00b\nc", "Café ☕"} {
		got = append(got, slug(name, taken))
	}
	want := []string{"kuche", "kuche-2", "kuche-2-2", "door", "door-2", "etc", "con", "door-3", "a-very-long-name-of-a-do", "a-b-c", "cafe"}
	if d := cmp.Diff(got, want); d != "" {
		t.Error(d)
	}
}
