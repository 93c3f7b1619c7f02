package incident

import (
	"context"
	"time"

	"github.com/hearkeep/hearkeep"
)

// What reports say, besides what rooms vault, rights and backup notice.
const (
	WhatNotMine = "not mine" // a recording, an archive or a device holds what is not the reporter's
	WhatOther   = "other"    // anything else that somebody writes
)

// Filing is a report as it comes in. At most one of Recording, Binding,
// Archive and Entry is its evidence.
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
}

// Taken is the acknowledgement of a report (C4).
type Taken struct {
	Report   hearkeep.ReportID
	Incident hearkeep.IncidentID
	Secret   string // the way back to it, for somebody without an account
	At       time.Time
	Frozen   bool   // what it concerns is frozen: releases and expiry stop
	Text     string // the acknowledgement, in the reporter's language
}

// File takes a report: it is acknowledged, opens a case or joins the open one
// about the same thing, freezes what it concerns where there is evidence, and
// starts the clock, in one transaction. source is the network it came from,
// which may file a bounded number a day; empty for people who are signed in.
func (d *Desk) File(ctx context.Context, f Filing, source string) (Taken, error) {
	return Taken{}, errNotYet
}

// Status is a report as its reporter sees it.
type Status struct {
	Report   hearkeep.ReportID
	What     string
	At       time.Time
	Answered time.Time
	Closed   time.Time
	Frozen   bool
	Steps    []string // what has happened, in the reporter's language; no other person in it
}

// StatusBy returns the report of a secret that File gave; NotFound elsewhere.
func (d *Desk) StatusBy(ctx context.Context, secret string) (Status, error) {
	return Status{}, errNotYet
}

// StatusesOf returns an account's own reports, newest first.
func (d *Desk) StatusesOf(ctx context.Context, account hearkeep.AccountID) ([]Status, error) {
	return nil, errNotYet
}

// Notice is what an affected person is shown after signing in: what happened,
// and exactly which recordings (C6).
type Notice struct {
	Incident hearkeep.IncidentID
	What     string
	AwareAt  time.Time
	Told     time.Time
	Text     Communication
	Items    []Item
	Offer    string // what was offered to make good; empty for nothing
}

// Item is recordings of one vault that were concerned in one way.
type Item struct {
	Vault hearkeep.VaultID
	Run   hearkeep.Run
	How   string // store.Affected.How
	At    time.Time
}

// NoticesOf returns what concerns an account, newest first; nothing of a case
// before its people are told.
func (d *Desk) NoticesOf(ctx context.Context, account hearkeep.AccountID) ([]Notice, error) {
	return nil, errNotYet
}
