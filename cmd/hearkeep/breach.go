package main

import (
	"net/mail"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/identity"
	"github.com/hearkeep/hearkeep/internal/incident"
)

// incidentFlags are the settings of the breach desk. See docs/incidents.md.
type incidentFlags struct {
	IncidentClock      time.Duration `help:"How long the authority may wait for the notification of a breach: 72h by law today." default:"72h"`
	IncidentTellWithin time.Duration `help:"How long a case is looked at before the people whom it concerns are told without anybody's decision." default:"1h"`
	IncidentMail       string        `help:"With --smtp: where alarms go when the clock of a case runs down." placeholder:"ADDRESS"`
	ControllerName     string        `help:"Who answers for this keep, as the notification to the authority names them." placeholder:"TEXT"`
	ControllerContact  string        `help:"Whom people and the authority ask: a data protection officer, or another contact point." placeholder:"TEXT"`
	WatchOpenings      int           `help:"How many different recordings one account may listen to within a day before that is reported; of a vault, all together, twice as many." default:"1000" placeholder:"N"`
	WatchFailed        int           `help:"How many openings of one vault may fail within an hour before that is reported." default:"1" placeholder:"N"`
	Authority          string        `help:"Which data protection authority is competent." placeholder:"TEXT"`
}

// Bounds of the flags. A clock of less than an hour is over before anybody reads of it.
const (
	leastClock = time.Hour
	mostTell   = 24 * time.Hour
)

// incidents is the room's settings. It fails where they make no sense.
func (f incidentFlags) incidents() (incident.Config, error) {
	switch {
	case f.IncidentClock < leastClock:
		return incident.Config{}, hearkeep.Errorf(hearkeep.Invalid, "--incident-clock %s is no time to notify within.", f.IncidentClock).
			WithHint("Leave it out for 72h. One hour is the least.")
	case f.WatchOpenings < 1 || f.WatchFailed < 1:
		return incident.Config{}, hearkeep.Errorf(hearkeep.Invalid, "--watch-openings and --watch-failed are counts from 1 on.")
	case f.IncidentTellWithin <= 0 || f.IncidentTellWithin > mostTell:
		return incident.Config{}, hearkeep.Errorf(hearkeep.Invalid, "--incident-tell-within %s is no time to tell people within.", f.IncidentTellWithin).
			WithHint("Leave it out for 1h. One day is the most.")
	}
	if f.IncidentMail != "" {
		if a, err := mail.ParseAddress(f.IncidentMail); err != nil || a.Address != f.IncidentMail {
			return incident.Config{}, hearkeep.Errorf(hearkeep.Invalid, "--incident-mail is no e-mail address.")
		}
	}
	return incident.Config{
		Clock: f.IncidentClock, TellWithin: f.IncidentTellWithin, AlarmTo: f.IncidentMail,
		Thresholds: incident.Thresholds{Openings: f.WatchOpenings, FailedOpenings: f.WatchFailed, SessionLife: identity.SessionLife},
		Controller: incident.Controller{Name: f.ControllerName, Contact: f.ControllerContact, Authority: f.Authority},
	}, nil
}
