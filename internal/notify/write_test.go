package notify

import (
	"io"
	"mime"
	"mime/quotedprintable"
	"net/http"
	"strings"
	"testing"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/store"
)

// A letter to somebody without an account goes by the same queue, and does
// not ask them to sign in.
func TestWrite(t *testing.T) {
	h := newHome(t)
	defer h.close()
	p := new(post).open(t, "127.0.0.1", nil, false)
	d := h.desk(mailServer(t, p.url("smtp", ""), ""))
	l := hearkeep.Letter{Topic: "report received", Subject: "Ihre Meldung ist angekommen", Text: "Schön, dass Sie sich melden.", Language: "de"}
	var row store.Delivery
	h.update(func(tx *store.Tx) (err error) {
		row, err = d.Write(t.Context(), tx, "Ben@Example.org", l)
		return err
	})
	if !row.Account.IsZero() || row.Channel.IsZero() || row.ID == 0 || row.State != queued || strings.Contains(string(row.Sealed), "example") {
		t.Errorf("got %+v", row)
	}
	defer run(t, d)()
	delivery := func() (got store.Delivery) {
		err := h.store.View(t.Context(), func(tx *store.Tx) (err error) {
			got, err = tx.Letters.Delivery(t.Context(), row.ID)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	until(t, "the letter", func() bool { return delivery().State == sent })
	if got := delivery(); !got.Account.IsZero() || got.Sealed != nil {
		t.Errorf("got %+v", got)
	}
	got := p.letters()
	if len(got) != 1 || got[0].to != "ben@example.org" || got[0].Header.Get("Content-Language") != "de" {
		t.Fatalf("got %+v", got)
	}
	if text, want := decoded(t, got[0]), "Schön, dass Sie sich melden.\r\n"; text != want {
		t.Errorf("got %q, want %q", text, want)
	}
	for _, address := range []string{"", "ben", "ben@example.org, anna@example.org", "Ben <ben@example.org>", "ben@example.org\r\nBcc: anna@example.org"} {
		err := h.store.Update(t.Context(), func(tx *store.Tx) error {
			_, err := d.Write(t.Context(), tx, address, l)
			return err
		})
		if hearkeep.CodeOf(err) != hearkeep.Invalid {
			t.Errorf("%q: got %v, want Invalid", address, err)
		}
	}
	for _, mute := range []*Desk{nil, h.desk(MailServer{})} {
		err := h.store.Update(t.Context(), func(tx *store.Tx) error {
			_, err := mute.Write(t.Context(), tx, "ben@example.org", l)
			return err
		})
		if hearkeep.CodeOf(err) != hearkeep.Unavailable {
			t.Errorf("got %v, want Unavailable", err)
		}
	}
	if strings.Contains(h.logged(), "example.org") {
		t.Errorf("the log holds the address:\n%s", h.logged())
	}
}

// Queue says what it queued, and the line below a letter is in its language.
func TestQueue(t *testing.T) {
	h := newHome(t)
	defer h.close()
	p := new(post).open(t, "127.0.0.1", nil, false)
	bodies := make(chan string, 1)
	hooked := newHook(t, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		bodies <- string(b)
		w.WriteHeader(http.StatusNoContent)
	})
	d := h.desk(mailServer(t, p.url("smtp", ""), ""), hooked.host())
	defer run(t, d)()
	mail := h.channel(d, Email, "anna@example.org", true)
	hook := h.channel(d, Webhook, hooked.URL+"/", true)
	h.channel(d, Email, "eve@example.org", false)
	l := removed()
	l.Language = "fr"
	var rows []store.Delivery
	h.update(func(tx *store.Tx) (err error) {
		rows, err = d.Queue(t.Context(), tx, h.account, l)
		return err
	})
	want := map[hearkeep.ChannelID]bool{mail.ID: true, hook.ID: true} // made in one millisecond, they have no order
	if len(rows) != 2 || rows[0].ID == 0 || rows[1].ID <= rows[0].ID || !want[rows[0].Channel] || !want[rows[1].Channel] || rows[0].Channel == rows[1].Channel {
		t.Fatalf("got %+v", rows)
	}
	until(t, "two letters", func() bool { return h.states()[sent] == 2 })
	if text, want := decoded(t, p.letters()[0]), "\r\n\r\nPour vous connecter :\r\nhttps://keep.local:8443\r\n"; !strings.HasSuffix(text, want) {
		t.Errorf("got %q, want it to end with %q", text, want)
	}
	if got := <-bodies; !strings.Contains(got, `"language":"fr"`) {
		t.Errorf("got %s", got)
	}
	lines := map[string]bool{}
	for _, l := range hearkeep.Languages() {
		lines[signIn(l)] = true
	}
	if len(lines) != len(hearkeep.Languages()) {
		t.Errorf("got %d lines for %d languages", len(lines), len(hearkeep.Languages()))
	}
}

func decoded(t *testing.T, l taken) string {
	t.Helper()
	if subject, err := new(mime.WordDecoder).DecodeHeader(l.Header.Get("Subject")); err != nil || subject == "" {
		t.Errorf("subject: %q, %v", subject, err)
	}
	text, err := io.ReadAll(quotedprintable.NewReader(strings.NewReader(l.body)))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
