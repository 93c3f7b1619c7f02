package rights

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/archive"
	"github.com/hearkeep/hearkeep/internal/identity"
	"github.com/hearkeep/hearkeep/internal/notify"
	"github.com/hearkeep/hearkeep/internal/store"
	"github.com/hearkeep/hearkeep/internal/vault"
)

// recipients are to whom what is kept of an account goes, from live settings.
type recipients struct {
	people  []string // who hold a vault with it
	engines []string // host:port of other engines that its doors give sound to
	hosts   []string // of its webhooks
	mail    bool     // letters go by e-mail
	tokens  []string // names of its programs
}

// surveyed is a vault with what its settings say.
type surveyed struct {
	vault.Held
	retention store.Retention
	doors     []vault.Binding
}

// survey reads what the settings of an account say.
func (d *Desk) survey(ctx context.Context, who identity.Verified) (list []surveyed, r recipients, err error) {
	held, err := d.Keep.Vaults(ctx, who)
	if err != nil {
		return nil, r, err
	}
	for _, h := range held {
		room, err := d.Keep.Enter(ctx, who, h.ID)
		if err != nil {
			return nil, r, err
		}
		doors, err := room.Bindings(ctx)
		if err != nil {
			return nil, r, err
		}
		list = append(list, surveyed{h, room.Retention(), doors})
		r.people = append(r.people, h.With...)
		for _, b := range doors {
			if b.Door.Relay != "" {
				r.engines = append(r.engines, b.Door.Relay)
			}
		}
	}
	tokens, err := d.Keep.Tokens(ctx, who)
	if err != nil {
		return nil, r, err
	}
	for _, t := range tokens {
		r.tokens = append(r.tokens, t.Name)
	}
	err = d.Store.View(ctx, func(tx *store.Tx) error {
		channels, err := reached(ctx, tx, who.Account())
		for _, c := range channels {
			r.mail = r.mail || c.Kind == notify.Email
			if c.Kind == notify.Webhook {
				r.hosts = append(r.hosts, d.hostOf(c))
			}
		}
		return err
	})
	for _, s := range []*[]string{&r.people, &r.engines, &r.hosts} {
		slices.Sort(*s)
		*s = slices.Compact(*s)
	}
	return list, r, err
}

// hostOf is the host of a webhook; its path may be a secret.
func (d *Desk) hostOf(c store.Channel) string {
	if d.Letters != nil {
		if address, err := d.Letters.Open(c); err == nil {
			if u, err := url.Parse(address); err == nil && u.Host != "" {
				return u.Host
			}
		}
	}
	return "a webhook whose address does not open"
}

// notice is what Art. 15(1) asks for, of one account (A9): from live settings,
// each time anew.
func (d *Desk) notice(ctx context.Context, who identity.Verified) ([]archive.Section, error) {
	vaults, to, err := d.survey(ctx, who)
	if err != nil {
		return nil, err
	}
	return []archive.Section{
		{Title: "What it is kept for", Text: []string{
			"To do what you ask a voice assistant for, and so that you can hear, read, search and correct what it heard. Nothing else: no advertising, no profile, no sale.",
			"Sound, transcripts and what was done are kept for you. Your account, addresses and sessions are kept so that nobody else gets at it. The ledger is kept so that it can be seen who opened what, and when.",
		}},
		{Title: "What is kept", Text: []string{
			"Recordings of speech; their transcripts; what was understood, done and answered; a waveform to draw; the time, length and door of each. All of it lies sealed to the keys of whoever holds the vault.",
			"Your name as you sign in; your ways to sign in, of which none can be read back; the addresses that letters go to; your sessions and programs; the names of your doors and vaults; timers and alarms that run; a log of letters, without their text; the ledger.",
			"Speech can tell what is most private: health, belief, who lives with you. Hearkeep does not look for that, and sorts nobody by it.",
		}},
		{Title: "Who receives it", Text: recipientsText(to)},
		{Title: "For how long", Text: d.retentionText(vaults)},
		{Title: "Your rights", Text: []string{
			"You can have a copy, have it corrected, erased or frozen, take it along, and object to its being kept: under your rights, when you are signed in at " + d.Origin + ", by the terminal, or by voice, which only starts a request. It costs nothing.",
			"An answer is due within one month. Where it takes longer you are told why within that month.",
		}},
		{Title: "To complain", Text: []string{
			"You can complain to a data protection authority: where you live, where you work, or where you think that the law was broken (GDPR Art. 77).",
		}},
		{Title: "Where it comes from", Text: sourceText(vaults)},
		{Title: "Decisions by machine", Text: []string{
			"None that has legal or similar effect is made about you, and no profile is formed (GDPR Art. 22). What you say is matched against sentences, to do what you ask.",
		}},
		{Title: "Other countries", Text: []string{"Hearkeep sends nothing abroad by itself. Where the engines, programs and addresses above are, those who connected them know."}},
	}, nil
}

func recipientsText(to recipients) []string {
	text := []string{"You, and whom you are told of here. Each actual opening is listed in who-opened.csv, with who it was."}
	if len(to.people) > 0 {
		text = append(text, "Who holds a vault together with you, and can open what it keeps: "+strings.Join(to.people, ", ")+".")
	} else {
		text = append(text, "Nobody else holds a vault that you hold.")
	}
	if len(to.engines) > 0 {
		text = append(text, "Speech engines that your doors give sound to, so that they process it: "+strings.Join(to.engines, ", ")+".")
	} else {
		text = append(text, "No other speech engine: what you say is recognised by this service itself.")
	}
	if len(to.tokens) > 0 {
		text = append(text, "Programs that you gave an API token: "+strings.Join(to.tokens, ", ")+".")
	}
	var letters []string
	if to.mail {
		letters = append(letters, "your e-mail provider and the mail server of this service")
	}
	if len(to.hosts) > 0 {
		letters = append(letters, "the webhooks at "+strings.Join(to.hosts, ", "))
	}
	if len(letters) > 0 {
		text = append(text, "Letters about your account, which never say what was recorded, pass "+strings.Join(letters, ", and ")+".")
	}
	return append(text, "Whoever runs this service sees counts, sizes and times, and opens nothing.")
}

func (d *Desk) retentionText(vaults []surveyed) (text []string) {
	for _, v := range vaults {
		name := "Your vault"
		if v.Name != "" {
			name = "The vault “" + v.Name + "”"
		}
		text = append(text, fmt.Sprintf("%s: sound and waveforms for %s, transcripts for %s, what was done for %s, from when it was said; or until you erase it, if that is sooner.",
			name, days(v.retention.Audio), days(v.retention.Words), days(v.retention.Turn)))
	}
	return append(text,
		"Copies of the keys in backups, without which nothing opens, for the days that a receipt names.",
		"What the ledger says of an event for a year; that there was one, without what, as long as the ledger stands.",
		fmt.Sprintf("A session for %s. Your account until you erase it.", days(identity.SessionLife)))
}

func days(d time.Duration) string {
	if d < 48*time.Hour {
		return some(int(d/time.Hour), "hour")
	}
	return some(int(d/(24*time.Hour)), "day")
}

func sourceText(vaults []surveyed) []string {
	var doors []string
	for _, v := range vaults {
		for _, b := range v.doors {
			what := b.Door.Name + " (" + sourceOf(b.Source) + ")"
			if b.Door.Relay != "" {
				what += ", through the engine at " + hostPort(b.Door.Relay)
			}
			doors = append(doors, what)
		}
	}
	if len(doors) == 0 {
		return []string{"From you."}
	}
	return []string{"From you, and from whoever else spoke at a door of a vault that you hold: " + strings.Join(doors, "; ") + "."}
}

func hostPort(s string) string {
	if host, _, err := net.SplitHostPort(s); err == nil {
		return host
	}
	return s
}

func sourceOf(s hearkeep.Source) string {
	switch s {
	case hearkeep.SourceSay:
		return "a terminal"
	case hearkeep.SourceUpload:
		return "files that you gave"
	case hearkeep.SourceBrowser:
		return "push to talk in a browser"
	case hearkeep.SourceWyoming:
		return "a listener"
	case hearkeep.SourceMoved:
		return "moved from another vault of yours"
	case hearkeep.SourceImport:
		return "brought from another provider"
	}
	return string(s)
}
