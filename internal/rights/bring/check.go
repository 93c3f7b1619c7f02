package bring

import (
	"cmp"
	"slices"
	"time"
)

// Check is what somebody sees of an archive before anything of it is kept:
// is this all yours? It holds no words.
type Check struct {
	Provider   string
	Recordings int
	Bytes      int64         // of their sound, as the archive claims
	Length     time.Duration // of their sound, as its headers claim
	Unmeasured int           // recordings with sound whose headers claim nothing
	From, To   time.Time     // zero where nothing tells a time
	NoSound    int
	NoWords    int
	NoTime     int // neither the list nor a name tells it
	Days       int
	Devices    []Device // the one with the most recordings first
	Accounts   []string
	Languages  []string
	Empty      int // entries with neither sound nor words: left out
	Other      int // files that have nothing to do with speech: left out
	Unread     int
	Samples    []int // about five items with sound, of different devices and days
}

// Device is what came from one device, as the provider calls it.
type Device struct {
	Name       string // empty where that is not told
	Recordings int
	Bytes      int64
	From, To   time.Time
}

// samplesAtLeast is how many recordings are proposed to be heard, where there
// are as many. Each device has one, up to samplesAtMost.
const (
	samplesAtLeast = 5
	samplesAtMost  = 12
)

// Check counts what is in an archive. Days begin and end in a zone.
func (a *Archive) Check(zone *time.Location) Check {
	c := Check{Provider: a.Provider, Recordings: len(a.Items), Accounts: a.Accounts, Empty: a.Empty, Other: a.Other, Unread: len(a.Unread) + a.More}
	devices, days, files := map[string]*Device{}, map[string]bool{}, a.Source.Files()
	for _, it := range a.Items {
		d := devices[it.Device]
		if d == nil {
			d = &Device{Name: it.Device}
			devices[it.Device] = d
		}
		d.Recordings++
		if it.HasSound() {
			c.Bytes += files[it.File].Size
			d.Bytes += files[it.File].Size
			if c.Length += it.Length; it.Length == 0 {
				c.Unmeasured++
			}
		} else {
			c.NoSound++
		}
		if it.Words.IsEmpty() {
			c.NoWords++
		}
		if it.TimeFrom == FromFile || it.TimeFrom == FromNone {
			c.NoTime++
		}
		if it.Language != "" && !slices.Contains(c.Languages, it.Language) && len(c.Languages) < 50 {
			c.Languages = append(c.Languages, it.Language)
		}
		if it.Time.IsZero() {
			continue
		}
		days[dayOf(it.Time, zone)] = true
		c.From, c.To = earlier(c.From, it.Time), later(c.To, it.Time)
		d.From, d.To = earlier(d.From, it.Time), later(d.To, it.Time)
	}
	c.Days = len(days)
	for _, d := range devices {
		c.Devices = append(c.Devices, *d)
	}
	slices.SortFunc(c.Devices, func(a, b Device) int {
		return cmp.Or(-cmp.Compare(a.Recordings, b.Recordings), cmp.Compare(a.Name, b.Name))
	})
	c.Samples = a.samples(c.Devices)
	return c
}

func dayOf(t time.Time, zone *time.Location) string { return t.In(zone).Format(time.DateOnly) }

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// samples takes of each device the recording in the middle of its time, and
// then more, evenly over time.
func (a *Archive) samples(devices []Device) (chosen []int) {
	of, all := map[string][]int{}, []int{}
	for i, it := range a.Items {
		if it.HasSound() {
			of[it.Device], all = append(of[it.Device], i), append(all, i)
		}
	}
	for _, d := range devices {
		if have := of[d.Name]; len(have) > 0 && len(chosen) < samplesAtMost {
			chosen = append(chosen, have[len(have)/2])
		}
	}
	for n := 0; n < samplesAtLeast && len(chosen) < min(samplesAtLeast, len(all)); n++ {
		if i := all[n*(len(all)-1)/max(samplesAtLeast-1, 1)]; !slices.Contains(chosen, i) {
			chosen = append(chosen, i)
		}
	}
	for _, i := range all {
		if len(chosen) >= min(samplesAtLeast, len(all)) {
			break
		}
		if !slices.Contains(chosen, i) {
			chosen = append(chosen, i)
		}
	}
	slices.Sort(chosen)
	return chosen
}

// Choice is what of an archive its person says is theirs. The zero value is
// nothing.
type Choice struct {
	All     bool
	Devices []string // names, where not All
	Not     []string // devices that are not theirs, though All or Devices name them
	From    time.Time
	To      time.Time // zero for no bound; what tells no time is left out where there is one
}

// Chosen returns the items that are theirs.
func (a *Archive) Chosen(c Choice) (items []Item) {
	for _, it := range a.Items {
		switch {
		case !c.All && !slices.Contains(c.Devices, it.Device), slices.Contains(c.Not, it.Device):
		case !c.From.IsZero() && (it.Time.IsZero() || it.Time.Before(c.From)):
		case !c.To.IsZero() && (it.Time.IsZero() || !it.Time.Before(c.To)):
		default:
			items = append(items, it)
		}
	}
	return items
}
