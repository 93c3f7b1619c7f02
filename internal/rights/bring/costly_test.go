package bring

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"
)

// namedAlike is an archive of n sounds of one name, in folders of their own,
// and a list that names them.
func namedAlike(t *testing.T, n int, name, list string) *Archive {
	t.Helper()
	files := []File{{Name: "of/list.csv", Size: 100, Head: []byte("file,transcript\n")}}
	for i := range n {
		files = append(files, File{Name: fmt.Sprintf(name, i), Size: 100, Head: append([]byte("RIFF0000WAVEfmt "), make([]byte, 40)...)})
	}
	l, err := NewListed(files)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Give(0, []byte("file,transcript\n"+list)); err != nil {
		t.Fatal(err)
	}
	a, err := Read(t.Context(), l, time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// TestNamedAlike ends: comparing each name with each would take hours.
func TestNamedAlike(t *testing.T) {
	const n = 40_000
	for _, c := range []struct{ name, row string }{{"%d/a.wav", "a.wav"}, {"%d/x/a.wav", "x/a.wav"}, {"%d/a.wav", "a"}} {
		a := namedAlike(t, n, c.name, strings.Repeat(c.row+",hello\n", n))
		if got := len(a.Items); got != 2*n { // sounds that no list names, and words without sound
			t.Errorf("%s: got %d items, want %d", c.row, got, 2*n)
		}
	}
}

// TestNamedByFolder ties as many as well where the list says which is meant.
func TestNamedByFolder(t *testing.T) {
	const n = 20_000
	for _, folder := range []string{"of/", "elsewhere/far/", ""} {
		var list strings.Builder
		for i := range n {
			fmt.Fprintf(&list, "%d/a.wav,hello\n", i)
		}
		a := namedAlike(t, n, folder+"%d/a.wav", list.String())
		for _, it := range a.Items {
			if !it.HasSound() || it.Words.IsEmpty() {
				t.Fatalf("in %q: got %d items, and one without its sound or words", folder, len(a.Items))
			}
		}
	}
}

// TestPageOfEmptyLines: a page cannot ask for much more memory than it has.
func TestPageOfEmptyLines(t *testing.T) {
	page := append([]byte(`<html><div class=outer-cell><div class="content-cell body-1">Said hello`), bytes.Repeat([]byte("<br>"), 4<<20)...)
	l, err := NewListed([]File{{Name: "MyActivity.html", Size: 100, Head: []byte("<html>")}})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Give(0, page); err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := Read(t.Context(), l, time.UTC); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > 128<<20 { // under the race detector it is 64
		t.Errorf("got %d MB for a page of 16 MB", got>>20)
	}
}
