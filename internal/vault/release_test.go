package vault_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/blob"
	"github.com/hearkeep/hearkeep/internal/identity"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/store"
	"github.com/hearkeep/hearkeep/internal/vault"
	"github.com/hearkeep/hearkeep/internal/vault/vaulttest"
)

// released is what of a release came out: words by recording, and the order.
type released struct {
	order []hearkeep.RecordingID
	words map[hearkeep.RecordingID]string
}

func release(t *testing.T, r *vault.Room) *vault.Release {
	t.Helper()
	l, err := r.Release(t.Context(), hearkeep.NewID[hearkeep.ArchiveID]())
	must(t, err)
	return l
}

// unpack opens all of a release, sounds as well, as an archive does.
func unpack(t *testing.T, r *vault.Room, l *vault.Release) (out released, err error) {
	t.Helper()
	out.words = map[hearkeep.RecordingID]string{}
	err = r.Each(t.Context(), l, 0, func(i int, it vault.Released) error {
		out.order = append(out.order, it.ID)
		out.words[it.ID] = it.Words.Reveal()
		if it.Sound == nil {
			return nil
		}
		a, err := r.Sound(t.Context(), l, i)
		if err != nil {
			return err
		}
		defer a.Close()
		got, err := io.ReadAll(a)
		if err == nil && int64(len(got)) != it.Sound.Length {
			err = fmt.Errorf("sound of %d bytes, its header says %d", len(got), it.Sound.Length)
		}
		if err == nil && !bytes.Equal(got, audio) {
			err = errors.New("the sound is another one")
		}
		return err
	})
	return out, err
}

func wantStop(t *testing.T, what string, err error, want string) *vault.Stop {
	t.Helper()
	wantCode(t, what, err, hearkeep.Stopped)
	var stop *vault.Stop
	if !errors.As(err, &stop) {
		t.Errorf("%s: there is no Stop in %v", what, err)
		return &vault.Stop{}
	}
	if stop.What != want {
		t.Errorf("%s: stopped because of %q, want %q", what, stop.What, want)
	}
	return stop
}

func TestRelease(t *testing.T) {
	h, ctx := vaulttest.New(t), t.Context()
	anna, bert := h.Person(t, "Anna"), h.Person(t, "Bert")
	say(t, bert, "berts secret")
	var want []hearkeep.RecordingID
	for i := range 5 {
		r := taken(fmt.Sprintf("number %d", i))
		r.Start = time.Now().Add(-time.Duration(5-i) * time.Minute)
		must(t, anna.Inbox.Keep(ctx, r))
		want = append(want, r.ID)
	}
	_, err := h.Enter(t, anna).Erase(ctx, want[2])
	must(t, err)
	want = append(want[:2], want[3:]...)
	room := h.Enter(t, anna)
	archive := hearkeep.NewID[hearkeep.ArchiveID]()
	l, err := room.Release(ctx, archive)
	must(t, err)
	got, err := unpack(t, room, l)
	must(t, err)
	if fmt.Sprint(got.order) != fmt.Sprint(want) || got.words[want[3]] != "number 4" {
		t.Errorf("got %v, want %v", got, want)
	}
	accounts := l.Accounts()
	if len(accounts) != 2 || accounts[1].Last != 5 || accounts[1].Kept != 4 || accounts[1].Erased != 1 || accounts[1].Binding.Door.Name != "Terminal" {
		t.Errorf("accounts: got %+v", accounts)
	}
	if l.Len() != 4 || fmt.Sprint(l.Items()) != fmt.Sprintf("[%s:1-2 %s:4-5]", anna.Inbox.Binding(), anna.Inbox.Binding()) {
		t.Errorf("%d items: got %v", l.Len(), l.Items())
	}
	var opened []ledger.Recorded
	must(t, room.Openings(ctx, func(e ledger.Recorded) error {
		if e.Archive != nil {
			opened = append(opened, e)
		}
		return nil
	}))
	if len(opened) != 1 || *opened[0].Archive != archive || opened[0].Count != 4 || opened[0].Purpose != "archive" || opened[0].Kind != ledger.KindOpened {
		t.Errorf("openings: got %+v", opened)
	}
}

func TestWhoReleases(t *testing.T) {
	h, ctx := vaulttest.New(t), t.Context()
	anna, bert := h.Person(t, "Anna"), h.Person(t, "Bert")
	say(t, anna, "annas own")
	room := h.Enter(t, anna)
	l := release(t, room)
	id := hearkeep.NewID[hearkeep.ArchiveID]()

	stale := h.Enter(t, anna)
	vault.Unfresh(stale)
	_, err := stale.Release(ctx, id)
	wantCode(t, "no unlocker lately", err, hearkeep.StepUp)
	if _, err := unpack(t, stale, l); err != nil {
		t.Errorf("the session that made it: %v", err)
	}

	token, _, err := h.Enter(t, anna).MakeToken(ctx, "Program", true, 24*time.Hour)
	must(t, err)
	program, err := h.Keep.Program(ctx, token)
	must(t, err)
	_, err = program.Release(ctx, id)
	wantCode(t, "a program releases", err, hearkeep.Forbidden)
	_, err = unpack(t, program, l)
	wantCode(t, "a program opens a release", err, hearkeep.Forbidden)
	_, err = program.Sound(ctx, l, 0)
	wantCode(t, "a program opens a sound", err, hearkeep.Forbidden)
	wantCode(t, "a program reads who opened", program.Openings(ctx, func(ledger.Recorded) error { return nil }), hearkeep.Forbidden)

	in, err := h.Desk.SignIn(ctx, "Anna", "correct horse battery", identity.Visitor{})
	must(t, err)
	other := anna
	other.Who = in.Who
	for who, p := range map[string]vaulttest.Person{"another session of hers": other, "another person": bert} {
		r := h.Enter(t, p)
		_, err := unpack(t, r, l)
		wantCode(t, who, err, hearkeep.NotFound)
		_, err = r.Sound(ctx, l, 0)
		wantCode(t, who+", a sound", err, hearkeep.NotFound)
	}
	_, err = room.Sound(ctx, l, 1)
	wantCode(t, "a sound that is not there", err, hearkeep.NotFound)
	_, err = room.Sound(ctx, l, -1)
	wantCode(t, "no sound", err, hearkeep.NotFound)
	wantCode(t, "no release", room.Each(ctx, nil, 0, nil), hearkeep.NotFound)

	// A second vault of hers does not open the first one's release.
	second := anotherOf(t, h, anna)
	_, err = unpack(t, h.Enter(t, second), l)
	wantCode(t, "her other vault", err, hearkeep.NotFound)

	must(t, h.Desk.SignOut(ctx, in.Cookie))
	held := h.Keep
	if r, err := held.Enter(ctx, other.Who, other.Vault); err == nil { // its rows are gone, its keys are in memory
		_, err = r.Release(ctx, id)
		wantCode(t, "a session that has ended", err, hearkeep.Unauthorized)
	}
}

// A session that waits, since a way in or an address was changed, hands over
// nothing (A2).
func TestReleaseWaits(t *testing.T) {
	h, ctx := vaulttest.New(t), t.Context()
	anna := h.Person(t, "Anna")
	say(t, anna, "annas own")
	in, err := h.Desk.SetPassphrase(ctx, anna.Who, "a quite different one", identity.Visitor{})
	must(t, err)
	anna.Who = in.Who
	if anna.Who.Waits().IsZero() {
		t.Fatal("nothing waits")
	}
	_, err = h.Enter(t, anna).Release(ctx, hearkeep.NewID[hearkeep.ArchiveID]())
	wantCode(t, "while it waits", err, hearkeep.Forbidden)
	if _, words, _ := hearkeep.Explain(err); !strings.Contains(words, anna.Who.Waits().Local().Format("2 January 2006")) {
		t.Errorf("it does not say until when: %q", words)
	}
}

// Who came later is given what is theirs, and told how much is not; who was
// removed is given nothing, also of a release that is under way.
func TestReleaseOfASharedVault(t *testing.T) {
	h, ctx := vaulttest.New(t), t.Context()
	anna, bert := h.Person(t, "Anna"), h.Person(t, "Bert")
	living := h.Vault(t, anna, vault.Shared)
	say(t, living, "before bert")
	both := h.Joined(t, living, bert, vault.Invitation{As: "holder"})
	say(t, living, "with bert")
	for name, want := range map[string]struct {
		p        vaulttest.Person
		kept     int
		withheld int
	}{"Anna": {living, 2, 0}, "Bert": {both, 1, 1}} {
		room := h.Enter(t, want.p)
		l := release(t, room)
		kept, withheld := 0, 0
		for _, a := range l.Accounts() {
			kept, withheld = kept+a.Kept, withheld+a.Withheld
			if int(a.Last) != a.Kept+a.Erased+a.Expired+a.Failed+a.Withheld {
				t.Errorf("%s: numbers do not add up: %+v", name, a)
			}
		}
		got, err := unpack(t, room, l)
		must(t, err)
		if kept != want.kept || withheld != want.withheld || len(got.words) != want.kept {
			t.Errorf("%s: got %d, %d withheld, %d opened", name, kept, withheld, len(got.words))
		}
	}
	room := h.Enter(t, both)
	l := release(t, room)
	must(t, h.Enter(t, living).RemoveHolder(ctx, bert.Who.Account()))
	_, err := unpack(t, room, l)
	wantCode(t, "a removed keyholder's Room", err, hearkeep.NotFound)
	_, err = room.Release(ctx, hearkeep.NewID[hearkeep.ArchiveID]())
	wantCode(t, "a removed keyholder", err, hearkeep.NotFound)
}

// A guardian and the child both hold the child's vault.
func TestReleaseOfAChildsVault(t *testing.T) {
	h := vaulttest.New(t)
	anna, kim := h.Person(t, "Anna"), h.Person(t, "Kim")
	nursery := h.Vault(t, anna, vault.Child)
	kim = h.Joined(t, nursery, kim, vault.Invitation{As: "child"})
	say(t, nursery, "a tale")
	for _, p := range []vaulttest.Person{nursery, kim} {
		room := h.Enter(t, p)
		got, err := unpack(t, room, release(t, room))
		must(t, err)
		if len(got.words) != 1 {
			t.Errorf("got %d recordings", len(got.words))
		}
	}
}

// What is erased, corrected, moved or expired after a release was frozen is
// Changed, and the release never quietly leaves it out.
func TestReleaseThatChanges(t *testing.T) {
	for name, change := range map[string]func(t *testing.T, h *vaulttest.Home, anna vaulttest.Person, id hearkeep.RecordingID) error{
		"erased": func(t *testing.T, h *vaulttest.Home, anna vaulttest.Person, id hearkeep.RecordingID) error {
			return second(h.Enter(t, anna).Erase(t.Context(), id))
		},
		"corrected": func(t *testing.T, h *vaulttest.Home, anna vaulttest.Person, id hearkeep.RecordingID) error {
			return second(h.Enter(t, anna).Correct(t.Context(), id, hearkeep.NewWords("something else")))
		},
		"moved": func(t *testing.T, h *vaulttest.Home, anna vaulttest.Person, id hearkeep.RecordingID) error {
			to := anotherOf(t, h, anna)
			return second(vault.Move(t.Context(), h.Enter(t, anna), h.Enter(t, to), id))
		},
		"expired": func(t *testing.T, h *vaulttest.Home, anna vaulttest.Person, id hearkeep.RecordingID) error {
			h.SQL(t, "UPDATE parts SET until = 1 WHERE recording = ? AND part = 'waveform'", id[:])
			return second(h.Keep.Expire(t.Context(), time.Now()))
		},
	} {
		t.Run(name, func(t *testing.T) {
			h, ctx := vaulttest.New(t), t.Context()
			anna := h.Person(t, "Anna")
			say(t, anna, "one")
			id := say(t, anna, "two")
			early, late := h.Enter(t, anna), h.Enter(t, anna)
			l, cargo := release(t, early), freeze(t, couriers(t, h, anna)[0])
			must(t, early.Each(ctx, l, 0, func(int, vault.Released) error { return nil })) // has the page now
			must(t, change(t, h, anna, id))
			say(t, anna, "three") // is none of its
			_, err := unpack(t, late, l)
			wantCode(t, "a release", err, hearkeep.Changed)
			_, err = delivered(t, couriers(t, h, anna)[0], cargo, anna)
			wantCode(t, "a cargo", err, hearkeep.Changed)
			if name != "corrected" && name != "expired" {
				_, err = early.Sound(ctx, l, 1)
				wantCode(t, "its sound, from rows read before", err, hearkeep.Changed)
			}
			room := h.Enter(t, anna)
			got, err := unpack(t, room, release(t, room))
			must(t, err)
			want := 3
			if name == "erased" || name == "moved" {
				want = 2
			}
			if len(got.words) != want {
				t.Errorf("made anew: got %d recordings, want %d", len(got.words), want)
			}
		})
	}
}

// A sound that is being read goes silent when it is erased.
func TestReleasedSoundIsErased(t *testing.T) {
	h := vaulttest.New(t)
	anna := h.Person(t, "Anna")
	id := say(t, anna, "one")
	room, carrier := h.Enter(t, anna), couriers(t, h, anna)[0]
	a, err := room.Sound(t.Context(), release(t, room), 0)
	must(t, err)
	defer a.Close()
	var sealed io.ReadCloser
	must(t, carrier.Each(t.Context(), freeze(t, carrier), 0, func(_ int, s vault.Sealed) (err error) {
		sealed, err = carrier.Audio(t.Context(), s)
		return err
	}))
	defer sealed.Close()
	_, err = h.Enter(t, anna).Erase(t.Context(), id)
	must(t, err)
	_, err = a.ReadAt(make([]byte, 10), 0)
	wantCode(t, "its sound", err, hearkeep.Changed)
	_, err = sealed.Read(make([]byte, 10))
	wantCode(t, "its ciphertext", err, hearkeep.Changed)
}

// What is being kept while a release is frozen is neither missing nor left
// out: the release waits for it.
func TestReleaseMeetsAKeep(t *testing.T) {
	for name, end := range map[string]struct {
		fail error
		want int
	}{"kept": {nil, 2}, "failed": {errors.New("broken"), 1}} {
		t.Run(name, func(t *testing.T) {
			h := vaulttest.New(t)
			anna := h.Person(t, "Anna")
			say(t, anna, "there already")
			g := &gate{h.Blobs.Store, make(chan struct{}), make(chan struct{})}
			h.Blobs.Store = g
			kept := make(chan error, 1)
			go func() { kept <- anna.Inbox.Keep(context.Background(), taken("on its way")) }()
			<-g.reached
			room := h.Enter(t, anna)
			type outcome struct {
				l   *vault.Release
				err error
			}
			out := make(chan outcome, 1)
			go func() {
				l, err := room.Release(context.Background(), hearkeep.NewID[hearkeep.ArchiveID]())
				out <- outcome{l, err}
			}()
			time.Sleep(120 * time.Millisecond) // it has looked at least once
			g.Store = failing{g.Store, end.fail}
			close(g.open)
			if err := <-kept; (err == nil) != (end.fail == nil) {
				t.Errorf("the keep: got %v", err)
			}
			got := <-out
			must(t, got.err)
			if got.l.Len() != end.want {
				t.Errorf("got %d recordings, want %d", got.l.Len(), end.want)
			}
		})
	}
}

// failing is a blob store whose Put fails.
type failing struct {
	blob.Store
	err error
}

func (f failing) Put(ctx context.Context, name string, data io.Reader) error {
	if f.err != nil {
		return f.err
	}
	return f.Store.Put(ctx, name, data)
}

// A number whose failed keep could not be written down is written down by the
// release that meets it.
func TestReleaseAccountsForAFailedKeep(t *testing.T) {
	h := vaulttest.New(t)
	anna := h.Person(t, "Anna")
	say(t, anna, "there already")
	h.Blobs.Store = putFails{h.Blobs.Store, func() { h.Store.Fail = store.ErrFull }}
	if err := anna.Inbox.Keep(t.Context(), taken("no room")); err == nil {
		t.Fatal("it was kept")
	}
	h.Store.Fail = nil
	room := h.Enter(t, anna)
	l := release(t, room)
	if a := l.Accounts()[1]; a.Kept != 1 || a.Failed != 1 || a.Last != 2 {
		t.Errorf("got %+v", a)
	}
}

// putFails is a blob store whose Put fails, after something else does.
type putFails struct {
	blob.Store
	also func()
}

func (p putFails) Put(context.Context, string, io.Reader) error {
	p.also()
	return errors.New("broken")
}

// What is being erased while a release looks at it is not called damaged.
func TestReleaseMeetsAnErasure(t *testing.T) {
	h, ctx := vaulttest.New(t), t.Context()
	anna := h.Person(t, "Anna")
	say(t, anna, "stays")
	id := say(t, anna, "goes")
	room, eraser := h.Enter(t, anna), h.Enter(t, anna)
	destroyed, goOn := make(chan struct{}), make(chan struct{})
	// The rows of the erasure wait, after its keys are gone.
	h.Store.Before = func() { close(destroyed); <-goOn }
	var erased sync.WaitGroup
	erased.Go(func() {
		if _, err := eraser.Erase(context.Background(), id); err != nil {
			t.Errorf("erase: %v", err)
		}
	})
	<-destroyed
	out := make(chan error, 1)
	go func() {
		l, err := room.Release(ctx, hearkeep.NewID[hearkeep.ArchiveID]())
		if err == nil && l.Len() != 1 {
			err = fmt.Errorf("%d recordings", l.Len())
		}
		out <- err
	}()
	time.Sleep(120 * time.Millisecond)
	close(goOn)
	erased.Wait()
	if err := <-out; err != nil {
		t.Errorf("release: %v", err)
	}
	if n := kinds(t, h, anna.Vault)[ledger.KindOpeningFailed]; n != 0 {
		t.Errorf("failed openings in the ledger: got %d, want 0", n)
	}
}

// More than a page: in order, once each, from anywhere, and resumed by another
// Room of the same session.
func TestReleaseOfPages(t *testing.T) {
	const n = 430
	h, ctx := vaulttest.New(t), t.Context()
	anna := h.Person(t, "Anna")
	first := time.Now().Add(-time.Hour)
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := g; i < n; i += 8 {
				r := taken(fmt.Sprint("number ", i))
				r.Start, r.Audio = first.Add(time.Duration(i/2)*time.Second), nil // two at a time
				if i%100 == 0 {
					r.Audio = audio
				}
				if err := anna.Inbox.Keep(ctx, r); err != nil {
					t.Errorf("keep: %v", err)
				}
			}
		})
	}
	wg.Wait()
	l := release(t, h.Enter(t, anna))
	var all []hearkeep.RecordingID
	var starts []time.Time
	must(t, h.Enter(t, anna).Each(ctx, l, 0, func(i int, it vault.Released) error {
		if i != len(all) {
			return fmt.Errorf("got %d, want %d", i, len(all))
		}
		all, starts = append(all, it.ID), append(starts, it.Start)
		return nil
	}))
	if len(all) != n || !slices.IsSortedFunc(starts, time.Time.Compare) {
		t.Errorf("got %d in order: %v, want %d", len(all), slices.IsSortedFunc(starts, time.Time.Compare), n)
	}
	for _, from := range []int{1, 199, 200, 201, 399, 429, 430, 900} {
		var some []hearkeep.RecordingID
		must(t, h.Enter(t, anna).Each(ctx, l, from, func(i int, it vault.Released) error {
			if it.ID != all[i] {
				return fmt.Errorf("%d is another one", i)
			}
			some = append(some, it.ID)
			return nil
		}))
		if want := max(0, n-from); len(some) != want {
			t.Errorf("from %d: got %d, want %d", from, len(some), want)
		}
	}
	room, sounds := h.Enter(t, anna), 0
	for i := range l.Len() {
		a, err := room.Sound(ctx, l, i)
		if hearkeep.CodeOf(err) == hearkeep.NotFound && err != nil {
			continue
		}
		must(t, err)
		sounds++
		must(t, a.Close())
	}
	if sounds != 5 {
		t.Errorf("got %d sounds, want 5", sounds)
	}
	cargo := freeze(t, couriers(t, h, anna)[0])
	carried := 0
	must(t, couriers(t, h, anna)[0].Each(ctx, cargo, 150, func(i int, s vault.Sealed) error {
		if s.Recording.ID != all[i] {
			return fmt.Errorf("%d is another one", i)
		}
		carried++
		return nil
	}))
	if carried != n-150 {
		t.Errorf("carried %d, want %d", carried, n-150)
	}
	_, err := h.Enter(t, anna).Erase(ctx, all[300])
	must(t, err)
	seen := 0
	err = h.Enter(t, anna).Each(ctx, l, 0, func(int, vault.Released) error { seen++; return nil })
	wantCode(t, "something on the second page was erased", err, hearkeep.Changed)
	if seen != 200 {
		t.Errorf("seen before that: got %d, want the first page", seen)
	}
}
