package main

import (
	"context"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/notify"
	"github.com/hearkeep/hearkeep/internal/store"
)

// letters says whether letters can be sent, as serve with these settings
// would, and how long a change waits for its letter. Nothing is sent.
func (d *doctor) letters(ctx context.Context) {
	config, err := d.lettersFlags.letters()
	if err == nil {
		_, err = notify.New(config)
	}
	switch {
	case err != nil:
		_, says, mend := hearkeep.Explain(err)
		d.problem("letters", mend, "%s", says)
	case config.Mail.IsZero():
		d.note("letters", "give serve and doctor the same --smtp and --smtp-from: docs/letters.md", "This keep cannot send e-mail: there is no mail server in the settings. Nobody hears by letter of a stolen passphrase; webhooks work.")
	default:
		d.mailServer(ctx, config.Mail)
	}
	d.posted(d.out)
	if err == nil && d.Wait < shortWait {
		d.note("letters", "leave --wait out", "The waiting time is %s: whoever changes a way to sign in has everything before its owner has read the letter.", d.Wait)
	}
}

func (d *doctor) mailServer(ctx context.Context, server notify.MailServer) {
	if err := server.Probe(ctx); err != nil {
		d.problem("letters", "see that --smtp names the server, its port and user as your provider does, and that this machine reaches it", "The mail server %s does not take letters: %v.", server.Host, err)
		return
	}
	if server.Cleartext {
		d.note("letters", "leave --smtp-cleartext out", "The mail server %s answers; letters go %s.", server.Host, server.Protection())
		return
	}
	d.ok("letters", "The mail server %s answers; letters go %s.", server.Host, server.Protection())
}

// late is how long a letter may wait before it is worth a word: the first
// tries are over.
const late = 10 * time.Minute

// outbox is what of letters a keep holds.
type outbox struct {
	waiting, failed int
	oldest          time.Time // of those that wait
	err             error
}

// outbox counts letters, for letters to tell of.
func (d *doctor) outbox(ctx context.Context, st store.Store) {
	o := &d.out
	o.err = st.View(ctx, func(tx *store.Tx) (err error) {
		if o.waiting, err = tx.Letters.CountDeliveries(ctx, "queued"); err != nil {
			return err
		}
		if o.failed, err = tx.Letters.CountDeliveries(ctx, "failed"); err != nil {
			return err
		}
		first, err := tx.Letters.DueDeliveries(ctx, d.now.AddDate(1, 0, 0), 1)
		if len(first) > 0 {
			o.oldest = first[0].Created
		}
		return err
	})
}

// posted says how many letters wait, and how many were given up lately.
func (d *doctor) posted(o outbox) {
	mend := "look at the server's log for \"letter\": it has the answer of the other side"
	waited := d.now.Sub(o.oldest).Round(time.Minute)
	switch {
	case o.err != nil:
		d.problem("letters", "hearkeep check --keep "+d.Keep, "The letters cannot be counted: %s.", firstLine(o.err))
		return
	case o.waiting > 0 && waited > late:
		d.note("letters", mend, "%s to be sent, the oldest for %s.", waits(o.waiting), waited)
	case o.waiting > 0:
		d.ok("letters", "%s to be sent.", waits(o.waiting))
	}
	if o.failed > 0 {
		d.note("letters", mend, "%s not taken by the other side in the last 90 days.", were(o.failed))
	}
}

func waits(n int) string {
	if n == 1 {
		return "1 letter waits"
	}
	return countOf(n, "letter") + " wait"
}

func were(n int) string {
	if n == 1 {
		return "1 letter was"
	}
	return countOf(n, "letter") + " were"
}
