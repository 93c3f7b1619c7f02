package portal

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/act"
	"github.com/hearkeep/hearkeep/internal/vault"
)

// This file alone, with say.go, calls Reveal: here kept speech becomes text,
// on a page of its keyholder.

// row is one recording in the history.
type row struct {
	ID       string
	When     clock
	From     string // the door's label
	Heard    string // empty where there are no words
	Silent   string // said in place of words: "Not transcribed"
	Did      string
	Answer   string
	Length   string // "3 s"
	HasAudio bool
	Damaged  bool
}

// day is the recordings of one day, newest first.
type day struct {
	ID    string // "day-2026-05-03"
	Label string // "Today", "Yesterday", "Tuesday, 3 May 2026"
	ISO   string // "2026-05-03"
	Rows  []row
}

func (p *portal) row(it vault.Item) row {
	v := row{
		ID: it.ID.String(), When: p.clock(it.Start), From: fromLabel(it), Length: lengthText(it.Duration),
		HasAudio: it.HasAudio, Damaged: it.Damaged,
	}
	if it.HasWords && !it.Words.IsEmpty() {
		v.Heard = it.Words.Reveal()
	}
	if it.HasTurn {
		v.Did, v.Answer = it.Turn.Did, it.Turn.Answer.Reveal()
	}
	if v.Heard == "" {
		v.Silent = silence(it)
	}
	return v
}

// silence says why a recording shows no words.
func silence(it vault.Item) string {
	switch {
	case it.Damaged:
		return "Damaged: this cannot be opened any more"
	case it.HasTurn && it.Turn.Note != "":
		return strings.ToUpper(it.Turn.Note[:1]) + it.Turn.Note[1:]
	case !it.HasWords:
		return "The words are no longer kept"
	}
	return "No words were made out"
}

func fromLabel(it vault.Item) string {
	if it.From != "" {
		return it.From
	}
	return sourceLabel(it.Source)
}

func sourceLabel(s hearkeep.Source) string {
	switch s {
	case hearkeep.SourceSay:
		return "Terminal"
	case hearkeep.SourceUpload:
		return "Uploads"
	case hearkeep.SourceBrowser:
		return "Browser"
	case hearkeep.SourceMoved:
		return "Moved here"
	}
	return string(s)
}

// days groups a newest-first listing by the days of the portal's zone.
func (p *portal) days(items []vault.Item) []day {
	today := p.Now().In(p.Zone)
	var days []day
	for _, it := range items {
		start := it.Start.In(p.Zone)
		iso := start.Format(time.DateOnly)
		if k := len(days); k == 0 || days[k-1].ISO != iso {
			label := start.Format("Monday, 2 January 2006")
			switch iso {
			case today.Format(time.DateOnly):
				label = "Today"
			case today.AddDate(0, 0, -1).Format(time.DateOnly):
				label = "Yesterday"
			}
			days = append(days, day{ID: "day-" + iso, Label: label, ISO: iso})
		}
		last := &days[len(days)-1]
		last.Rows = append(last.Rows, p.row(it))
	}
	return days
}

// timerView is a timer or an alarm that waits, rings, or was missed.
type timerView struct {
	ID      string
	Kind    string // "Timer", "Alarm"
	Name    string
	State   string // "rings at", "ringing since", "paused, 3 min 20 s left"
	Due     *clock // what State ends with; nil while paused
	Ringing bool
	Button  string // "Cancel", "Stop", "Dismiss"
}

func (p *portal) timerOf(t act.Timer) timerView {
	v := timerView{ID: t.ID.String(), Kind: "Timer", Name: t.Name.Reveal(), State: "rings at", Ringing: t.Ringing, Button: "Cancel"}
	if t.Kind == act.KindAlarm {
		v.Kind = "Alarm"
	}
	switch {
	case t.Ringing:
		v.State, v.Button = "ringing since", "Stop"
	case t.Missed:
		v.State, v.Button = "missed while Hearkeep was off, at", "Dismiss"
	case t.Paused:
		v.State = "paused, " + lengthText(t.Left) + " left"
	}
	if !t.Due.IsZero() {
		due := p.clock(t.Due)
		v.Due = &due
	}
	return v
}

// timers lists what waits or rings in a visit's keep, soonest first.
func (p *portal) timers(ctx context.Context, v *visit) []timerView {
	var views []timerView
	for _, t := range p.Act.Pending(ctx, v.room.ID()) {
		views = append(views, p.timerOf(t))
	}
	return views
}

// lengthText is a stretch of speech for people: "0.8 s", "12 s", "1 min 5 s".
func lengthText(d time.Duration) string {
	if tenths := d.Round(100 * time.Millisecond); tenths < 10*time.Second {
		return fmt.Sprintf("%.1f s", tenths.Seconds())
	}
	switch d = d.Round(time.Second); {
	case d < time.Minute:
		return fmt.Sprintf("%d s", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%d min %d s", d/time.Minute, d%time.Minute/time.Second)
	}
	d = d.Round(time.Minute)
	return fmt.Sprintf("%d h %d min", d/time.Hour, d%time.Hour/time.Minute)
}

// tookText is how long a stage took.
func tookText(d time.Duration) string {
	if d < 50*time.Microsecond {
		return "under 0.1 ms"
	}
	if d < time.Second {
		return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000)
	}
	return fmt.Sprintf("%.2f s", d.Seconds())
}

// spanText is a retention for people: "90 days", "1 day", "12 hours".
func spanText(d time.Duration) string {
	if d%(24*time.Hour) == 0 {
		return countText(int(d/(24*time.Hour)), "day")
	}
	return countText(int(d.Round(time.Hour)/time.Hour), "hour")
}

// countText is a number with its noun: "1 recording", "1,700 recordings".
func countText(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	digits := fmt.Sprint(n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits + " " + noun + "s"
}

// sizeText is a number of bytes for people, in powers of 1,024.
func sizeText(n int64) string {
	switch {
	case n < 1<<10:
		return countText(int(n), "byte")
	case n < 1<<20:
		return fmt.Sprintf("%.0f KB", float64(n)/(1<<10))
	case n < 1<<30:
		return fmt.Sprintf("%.1f MB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%.1f GB", float64(n)/(1<<30))
}
