package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/archive"
	"github.com/hearkeep/hearkeep/internal/incident"
	"github.com/hearkeep/hearkeep/internal/incident/papers"
	"github.com/hearkeep/hearkeep/internal/rights"
	"github.com/hearkeep/hearkeep/internal/store"
	"github.com/hearkeep/hearkeep/internal/vault"
)

// mistake is what happened in 2018: two people ask for their data, and the
// file of one reaches the other. Hearkeep hands each their own, and no function
// of it hands anything to another: the file is copied, as a hand that sends a
// mail would.
func (d *drill) mistake(ctx context.Context) error {
	file, id, err := d.take(ctx, &d.anna)
	if err != nil {
		return err
	}
	for _, p := range []*drillPerson{&d.ben, &d.clara} {
		if _, _, err := d.take(ctx, p); err != nil {
			return err
		}
	}
	d.sent, d.archive = file, id
	how := "sealed"
	if d.cmd.Open {
		how = "open"
	}
	d.before("Each asks for their data, and fetches their own %s archive.", how)
	d.before("By a mistake outside of Hearkeep Ben is sent a copy of Anna's file: archive %s, %d bytes.\n", id, len(file))
	return nil
}

// take is a person who asks for their data, and fetches it.
func (d *drill) take(ctx context.Context, p *drillPerson) ([]byte, hearkeep.ArchiveID, error) {
	r, err := d.rights.Ask(ctx, p.who, hearkeep.RequestAccess, hearkeep.ViaPortal)
	if err != nil {
		return nil, hearkeep.ArchiveID{}, err
	}
	var b bytes.Buffer
	var made rights.Open
	fetch := func(ctx context.Context) error {
		b.Reset()
		if d.cmd.Open {
			if made.ID.IsZero() {
				if made, err = d.rights.Prepare(ctx, p.who, r.ID); err != nil {
					return err
				}
			}
			return d.rights.Send(ctx, p.who, made.ID, &b, 0, made.Size)
		}
		var f *rights.Fetch
		if made, f, err = d.rights.SealedHere(ctx, p.who, r.ID); err != nil {
			return err
		}
		return d.rights.SendSealed(ctx, f, &b, 0, made.Size)
	}
	if err := fetch(ctx); err != nil {
		return nil, hearkeep.ArchiveID{}, err
	}
	file, id := bytes.Clone(b.Bytes()), made.ID
	p.fetch = fetch
	return file, id, nil
}

// answer is everything from the report on.
func (d *drill) answer(ctx context.Context) error {
	size, err := d.size(ctx)
	if err != nil {
		return err
	}
	d.result.Entries = size
	before, err := d.letters(ctx)
	if err != nil {
		return err
	}
	d.earlier = before
	fmt.Fprintln(d.show, "    after the report (· is a person's part, done at once here)")
	d.reported = time.Now()
	var taken incident.Taken
	var id hearkeep.IncidentID
	var c incident.Case
	var link string // Ben's
	steps := []struct {
		name  string
		human bool
		do    func() (string, error)
	}{
		{"Ben reports, without sign-in", false, func() (_ string, err error) {
			taken, err = d.incidents.File(ctx, incident.Filing{
				What: incident.WhatNotMine, Via: hearkeep.ReportForm, Receipt: d.archive.String(),
				About: "I asked for my data, and in this file is somebody else.", Reach: d.ben.mail, Language: "en",
			}, "192.0.2.1")
			id = taken.Incident
			return "acknowledged at once, as report " + short(taken.Report.String()), err
		}},
		{"acknowledged in Ben's mailbox", false, func() (string, error) { return d.comes(ctx, d.ben.mail, before) }},
		{"what it concerns is frozen", false, func() (string, error) { return d.frozen(ctx) }},
		{"who is affected, exactly", false, func() (_ string, err error) {
			if c, err = d.incidents.Case(ctx, id); err != nil {
				return "", err
			}
			return d.exactly(c.Affected)
		}},
		{"a wider look: 30 days, all keeps", false, func() (string, error) { return d.wider(ctx, id) }},
		{"the operator weighs and decides", true, func() (string, error) { return d.decide(ctx, id) }},
		{"letter to everybody affected", false, func() (string, error) {
			before, err := d.letters(ctx)
			if err != nil {
				return "", err
			}
			if err := d.incidents.Tell(ctx, id); err != nil {
				return "", err
			}
			return d.comes(ctx, d.anna.mail, before)
		}},
		{"letter to who has it wrongly", false, func() (_ string, err error) {
			before, err := d.letters(ctx)
			if err != nil {
				return "", err
			}
			if link, err = d.incidents.AskRecipient(ctx, id, hearkeep.AccountID{}, d.ben.mail, "en"); err != nil {
				return "", err
			}
			return d.comes(ctx, d.ben.mail, before)
		}},
		{"the authority's draft", false, func() (string, error) { return d.draft(ctx, id) }},
		{"Anna signs in and sees", false, func() (string, error) { return d.sees(ctx) }},
		{"Ben opens what he has", false, func() (string, error) { return d.opens() }},
		{"Ben attests that it is deleted", true, func() (string, error) {
			secret := link[strings.LastIndexByte(link, '/')+1:]
			return "by the link in his letter, without an account", d.incidents.Attest(ctx, secret, d.ben.name, "I deleted it.")
		}},
		{"the authority is notified", true, func() (string, error) {
			return "the draft is frozen as it was handed over", d.incidents.Notified(ctx, id, "DRILL-1", "", d.document)
		}},
		{"the case is closed", true, func() (string, error) { return d.closed(ctx, id) }},
		{"nobody else was written to", false, d.quiet},
	}
	for _, s := range steps {
		if err := d.step(s.name, s.human, s.do); err != nil {
			return err
		}
	}
	return nil
}

func short(id string) string { return id[:8] }

func (d *drill) size(ctx context.Context) (n int64, err error) {
	err = d.folder.store.View(ctx, func(tx *store.Tx) error {
		n, err = tx.Ledger.Size(ctx)
		return err
	})
	return n, err
}

// comes waits for a letter.
func (d *drill) comes(ctx context.Context, to string, before int) (string, error) {
	m, err := d.post.next(ctx, to, before)
	if err != nil {
		return "", wrongf("no letter came to %s: %v", to, err)
	}
	for _, word := range []string{drillWord, d.clara.name} {
		if bytes.Contains(m.raw, []byte(word)) {
			return "", wrongf("a letter says %q", word)
		}
	}
	return "“" + m.subject() + "”", nil
}

// frozen tries to go on fetching, and to hand Anna's keep out anew.
func (d *drill) frozen(ctx context.Context) (string, error) {
	err := d.anna.fetch(ctx)
	if err == nil {
		return "", wrongf("the archive is still handed out")
	}
	if code := hearkeep.CodeOf(err); code != hearkeep.Conflict && code != hearkeep.NotFound {
		return "", err
	}
	room, err := d.folder.keep.Enter(ctx, d.anna.who, d.anna.vault)
	if err != nil {
		return "", err
	}
	list, _, _, err := room.List(ctx, vault.Cursor{}, 100)
	if err != nil {
		return "", err
	}
	if len(list) != d.anna.kept {
		return "", wrongf("Anna sees %d recordings of %d", len(list), d.anna.kept)
	}
	if err := d.clara.fetch(ctx); err != nil {
		return "", wrongf("Clara's archive: %v", err)
	}
	return "Anna's archive leaves no more, Clara's does; Anna still plays", nil
}

// exactly compares who is affected with what was really sent.
func (d *drill) exactly(rows []store.Affected) (string, error) {
	want := []hearkeep.Run{{Binding: d.anna.door, From: 1, To: hearkeep.Number(d.anna.kept)}}
	var got []hearkeep.Run
	for _, a := range rows {
		if a.Account != d.anna.who.Account() || a.Vault != d.anna.vault || a.How != incident.HowHanded || a.Entry < 0 {
			return "", wrongf("affected is %s of account %s, %s", a.Run, a.Account, a.How)
		}
		got = append(got, a.Run)
	}
	if !slices.Equal(got, want) {
		return "", wrongf("got %v, want %v", got, want)
	}
	return fmt.Sprintf("1 person, %d recordings: numbers 1 to %d, by entry %d", d.anna.kept, d.anna.kept, rows[0].Entry), nil
}

// wider is what the operator is shown before they look for more. It is not kept.
func (d *drill) wider(ctx context.Context, id hearkeep.IncidentID) (string, error) {
	p, err := d.incidents.Preview(ctx, id, incident.Clause{From: d.reported.AddDate(0, 0, -30), To: d.reported})
	if err != nil {
		return "", err
	}
	if p.Before.Items != d.anna.kept || p.After.Items <= p.Before.Items {
		return "", wrongf("from %d to %d recordings", p.Before.Items, p.After.Items)
	}
	return fmt.Sprintf("would be %d people, %d recordings; it is not kept", p.After.People, p.After.Items), nil
}

// decide is what an operator does with the form: here it is filled in already.
func (d *drill) decide(ctx context.Context, id hearkeep.IncidentID) (string, error) {
	a, err := d.incidents.Preset(ctx, id)
	if err != nil {
		return "", err
	}
	a.Sensitivity, a.Identification = 3, 4
	a.Nature = "A file with one person's recordings was sent to another person."
	a.Consequences = "Whoever has the file could learn what was said at home, if it opened."
	a.Measures = "The archive is handed out no more. The recipient is asked to delete it."
	a.Reasons = "One person, speech at home, a recipient who reported it himself."
	a.SealedOnly = a.SealedOnly && !d.cmd.Open
	if err := d.incidents.Assess(ctx, id, a); err != nil {
		return "", err
	}
	if err := d.incidents.Decide(ctx, id, true, "The drill notifies."); err != nil {
		return "", err
	}
	c, err := d.incidents.Case(ctx, id)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("severity %s (%.2f), with a form that was prepared", c.Assessment.Level, c.Assessment.Score), nil
}

// draft writes the notification in both forms.
func (d *drill) draft(ctx context.Context, id hearkeep.IncidentID) (string, error) {
	c, err := d.incidents.Case(ctx, id)
	if err != nil {
		return "", err
	}
	checkpoint, err := d.folder.ledger.Checkpoint(ctx)
	if err != nil {
		return "", err
	}
	doc := papers.Notification(c, d.incidents.Controller, papers.Basis{Made: time.Now(), Zone: time.UTC, Checkpoint: string(checkpoint)})
	if d.document, err = json.Marshal(doc); err != nil {
		return "", err
	}
	var page, pdf bytes.Buffer
	if err := errors.Join(doc.HTML(&page), doc.PDF(&pdf)); err != nil {
		return "", err
	}
	d.papers["notification.html"], d.papers["notification.pdf"] = page.Bytes(), pdf.Bytes()
	switch {
	case !bytes.HasPrefix(pdf.Bytes(), []byte("%PDF-")):
		return "", wrongf("the PDF is none")
	case strings.Contains(page.String(), d.anna.mail), strings.Contains(page.String(), drillWord):
		return "", wrongf("the draft says what it must not")
	}
	return fmt.Sprintf("HTML of %d bytes, PDF of %d", page.Len(), pdf.Len()), nil
}

// sees is what the affected person finds after signing in, and others do not.
func (d *drill) sees(ctx context.Context) (string, error) {
	in, err := d.desk.SignIn(ctx, d.anna.name, drillPassphrase, drillVisitor())
	if err != nil {
		return "", err
	}
	notices, err := d.incidents.NoticesOf(ctx, in.Who.Account())
	if err != nil {
		return "", err
	}
	if len(notices) != 1 || len(notices[0].Items) != 1 || notices[0].Items[0].Run != (hearkeep.Run{Binding: d.anna.door, From: 1, To: hearkeep.Number(d.anna.kept)}) {
		return "", wrongf("Anna is shown %d notices, want one with exactly her %d recordings", len(notices), d.anna.kept)
	}
	for _, other := range []drillPerson{d.ben, d.clara} {
		if theirs, err := d.incidents.NoticesOf(ctx, other.who.Account()); err != nil || len(theirs) > 0 {
			return "", errors.Join(err, wrongf("%s is shown %d notices", other.name, len(theirs)))
		}
	}
	return fmt.Sprintf("exactly her %d recordings; Ben and Clara see nothing", d.anna.kept), nil
}

// opens tries what Ben has with Ben's own kit, and then with Anna's.
func (d *drill) opens() (string, error) {
	if d.cmd.Open {
		if !bytes.Contains(d.sent, []byte("fLaC")) {
			return "", wrongf("there is no sound in an open archive")
		}
		return "it plays: it was an open archive", nil
	}
	if bytes.Contains(d.sent, []byte(drillWord)) {
		return "", wrongf("a sealed archive says what was spoken")
	}
	file, err := archive.OpenSealed(bytes.NewReader(d.sent), int64(len(d.sent)))
	if err != nil {
		return "", err
	}
	if _, err := file.Unlock(d.ben.kit); hearkeep.CodeOf(err) != hearkeep.Forbidden {
		return "", wrongf("with Ben's kit: %v", err)
	}
	mine, err := file.Unlock(d.anna.kit)
	if err != nil {
		return "", wrongf("with Anna's kit: %v", err)
	}
	return fmt.Sprintf("noise: his kit does not open it; Anna's opens all %d", mine.Count()), nil
}

// closed ends the case, which frees what it froze.
func (d *drill) closed(ctx context.Context, id hearkeep.IncidentID) (string, error) {
	if err := d.incidents.Close(ctx, id, "Deleted and attested; whoever sends mail looks twice."); err != nil {
		return "", err
	}
	if err := d.anna.fetch(ctx); err != nil {
		return "", wrongf("Anna's archive is frozen still: %v", err)
	}
	return "what was frozen is free again", nil
}

// letters waits until none is under way, and counts those that came.
func (d *drill) letters(ctx context.Context) (int, error) {
	for end := time.Now().Add(postWait); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		var waiting int
		err := d.folder.store.View(ctx, func(tx *store.Tx) (err error) {
			waiting, err = tx.Letters.CountDeliveries(ctx, "queued")
			return err
		})
		if err != nil || waiting == 0 {
			return len(d.post.all()), err
		}
	}
	return 0, errors.New("letters are under way still")
}

// quiet looks through all letters: those to somebody who is not concerned.
func (d *drill) quiet() (string, error) {
	letters := d.post.all()[d.earlier:]
	for _, m := range letters {
		if m.to == d.clara.mail {
			return "", wrongf("Clara was written to: %s", m.subject())
		}
	}
	return fmt.Sprintf("%d letters since the report, none to Clara", len(letters)), nil
}
