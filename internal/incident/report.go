package incident

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/mail"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/notify"
	"github.com/hearkeep/hearkeep/internal/seal"
	"github.com/hearkeep/hearkeep/internal/store"
)

// What reports say, besides what rooms vault, rights and backup notice.
const (
	WhatNotMine = "not mine" // a recording, an archive or a device holds what is not the reporter's
	WhatOther   = "other"    // anything else that somebody writes
)

// Filing is a report as it comes in. At most one of Recording, Binding,
// Archive and Receipt is its evidence.
type Filing struct {
	What string // WhatNotMine, WhatOther
	Via  hearkeep.ReportVia
	By   hearkeep.AccountID // who is signed in; zero for nobody
	// Vault is the one that is open where a person reports from its pages, or
	// whose door was spoken at.
	Vault     hearkeep.VaultID
	Recording hearkeep.RecordingID
	Binding   hearkeep.BindingID
	Archive   hearkeep.ArchiveID
	// Receipt is a receipt file (ledger.Proof), or an archive's id as its
	// reporter copied it: evidence of somebody without an account.
	Receipt  string
	About    string            // in the reporter's words; at most 4,000 characters
	Reach    string            // an e-mail address, where they want to be answered
	Language hearkeep.Language // of the reporter
	At       time.Time         // when a mailed report arrived; zero for now (B1)
	Late     string            // why one is entered more than a day after it arrived
}

// Limits of reports.
const (
	MaxAbout   = 4000     // characters
	maxReach   = 254      // bytes, as of an e-mail address
	maxReceipt = 64 << 10 // bytes

	// lateEntry is after how long a mailed report needs a reason.
	lateEntry = 24 * time.Hour
	// fileEvenly is what the time of an answer to somebody without an account
	// is rounded up to.
	fileEvenly = 250 * time.Millisecond
)

// Taken is the acknowledgement of a report (C4).
type Taken struct {
	Report   hearkeep.ReportID
	Incident hearkeep.IncidentID
	Secret   string // the way back to it, for somebody without an account
	At       time.Time
	// Frozen says that what it concerns is frozen: releases and expiry stop. A
	// form answers false always, so that it tells nobody which ids exist.
	Frozen bool
	Text   string // the acknowledgement, in the reporter's language
}

// wrote is what lies sealed in a report's row.
type wrote struct {
	About   string `json:"about,omitempty"`
	Reach   string `json:"reach,omitempty"`
	Receipt string `json:"receipt,omitempty"` // where it led to nothing here
	Late    string `json:"late,omitempty"`
	Secret  string `json:"secret,omitempty"` // with Reach: for the link in the last letter
}

// File takes a report: it is acknowledged, opens a case or joins the open one
// about the same thing, freezes what it concerns where there is evidence, and
// starts the clock, in one transaction. source is the network it came from,
// which may file a bounded number a day; empty for people who are signed in.
//
// What it freezes on is an archive's id, a receipt of a hand-over, or a
// recording or door of a vault that By holds. Anything else that a report
// names is not looked at further: a case opens, and nothing is frozen.
func (d *Desk) File(ctx context.Context, f Filing, source string) (Taken, error) {
	if f.Via == hearkeep.ReportForm {
		defer evenly(ctx, time.Now(), d.even) // it takes longer where there is something to freeze
	}
	now := stamp()
	f, err := f.checked(now)
	if err != nil {
		return Taken{}, err
	}
	if err := d.admit(f, source, now); err != nil {
		return Taken{}, err
	}
	row := store.Report{
		ID: hearkeep.NewID[hearkeep.ReportID](), What: f.What, Via: f.Via, Account: f.By, Language: f.Language, At: now, Answered: now,
	}
	if !f.At.IsZero() {
		row.At = f.At.UTC().Truncate(tick)
	}
	taken := Taken{Report: row.ID, At: row.At}
	if f.Via == hearkeep.ReportForm || f.Via == hearkeep.ReportMail {
		taken.Secret = rand.Text()
		row.Hash = reportHash(taken.Secret)
	}
	err = d.Store.Update(ctx, func(tx *store.Tx) error { return d.file(ctx, tx, f, row, &taken) })
	if err != nil {
		return Taken{}, fmt.Errorf("incident: report %s: %w", row.ID, err)
	}
	return taken, nil
}

// file is File in its transaction.
func (d *Desk) file(ctx context.Context, tx *store.Tx, f Filing, row store.Report, taken *Taken) (err error) {
	found, err := d.evidence(ctx, tx, f)
	if err != nil {
		return err
	}
	row.Archive, row.Recording, row.Binding, row.Vault = found.archive, found.recording, found.binding, found.vault
	text := wrote{About: f.About, Reach: f.Reach, Late: f.Late}
	if found.none() {
		text.Receipt = f.named()
	}
	if f.Reach != "" {
		text.Secret = taken.Secret
	}
	if text != (wrote{}) {
		if row.Sealed, err = d.seal(seal.HouseReport, row.ID, text); err != nil {
			return err
		}
	}
	if err := tx.Incidents.InsertReport(ctx, row); err != nil {
		return err
	}
	c, err := d.takeUp(ctx, tx, &row, found)
	if err != nil {
		return err
	}
	frozen, err := c.freeze(ctx, row, found)
	if err != nil {
		return err
	}
	taken.Incident = c.ID
	if f.Via != hearkeep.ReportForm {
		taken.Frozen = frozen
	}
	if err := d.acknowledge(ctx, tx, f, row, taken); err != nil {
		return err
	}
	if err := c.step(ctx, StepAcknowledged, noted{by: hearkeep.RoleSystem, entry: ledger.Entry{Report: &row.ID}}); err != nil {
		return err
	}
	return c.save(ctx)
}

// acknowledge answers a reporter, on the channels that there are (C4).
func (d *Desk) acknowledge(ctx context.Context, tx *store.Tx, f Filing, row store.Report, taken *Taken) error {
	a := acknowledged{Report: row.ID, At: row.At, Frozen: taken.Frozen}
	if taken.Secret != "" {
		a.Link = d.linkTo(taken.Secret)
	}
	letter := d.letterAcknowledged(row.Language.Or(), a)
	taken.Text = letter.Text
	switch {
	case !f.By.IsZero():
		return d.Letters.Tell(ctx, tx, f.By, letter)
	case f.Via == hearkeep.ReportVoice: // who holds the vault can say whether it was theirs
		return d.tellHolders(ctx, tx, f.Vault, hearkeep.AccountID{}, func(l hearkeep.Language) hearkeep.Letter { return d.letterSpoken(l, row.At) })
	case f.Reach != "" && d.Letters.Can(notify.Email) && d.answers(f.Reach, taken.At):
		_, err := d.Letters.Write(ctx, tx, f.Reach, letter)
		return err
	}
	return nil
}

// linkTo is the way back to a report.
func (d *Desk) linkTo(secret string) string { return d.Origin + "/report/" + secret }

// tellHolders writes to everybody who holds a vault, but for one account, each
// in their language.
func (d *Desk) tellHolders(ctx context.Context, tx *store.Tx, id hearkeep.VaultID, but hearkeep.AccountID, letter func(hearkeep.Language) hearkeep.Letter) error {
	holders, err := holdersOf(ctx, tx, id)
	if err != nil {
		return err
	}
	for _, account := range holders {
		if account == but {
			continue
		}
		l, err := tx.Incidents.Language(ctx, account)
		if err != nil {
			return err
		}
		if err := d.Letters.Tell(ctx, tx, account, letter(l.Or())); err != nil {
			return err
		}
	}
	return nil
}

// checked is a filing as it is kept: without control characters and spaces at
// its ends. It fails where it makes no sense.
func (f Filing) checked(now time.Time) (Filing, error) {
	f.Language = f.Language.Or()
	for _, text := range []*string{&f.About, &f.Reach, &f.Receipt, &f.Late} {
		*text = plain(*text)
	}
	if f.What != WhatNotMine && f.What != WhatOther {
		return f, hearkeep.Errorf(hearkeep.Invalid, "There is no such report.").WithHint("Say that something is not yours, or anything else that is wrong.")
	}
	if err := f.comes(now); err != nil {
		return f, err
	}
	named := 0
	for _, is := range []bool{!f.Recording.IsZero(), !f.Binding.IsZero() && f.Via != hearkeep.ReportVoice, !f.Archive.IsZero(), f.Receipt != ""} {
		if is {
			named++
		}
	}
	switch {
	case named > 1:
		return f, hearkeep.Errorf(hearkeep.Invalid, "A report is about one thing.").WithHint("Make one for each.")
	case utf8.RuneCountInString(f.About) > MaxAbout || utf8.RuneCountInString(f.Late) > MaxAbout:
		return f, hearkeep.Errorf(hearkeep.TooLarge, "That is too much text.").WithHint("At most %d characters.", MaxAbout)
	case len(f.Receipt) > maxReceipt:
		return f, hearkeep.Errorf(hearkeep.TooLarge, "That is no receipt, and no id of an archive.")
	case named == 0 && !says(f.About) && f.Via != hearkeep.ReportVoice:
		return f, hearkeep.Errorf(hearkeep.Invalid, "Say what is wrong.").WithHint("A sentence is enough.")
	}
	if f.Reach == "" {
		return f, nil
	}
	if a, err := mail.ParseAddress(f.Reach); err != nil || a.Address != f.Reach || len(f.Reach) > maxReach {
		return f, hearkeep.Errorf(hearkeep.Invalid, "That is no e-mail address.").WithHint("Leave it out, and come back with the code that you get.")
	}
	return f, nil
}

// comes checks who reports in which way, and when.
func (f Filing) comes(now time.Time) error {
	ok := false
	switch f.Via {
	case hearkeep.ReportPortal:
		ok = !f.By.IsZero()
	case hearkeep.ReportVoice:
		ok = f.By.IsZero() && !f.Vault.IsZero() && !f.Binding.IsZero()
	case hearkeep.ReportForm, hearkeep.ReportMail:
		ok = f.By.IsZero() && f.Vault.IsZero()
	case hearkeep.ReportSelf: // rows of other rooms; Expire takes them up
	}
	if !ok {
		return hearkeep.Errorf(hearkeep.Invalid, "A report does not come like this.")
	}
	switch {
	case f.At.IsZero():
		return nil
	case f.Via != hearkeep.ReportMail:
		return hearkeep.Errorf(hearkeep.Invalid, "Only a letter arrives before it is entered.")
	case f.At.After(now):
		return hearkeep.Errorf(hearkeep.Invalid, "That time has not come yet.").WithHint("Enter when the letter arrived.")
	case now.Sub(f.At) > lateEntry && f.Late == "":
		return hearkeep.Errorf(hearkeep.Invalid, "The letter arrived more than a day ago.").
			WithHint("Say why it is entered now: the clock runs from when it arrived, and the authority asks.")
	}
	return nil
}

// named is what a filing names, as its reporter wrote it.
func (f Filing) named() string {
	switch {
	case f.Receipt != "":
		return f.Receipt
	case !f.Archive.IsZero():
		return "archive " + f.Archive.String()
	case !f.Recording.IsZero():
		return "recording " + f.Recording.String()
	case !f.Binding.IsZero():
		return "door " + f.Binding.String()
	}
	return ""
}

// plain is a text without what a terminal or a page could take for an order:
// control characters but line ends, and marks that turn the direction around.
func plain(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\n':
			return r
		case r == '\r', unicode.Is(unicode.Bidi_Control, r), r == '\ufeff':
			return -1
		case unicode.IsControl(r), r == '\u2028', r == '\u2029':
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\ufffd"))
	return strings.TrimSpace(s)
}

func reportHash(secret string) [32]byte { return sha256.Sum256([]byte("report " + secret)) }

// Status is a report as its reporter sees it.
type Status struct {
	Report   hearkeep.ReportID
	What     string
	Spoken   bool // at a door of theirs
	Vault    hearkeep.VaultID
	Item     hearkeep.RecordingID // which recording was reported; zero for something else
	At       time.Time
	Answered time.Time
	Closed   time.Time
	Frozen   bool     // as Taken.Frozen
	Steps    []string // what has happened, in the reporter's language; no other person in it
}

// StatusBy returns the report of a secret that File gave; NotFound elsewhere.
func (d *Desk) StatusBy(ctx context.Context, secret string) (s Status, err error) {
	defer evenly(ctx, time.Now(), statusEvenly)
	err = d.Store.View(ctx, func(tx *store.Tx) error {
		row, err := tx.Incidents.ReportByHash(ctx, reportHash(strings.ToUpper(strings.TrimSpace(secret))))
		if err != nil {
			return err
		}
		s, err = d.status(ctx, tx, row, row.Language)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		err = hearkeep.Errorf(hearkeep.NotFound, "There is no such report.").WithHint("Compare the code with what you were given.").Because(err)
	}
	if err != nil {
		return Status{}, fmt.Errorf("incident: report by its code: %w", err)
	}
	return s, nil
}

// statusEvenly is what the time of an answer about a code is rounded up to.
const statusEvenly = 20 * time.Millisecond

// maxStatuses bounds what an account is shown of its reports.
const maxStatuses = 200

// StatusesOf returns an account's own reports, and what was spoken at the
// doors of its vaults, newest first.
func (d *Desk) StatusesOf(ctx context.Context, account hearkeep.AccountID) (list []Status, err error) {
	err = d.Store.View(ctx, func(tx *store.Tx) error {
		language, err := tx.Incidents.Language(ctx, account)
		if err != nil {
			return err
		}
		rows, err := d.reportsOf(ctx, tx, account)
		if err != nil {
			return err
		}
		for _, row := range rows {
			s, err := d.status(ctx, tx, row, language)
			if err != nil {
				return err
			}
			list = append(list, s)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("incident: reports of %s: %w", account, err)
	}
	return list, nil
}

func (d *Desk) reportsOf(ctx context.Context, tx *store.Tx, account hearkeep.AccountID) ([]store.Report, error) {
	rows, err := tx.Incidents.ReportsOf(ctx, account, maxStatuses)
	if err != nil {
		return nil, err
	}
	rows = slices.DeleteFunc(rows, own)
	vaults, err := tx.Vaults.VaultsOf(ctx, account)
	if err != nil {
		return nil, err
	}
	for _, v := range vaults {
		holders, err := holdersOf(ctx, tx, v.ID)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(holders, account) {
			continue
		}
		spoken, err := tx.Incidents.SpokenReports(ctx, v.ID, maxStatuses)
		if err != nil {
			return nil, err
		}
		rows = append(rows, spoken...)
	}
	slices.SortFunc(rows, func(a, b store.Report) int { return cmp.Or(b.At.Compare(a.At), bytes.Compare(b.ID[:], a.ID[:])) })
	return rows[:min(len(rows), maxStatuses)], nil
}

// status is a report with the steps of its case that its reporter may know.
func (d *Desk) status(ctx context.Context, tx *store.Tx, row store.Report, l hearkeep.Language) (Status, error) {
	s := Status{
		Report: row.ID, What: row.What, Spoken: row.Via == hearkeep.ReportVoice, Vault: row.Vault, Item: row.Recording,
		At: row.At, Answered: row.Answered, Closed: row.Closed,
	}
	if row.Incident.IsZero() {
		return s, nil
	}
	steps, err := tx.Incidents.Steps(ctx, row.Incident)
	if err != nil {
		return Status{}, err
	}
	form := row.Via == hearkeep.ReportForm
	if !form && concerns(row) {
		frozen, err := tx.Incidents.FrozenBy(ctx, row.Incident)
		if err != nil {
			return Status{}, err
		}
		s.Frozen = len(frozen) > 0
	}
	for _, step := range steps {
		if form && (step.Kind == StepFrozen || step.Kind == StepScoped) || step.At.Before(row.Answered) {
			continue
		}
		if line := stepLine(l.Or(), step.Kind); line != "" && !slices.Contains(s.Steps, line) {
			s.Steps = append(s.Steps, line)
		}
	}
	return s, nil
}

// concerns reports whether a report came with evidence.
func concerns(r store.Report) bool {
	return !r.Archive.IsZero() || !r.Recording.IsZero() || !r.Binding.IsZero() && r.Via != hearkeep.ReportVoice
}
