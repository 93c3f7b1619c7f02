package rights

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/archive"
	"github.com/hearkeep/hearkeep/internal/seal"
)

// canaries are what somebody said: no two of them are the same.
var canaries = regexp.MustCompile(`canary\d+of[0-9a-f]{32}c`)

// given looks at what somebody is given: all that is theirs, once, and no byte
// of anybody else. While something of it is frozen, they are given nothing.
func (s *settlement) given(who int, sealed bool) error {
	ctx, p := s.Context(), s.people[who]
	r, err := s.desk.Ask(ctx, p.Who, hearkeep.RequestAccess, hearkeep.ViaPortal)
	if err != nil {
		return err
	}
	want := s.expected(who)
	if r.State == hearkeep.RequestAnswered { // nothing is kept, and that was said
		if len(want) > 0 || s.everKept(who) > 0 {
			return fmt.Errorf("told that nothing is kept, where %d recordings are", len(want))
		}
		return nil
	}
	frozen := s.isFrozen(who)
	var file []byte
	if sealed {
		a, f, err := s.desk.SealedHere(ctx, p.Who, r.ID)
		if err == nil {
			var b bytes.Buffer
			err = s.desk.SendSealed(ctx, f, &b, 0, a.Size)
			file = b.Bytes()
		}
		if err != nil || frozen {
			return wantFrozen(err, frozen)
		}
		return s.sealedHolds(file, p.Kit, want)
	}
	a, err := s.desk.Prepare(ctx, p.Who, r.ID)
	if err == nil {
		var b bytes.Buffer
		err = s.desk.Send(ctx, p.Who, a.ID, &b, 0, a.Size)
		file = b.Bytes()
	}
	if err != nil || frozen {
		return wantFrozen(err, frozen)
	}
	return s.openHolds(file, want)
}

// both has two people prepare their archives before either fetches one.
func (s *settlement) both(one, other int) error {
	ctx := s.Context()
	var ready [2]Open
	var asked [2]Request
	for i, who := range []int{one, other} {
		p := s.people[who]
		r, err := s.desk.Ask(ctx, p.Who, hearkeep.RequestAccess, hearkeep.ViaPortal)
		if err != nil {
			return err
		}
		if asked[i] = r; r.State == hearkeep.RequestAnswered || s.isFrozen(who) {
			return nil // given looks at that
		}
		if ready[i], err = s.desk.Prepare(ctx, p.Who, r.ID); err != nil {
			return err
		}
	}
	for i, who := range []int{one, other} {
		var b bytes.Buffer
		if err := s.desk.Send(ctx, s.people[who].Who, ready[i].ID, &b, 0, ready[i].Size); err != nil {
			return fmt.Errorf("request %s: %w", asked[i].ID, err)
		}
		if err := s.openHolds(b.Bytes(), s.expected(who)); err != nil {
			return err
		}
	}
	return nil
}

func (s *settlement) isFrozen(who int) bool {
	return s.frozen[s.people[who].Vault] || s.holds[who] && s.frozen[s.shared.Vault]
}

func wantFrozen(err error, frozen bool) error {
	if frozen && hearkeep.CodeOf(err) == hearkeep.Conflict {
		return nil
	}
	return fmt.Errorf("frozen is %v: %w", frozen, errors.Join(err, errors.New("not as it should be")))
}

// expected is what somebody must be given: words to sound.
func (s *settlement) expected(who int) map[string]string {
	want := map[string]string{}
	for _, k := range s.kept {
		if k.opens[who] {
			want[k.words] = k.sound
		}
	}
	return want
}

// everKept counts what the vaults keep that somebody holds, theirs to open or
// not: of a vault that keeps something nobody is told that it keeps nothing.
func (s *settlement) everKept(who int) (n int) {
	for _, k := range s.kept {
		if k.vault == s.people[who].Vault || s.holds[who] && k.vault == s.shared.Vault && k.opens[who] {
			n++
		}
	}
	return n
}

// openHolds verifies a bag and compares what it holds.
func (s *settlement) openHolds(file []byte, want map[string]string) error {
	if _, err := archive.Verify(s.Context(), bytes.NewReader(file), int64(len(file))); err != nil {
		return fmt.Errorf("the bag: %w", err)
	}
	z, err := zip.NewReader(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		return err
	}
	got := map[string]string{}
	for _, f := range z.File {
		if !strings.HasSuffix(f.Name, "/data/data.json") {
			continue
		}
		if got, err = s.listed(z, f); err != nil {
			return err
		}
	}
	if !maps.Equal(got, want) {
		return fmt.Errorf("%d recordings were given, %d are theirs", len(got), len(want))
	}
	return foreign(file, want)
}

// listed reads data.json: words to the canary in the sound beside it.
func (s *settlement) listed(z *zip.Reader, f *zip.File) (map[string]string, error) {
	var data struct {
		Recordings []struct {
			Words *string `json:"words"`
			Sound *struct {
				File string `json:"file"`
			} `json:"sound"`
		} `json:"recordings"`
	}
	r, err := f.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	if err := json.NewDecoder(r).Decode(&data); err != nil {
		return nil, err
	}
	root, _, _ := strings.Cut(f.Name, "/")
	got := map[string]string{}
	for _, rec := range data.Recordings {
		if rec.Words == nil || rec.Sound == nil {
			return nil, errors.New("a recording lost a part")
		}
		sound, err := z.Open(root + "/data/" + rec.Sound.File)
		if err != nil {
			return nil, err
		}
		bytes, err := io.ReadAll(sound)
		if err := errors.Join(err, sound.Close()); err != nil {
			return nil, err
		}
		if _, twice := got[*rec.Words]; twice {
			return nil, errors.New("a recording is given twice")
		}
		got[*rec.Words] = string(canaries.Find(bytes))
	}
	return got, nil
}

// foreign looks for canaries that are not somebody's own, in every byte.
func foreign(file []byte, want map[string]string) error {
	own := slices.Concat(slices.Collect(maps.Keys(want)), slices.Collect(maps.Values(want)))
	seen := map[string]bool{}
	for _, c := range canaries.FindAll(file, -1) {
		if seen[string(c)] = true; !slices.Contains(own, string(c)) {
			return errors.New("something foreign, or forgotten, is in it")
		}
	}
	for _, c := range own {
		if !seen[c] {
			return errors.New("something of theirs is not in it")
		}
	}
	return nil
}

// sealedHolds unlocks a sealed archive with its owner's kit and compares.
func (s *settlement) sealedHolds(file []byte, kit string, want map[string]string) error {
	if canaries.Match(file) {
		return errors.New("a sealed archive says what was said")
	}
	f, err := archive.OpenSealed(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		return err
	}
	k, err := seal.ParseKit(kit)
	if err != nil {
		return err
	}
	u, err := f.Unlock(k)
	if err != nil {
		return err
	}
	got := map[string]string{}
	for i := range u.Count() {
		rec, faults, err := u.Recording(i)
		if err != nil || len(faults) > 0 {
			return fmt.Errorf("recording %d: %v, %w", i, faults, err)
		}
		sound, err := u.Sound(i)
		if err != nil {
			return err
		}
		b, err := io.ReadAll(io.NewSectionReader(sound, 0, sound.Size()))
		if err != nil {
			return err
		}
		got[rec.Words.Reveal()] = string(canaries.Find(b))
	}
	if faults := u.Faults(); len(faults) > 0 {
		return fmt.Errorf("faults: %v", faults)
	}
	if !maps.Equal(got, want) {
		return fmt.Errorf("sealed: %d recordings were given, %d are theirs", len(got), len(want))
	}
	return nil
}
