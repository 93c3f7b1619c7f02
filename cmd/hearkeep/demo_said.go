package main

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/hearkeep/hearkeep"
)

// Rooms of the made-up household.
const (
	roomKitchen  = "Kitchen"
	roomLiving   = "Living room"
	roomStudy    = "Study"
	roomBedroom  = "Bedroom"
	roomBathroom = "Bathroom"
)

// demoRooms are the doors, in the order in which they are shown, and what each
// may keep.
func demoRooms() []demoRoom {
	all := hearkeep.RoomRule{Keep: hearkeep.KeepAll}
	night := all
	night.Quiet = hearkeep.Hours{From: 22 * 60, To: 7 * 60}
	return []demoRoom{
		{roomKitchen, all},
		{roomLiving, all},
		{roomStudy, hearkeep.RoomRule{Keep: hearkeep.KeepWords}},
		{roomBedroom, night},
		{roomBathroom, hearkeep.RoomRule{Keep: hearkeep.KeepNothing}},
	}
}

type demoRoom struct {
	name string
	rule hearkeep.RoomRule
}

// person is who speaks; each has a voice of their own.
type person int

// The people are as made up as what they say.
const (
	mother person = iota
	father
	daughter
	son
	grandfather
)

// voices are the synthesisers' programs and arguments, before the file to
// write and the text.
func voices() map[person][]string {
	return map[person][]string{
		mother:      {"flite", "-voice", "slt"},
		father:      {"flite", "-voice", "rms"},
		grandfather: {"flite", "-voice", "awb"},
		son:         {"flite", "-voice", "kal16"},
		daughter:    {"espeak-ng", "-v", "en-us+f2", "-s", "150"},
	}
}

// utterance is one thing said.
type utterance struct {
	day  int // of the demo, from 1
	at   time.Time
	room string
	who  person
	text string
}

// week says on which days something is usual.
type week int

const (
	daily week = iota
	workdays
	weekends
)

func (w week) has(d time.Weekday) bool {
	weekend := d == time.Saturday || d == time.Sunday
	return w == daily || weekend == (w == weekends)
}

// habit is something that is said on many days, about a time of day. Where it
// has several texts, each day has one of them; then is said a while after it.
type habit struct {
	on    week
	odds  int // of 100 days
	clock int // hour * 100 + minute
	room  string
	who   person
	texts []string
	after time.Duration
	then  string
}

func habits() []habit {
	return []habit{
		{workdays, 40, 650, roomBathroom, mother, []string{"what time is it"}, 0, ""},
		{weekends, 70, 910, roomBathroom, son, []string{"set a bath timer for twenty minutes"}, 0, ""},
		{daily, 40, 2045, roomBathroom, daughter, []string{"set a bath timer for fifteen minutes"}, 0, ""},

		{workdays, 65, 705, roomKitchen, father, []string{"set an egg timer for six minutes", "set a coffee timer for four minutes"}, 0, ""},
		{workdays, 25, 722, roomKitchen, mother, []string{"what time is it", "what's the time"}, 0, ""},
		{weekends, 90, 935, roomKitchen, father, []string{"set an egg timer for seven minutes", "set a timer for five minutes"}, 0, ""},
		{daily, 45, 1210, roomKitchen, mother, []string{"set a pasta timer for nine minutes", "set a rice timer for eighteen minutes", "set a soup timer for half an hour"}, 6 * time.Minute, "how much time is left"},
		{weekends, 70, 1440, roomKitchen, daughter, []string{"set a cake timer for forty five minutes", "set a cookie timer for twelve minutes"}, 0, ""},
		{daily, 100, 1820, roomKitchen, father, []string{"set a pizza timer for twelve minutes", "set a potato timer for twenty minutes", "set a chicken timer for one hour"}, 0, ""},
		{daily, 25, 1826, roomKitchen, mother, []string{"add two minutes to the timer", "add five minutes"}, 0, ""},

		{workdays, 40, 915, roomStudy, father, []string{"set a timer for twenty five minutes"}, 26 * time.Minute, "set a break timer for five minutes"},
		{workdays, 40, 1105, roomStudy, father, []string{"what is the date today", "what day is it"}, 0, ""},
		{workdays, 55, 1530, roomStudy, daughter, []string{"set a homework timer for forty minutes"}, 0, ""},

		{workdays, 35, 1645, roomLiving, son, []string{"set a timer for half an hour", "set a timer for one hour"}, 0, ""},
		{daily, 35, 1932, roomLiving, mother, []string{ // to each other, not to the door
			"did you see where i left my keys this morning",
			"i think we should call your sister before the weekend",
			"the neighbours are painting their fence again",
		}, 0, ""},
		{daily, 30, 2005, roomLiving, daughter, []string{"what time is it", "how many timers are there"}, 0, ""},
		{weekends, 60, 1100, roomLiving, son, []string{"what time is it"}, 0, ""},

		{workdays, 55, 2140, roomBedroom, mother, []string{"wake me up at six forty five", "wake me up at seven o'clock"}, 0, ""},
		{daily, 45, 2235, roomBedroom, father, []string{"set an alarm for six thirty", "wake me up at six forty five"}, 0, ""},
		{weekends, 50, 845, roomBedroom, mother, []string{"what time is it"}, 0, ""},
	}
}

// events are said once, so many days before today.
func events() []occasion {
	return []occasion{
		{20, 1915, roomLiving, mother, "what do you keep of me"},
		{18, 1703, roomKitchen, mother, "set a laundry timer for one hour and ten minutes"},
		{16, 1748, roomLiving, son, "set a nap timer for twenty minutes"},
		{16, 1749, roomLiving, son, "delete what i just said"},
		{13, 1010, roomKitchen, grandfather, "what day is it"},
		{13, 1520, roomLiving, grandfather, "set a nap timer for forty minutes"},
		{12, 830, roomKitchen, grandfather, "what time is it"},
		{12, 1955, roomLiving, grandfather, "set a medicine alarm for eight thirty in the evening"},
		{11, 905, roomKitchen, grandfather, "set a tea timer for four minutes"},
		{9, 2010, roomLiving, father, "what do you keep of me"},
		{7, 1231, roomStudy, father, "set a parking timer for two hours"},
		{5, 1902, roomKitchen, daughter, "delete what i just said"},
		{3, 1715, roomKitchen, mother, "set a bread timer for forty five minutes"},
		{1, 1735, roomBathroom, daughter, "set a bath timer for fifteen minutes"},
		{1, 1905, roomLiving, mother, "what do you keep of me"},
		{1, 1951, roomLiving, daughter, "set a cookie timer for twelve minutes"},
		{1, 1952, roomLiving, daughter, "delete what i just said"},
	}
}

type occasion struct {
	ago   int // days
	clock int
	room  string
	who   person
	text  string
}

// said is everything that was said in so many whole days before now, and
// today until now, in order. Days are the same whenever they are asked for.
func said(now time.Time, days int) []utterance {
	var all []utterance
	day := func(ago int) time.Time { return now.AddDate(0, 0, -ago) }
	add := func(ago int, at time.Time, room string, who person, text string) {
		if at.Before(now.Add(-3 * time.Minute)) {
			all = append(all, utterance{min(days-ago+1, days), at, room, who, text})
		}
	}
	for ago := days; ago >= 0; ago-- {
		for i, h := range habits() {
			chance := rand.New(rand.NewPCG(uint64(ago), uint64(i)))
			if !h.on.has(day(ago).Weekday()) || chance.IntN(100) >= h.odds {
				continue
			}
			at := clockOf(day(ago), h.clock).Add(time.Duration(chance.IntN(600)) * time.Second)
			add(ago, at, h.room, h.who, h.texts[chance.IntN(len(h.texts))])
			if h.then != "" {
				add(ago, at.Add(h.after), h.room, h.who, h.then)
			}
		}
	}
	for _, e := range events() {
		if e.ago <= days {
			add(e.ago, clockOf(day(e.ago), e.clock), e.room, e.who, e.text)
		}
	}
	slices.SortStableFunc(all, func(a, b utterance) int { return a.at.Compare(b.at) })
	return append(all,
		utterance{days, now.Add(-2 * time.Minute), roomKitchen, mother, "set a laundry timer for one hour and ten minutes"},
		utterance{days, now.Add(-1 * time.Minute), roomLiving, father, "what do you keep of me"})
}

// clockOf is a time of a day on the wall.
func clockOf(day time.Time, clock int) time.Time {
	return time.Date(day.Year(), day.Month(), day.Day(), clock/100, clock%100, 0, 0, day.Location())
}
