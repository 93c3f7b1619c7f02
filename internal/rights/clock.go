package rights

import (
	"sort"
	"time"
)

// The clock of a request: one month from receipt, and two more where reasons
// are given inside the first (GDPR Art. 12(3); A7). A period in months ends
// with the day of its last month that has the same number as the day of
// receipt or, where that month has none, with its last day (Regulation (EEC,
// Euratom) 1182/71 Art. 3(2)(c)). Days are those of the keep's zone.
//
// Art. 3(4) of that regulation moves an end on a holiday or weekend to the
// next working day. It would only ever give whoever runs the keep more time,
// and is not used.

// Months until an answer is due.
const (
	monthsToAnswer = 1
	monthsExtended = 3 // from receipt
)

// tick is the precision of stored times.
const tick = time.Millisecond

// due is the last moment in which a request of a time can be answered.
func due(received time.Time, zone *time.Location) time.Time {
	return monthsAfter(received, monthsToAnswer, zone)
}

// dueExtended is due after an extension.
func dueExtended(received time.Time, zone *time.Location) time.Time {
	return monthsAfter(received, monthsExtended, zone)
}

func monthsAfter(t time.Time, months int, zone *time.Location) time.Time {
	year, month, day := t.In(zone).Date()
	last := time.Date(year, month+time.Month(months)+1, 0, 0, 0, 0, 0, time.UTC).Day()
	return endOfDay(time.Date(year, month+time.Month(months), min(day, last), 0, 0, 0, 0, time.UTC), zone)
}

// endOfDay is the last moment of a day in a zone; of the day, which is in UTC,
// only the date counts. It is searched for: where the clocks change at
// midnight there may be no 24:00, or two.
func endOfDay(day time.Time, zone *time.Location) time.Time {
	want := date(day)
	n := sort.Search(int(48*time.Hour/tick), func(i int) bool {
		return date(day.Add(time.Duration(i)*tick).In(zone)) > want
	})
	return day.Add(time.Duration(n-1) * tick)
}

// date is a day as a number that ascends with days.
func date(t time.Time) int {
	year, month, day := t.Date()
	return (year*100+int(month))*100 + day
}
