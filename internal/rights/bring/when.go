package bring

import (
	"regexp"
	"strconv"
	"strings"
	"time"
)

// order is in which order a date in numbers stands.
type order int

const (
	monthFirst order = iota // 3/4/2021 is the fourth of March
	dayFirst                // 3/4/2021 is the third of April
)

// layouts are the forms that leave no doubt.
func layouts() []string {
	return []string{
		time.RFC3339Nano, "2006-01-02T15:04:05.999999999Z0700", "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02 15:04:05.999999999 Z07:00", "2006-01-02 15:04:05.999999999 -0700",
		"2006-01-02 15:04:05.999999999 UTC", "2006-01-02 15:04:05.999999999 GMT", time.RFC1123, time.RFC1123Z, time.RFC850,
		"Mon Jan _2 15:04:05 UTC 2006", "Mon Jan _2 15:04:05 GMT 2006",
	}
}

// zoneless are forms without a zone, which are read in the person's.
func zoneless() []string {
	return []string{"2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999", "2006-01-02 15:04", "2006-01-02", "2006/01/02 15:04:05", "2006/01/02 15:04", "20060102T150405", "20060102150405", time.ANSIC}
}

// parseTime reads a date and time as some provider wrote it in some year and
// language. What has no zone is of the person's.
func parseTime(s string, o order, zone *time.Location) (time.Time, bool) {
	s = strings.TrimSpace(strings.Map(func(r rune) rune {
		switch r {
		case 0xa0, 0x202f, 0x2009, '\t': // the spaces that are not one
			return ' '
		}
		return r
	}, s))
	if s == "" || len(s) > 100 {
		return time.Time{}, false
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil && len(s) != len("20060102150405") {
		return unixTime(n)
	}
	for _, layout := range layouts() {
		if t, err := time.Parse(layout, s); err == nil {
			return likely(t)
		}
	}
	for _, layout := range zoneless() {
		if t, err := time.ParseInLocation(layout, s, zone); err == nil {
			return likely(t)
		}
	}
	return looseTime(s, o, zone)
}

// unixTime reads seconds, or thousandths, since 1970.
func unixTime(n int64) (time.Time, bool) {
	if n > 1e11 {
		return likely(time.UnixMilli(n))
	}
	return likely(time.Unix(n, 0))
}

// likely refuses times at which no assistant listened.
func likely(t time.Time) (time.Time, bool) {
	if y := t.UTC().Year(); y < 1990 || y > 2200 {
		return time.Time{}, false
	}
	return t.UTC(), true
}

var (
	clockPart = regexp.MustCompile(`(\d{1,2})[:.h](\d{2})(?:[:.](\d{2}))?(?:[.,]\d+)?\s*([AaPp]\.?\s?[Mm]\.?)?\s*([A-Z]{2,5}[+-]?\d{0,2}|[+-]\d{2}:?\d{2})?\s*$`)
	numberRun = regexp.MustCompile(`\d+`)
	wordRun   = regexp.MustCompile(`\pL{3,}`)
	offset    = regexp.MustCompile(`^(?:UTC|GMT)?([+-])(\d{1,2}):?(\d{2})?$`)
)

// looseTime reads a date with a month's name or in numbers, then a clock.
func looseTime(s string, o order, zone *time.Location) (time.Time, bool) {
	at := clockPart.FindStringSubmatchIndex(s)
	if at == nil {
		return time.Time{}, false
	}
	part := func(i int) string {
		if at[2*i] < 0 {
			return ""
		}
		return s[at[2*i]:at[2*i+1]]
	}
	hour, minute, second := number(part(1)), number(part(2)), number(part(3))
	if half := strings.ToLower(part(4)); half != "" {
		if hour < 1 || hour > 12 {
			return time.Time{}, false
		}
		if hour %= 12; half[0] == 'p' {
			hour += 12
		}
	}
	where, ok := zoneOf(part(5), zone)
	year, month, day, dated := dateOf(s[:at[0]], o)
	if !ok || !dated || hour > 23 || minute > 59 || second > 60 {
		return time.Time{}, false
	}
	t := time.Date(year, time.Month(month), day, hour, minute, second, 0, where)
	if t.Day() != day { // the 31st of a month that has 30
		return time.Time{}, false
	}
	return likely(t)
}

// dateOf reads a day: 5. nov. 2025, Nov 5, 2025, 2025/11/05, 05.11.2025.
func dateOf(s string, o order) (year, month, day int, ok bool) {
	numbers := numberRun.FindAllString(s, 4)
	for _, word := range wordRun.FindAllString(strings.ToLower(s), 8) {
		if m := monthOf(word); m > 0 {
			month = m
		}
	}
	switch {
	case month > 0 && len(numbers) == 2:
		year, day = number(numbers[1]), number(numbers[0])
		if len(numbers[0]) == 4 {
			year, day = day, year
		}
	case month == 0 && len(numbers) == 3:
		a, b, c := number(numbers[0]), number(numbers[1]), number(numbers[2])
		switch {
		case len(numbers[0]) == 4:
			year, month, day = a, b, c
		case strings.Contains(s, ".") || o == dayFirst:
			year, month, day = c, b, a
		default:
			year, month, day = c, a, b
		}
	default:
		return 0, 0, 0, false
	}
	if year < 100 {
		year += 2000
	}
	return year, month, day, month >= 1 && month <= 12 && day >= 1 && day <= 31
}

// orderOf learns from a date in numbers in which order they stand.
func orderOf(s string) (o order, sure bool) {
	numbers := numberRun.FindAllString(s, 3)
	if len(numbers) < 3 || len(numbers[0]) > 2 {
		return 0, false
	}
	switch {
	case number(numbers[0]) > 12:
		return dayFirst, true
	case number(numbers[1]) > 12:
		return monthFirst, true
	}
	return 0, false
}

func number(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}

// monthOf reads a month's name, whole or cut, in the languages of the lists.
func monthOf(word string) int {
	for m, names := range [...]string{
		"jan janv ene enero gen gennaio gennajo januar january janvier janeiro jän jänner januari",
		"feb fév févr febr febrero febbraio fev fevereiro februar february février februari",
		"mar mär märz march mars marzo março mrt maart mrz",
		"apr avr abr abril aprile april avril",
		"mai may mayo mag maggio maio mei maj",
		"jun juin junio giu giugno junho juni june",
		"jul juil julio lug luglio julho juli july juillet",
		"aug août aou agosto ago augustus august augusti",
		"sep sept set settembre septiembre setembro september septembre",
		"okt oct ott ottobre octubre out outubro oktober october octobre",
		"nov noviembre novembro november novembre",
		"dez dec déc dic dicembre diciembre dezembro december dezember décembre",
	} {
		for name := range strings.FieldsSeq(names) {
			if name == word {
				return m + 1
			}
		}
	}
	return 0
}

// zoneOf reads a zone as lists write it. An abbreviation stands for one offset
// here, which is the one that the lists' languages mean.
func zoneOf(s string, zone *time.Location) (*time.Location, bool) {
	if s == "" {
		return zone, true
	}
	if m := offset.FindStringSubmatch(s); m != nil {
		seconds := number(m[2])*3600 + number(m[3])*60
		if m[1] == "-" {
			seconds = -seconds
		}
		return time.FixedZone("", seconds), seconds > -24*3600 && seconds < 24*3600
	}
	hours, known := map[string]float64{
		"UTC": 0, "GMT": 0, "Z": 0, "WET": 0, "OEZ": 2, "BST": 1, "WEST": 1, "CET": 1, "MEZ": 1, "CEST": 2, "MESZ": 2, "EET": 2, "EEST": 3, "MSK": 3,
		"EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7, "AKST": -9, "AKDT": -8, "HST": -10,
		"JST": 9, "KST": 9, "IST": 5.5, "AEST": 10, "AEDT": 11, "ACST": 9.5, "AWST": 8, "NZST": 12, "NZDT": 13, "BRT": -3, "ART": -3,
	}[s]
	return time.FixedZone(s, int(hours*3600)), known
}

var (
	stamp  = regexp.MustCompile(`(?:^|[^0-9])((?:19|20)\d{2})[-_.]?([01]\d)[-_.]?([0-3]\d)[-_. T]+(?:at )?([0-2]\d)[-_.:h]?([0-5]\d)(?:[-_.:m]?([0-5]\d))?(?:[-_.](\d{3}))?([-_ ]?UTC|Z)?`)
	millis = regexp.MustCompile(`(?:^|[^0-9])(1[0-9]{12}|1[0-9]{9})(?:[^0-9]|$)`)
	spoken = regexp.MustCompile(`_UTC-(.+)$`)
)

// timeInName reads a time out of a file's name: 2018-11-21_17_31_56_905_UTC.
func timeInName(name string, zone *time.Location) (time.Time, bool) {
	if m := stamp.FindStringSubmatch(name); m != nil {
		if m[8] != "" {
			zone = time.UTC
		}
		t := time.Date(number(m[1]), time.Month(number(m[2])), number(m[3]), number(m[4]), number(m[5]), number(m[6]), number(m[7])*1e6, zone)
		if t.Day() == number(m[3]) && t.Hour() == number(m[4]) {
			return likely(t)
		}
	}
	if m := millis.FindStringSubmatch(name); m != nil {
		n, _ := strconv.ParseInt(m[1], 10, 64)
		if t, ok := unixTime(n); ok && t.Before(time.Now().AddDate(1, 0, 0)) {
			return t, true
		}
	}
	return time.Time{}, false
}

// wordsInName reads what was said out of a file's name, as Google wrote it
// until 2016: 2014-07-14_21_41_14_613_UTC-what is the weather.mp3.
func wordsInName(base string) string {
	if m := spoken.FindStringSubmatch(base); m != nil {
		return m[1]
	}
	return ""
}
