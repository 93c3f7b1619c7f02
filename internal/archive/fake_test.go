package archive

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"hash/crc32"
	"io"
	"testing"
	"time"

	"github.com/hearkeep/hearkeep"
)

// spoken is content that is there.
type spoken struct {
	recordings []Recording
	sounds     [][]byte
	openings   []Opening
}

func (s *spoken) Count() int { return len(s.recordings) }

func (s *spoken) Recordings(_ context.Context, from int, fn func(int, Recording) error) error {
	for i := from; i < len(s.recordings); i++ {
		if err := fn(i, s.recordings[i]); err != nil {
			return fmt.Errorf("contents: %w", err)
		}
	}
	return nil
}

func (s *spoken) Sound(_ context.Context, i int) (SoundReader, error) {
	return reading{bytes.NewReader(s.sounds[i])}, nil
}

func (s *spoken) Openings(_ context.Context, fn func(Opening) error) error {
	for _, o := range s.openings {
		if err := fn(o); err != nil {
			return fmt.Errorf("contents: %w", err)
		}
	}
	return nil
}

type reading struct{ io.ReaderAt }

func (reading) Close() error { return nil }

func berlin(t testing.TB) *time.Location {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

// id is always the same for a number.
func id[T ~[16]byte](n int) T {
	sum := sha256.Sum256(fmt.Append(nil, n))
	return T(sum[:16])
}

// home is an archive of two vaults: Anna's own with a kitchen and a terminal,
// and the living room. Every fifth recording keeps no sound, every seventh no
// words; the kitchen's third and fourth were erased; some of what was said is unfriendly.
func home(t testing.TB, n int) (Facts, *spoken) {
	own, shared := id[hearkeep.VaultID](1), id[hearkeep.VaultID](2)
	f := Facts{
		Archive: id[hearkeep.ArchiveID](3), Request: id[hearkeep.RequestID](4), Kind: hearkeep.RequestAccess,
		Account: id[hearkeep.AccountID](5), Name: "Anna Grün", Service: "https://keep.example", Zone: berlin(t),
		Made:   time.Date(2026, 11, 22, 15, 0, 0, 0, time.UTC),
		Notice: []Section{{"What we keep your data for", []string{"To answer you.", "Not for <advertising>."}}},
		Vaults: []Vault{
			{own, "Anna's own", "personal", []Door{
				{Binding: id[hearkeep.BindingID](6), Name: "Küche/Kitchen", Source: hearkeep.SourceWyoming, Erased: 2, Expired: 1, Failed: 1},
				{Binding: id[hearkeep.BindingID](7), Name: "CON", Source: hearkeep.SourceSay}}},
			{shared, "Living room", "shared", []Door{{Binding: id[hearkeep.BindingID](8), Name: "küche kitchen", Source: hearkeep.SourceBrowser, Withheld: 3}}},
		},
		Withheld: []Withheld{{shared, "küche kitchen", 3, "From before you joined."}},
	}
	s := new(spoken)
	start := time.Date(2026, 3, 29, 0, 30, 0, 120e6, time.UTC) // the clocks go forward at 01:00
	for i := range n {
		v, d := 0, i%2
		if i >= n/2 {
			v, d = 1, 0
		}
		door := &f.Vaults[v].Doors[d]
		door.In++
		r := recording(i, f.Vaults[v].ID, door, start.Add(time.Duration(i%(n/2+1))*17*time.Minute))
		if r.Number > 2 && door.Erased > 0 {
			r.Number += 2
		}
		s.add(r, i)
	}
	for v := range f.Vaults {
		for d := range f.Vaults[v].Doors {
			x := &f.Vaults[v].Doors[d]
			x.Last = x.In + x.Erased + x.Expired + x.Failed + x.Withheld
		}
	}
	for i := range 3 {
		s.openings = append(s.openings, Opening{At: start.Add(time.Duration(i) * time.Hour), Vault: own, Kind: "opened", Role: hearkeep.RoleKeyholder,
			Who: "Anna Grün", Purpose: "listen", Count: 2, Items: []hearkeep.Run{{Binding: id[hearkeep.BindingID](6), From: 1, To: 2}}, Entry: int64(i + 5)})
	}
	return f, s
}

func recording(i int, vault hearkeep.VaultID, door *Door, start time.Time) Recording {
	said := []string{"set a timer for ten minutes", "=HYPERLINK(\"http://evil.example\")", "</script><script>alert(1)</script>",
		"was sagst du; =1+1", "two\nlines, \"quoted\"", "erste\u2028zweite \u202e umgekehrt", "ж 漢字 🎉"}
	r := Recording{
		ID: id[hearkeep.RecordingID](100 + i), Vault: vault, Binding: door.Binding, Number: hearkeep.Number(door.In), From: door.Name,
		Source: door.Source, Start: start, Duration: 2300 * time.Millisecond, Until: start.AddDate(0, 0, 90),
		Waveform: bytes.Repeat([]byte{byte(i), 9, 200, 40}, 20),
	}
	if i%7 != 6 {
		r.Words, r.HasWords, r.Version = hearkeep.NewWords(said[i%len(said)]), true, uint64(1+i%3/2)
		r.HasTurn = true
		r.Turn = hearkeep.Turn{Intent: "HassStartTimer", Did: "started a timer", Answer: hearkeep.NewWords("A timer for ten minutes."),
			Slots:  []hearkeep.Slot{{Name: "minutes", Spoken: hearkeep.NewWords("ten"), Value: hearkeep.NewWords("10")}},
			Stages: []hearkeep.StageTime{{Stage: hearkeep.StageRecognise, Took: 312 * time.Millisecond, Engine: "pocketsphinx en-us"}, {Stage: hearkeep.StageAct, Took: time.Millisecond}}}
	}
	return r
}

func (s *spoken) add(r Recording, i int) {
	if i%5 != 4 {
		sound := bytes.Repeat(fmt.Append(nil, "sound ", i), 50)
		r.Sound = &Sound{int64(len(sound)), crc32.ChecksumIEEE(sound), sha256.Sum256(sound), "audio/flac"}
		s.sounds = append(s.sounds, sound)
	} else {
		s.sounds = append(s.sounds, nil)
	}
	s.recordings = append(s.recordings, r)
}

func newBag(t testing.TB, f Facts, c Content) *Bag {
	t.Helper()
	b, err := New(context.Background(), f, c)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func written(t testing.TB, b *Bag, c Content) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := b.Write(context.Background(), &out, c, 0, b.Size()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
