package rights

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/ledger"
)

const aDay = 24 * time.Hour

// What is not fetched is offered and reminded of before its day, and ends.
func TestExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, ctx := openOffice(t), t.Context()
		anna, mute := o.person("Anna"), o.home.Person(t, "Mute")
		o.says(anna, "something")
		o.says(mute, "something")
		r, silent := o.asks(anna, hearkeep.RequestAccess), o.asks(mute, hearkeep.RequestAccess)
		erasure := o.asks(anna, hearkeep.RequestErasure)
		binding, _ := anna.Device.Binding()
		o.must(o.desk.Spoken(ctx, anna.Vault, binding, hearkeep.RequestObjection))
		count := func(topic string) (n int) {
			for _, t := range o.topics(anna) {
				if t == topic {
					n++
				}
			}
			return n
		}
		at := func(when time.Time) {
			time.Sleep(time.Until(when))
			for range 3 { // an hour's task runs often
				o.must(o.desk.Expire(ctx, time.Now()))
			}
		}
		at(r.Due.Add(-8 * aDay))
		if got := count("request reminder") + count(topicCode); got != 0 {
			t.Fatalf("eight days before: got %d letters", got)
		}
		at(r.Due.Add(-7*aDay + time.Minute))
		if c, n := count(topicCode), count("request reminder"); c != 1 || n != 2 {
			t.Errorf("a week before: got %d codes and %d reminders, want the archive's code, and of the others", c, n)
		}
		at(r.Due.Add(-2*aDay + time.Minute))
		if c, n := count(topicCode), count("request reminder"); c != 2 || n != 4 {
			t.Errorf("two days before: got %d codes and %d reminders", c, n)
		}
		if n := len(o.letters(mute)); n != 0 {
			t.Errorf("who has no address was written %d letters", n)
		}
		at(r.Due.Add(time.Minute))
		anna, mute = o.again(anna), o.again(mute)
		states := func() map[hearkeep.RequestKind]hearkeep.RequestState {
			got := map[hearkeep.RequestKind]hearkeep.RequestState{}
			list, err := o.desk.Requests(ctx, anna.Who)
			o.must(err)
			for _, r := range list {
				got[r.Kind] = r.State
			}
			return got
		}
		if got := states(); got[hearkeep.RequestAccess] != hearkeep.RequestReady || got[hearkeep.RequestErasure] != hearkeep.RequestLapsed || got[hearkeep.RequestObjection] != hearkeep.RequestLapsed {
			t.Errorf("after its day: got %v, want the archive ready, and the others lapsed", got)
		}
		if n := count("request lapsed"); n != 2 {
			t.Errorf("got %d letters that it lapsed, want two", n)
		}
		_, err := o.desk.Confirm(ctx, anna.Who, erasure.ID)
		o.wants(hearkeep.Conflict, "of what lapsed", err)
		_, err = o.desk.Redeem(ctx, o.code(anna)) // that of two days before
		o.must(err)

		// Who cannot be reached finds it where it was asked for.
		if got, err := o.desk.Request(ctx, mute.Who, silent.ID); err != nil || got.State.Ended() {
			t.Errorf("who has no address: got %s, %v, want it open", got.State, err)
		}
		_, err = o.desk.Prepare(ctx, mute.Who, silent.ID)
		o.must(err)

		at(r.Due.Add(keepReady + time.Minute))
		anna = o.again(anna)
		got, err := o.desk.Request(ctx, anna.Who, r.ID)
		if o.must(err); got.State != hearkeep.RequestAnswered || field(got.Answer, "result") != "not-fetched" {
			t.Errorf("never fetched: got %s: %s", got.State, got.Answer)
		}
		for _, l := range o.letters(anna) {
			if strings.Contains(l.Text, "something") {
				t.Errorf("a letter says what was said: %s", l.Text)
			}
		}
	})
}

// Nothing is offered while a waiting time runs.
func TestExpireWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, ctx := openOffice(t), t.Context()
		anna := o.person("Anna")
		account := anna.Who.Account()
		o.says(anna, "something")
		r := o.asks(anna, hearkeep.RequestAccess)
		o.sql("UPDATE accounts SET changed = ? WHERE id = ?", r.Due.Add(-7*aDay).UnixMilli(), account[:])
		time.Sleep(time.Until(r.Due.Add(-6 * aDay)))
		o.must(o.desk.Expire(ctx, time.Now()))
		if got := o.topics(anna); slices.Contains(got, topicCode) || got[0] != "request reminder" {
			t.Errorf("while it waits: got letters %v, want a reminder and no code", got)
		}
		time.Sleep(time.Until(r.Due.Add(-aDay)))
		o.must(o.desk.Expire(ctx, time.Now()))
		if got := o.topics(anna); got[0] != topicCode {
			t.Errorf("afterwards: got letters %v, want the code", got)
		}
	})
}

// An extension is told with its reasons, inside the first month, once.
func TestExtend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, ctx := openOffice(t), t.Context()
		anna := o.person("Anna")
		o.says(anna, "something")
		r, late := o.asks(anna, hearkeep.RequestAccess), o.asks(anna, hearkeep.RequestErasure)
		const reason = "Very many people asked in the same week."
		for _, bad := range []string{"", "busy", strings.Repeat("x", maxReason+1), "With a \x1b[31m colour that steers."} {
			_, err := o.desk.Extend(ctx, r.ID, bad)
			o.wants(hearkeep.Invalid, "the reason "+bad[:min(len(bad), 10)], err)
		}
		_, err := o.desk.Extend(ctx, hearkeep.NewID[hearkeep.RequestID](), reason)
		o.wants(hearkeep.NotFound, "no request", err)
		c, err := o.desk.Extend(ctx, r.ID, reason)
		o.must(err)
		if want := dueExtended(r.Received, time.UTC); !c.Due.Equal(want) || c.Extended.IsZero() {
			t.Errorf("got %+v, want it due %s", c, want)
		}
		if got, err := o.desk.Request(ctx, anna.Who, r.ID); err != nil || got.Reason != reason || !got.Due.Equal(c.Due) || got.State != hearkeep.RequestOpen {
			t.Errorf("got %+v, %v", got, err)
		}
		l := o.letters(anna)[0]
		if l.Topic != "request extended" || !strings.Contains(l.Text, reason) {
			t.Errorf("got letter %+v, want the reasons", l)
		}
		entries := o.entries(anna, ledger.KindRequest)
		if e := entries[len(entries)-1]; e.Purpose != "access extended" || e.Role != hearkeep.RoleOperator {
			t.Errorf("got entry %+v", e)
		}
		_, err = o.desk.Extend(ctx, r.ID, reason)
		o.wants(hearkeep.Conflict, "twice", err)
		time.Sleep(time.Until(late.Due.Add(time.Millisecond)))
		_, err = o.desk.Extend(ctx, late.ID, reason)
		o.wants(hearkeep.Conflict, "after the month", err)
		overview, err := o.desk.Overview(ctx)
		o.must(err)
		if len(overview.Clocks) != 2 || overview.Clocks[0].ID != late.ID || len(overview.Counts) != 2 {
			t.Errorf("got %+v, want the late one first", overview)
		}
		anna = o.again(anna)
		_, err = o.desk.Withdraw(ctx, anna.Who, r.ID)
		o.must(err)
		_, err = o.desk.Extend(ctx, r.ID, reason)
		o.wants(hearkeep.NotFound, "of what was withdrawn", err)
	})
}
