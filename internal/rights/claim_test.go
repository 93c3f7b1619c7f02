package rights

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/seal"
	"github.com/hearkeep/hearkeep/internal/store"
	"github.com/hearkeep/hearkeep/internal/vault"
	"github.com/hearkeep/hearkeep/internal/vault/vaulttest"
)

// about is a claim about the last hour at p's door.
func (o *office) about(p vaulttest.Person) Claim {
	return Claim{
		Door: strings.ToLower(DoorNumber(p.Inbox.Binding())), Place: "the canary kitchen",
		From: time.Now().Add(-time.Hour), To: time.Now().Add(time.Minute), About: "I sang there.", Reach: "at the canary inn",
	}
}

func (o *office) files(c Claim) string {
	o.Helper()
	secret, err := o.desk.FileClaim(o.Context(), c, "192.0.2.7", time.Now())
	o.must(err)
	return secret
}

func (o *office) waiting(p vaulttest.Person) []ToAnswer {
	o.Helper()
	list, err := o.desk.ClaimsTo(o.Context(), p.Who, p.Vault)
	o.must(err)
	return list
}

// A claim with a door's number reaches whoever holds the door's vault, who can
// count, erase, or invite; its claimant is told that much and no more (V12).
func TestClaim(t *testing.T) {
	for _, c := range []struct {
		how, link string
		state     string
		count     int
		left      int
	}{
		{AnswerCount, "", "counted", 2, 2},
		{AnswerErase, "", "erased", 2, 0},
		{AnswerInvite, "https://keep.example/join/abc", "invited", 0, 2},
	} {
		t.Run(c.how, func(t *testing.T) {
			o := openOffice(t)
			anna, ben := o.person("Anna"), o.person("Ben")
			o.says(anna, "one")
			o.says(anna, "two")
			o.says(ben, "three")
			secret := o.files(o.about(anna))
			if got := o.topics(anna); !slices.Contains(got, "claim received") {
				t.Errorf("Anna was told of %q, want the claim", got)
			}
			if got := o.topics(ben); slices.Contains(got, "claim received") {
				t.Error("Ben was told of a claim about Anna's door")
			}
			list := o.waiting(anna)
			if len(list) != 1 || list[0].Count != 2 || list[0].Place != "the canary kitchen" || !o.waits(secret) {
				t.Fatalf("Anna has %+v to answer", list)
			}
			if got := o.waiting(ben); len(got) != 0 {
				t.Errorf("Ben has %d claims to answer, want none", len(got))
			}
			answer := ClaimAnswer{How: c.how, Link: c.link, Remark: "Sorry."}
			// Ben's vault has no such claim, and Anna's vault is not his.
			o.wants(hearkeep.NotFound, "another's claim", o.desk.AnswerClaim(t.Context(), ben.Who, ben.Vault, list[0].ID, answer, time.Now()))
			o.wants(hearkeep.NotFound, "another's vault", o.desk.AnswerClaim(t.Context(), ben.Who, anna.Vault, list[0].ID, answer, time.Now()))
			o.must(o.desk.AnswerClaim(t.Context(), anna.Who, anna.Vault, list[0].ID, answer, time.Now()))
			o.wants(hearkeep.Conflict, "answering twice", o.desk.AnswerClaim(t.Context(), anna.Who, anna.Vault, list[0].ID, answer, time.Now()))

			s, err := o.desk.ClaimStatus(t.Context(), secret)
			if err != nil || s.State != c.state || s.Count != c.count || s.Link != c.link || s.Remark != "Sorry." {
				t.Errorf("the claimant is told %+v, %v", s, err)
			}
			if totals, _, err := o.home.Keep.Eraser(anna.Vault).Totals(t.Context()); err != nil || totals.Recordings != c.left {
				t.Errorf("%d of Anna's recordings are left, %v, want %d", totals.Recordings, err, c.left)
			}
			if totals, _, err := o.home.Keep.Eraser(ben.Vault).Totals(t.Context()); err != nil || totals.Recordings != 1 {
				t.Errorf("%d of Ben's recordings are left, %v, want 1", totals.Recordings, err)
			}
			if o.wrote(secret, "canary") {
				t.Error("what the claimant wrote is still there after the answer")
			}
		})
	}
}

// Whoever came to a vault later is told nothing of before, and answers no claim
// about it: a claim of their own is no way to look there.
func TestClaimsFromBefore(t *testing.T) {
	o := openOffice(t)
	anna, ben := o.person("Anna"), o.person("Ben")
	shared := o.home.Vault(t, anna, vault.Shared)
	o.says(shared, "one")
	door := shared.Inbox.Binding()
	o.home.Joined(t, shared, ben, vault.Invitation{As: "holder"})
	before := o.files(Claim{Door: DoorNumber(door), From: time.Now().Add(-time.Hour), To: time.Now()})
	list, err := o.desk.ClaimsTo(t.Context(), ben.Who, shared.Vault)
	o.must(err)
	if len(list) != 1 || !list[0].Before || list[0].Count != 0 {
		t.Fatalf("Ben, who came later, is told %+v", list)
	}
	for _, how := range []string{AnswerCount, AnswerErase, AnswerInvite} {
		err := o.desk.AnswerClaim(t.Context(), ben.Who, shared.Vault, list[0].ID, ClaimAnswer{How: how, Link: "https://keep.example/join/abc"}, time.Now())
		o.wants(hearkeep.Conflict, how+" by Ben, who came later", err)
	}
	o.must(o.desk.AnswerClaim(t.Context(), anna.Who, shared.Vault, list[0].ID, ClaimAnswer{How: AnswerCount}, time.Now()))
	if s, err := o.desk.ClaimStatus(t.Context(), before); err != nil || s.Count != 1 {
		t.Errorf("Anna, who was there, says %+v, %v, want 1", s, err)
	}
	if list, err = o.desk.ClaimsTo(t.Context(), ben.Who, shared.Vault); err != nil || list[0].Count != 0 {
		t.Errorf("afterwards Ben is told %+v, %v", list, err)
	}
	later := o.files(Claim{Door: DoorNumber(door), From: time.Now(), To: time.Now().Add(time.Hour)})
	list, err = o.desk.ClaimsTo(t.Context(), ben.Who, shared.Vault)
	o.must(err)
	if n, err := o.desk.ClaimsWaiting(t.Context(), ben.Who, shared.Vault); err != nil || n != 1 || list[1].Before {
		t.Fatalf("of the time since, Ben has %d to answer, %v: %+v", n, err, list)
	}
	o.must(o.desk.AnswerClaim(t.Context(), ben.Who, shared.Vault, list[1].ID, ClaimAnswer{How: AnswerCount}, time.Now()))
	if s, err := o.desk.ClaimStatus(t.Context(), later); err != nil || s.State != claimNothing {
		t.Errorf("of the time since: %+v, %v", s, err)
	}
}

func (o *office) waits(secret string) bool {
	o.Helper()
	s, err := o.desk.ClaimStatus(o.Context(), secret)
	o.must(err)
	return s.State == claimOpen && s.Ended.IsZero() && s.Count == 0
}

// wrote reports whether a claim's row, opened, holds a word.
func (o *office) wrote(secret, word string) bool {
	o.Helper()
	var row store.Claim
	o.must(o.home.Store.View(o.Context(), func(tx *store.Tx) (err error) {
		row, err = tx.Rights.ClaimByHash(o.Context(), claimHash(secret))
		return err
	}))
	plain, err := seal.OpenHouse(o.home.House, seal.HouseClaim, row.ID, row.Sealed)
	o.must(err)
	if bytes.Contains(row.Sealed, []byte(word)) {
		o.Error("what the claimant wrote is not sealed")
	}
	return bytes.Contains(plain, []byte(word))
}

// A claimant learns nothing by the form: not whether a number is a door's.
func TestClaimTellsNothing(t *testing.T) {
	o := openOffice(t)
	anna := o.person("Anna")
	o.says(anna, "one")
	unknown := o.about(anna)
	unknown.Door = "0000-0000"
	known, other := o.files(o.about(anna)), o.files(unknown)
	a, err := o.desk.ClaimStatus(t.Context(), known)
	o.must(err)
	b, err := o.desk.ClaimStatus(t.Context(), other)
	o.must(err)
	a.Made, b.Made, a.From, b.From, a.To, b.To = time.Time{}, time.Time{}, time.Time{}, time.Time{}, time.Time{}, time.Time{}
	if a != b {
		t.Errorf("a known door: %+v; an unknown one: %+v", a, b)
	}
	_, err = o.desk.ClaimStatus(t.Context(), "AAAAAAAAAAAAAAAAAAAAAAAAAA")
	o.wants(hearkeep.NotFound, "no claim", err)
}

func TestClaimRefuses(t *testing.T) {
	o := openOffice(t)
	anna := o.person("Anna")
	now := time.Now()
	for name, c := range map[string]struct {
		edit func(*Claim)
		want hearkeep.Code
	}{
		"no times":        {func(c *Claim) { c.From, c.To = time.Time{}, time.Time{} }, hearkeep.Invalid},
		"end before":      {func(c *Claim) { c.From, c.To = c.To, c.From }, hearkeep.Invalid},
		"too long":        {func(c *Claim) { c.From = c.To.Add(-MaxClaimWindow - time.Minute) }, hearkeep.Invalid},
		"in the future":   {func(c *Claim) { c.From, c.To = now.Add(time.Hour), now.Add(2*time.Hour) }, hearkeep.Invalid},
		"nowhere":         {func(c *Claim) { c.Door, c.Place = " ", "" }, hearkeep.Invalid},
		"very much text":  {func(c *Claim) { c.About = strings.Repeat("ä", maxClaimText+1) }, hearkeep.TooLarge},
		"text that is no": {func(c *Claim) { c.Place = "\xff" }, hearkeep.TooLarge},
	} {
		claim := o.about(anna)
		c.edit(&claim)
		_, err := o.desk.FileClaim(t.Context(), claim, name, now)
		o.wants(c.want, name, err)
	}
	for range claimsADay {
		o.files(o.about(anna))
	}
	_, err := o.desk.FileClaim(t.Context(), o.about(anna), "192.0.2.7", now)
	o.wants(hearkeep.TooMany, "an eleventh of a day", err)
	if _, err := o.desk.FileClaim(t.Context(), o.about(anna), "192.0.2.7", now.Add(25*time.Hour)); err != nil {
		t.Errorf("the day after: %v", err)
	}
	list := o.waiting(anna)
	err = o.desk.AnswerClaim(t.Context(), anna.Who, anna.Vault, list[0].ID, ClaimAnswer{How: AnswerInvite, Link: "https://elsewhere.example/join/x"}, now)
	o.wants(hearkeep.Invalid, "a link that leads elsewhere", err)
	err = o.desk.AnswerClaim(t.Context(), anna.Who, anna.Vault, list[0].ID, ClaimAnswer{How: "audio"}, now)
	o.wants(hearkeep.Invalid, "audio", err)
}

// What nobody answers ends on its day, and what ended is forgotten.
func TestClaimsEnd(t *testing.T) {
	o := openOffice(t)
	anna := o.person("Anna")
	secret, taken := o.files(o.about(anna)), o.files(o.about(anna))
	o.must(o.desk.WithdrawClaim(t.Context(), taken, time.Now()))
	o.wants(hearkeep.Conflict, "withdrawing twice", o.desk.WithdrawClaim(t.Context(), taken, time.Now()))
	s, err := o.desk.ClaimStatus(t.Context(), secret)
	o.must(err)
	o.must(o.desk.Expire(t.Context(), s.Due))
	if !o.waits(secret) {
		t.Error("it ended on the last moment of its day, and not after")
	}
	o.must(o.desk.Expire(t.Context(), s.Due.Add(time.Second)))
	if s, err = o.desk.ClaimStatus(t.Context(), secret); err != nil || s.State != claimUnanswered || o.wrote(secret, "canary") {
		t.Errorf("after its day: %+v, %v", s, err)
	}
	o.must(o.desk.Expire(t.Context(), s.Ended.Add(claimLife+time.Second)))
	for _, gone := range []string{secret, taken} {
		_, err = o.desk.ClaimStatus(t.Context(), gone)
		o.wants(hearkeep.NotFound, "a forgotten claim", err)
	}
}

func TestDoorNumber(t *testing.T) {
	id := hearkeep.BindingID{0, 1, 2, 3, 0xff}
	number := DoorNumber(id)
	for _, typed := range []string{number, strings.ToLower(number), strings.ReplaceAll(number, "-", " "), strings.ReplaceAll(strings.ReplaceAll(number, "0", "o"), "1", "l")} {
		if got, ok := parseDoorNumber(typed); !ok || got != [5]byte(id[:5]) {
			t.Errorf("%q: got %v, %v", typed, got, ok)
		}
	}
	for _, typed := range []string{"", "K7QD", "K7QD-2M9X-0", "UUUU-UUUU", "K7QD-2M9!"} {
		if _, ok := parseDoorNumber(typed); ok {
			t.Errorf("%q is a number", typed)
		}
	}
}
