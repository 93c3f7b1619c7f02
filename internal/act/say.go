package act

import (
	"fmt"
	"strings"
	"time"
)

// English number words, for answers that are spoken.
var (
	ones = []string{"zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine",
		"ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"}
	tens     = []string{"", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"}
	ordinals = map[string]string{"one": "first", "two": "second", "three": "third", "five": "fifth",
		"eight": "eighth", "nine": "ninth", "twelve": "twelfth", "twenty": "twentieth", "thirty": "thirtieth"}
)

// say spells a number: "forty-two", "one hundred and five". From a million on
// it gives digits.
func say(n int) string {
	switch {
	case n < 0:
		return "minus " + say(-n)
	case n < 20:
		return ones[n]
	case n < 100:
		return strings.TrimSuffix(tens[n/10]+"-"+ones[n%10], "-zero")
	case n < 1000:
		return strings.TrimSuffix(ones[n/100]+" hundred and "+say(n%100), " and zero")
	case n < 1_000_000:
		rest := say(n % 1000)
		if n%1000 < 100 {
			rest = "and " + rest
		}
		return strings.TrimSuffix(say(n/1000)+" thousand "+rest, " and zero")
	}
	return fmt.Sprint(n)
}

// ordinal spells "third", "twenty-second".
func ordinal(n int) string {
	head, last, split := strings.Cut(say(n), "-")
	if !split {
		head, last = "", head
	}
	word, ok := ordinals[last]
	if !ok {
		word = last + "th"
	}
	if split {
		return head + "-" + word
	}
	return word
}

// some is a count with its noun: "one timer", "three timers".
func some(n int, noun string) string {
	if n == 1 {
		return "one " + noun
	}
	return say(n) + " " + noun + "s"
}

// all is "Both" or "All three".
func all(n int) string {
	if n == 2 {
		return "Both"
	}
	return "All " + say(n)
}

// sayDuration is a duration in full seconds: "one hour, two minutes and three
// seconds".
func sayDuration(d time.Duration) string {
	s := int(d.Round(time.Second) / time.Second)
	var parts []string
	for _, u := range []struct {
		size int
		noun string
	}{{86400, "day"}, {3600, "hour"}, {60, "minute"}, {1, "second"}} {
		if n := s / u.size; n > 0 {
			parts = append(parts, some(n, u.noun))
		}
		s %= u.size
	}
	if len(parts) == 0 {
		return "less than a second"
	}
	return list(parts, "and")
}

// sayLength is a duration as an attribute: "ten minute".
func sayLength(d time.Duration) string {
	words := strings.Fields(strings.NewReplacer(",", "", " and ", " ").Replace(sayDuration(d)))
	for i, w := range words {
		words[i] = strings.TrimSuffix(w, "s") // no number ends in s
	}
	return strings.Join(words, " ")
}

// list joins "a, b and c".
func list(parts []string, last string) string {
	if len(parts) < 2 {
		return strings.Join(parts, "")
	}
	return strings.Join(parts[:len(parts)-1], ", ") + " " + last + " " + parts[len(parts)-1]
}

// sayClock is the time of day: "seven thirty in the morning", "noon".
func sayClock(t time.Time) string {
	hour, minute := t.Hour(), t.Minute()
	if minute == 0 && hour%12 == 0 {
		return map[int]string{0: "midnight", 12: "noon"}[hour]
	}
	text := say((hour+11)%12 + 1)
	switch {
	case minute == 0:
		text += " o'clock"
	case minute < 10:
		text += " oh " + say(minute)
	default:
		text += " " + say(minute)
	}
	switch {
	case hour < 12:
		return text + " in the morning"
	case hour < 18:
		return text + " in the afternoon"
	case hour < 22:
		return text + " in the evening"
	}
	return text + " at night"
}

// sayDay names the day of t as seen from now, both in the home's location.
func sayDay(t, now time.Time) string {
	switch days := int(dayOf(t).Sub(dayOf(now)) / (24 * time.Hour)); {
	case days == 0:
		return "today"
	case days == 1:
		return "tomorrow"
	case days > 1 && days < 7:
		return "on " + t.Weekday().String()
	}
	return "on " + sayDate(t)
}

// sayDate is "the third of March".
func sayDate(t time.Time) string { return "the " + ordinal(t.Day()) + " of " + t.Month().String() }

// dayOf is midnight of t's date, in UTC, so that days have 24 hours.
func dayOf(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
}

// sentence makes the first letter a capital.
func sentence(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
