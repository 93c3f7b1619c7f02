package incident

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/store"
)

func berlin(t *testing.T) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

// 72 hours are 72 hours, over a weekend and over both changes of the clocks
// (B2), from when a letter arrived and not from when it was entered (B1); the
// operator is told 24, 12, 3 and 0 hours before, once each, and the last alarm
// that was missed is the one that is raised.
func TestClockOverAWeekend(t *testing.T) {
	zone := berlin(t)
	for _, test := range []struct {
		name     string
		aware    time.Time
		due, one string // in Berlin
	}{
		{"into summer", time.Date(2024, time.March, 29, 18, 0, 0, 0, zone), "Mon 2024-04-01 19:00 CEST", "Sun 2024-03-31 19:00 CEST"},
		{"into winter", time.Date(2024, time.October, 25, 18, 0, 0, 0, zone), "Mon 2024-10-28 17:00 CET", "Sun 2024-10-27 17:00 CET"},
		{"over a leap day", time.Date(2024, time.February, 28, 9, 30, 0, 0, zone), "Sat 2024-03-02 09:30 CET", "Fri 2024-03-01 09:30 CET"},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := openBureau(t)
			b.start(Config{Zone: zone, AlarmTo: "operator@example.org"})
			taken := b.files(Filing{What: WhatOther, Via: hearkeep.ReportMail, About: "A letter.", At: test.aware, Late: "It lay in the wrong box."})
			c := b.theCase(taken.Incident)
			const layout = "Mon 2006-01-02 15:04 MST"
			if got := c.Due.In(zone).Format(layout); got != test.due || !c.AwareAt.Equal(test.aware) {
				t.Errorf("due: got %s, want %s", got, test.due)
			}
			alarms := func() (texts []string) {
				for _, s := range b.theCase(c.ID).Steps {
					if s.Kind == StepAlarmed {
						texts = append(texts, s.Text)
					}
				}
				return texts
			}
			first, err := time.ParseInLocation(layout, test.one, zone)
			b.must(err)
			for _, at := range []struct {
				now  time.Time
				want []string
			}{
				{first.Add(-time.Millisecond), nil},
				{first, []string{"24 hours left"}},
				{first.Add(time.Minute), []string{"24 hours left"}},
				{c.Due.Add(-2 * time.Hour), []string{"24 hours left", "3 hours left"}}, // it was off at 12
				{c.Due.Add(-time.Millisecond), []string{"24 hours left", "3 hours left"}},
				{c.Due, []string{"24 hours left", "3 hours left", "the time is over"}},
				{c.Due.AddDate(1, 0, 0), []string{"24 hours left", "3 hours left", "the time is over"}},
			} {
				b.expire(at.now)
				if diff := cmp.Diff(at.want, alarms()); diff != "" {
					t.Errorf("at %s (-want +got):\n%s", at.now.In(zone), diff)
				}
			}
			if diff := cmp.Diff([]string{"case alarm", "case alarm", "case alarm"}, b.topics(hearkeep.AccountID{})); diff != "" {
				t.Errorf("the operator's letters (-want +got):\n%s", diff)
			}
			b.must(b.desk.Decide(t.Context(), c.ID, true, "It was opened."))
			b.wants(hearkeep.Invalid, "late, without reasons", b.desk.Notified(t.Context(), c.ID, "AZ 1", "", nil))
			b.must(b.desk.Notified(t.Context(), c.ID, "AZ 1", "We waited for a holiday to end.", []byte("{}")))
			b.must(b.desk.Notified(t.Context(), c.ID, "AZ 1, what came later", "", []byte("{}")))
			if c := b.theCase(c.ID); c.Phase != 2 || c.State != hearkeep.IncidentNotified || string(c.Steps[len(c.Steps)-1].Document) != "{}" {
				t.Errorf("got %+v, want the second phase with its document", c.Summary)
			}
			b.checked()
		})
	}
}

// Where it is decided that nobody is notified, where somebody was, and where
// the case is closed, no alarm comes; the clock's length is a setting (B8).
func TestAlarms(t *testing.T) {
	due := time.Date(2024, time.April, 1, 17, 0, 0, 0, time.UTC)
	row := func(change func(*store.Incident)) store.Incident {
		i := store.Incident{Due: due, Alarmed: -1}
		change(&i)
		return i
	}
	for _, test := range []struct {
		name string
		row  store.Incident
		now  time.Time
		want int
	}{
		{"a day and a moment before", row(func(*store.Incident) {}), due.Add(-24*time.Hour - 1), -1},
		{"a day before", row(func(*store.Incident) {}), due.Add(-24 * time.Hour), 24},
		{"half a day before", row(func(i *store.Incident) { i.Alarmed = 24 }), due.Add(-12 * time.Hour), 12},
		{"three hours before", row(func(i *store.Incident) { i.Alarmed = 12 }), due.Add(-3 * time.Hour), 3},
		{"over", row(func(i *store.Incident) { i.Alarmed = 3 }), due, 0},
		{"over, and said", row(func(i *store.Incident) { i.Alarmed = 0 }), due.AddDate(1, 0, 0), -1},
		{"over while it was off", row(func(*store.Incident) {}), due.AddDate(0, 0, 3), 0},
		{"decided: yes", row(func(i *store.Incident) { i.Notify = "yes" }), due, 0},
		{"decided: no", row(func(i *store.Incident) { i.Notify = "no" }), due, -1},
		{"notified", row(func(i *store.Incident) { i.Notify, i.Phase = "yes", 1 }), due, -1},
		{"closed", row(func(i *store.Incident) { i.Closed = due }), due, -1},
	} {
		if got := alarmAt(test.row, test.now); got != test.want {
			t.Errorf("%s: got %d, want %d", test.name, got, test.want)
		}
	}
	b := openBureau(t)
	b.start(Config{Clock: 24 * time.Hour, TellWithin: 10 * time.Minute})
	taken := b.files(byForm("", "Something."))
	if c := b.theCase(taken.Incident); !c.Due.Equal(taken.At.Add(24*time.Hour)) || !c.TellBy.Equal(taken.At.Add(10*time.Minute)) {
		t.Errorf("got %+v, want a clock of 24 hours", c.Summary)
	}
}

// A mailed report: its time is the letter's, in no future, and long ago only
// with a reason. One that came before the others of its case shortens the
// case's clock, and one that came later lengthens none.
func TestMailedReport(t *testing.T) {
	b := openBureau(t)
	anna, bert := b.person("Anna"), b.person("Bert")
	archive, _ := b.hands(bert, true, b.recording(anna, "one"))
	now := time.Now()
	letter := func(at time.Time, late string) Filing {
		return Filing{What: WhatNotMine, Via: hearkeep.ReportMail, Receipt: archive.String(), Reach: "carl@example.org", Language: "de", At: at, Late: late}
	}
	refused := func(what string, f Filing) {
		t.Helper()
		_, err := b.desk.File(t.Context(), f, "")
		b.wants(hearkeep.Invalid, what, err)
	}
	refused("of tomorrow", letter(now.Add(time.Minute), ""))
	refused("of the day before yesterday, without a reason", letter(now.Add(-48*time.Hour), ""))
	form := byForm("", "Something.")
	form.At = now.Add(-time.Hour)
	refused("a form that came before", form)
	first := b.files(letter(now.Add(-2*time.Hour), ""))
	c := b.theCase(first.Incident)
	if !first.Frozen || first.Secret == "" || !c.AwareAt.Equal(now.Add(-2*time.Hour).Truncate(tick)) {
		t.Errorf("got %+v and %+v, want it frozen and aware two hours ago", first, c.Summary)
	}
	if !c.Assessment.SealedOnly {
		t.Error("a sealed archive: want it noted that what left is noise")
	}
	due := c.Due
	later := b.files(byForm(archive.String(), ""))
	if got := b.theCase(later.Incident); got.ID != c.ID || !got.Due.Equal(due) || !got.TellBy.Equal(c.TellBy) {
		t.Errorf("a later report: got %+v, want the case and its clock as they were", got.Summary)
	}
	earlier := b.files(letter(now.Add(-30*time.Hour), "It was in the wrong box."))
	if got := b.theCase(earlier.Incident); got.ID != c.ID || !got.Due.Equal(due.Add(-28*time.Hour)) || got.Reports[0].Late == "" {
		t.Errorf("an earlier letter: got %+v, want a shorter clock", got)
	}
	if len(b.frozen(anna.Vault)) != 1 {
		t.Errorf("got %+v, want it frozen once", b.frozen(anna.Vault))
	}
	if got := b.topics(anna.Who.Account()); !slices.Equal(got, []string{topicFroze}) {
		t.Errorf("Anna's letters: got %v, want one about the freezing", got)
	}
	b.checked()
}
