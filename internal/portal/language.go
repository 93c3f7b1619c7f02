package portal

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/identity"
)

// languageName is a language in itself.
func languageName(l hearkeep.Language) string {
	return map[hearkeep.Language]string{"en": "English", "de": "Deutsch", "fr": "Français", "es": "Español", "it": "Italiano", "nl": "Nederlands"}[l]
}

// ownLanguages lists what letters are written in, each in its own name.
func ownLanguages() (all []choice) {
	for _, l := range hearkeep.Languages() {
		all = append(all, choice{string(l), languageName(l)})
	}
	return all
}

// accepted is the language that a browser prefers of those that letters are
// written in (RFC 9110, section 12.5.4); empty where it names none of them.
func accepted(r *http.Request) (best hearkeep.Language) {
	most := 0.0
	for n, item := range strings.Split(r.Header.Get("Accept-Language"), ",") {
		if n == 20 {
			break
		}
		tag, parameter, _ := strings.Cut(item, ";")
		base, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(tag)), "-")
		weight := 1.0
		if q, ok := strings.CutPrefix(strings.ReplaceAll(parameter, " ", ""), "q="); ok {
			var err error
			if weight, err = strconv.ParseFloat(q, 64); err != nil || !(weight >= 0 && weight <= 1) {
				continue
			}
		}
		if l := hearkeep.Language(base); l.Valid() && weight > most {
			best, most = l, weight
		}
	}
	return best
}

// pageLanguage is the language of a page for somebody without an account:
// what they chose, or else what their browser prefers.
func pageLanguage(r *http.Request) hearkeep.Language {
	if l := hearkeep.Language(r.FormValue("lang")); l.Valid() {
		return l
	}
	return accepted(r).Or()
}

// learnLanguage notes what language somebody's browser prefers at their first
// sign-in, so that the first letter about an incident is in theirs. What they
// chose is never replaced. That it fails hinders nobody.
func (p *portal) learnLanguage(ctx context.Context, r *http.Request, who identity.Verified) {
	l := accepted(r)
	if l == "" {
		return
	}
	known, err := p.Incidents.Language(ctx, who.Account())
	if err == nil && known == "" {
		err = p.Incidents.SetLanguage(ctx, who.Account(), l)
	}
	if err != nil {
		p.Log.Warn("a language was not noted", "account", who.Account(), "err", err)
	}
}

// setLanguage takes the language that a person chose on their account's page.
func (p *portal) setLanguage(w http.ResponseWriter, r *http.Request, v *visit) error {
	if err := form(r); err != nil {
		return err
	}
	if err := p.Incidents.SetLanguage(context.WithoutCancel(r.Context()), v.who.Account(), hearkeep.Language(r.PostFormValue("language"))); err != nil {
		return err
	}
	http.Redirect(w, r, "/account?done=language", http.StatusSeeOther)
	return nil
}
