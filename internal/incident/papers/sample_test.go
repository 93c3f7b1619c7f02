package papers

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/incident"
	"github.com/hearkeep/hearkeep/internal/store"
)

// nasty is a text that a page and a table must not take for their own.
const nasty = `<script>alert("x")</script> & 'quotes' =1+1`

func berlin(t testing.TB) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

func at(day, hour, minute int) time.Time {
	return time.Date(2026, 11, day, hour, minute, 7, 0, time.UTC)
}

func muster() incident.Controller {
	return incident.Controller{Name: "Maria Muster, Musterweg 1, Berlin", Contact: "Maria Muster <privacy@keep.example>, +49 30 1234", Authority: "Berliner Beauftragte für Datenschutz und Informationsfreiheit"}
}

func checkpoint() string {
	return "keep.example/log\n1042\nYJ5ZxJCZvFZBBEDPjUZS8hYyA2l0rLK/T3VNTKrEEyQ=\n\n— keep.example/log 5gWb9mZtbGJhc2U2NHNpZ25hdHVyZXRoYXRpc25vdHJlYWw0NTY3ODkwMTIzNDU2Nzg5MDEyMzQ1Njc4OTA=\n"
}

// mistake is the case of 2018: an archive of one home went to somebody else.
func mistake() incident.Case {
	anna, ben := hearkeep.AccountID{0xa1}, hearkeep.AccountID{0xb2}
	vault, door := hearkeep.VaultID{0x11}, hearkeep.BindingID{0x22}
	c := incident.Case{
		Summary: incident.Summary{
			ID: hearkeep.IncidentID{0x4f, 0x1c}, What: incident.WhatNotMine, State: hearkeep.IncidentOpen,
			AwareAt: at(20, 21, 30), Due: at(23, 21, 30), TellBy: at(20, 22, 30), Reports: 1, People: 2, Items: 1700,
		},
		Reports: []incident.Reported{{Report: store.Report{ID: hearkeep.ReportID{9}, What: incident.WhatNotMine, Via: hearkeep.ReportForm, At: at(20, 21, 30)}, About: "My name is Secret Reporter", Reach: "secret@example.org"}},
		Clauses: []incident.Clause{{Archive: hearkeep.ArchiveID{0x77}}},
		Affected: []store.Affected{
			{Account: anna, Vault: vault, Run: hearkeep.Run{Binding: door, From: 1, To: 1700}, How: incident.HowHanded, Entry: 1017, At: at(18, 9, 2)},
			{Account: ben, Vault: vault, Run: hearkeep.Run{Binding: door, From: 1, To: 1700}, How: incident.HowHanded, Entry: 1017, At: at(18, 9, 2)},
		},
	}
	for i, s := range []incident.StepView{
		step(incident.StepOpened, hearkeep.RoleSystem, 0, incident.WhatNotMine), step(incident.StepFrozen, hearkeep.RoleSystem, 0, ""),
		step(incident.StepScoped, hearkeep.RoleSystem, 0, "2 people, 1700 recordings"), step(incident.StepAcknowledged, hearkeep.RoleSystem, 0, ""),
	} {
		s.N, s.Entry = i+1, int64(1030+i)
		c.Steps = append(c.Steps, s)
	}
	return c
}

func step(kind string, by hearkeep.Role, minutes int, text string) incident.StepView {
	return incident.StepView{Step: store.Step{Kind: kind, By: by, At: at(20, 21, 30).Add(time.Duration(minutes) * time.Minute)}, Text: text}
}

// later is the same case a day after: told, assessed, notified once.
func later(t testing.TB) incident.Case {
	c := mistake()
	first := Notification(mistake(), muster(), Basis{Made: at(20, 22, 0), Zone: berlin(t), Checkpoint: checkpoint()})
	frozen, err := json.Marshal(first)
	if err != nil {
		t.Fatal(err)
	}
	c.Assessment = incident.Assessment{
		Confidentiality: true, Sensitivity: 3, Identification: 4, Children: true,
		Nature:       "A clerk sent a person's archive to another person. " + nasty,
		Consequences: "Whoever received it can hear a family at home for three months.",
		Measures:     "Archives are no longer sent by post.\nThe clerk was shown how to check an address.",
		Reasons:      "Speech at home, with names and routines in it. Größe, façade, señor, perché, één, Œuvre, 日本.",
	}
	c.Assessment.Weigh(incident.Size{People: 2, Items: 1700})
	c.Severity, c.State, c.Notify, c.Phase, c.TellBy = c.Assessment.Level, hearkeep.IncidentNotified, "yes", 1, time.Time{}
	for i := range c.Affected {
		c.Affected[i].Told = at(20, 22, 30)
	}
	c.Recipients = []incident.RecipientView{{Recipient: store.Recipient{State: incident.RecipientAsked, Asked: at(20, 22, 10)}, Reach: "wrong@example.org"}}
	c.Letters = []store.Communication{
		{Account: hearkeep.AccountID{0xa1}, Delivery: 1, Kind: "email", Topic: "case told", State: "sent", At: at(20, 22, 30), Ended: at(20, 22, 31)},
		{Account: hearkeep.AccountID{0xa1}, Delivery: 2, Kind: "webhook", Topic: "case told", State: "queued", At: at(20, 22, 30)},
		{Account: hearkeep.AccountID{0xb2}, Kind: "page", Topic: "case told", State: "queued", At: at(20, 22, 30)},
		{Delivery: 3, Kind: "email", Topic: "case asks to delete", State: "sent", At: at(20, 22, 10)},
	}
	for _, s := range []incident.StepView{
		step(incident.StepAsked, hearkeep.RoleOperator, 40, "1 letter"), step(incident.StepDecided, hearkeep.RoleOperator, 45, "yes: "+nasty),
		step(incident.StepNotified, hearkeep.RoleOperator, 50, "BLN-2026-77"), step(incident.StepTold, hearkeep.RoleSystem, 60, "2 people: 1 by their page alone, 1 letter by email, 1 letter by webhook"),
		step(incident.StepAssessed, hearkeep.RoleOperator, 70, c.Assessment.Reasons),
	} {
		s.N, s.Entry = len(c.Steps)+1, int64(1030+len(c.Steps))
		if s.Kind == incident.StepNotified {
			s.Document = frozen
		}
		c.Steps = append(c.Steps, s)
	}
	return c
}

func settings() Settings {
	return Settings{
		Version: "1.2", Origin: "https://keep.example", Vaults: 4, Accounts: 3, Households: 1, LongVaults: 1,
		Retention: []Retention{{"sound", 90 * 24 * time.Hour}, {"words", 90 * 24 * time.Hour}},
		Doors:     []Count{{"terminals", 2}, {"Wyoming listeners, for Home Assistant", 1}},
		Mail:      "over TLS", Webhooks: []string{"homeassistant.local:8123"},
		Engines: []Engine{{Name: "pocketsphinx", Does: "turns sound into words"}, {Name: "an engine that keyholders chose", Does: "recognises speech", External: true, Where: "192.168.1.5:10300"}},
		Backups: "every 24 hours", BackupKeys: 7 * 24 * time.Hour, HTTPS: "HTTPS, with a public certificate", Operator: true,
		Wait: 72 * time.Hour, Clock: 72 * time.Hour, TellWithin: time.Hour, Thresholds: incident.DefaultThresholds(),
	}
}
