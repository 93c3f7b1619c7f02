package incident

import (
	"regexp"
	"unicode/utf8"

	"github.com/hearkeep/hearkeep"
)

// MaxOffer bounds an offer, in characters.
const MaxOffer = 1000

// linked finds what a reader of letters could click on, or write to.
var linked = regexp.MustCompile(`(?i)://|www\.|mailto:|[^\s@]@[^\s@]|\b[a-z0-9-]+\.(com|net|org|info|io|eu|de|fr|es|it|nl|at|ch|be|uk|us|ru|cn|xyz|top|site|online|shop|app|link)\b`)

// ownWords checks a text of the operator's that people are shown as it is:
// what was offered, and what was done. Whoever has the operator's link can
// otherwise send everybody a letter that leads anywhere.
func ownWords(text string, most int) error {
	if utf8.RuneCountInString(text) > most || linked.MatchString(text) {
		return hearkeep.Errorf(hearkeep.Invalid, "What people are shown as your words is at most %d characters, without a link or an address.", most).
			WithHint("They are warned of letters that want them to click. Say where to sign in, or whom to ask by telephone.")
	}
	return nil
}
