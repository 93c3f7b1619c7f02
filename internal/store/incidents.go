package store

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/hearkeep/hearkeep"
)

// Incidents is the rows of reports and of room incident: cases, their steps,
// who is affected, who was handed what is another's. What people wrote is
// sealed under the house key; ids, kinds, counts and times are readable.
type Incidents interface {
	InsertReport(ctx context.Context, r Report) error
	Report(ctx context.Context, id hearkeep.ReportID) (Report, error)
	// ReportByHash finds a report by what its reporter was given.
	ReportByHash(ctx context.Context, hash [32]byte) (Report, error)
	// OpenReports lists what is not closed, oldest first.
	OpenReports(ctx context.Context, limit int) ([]Report, error)
	// NewReports lists those that belong to no case yet, oldest first.
	NewReports(ctx context.Context, limit int) ([]Report, error)
	// ReportsOf lists what concerns an account or was said by it, newest first.
	ReportsOf(ctx context.Context, account hearkeep.AccountID, limit int) ([]Report, error)
	// ReportsIn lists a case's reports, oldest first.
	ReportsIn(ctx context.Context, incident hearkeep.IncidentID) ([]Report, error)
	// SetReport replaces a report's case, its acknowledgement and what is sealed.
	SetReport(ctx context.Context, r Report) error
	// CaseAbout finds the case, not closed, of an open report of the same
	// archive, else of the same recording, else of the same binding; where none
	// of these is set, of one of the same What, account and vault that names
	// none of these either. ErrNotFound where there is none.
	CaseAbout(ctx context.Context, r Report) (hearkeep.IncidentID, error)
	// ArchiveReported reports whether somebody's open report is about an
	// archive; what Hearkeep noticed by itself does not count.
	ArchiveReported(ctx context.Context, id hearkeep.ArchiveID) (bool, error)
	// LooseReports counts the open reports by form that name nothing, and
	// returns the case of the newest that has one; zero where none has.
	LooseReports(ctx context.Context) (n int, newest hearkeep.IncidentID, err error)
	// SpokenReports lists what was spoken at the doors of a vault, newest first.
	SpokenReports(ctx context.Context, vault hearkeep.VaultID, limit int) ([]Report, error)
	// FrozenBy lists the restrictions in force that a case's reports caused.
	FrozenBy(ctx context.Context, incident hearkeep.IncidentID) ([]Restriction, error)
	// CloseReport is ErrNotFound where it is closed, or was never there.
	CloseReport(ctx context.Context, id hearkeep.ReportID, at time.Time) error

	InsertIncident(ctx context.Context, i Incident) error
	Incident(ctx context.Context, id hearkeep.IncidentID) (Incident, error)
	// Incidents lists cases, newest first, strictly before a place.
	Incidents(ctx context.Context, before IncidentCursor, limit int) ([]Incident, error)
	// OpenIncidents lists what is not closed, the soonest due first.
	OpenIncidents(ctx context.Context, limit int) ([]Incident, error)
	// SetIncident replaces all of a case but ID, What and AwareAt.
	SetIncident(ctx context.Context, i Incident) error
	// CountOpenIncidents counts what is not closed.
	CountOpenIncidents(ctx context.Context) (int, error)

	// InsertStep adds what happened to a case; its N is one more than the last
	// one's, from 1. ErrExists where that number is taken.
	InsertStep(ctx context.Context, s Step) error
	// Steps lists a case's, in their order.
	Steps(ctx context.Context, incident hearkeep.IncidentID) ([]Step, error)

	// SetAffected replaces who is affected by a case, but for when they were
	// told: of recordings that stay, affected as before, that stays. See KeepTold.
	SetAffected(ctx context.Context, incident hearkeep.IncidentID, rows []Affected) error
	// Affected lists a case's, by account, vault, binding and number.
	Affected(ctx context.Context, incident hearkeep.IncidentID) ([]Affected, error)
	// AffectedOf lists what concerns an account, by case, vault, binding and number.
	AffectedOf(ctx context.Context, account hearkeep.AccountID) ([]Affected, error)
	// ToldAffected notes when an account was told of what it had not been told
	// of in a case; ErrNotFound where there is nothing such.
	ToldAffected(ctx context.Context, incident hearkeep.IncidentID, account hearkeep.AccountID, at time.Time) error

	// InsertCommunication notes a letter that tells somebody of a case.
	InsertCommunication(ctx context.Context, c Communication) error
	// Communications lists a case's, oldest first.
	Communications(ctx context.Context, incident hearkeep.IncidentID) ([]Communication, error)
	// CommunicationsTo lists those of all cases to one account, by case, oldest first.
	CommunicationsTo(ctx context.Context, account hearkeep.AccountID) ([]Communication, error)
	// WaitingCommunications lists letters of all cases that have not arrived
	// and were not given up, by the numbers of their deliveries, above one.
	WaitingCommunications(ctx context.Context, after int64, limit int) ([]Communication, error)
	// SetCommunication replaces state and end of a letter.
	SetCommunication(ctx context.Context, c Communication) error

	InsertRecipient(ctx context.Context, r Recipient) error
	// RecipientByHash finds one by the secret of the letter.
	RecipientByHash(ctx context.Context, hash [32]byte) (Recipient, error)
	// Recipients lists a case's, oldest first.
	Recipients(ctx context.Context, incident hearkeep.IncidentID) ([]Recipient, error)
	// SetRecipient replaces state, what is sealed, and when they attested.
	SetRecipient(ctx context.Context, r Recipient) error

	// Language is what an account is written to in; empty where it was never
	// set, or there is no such account.
	Language(ctx context.Context, account hearkeep.AccountID) (hearkeep.Language, error)
	SetLanguage(ctx context.Context, account hearkeep.AccountID, l hearkeep.Language) error

	// SawPlace notes that an account was used from a place, and reports
	// whether that is new.
	SawPlace(ctx context.Context, p Place) (fresh bool, err error)
	// Places lists where an account was used from, oldest first.
	Places(ctx context.Context, account hearkeep.AccountID) ([]Place, error)
	// ExpirePlaces removes those last seen before a time.
	ExpirePlaces(ctx context.Context, before time.Time) (int, error)

	// ArchiveByID finds an archive of any account: whoever was handed another's
	// knows its id and nothing else.
	ArchiveByID(ctx context.Context, id hearkeep.ArchiveID) (Archive, error)
	// NumbersBetween lists the numbers of a binding's recordings that began in
	// [from, to), ascending, as runs.
	NumbersBetween(ctx context.Context, vault hearkeep.VaultID, binding hearkeep.BindingID, from, to time.Time) ([]hearkeep.Run, error)
}

// Report says that something is wrong. Any room writes one in the transaction
// in which it notices; room incident takes it up.
type Report struct {
	ID        hearkeep.ReportID
	What      string // of a closed list: "numbers missing", "does not open", "foreign", "not mine"
	Via       hearkeep.ReportVia
	Account   hearkeep.AccountID // whom it concerns, or who said it; zero where nobody is known
	Vault     hearkeep.VaultID
	Binding   hearkeep.BindingID
	Recording hearkeep.RecordingID
	Archive   hearkeep.ArchiveID
	Incident  hearkeep.IncidentID // zero until it was taken up
	Language  hearkeep.Language
	Hash      [32]byte // SHA-256 of the reporter's secret: their way back; zero where they are signed in
	Sealed    []byte   // what they wrote, and how to reach them; nil where nothing was
	At        time.Time
	Answered  time.Time // when it was acknowledged
	Closed    time.Time // zero while it is open
}

// Incident is a case: one or more reports of the same thing.
type Incident struct {
	ID      hearkeep.IncidentID
	What    string // the first report's
	State   hearkeep.IncidentState
	Phase   int       // notifications made: 0 none, 1 the initial one, 2 and on updates
	AwareAt time.Time // B1
	Due     time.Time // of the notification: AwareAt and the clock's length
	Alarmed int       // hours before Due of the last alarm: 24, 12, 3, 0; -1 before the first
	TellBy  time.Time // when the affected are told without anybody's decision; zero once told, or held with reasons
	Notify  string    // "", "yes", "no": whether the authority is notified (B4)
	Sealed  []byte    // assessment, reasons, measures, offers
	Closed  time.Time // zero while it is open
}

// IncidentCursor is a place in a newest-first listing. The zero value is its begin.
type IncidentCursor struct {
	AwareAt time.Time
	ID      hearkeep.IncidentID
}

// Step is something that happened to a case. Each stands in the ledger too.
type Step struct {
	Incident hearkeep.IncidentID
	N        int
	Kind     string // of room incident's closed list
	By       hearkeep.Role
	Entry    int64 // of the ledger
	At       time.Time
	Sealed   []byte // reasons, or the document that was made; nil where there is none
}

// Affected is recordings of one person that a case concerns.
type Affected struct {
	Incident hearkeep.IncidentID
	Account  hearkeep.AccountID
	Vault    hearkeep.VaultID
	hearkeep.Run
	How   string    // "handed over", "opened", "within reach", "kept wrongly"
	Entry int64     // of the ledger, that shows it; -1 where rows do
	At    time.Time // when it happened; of several, the first
	Told  time.Time // zero until they were told
}

// KeepTold marks of rows what of them was told already, as was says: where a
// row is partly new, it becomes two, so that what is new can be told alone.
// Whoever was told of a recording in one way is not thereby told of another
// way. The rows come back in their order, the parts of one by number.
func KeepTold(was, rows []Affected) []Affected {
	type kept struct {
		account hearkeep.AccountID
		vault   hearkeep.VaultID
		binding hearkeep.BindingID
		how     string
	}
	told := map[kept][]Affected{}
	for _, a := range was {
		if !a.Told.IsZero() {
			k := kept{a.Account, a.Vault, a.Binding, a.How}
			told[k] = append(told[k], a)
		}
	}
	for _, of := range told {
		slices.SortFunc(of, func(a, b Affected) int { return cmp.Compare(a.From, b.From) })
	}
	var out []Affected
	for _, a := range rows {
		if !a.Told.IsZero() {
			out = append(out, a)
			continue
		}
		out = append(out, a.split(told[kept{a.Account, a.Vault, a.Binding, a.How}])...)
	}
	return out
}

// split cuts a at the edges of what was told: ascending rows, none of which
// overlap.
func (a Affected) split(told []Affected) (parts []Affected) {
	rest := a
	first, _ := slices.BinarySearchFunc(told, a.From, func(t Affected, n hearkeep.Number) int { return cmp.Compare(t.To, n) })
	for _, t := range told[first:] {
		if t.From > rest.To {
			break
		}
		if t.From > rest.From {
			fresh := rest
			fresh.To = t.From - 1
			parts, rest.From = append(parts, fresh), t.From
		}
		old := rest
		old.To, old.Told = min(t.To, rest.To), t.Told
		parts = append(parts, old)
		if old.To == rest.To {
			return parts
		}
		rest.From = old.To + 1
	}
	return append(parts, rest)
}

// Communication is a letter about a case, on one channel (B5).
type Communication struct {
	Incident hearkeep.IncidentID
	Account  hearkeep.AccountID // zero where it went to a recipient
	Delivery int64              // of the letters; 0 where it is only shown after sign-in, or spoken
	Kind     string             // "email", "webhook", "spoken", "page"
	Topic    string
	State    string // "queued", "sent", "failed", "shown"
	At       time.Time
	Ended    time.Time // when it arrived, or was given up
}

// Recipient is somebody who was handed what is another's, and is asked to
// delete it and to attest that.
type Recipient struct {
	ID       hearkeep.RecipientID
	Incident hearkeep.IncidentID
	Hash     [32]byte // SHA-256 of the secret in their letter
	Sealed   []byte   // how to reach them; what they attest
	State    string   // "asked", "attested", "refused"
	Asked    time.Time
	Ended    time.Time
}

// Place is a network or a browser that an account was used from, as a mark
// under the house key: that it was the same can be told, which it was cannot.
type Place struct {
	Account hearkeep.AccountID
	Mark    [32]byte
	First   time.Time
	Last    time.Time
}
