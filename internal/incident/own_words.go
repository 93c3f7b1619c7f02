package incident

import (
	"regexp"
	"unicode/utf8"

	"github.com/hearkeep/hearkeep"
)

// MaxOffer bounds an offer, in characters.
const MaxOffer = 1000

// linked finds what a reader of letters could click on, or write to: any word
// with a dot inside it, since what ends a name is not a list that ends.
var linked = regexp.MustCompile(`(?i)://|www\.|mailto:|[^\s@]@[^\s@]|[\p{L}\p{N}_-][.。．｡][\p{L}\p{M}-]{2,}|\d\.\d+\.\d+\.\d`)

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
