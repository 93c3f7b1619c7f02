package hearkeep

import (
	"database/sql/driver"
	"fmt"
	"strings"
	"time"
)

// Keeping is what may be kept of what is said at a door.
type Keeping string

// What may be kept.
const (
	KeepAll     Keeping = "audio+words"
	KeepWords   Keeping = "words"
	KeepNothing Keeping = "nothing"
)

// Valid reports whether k is one of the above.
func (k Keeping) Valid() bool { return k == KeepAll || k == KeepWords || k == KeepNothing }

// RoomRule is what a door may keep, and when. Its text is signed with the
// binding, so that a changed row is noticed.
type RoomRule struct {
	Keep   Keeping
	Quiet  Hours // nothing is kept in these hours
	Paused bool  // the door does not listen at all
}

// At is what may be kept at a time, which is in the home's zone.
func (r RoomRule) At(local time.Time) Keeping {
	if r.Paused || r.Quiet.Contain(local) {
		return KeepNothing
	}
	return r.Keep
}

// Valid reports whether the rule says something that can be kept to.
func (r RoomRule) Valid() bool { return r.Keep.Valid() && r.Quiet.valid() }

// String is such as "audio+words", "words quiet 22:00-07:00",
// "nothing paused". ParseRoomRule reads it.
func (r RoomRule) String() string {
	s := string(r.Keep)
	if !r.Quiet.IsZero() {
		s += " quiet " + r.Quiet.String()
	}
	if r.Paused {
		s += " paused"
	}
	return s
}

// ParseRoomRule reads what String wrote, and nothing else.
func ParseRoomRule(s string) (RoomRule, error) {
	var r RoomRule
	rest, paused := strings.CutSuffix(s, " paused")
	keep, quiet, has := strings.Cut(rest, " quiet ")
	r.Keep, r.Paused = Keeping(keep), paused
	if has {
		var err error
		if r.Quiet, err = ParseHours(quiet); err != nil {
			return RoomRule{}, err
		}
	}
	if !r.Valid() || r.String() != s {
		return RoomRule{}, fmt.Errorf("hearkeep: not a room rule")
	}
	return r, nil
}

// Value stores the text.
func (r RoomRule) Value() (driver.Value, error) { return r.String(), nil }

// Scan reads what Value stored.
func (r *RoomRule) Scan(src any) error {
	s, ok := src.(string)
	if !ok {
		return fmt.Errorf("hearkeep: not a stored room rule")
	}
	got, err := ParseRoomRule(s)
	if err != nil {
		return err
	}
	*r = got
	return nil
}

// Hours is a stretch of each day, in minutes since midnight on the wall:
// From is in it and To is not. It may go over midnight. The zero value is none.
type Hours struct{ From, To int }

const dayMinutes = 24 * 60

// IsZero reports whether it is no time at all.
func (h Hours) IsZero() bool { return h == Hours{} }

func (h Hours) valid() bool {
	return h.IsZero() || h.From != h.To && h.From >= 0 && h.To >= 0 && h.From < dayMinutes && h.To < dayMinutes
}

// Contain reports whether a time, in the home's zone, is in the stretch.
func (h Hours) Contain(local time.Time) bool {
	m := local.Hour()*60 + local.Minute()
	if h.From <= h.To {
		return h.From <= m && m < h.To
	}
	return m >= h.From || m < h.To
}

// String is such as 22:00-07:00.
func (h Hours) String() string {
	return fmt.Sprintf("%02d:%02d-%02d:%02d", h.From/60, h.From%60, h.To/60, h.To%60)
}

// ParseHours reads what String wrote.
func ParseHours(s string) (Hours, error) {
	var a, b, c, d int
	if n, err := fmt.Sscanf(s, "%02d:%02d-%02d:%02d", &a, &b, &c, &d); n != 4 || err != nil {
		return Hours{}, fmt.Errorf("hearkeep: hours are such as 22:00-07:00")
	}
	h := Hours{a*60 + b, c*60 + d}
	if !h.valid() || h.String() != s {
		return Hours{}, fmt.Errorf("hearkeep: hours are such as 22:00-07:00")
	}
	return h, nil
}
