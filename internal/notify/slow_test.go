package notify

import (
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/store"
)

// Somebody's thousand letters to an address that never answers hold nobody
// else's back: that would hide a theft until its waiting time is over.
func TestSlowAddressDelaysItsOwnLettersOnly(t *testing.T) {
	h := newHome(t)
	defer h.close()
	slow := newHook(t, func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	})
	quick := newHook(t, func(http.ResponseWriter, *http.Request) {})
	d := h.desk(MailServer{}, slow.host(), quick.host())
	d.hooks.Timeout = 100 * time.Millisecond
	h.channel(d, Webhook, "http://"+quick.host()+"/", true)
	anna := h.account
	h.account = hearkeep.NewID[hearkeep.AccountID]()
	h.update(func(tx *store.Tx) error {
		return tx.Identity.InsertAccount(t.Context(), store.Account{ID: h.account, Name: "mallory", Display: "Mallory", Created: time.Now()})
	})
	h.channel(d, Webhook, "http://"+slow.host()+"/", true)
	const many = 300
	for range many {
		h.tell(d, removed())
	}
	h.account = anna
	h.tell(d, removed())
	defer run(t, d)()
	until(t, "Anna's letter", func() bool { return quick.calls.Load() == 1 })
	if n := slow.calls.Load(); n > workers {
		t.Errorf("%d of Mallory's letters went first, want at most %d", n, workers)
	}
}

// What is put off for ever is given up as what is tried is.
func TestRestingLettersAreGivenUp(t *testing.T) {
	now := time.Now()
	c := hearkeep.NewID[hearkeep.ChannelID]()
	s := shift{rests: map[hearkeep.ChannelID]rest{c: {now.Add(time.Hour), 9}}}
	old := store.Delivery{Channel: c, State: queued, Sealed: []byte{1}, Created: now.Add(-giveUp)}
	young := store.Delivery{Channel: c, State: queued, Sealed: []byte{1}, Created: now}
	other := store.Delivery{Channel: hearkeep.NewID[hearkeep.ChannelID](), State: queued, Created: now}
	mine, off := s.choose([]store.Delivery{old, young, other}, now)
	if len(mine) != 1 || mine[0].Channel != other.Channel || mine[0].Attempts != 1 {
		t.Errorf("sent now: got %+v, want the other channel's", mine)
	}
	if len(off) != 2 || off[0].State != failed || off[0].Sealed != nil || off[1].State != queued || off[1].Attempts != 0 || !off[1].Due.Equal(now.Add(time.Hour)) {
		t.Errorf("put off: got %+v, want the old one given up and the young one in an hour", off)
	}
}
