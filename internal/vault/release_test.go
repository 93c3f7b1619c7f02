package vault_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/ledger"
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
