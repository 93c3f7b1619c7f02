package bring

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/archive"
	"github.com/hearkeep/hearkeep/internal/sound"
)

// TestTake makes of what a provider gave what a vault keeps.
func TestTake(t *testing.T) {
	at := time.Date(2021, 3, 4, 5, 6, 7, 0, time.UTC)
	wav := tone(1, 700)
	b, err := Take(Alexa, Item{Time: at, TimeFrom: FromList, Words: hearkeep.NewWords("hello"), Answer: hearkeep.NewWords("hi"), Device: "Kitchen\nEcho"}, wav)
	if err != nil {
		t.Fatal(err)
	}
	clip, info, err := sound.Decode(b.Audio, sound.Limits{})
	if err != nil || info.Format != "FLAC" || info.Rate != hearkeep.SampleRate || info.Channels != 1 || clip.Duration() != 700*time.Millisecond {
		t.Errorf("kept is %+v, %v", info, err)
	}
	if b.Duration != 700*time.Millisecond || len(b.Waveform) != 200 || !b.HasWords || b.Words.Reveal() != "hello" || b.Turn.Answer.Reveal() != "hi" || !b.Start.Equal(at) {
		t.Errorf("got %+v", b.Taken)
	}
	if want := "imported from Alexa, Kitchen Echo"; b.Turn.Note != want {
		t.Errorf("the note is %q, want %q", b.Turn.Note, want)
	}
	// FLAC as it is kept stays as it is, without its tags.
	tagged := append(bytes.Clone(b.Audio[:42]), append([]byte("\x84\x00\x00\x06secret"), b.Audio[42:]...)...)
	tagged[4] &^= 0x80
	if same, err := Take(Alexa, Item{Time: at, TimeFrom: FromList}, tagged); err != nil || !bytes.Equal(same.Audio, b.Audio) {
		t.Errorf("FLAC is made anew, or keeps its tags: %v, %d bytes of %d", err, len(same.Audio), len(b.Audio))
	}
	again, err := Take(Alexa, Item{Time: at, TimeFrom: FromList}, wav)
	if err != nil || again.Digest != b.Digest || again.HasWords || again.ID == b.ID {
		t.Errorf("the same without words: %v", err)
	}
	for name, it := range map[string]Item{
		"another time": {Time: at.Add(time.Second), TimeFrom: FromList}, "no time": {TimeFrom: FromNone},
	} {
		if other, err := Take(Alexa, it, wav); err != nil || other.Digest == b.Digest {
			t.Errorf("%s: the digest is the same, %v", name, err)
		}
	}
	one, _ := Take(Folder, Item{Time: at, TimeFrom: FromFile}, wav)
	two, _ := Take(Folder, Item{Time: at.Add(time.Hour), TimeFrom: FromFile}, wav)
	if one.Digest != two.Digest {
		t.Error("unpacking a file again makes it another recording")
	}
	if w, err := Take(Google, Item{Time: at, TimeFrom: FromList, Words: hearkeep.NewWords("stop")}, nil); err != nil || w.Audio != nil || !w.HasWords {
		t.Errorf("words alone: %v", err)
	}
	for name, bad := range map[string]struct {
		provider string
		it       Item
		data     []byte
	}{
		"nothing": {Alexa, Item{Time: at}, nil}, "no sound": {Alexa, Item{Time: at}, []byte("<html>")}, "cut off": {Alexa, Item{Time: at}, wav[:100]}, "of nobody": {"Mallory", Item{Time: at}, wav},
	} {
		if _, err := Take(bad.provider, bad.it, bad.data); !refused(err) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if later, err := Take(Alexa, Item{Time: time.Now().AddDate(5, 0, 0), TimeFrom: FromList}, wav); err != nil || later.Start.After(time.Now()) {
		t.Errorf("what was said in five years begins at %v, %v", later.Start, err)
	}
}

// memory is a vault that remembers digests.
type memory struct {
	mu   sync.Mutex
	kept map[[32]byte]int
	fail func(n int) error
	n    int
}

func (m *memory) keep(_ context.Context, it Item, data []byte) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.n++; m.fail != nil {
		if err := m.fail(m.n); err != nil {
			return false, err
		}
	}
	b, err := Take(Alexa, it, data)
	if err != nil {
		return false, err
	}
	m.kept[b.Digest]++
	return m.kept[b.Digest] == 1, nil
}

// TestRun brings an archive, is interrupted, and goes on without doubles and
// without loss.
func TestRun(t *testing.T) {
	f := files{"Alexa/bad.wav": append(bytes.Clone(tone(0, 50)[:60]), 'x')}
	for i := range 40 {
		f[fmt.Sprintf("Alexa/%02d_2021-03-04_05_06_%02d_UTC.wav", i, i)] = tone(i, 60)
	}
	f["Alexa/copy_2021-03-04_05_06_00_UTC.wav"] = tone(0, 60)
	a := read(t, f.zip(t))
	if len(a.Items) != 42 {
		t.Fatalf("got %d items", len(a.Items))
	}
	m := &memory{kept: map[[32]byte]int{}, fail: func(n int) error {
		if n > 15 {
			return hearkeep.Errorf(hearkeep.Unavailable, "The keep has gone.")
		}
		return nil
	}}
	before := -1
	tell := func(p Progress) {
		if p.Done != before+1 && before >= 0 || p.Done != p.Kept+p.Known+p.Refused {
			t.Errorf("progress goes from %d to %+v", before, p)
		}
		before = p.Done
	}
	p, err := a.Run(t.Context(), a.Items, m.keep, tell)
	if hearkeep.CodeOf(err) != hearkeep.Unavailable || p.Done != 15 {
		t.Errorf("interrupted, it ends with %+v, %v", p, err)
	}
	m.fail, before = nil, -1
	p, err = a.Run(t.Context(), a.Items, m.keep, tell)
	if err != nil || p.Done != 42 || p.Refused != 1 || len(m.kept) != 40 {
		t.Errorf("it goes on to %+v, %v, with %d kept", p, err, len(m.kept))
	}
	p, err = a.Run(t.Context(), a.Items, m.keep, func(Progress) {})
	if err != nil || p.Kept != 0 || p.Known != 41 {
		t.Errorf("a third time it is %+v, %v", p, err)
	}
	if text := fmt.Sprint(a.Unread); strings.Count(text, "bad.wav") != 2 {
		t.Errorf("unread are %s", text)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if p, err := a.Run(ctx, a.Items, m.keep, func(Progress) {}); !errors.Is(err, context.Canceled) || p.Done != 0 {
		t.Errorf("cancelled, it ends with %+v, %v", p, err)
	}
	if p, err := a.Run(t.Context(), nil, m.keep, nil); err != nil || p.Of != 0 {
		t.Errorf("of nothing it makes %+v, %v", p, err)
	}
}

// TestOwn brings back what Hearkeep handed out, and refuses what was put in or
// altered.
func TestOwn(t *testing.T) {
	one, two := tone(1, 100), tone(2, 100)
	list := fmt.Sprintf(`{"$schema":"schema.json","format":"hearkeep-archive/1","archive":"x","name":"Anna","notice":[{"title":"a","text":["b"]}],
"recordings":[
{"id":"1","from":"Kitchen","start":"2021-03-04T05:06:07.000Z","seconds":0.1,"sound":{"file":"recordings/a.flac","bytes":1,"sha256":"%x"},"words":"hello","turn":{"answer":"hi"}},
{"id":"2","from":"Kitchen","start":"2021-03-04T05:06:08.000Z","seconds":0.1,"sound":{"file":"recordings/b.flac","bytes":1,"sha256":"%x"},"words":null,"turn":null},
{"id":"3","from":"Desk","start":"2021-03-04T05:06:09.000Z","seconds":0.1,"sound":{"file":"recordings/gone.flac","bytes":1,"sha256":"00"},"words":null,"turn":null},
{"id":"4","from":"Desk","start":"2021-03-04T05:06:10.000Z","seconds":0,"sound":null,"words":"words only","turn":null}
],
"openings":[{"deep":[[[]]]}]}`, sha256.Sum256(one), sha256.Sum256(one))
	a := listed(t, files{
		"hearkeep-2021/data/data.json": []byte(list), "hearkeep-2021/data/recordings/a.flac": one, "hearkeep-2021/data/recordings/b.flac": two,
		"hearkeep-2021/data/recordings/added.flac": tone(3, 100), "hearkeep-2021/bagit.txt": []byte("BagIt-Version: 1.0\n"),
	})
	if a.Provider != Hearkeep || len(a.Items) != 3 || len(a.Unread) != 2 || a.Accounts[0] != "Anna" {
		t.Fatalf("got %d items of %s and %v, unread %v", len(a.Items), a.Provider, a.Accounts, a.Unread)
	}
	for i, want := range []bool{true, false, true} {
		if _, err := a.Sound(a.Items[i]); (err == nil) != want {
			t.Errorf("sound %d: %v", i, err)
		}
	}
	for name, f := range map[string]files{"cut off": {"data/data.json": []byte(list[:300])}, "no bag around it": {"data/data.json": []byte(list)}} {
		s, err := Open(f.folder(t))
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if _, err := Read(t.Context(), s, time.UTC); hearkeep.CodeOf(err) != hearkeep.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// listed reads files as a browser gives them, sounds among them.
func listed(t *testing.T, f files) *Archive {
	t.Helper()
	var all []File
	names := slices.Sorted(maps.Keys(f))
	for _, name := range names {
		all = append(all, File{Name: name, Size: int64(len(f[name])), Head: f[name][:min(len(f[name]), headBytes)]})
	}
	l, err := NewListed(all)
	for i, name := range names {
		if err == nil {
			err = l.Give(i, f[name])
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	a, err := Read(t.Context(), l, time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// kept is what room archive makes an open archive of.
type kept [][]byte

func (k kept) Count() int { return len(k) }

func (k kept) Recordings(_ context.Context, from int, fn func(int, archive.Recording) error) error {
	for i := from; i < len(k); i++ {
		err := fn(i, archive.Recording{
			ID: hearkeep.RecordingID{15: byte(i + 1)}, Number: hearkeep.Number(i + 1), From: "Kitchen", Source: hearkeep.SourceSay,
			Start: time.Date(2021, 3, 4, 5, 6, i, 0, time.UTC), Duration: 300 * time.Millisecond, Words: hearkeep.NewWords(fmt.Sprint("words ", i)), HasWords: true, Version: 1,
			Sound: &archive.Sound{Size: int64(len(k[i])), CRC32: crc32.ChecksumIEEE(k[i]), SHA256: sha256.Sum256(k[i]), MediaType: "audio/flac"},
		})
		if err != nil {
			return err
		}
	}
	return nil
}

type heldSound struct{ *bytes.Reader }

func (heldSound) Close() error { return nil }

func (k kept) Sound(_ context.Context, i int) (archive.SoundReader, error) {
	return heldSound{bytes.NewReader(k[i])}, nil
}

func (k kept) Openings(context.Context, func(archive.Opening) error) error { return nil }

// TestOwnWhole brings an archive that room archive made, packed and unpacked,
// and refuses it once a byte is altered.
func TestOwnWhole(t *testing.T) {
	var k kept
	for i := range 3 {
		clip, _, err := sound.Decode(tone(i, 300), sound.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		flac, err := sound.EncodeFLAC(clip)
		if err != nil {
			t.Fatal(err)
		}
		k = append(k, flac)
	}
	bag, err := archive.New(t.Context(), archive.Facts{
		Archive: hearkeep.NewID[hearkeep.ArchiveID](), Name: "Anna", Service: "http://localhost", Made: time.Now(), Zone: time.UTC, Kind: hearkeep.RequestAccess,
		Vaults: []archive.Vault{{Doors: []archive.Door{{Name: "Kitchen", Source: hearkeep.SourceSay, Last: 3, In: 3}}}},
	}, k)
	var buf bytes.Buffer
	if err == nil {
		err = bag.Write(t.Context(), &buf, k, 0, bag.Size())
	}
	if err != nil {
		t.Fatal(err)
	}
	whole := write(t, "bag.zip", buf.Bytes())
	z, err := zip.NewReader(bytes.NewReader(buf.Bytes()), int64(buf.Len()))
	if err != nil {
		t.Fatal(err)
	}
	unpacked := t.TempDir()
	if err := os.CopyFS(unpacked, z); err != nil {
		t.Fatal(err)
	}
	top, err := os.ReadDir(unpacked)
	if err != nil {
		t.Fatal(err)
	}
	for name, p := range map[string]string{"packed": whole, "unpacked": filepath.Join(unpacked, top[0].Name())} {
		a := read(t, p)
		if a.Provider != Hearkeep || len(a.Items) != 3 || len(a.Unread) != 0 || a.Items[2].Words.Reveal() != "words 2" || a.Items[1].Device != "Kitchen" {
			t.Errorf("%s: %d items of %s, unread %v", name, len(a.Items), a.Provider, a.Unread)
		}
		for i, it := range a.Items {
			if data, err := a.Sound(it); err != nil || !bytes.Equal(data, k[i]) {
				t.Errorf("%s: sound %d is %d bytes, %v", name, i, len(data), err)
			}
		}
	}
	altered := bytes.Clone(buf.Bytes())
	altered[bytes.Index(altered, k[1])+100] ^= 1
	s, err := Open(write(t, "altered.zip", altered))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := Read(t.Context(), s, time.UTC); hearkeep.CodeOf(err) != hearkeep.Invalid || !strings.Contains(err.Error(), "altered") {
		t.Errorf("altered, it is read: %v", err)
	}
}

// claims is a Source of files that claim a size each, and hold one byte.
type claims []int64

func (c claims) Files() []File {
	files := make([]File, len(c))
	for i, size := range c {
		files[i] = File{Name: fmt.Sprint(i), Size: size}
	}
	return files
}

func (c claims) Open(int) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("x")), nil }
func (c claims) Close() error                    { return nil }

// TestRunAtOnce has many small files on their way together, and few large ones.
func TestRunAtOnce(t *testing.T) {
	for name, c := range map[string]struct {
		size int64
		want int
	}{
		"small": {150 << 10, AtOnce}, "large": {20 << 20, 3}, "the largest": {MaxSound, 1}, "no real size": {-1, AtOnce},
	} {
		synctest.Test(t, func(t *testing.T) {
			a := &Archive{Source: claims(slices.Repeat([]int64{c.size}, 2*AtOnce))}
			for i := range 2 * AtOnce {
				a.Items = append(a.Items, Item{File: i, List: -1})
			}
			var now, most atomic.Int64
			p, err := a.Run(t.Context(), a.Items, func(context.Context, Item, []byte) (bool, error) {
				n := now.Add(1)
				for seen := most.Load(); n > seen && !most.CompareAndSwap(seen, n); seen = most.Load() {
				}
				time.Sleep(time.Second)
				now.Add(-1)
				return true, nil
			}, func(Progress) {})
			if err != nil || p.Kept != 2*AtOnce || most.Load() != int64(c.want) {
				t.Errorf("%s: got %d of %d kept, %d at once, %v; want %d at once", name, p.Kept, 2*AtOnce, most.Load(), err, c.want)
			}
		})
	}
}
