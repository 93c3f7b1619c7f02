package main

import (
	"fmt"
	"strings"

	"github.com/hearkeep/hearkeep/internal/ledger"
)

// text says in plain sentences what is proven, and what is not.
func (f checked) text() string {
	var b strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	say("%s", quoted(f.Path))
	if f.Why != "" {
		say("%s: %s.", strings.ToUpper(f.Verdict[:1])+f.Verdict[1:], f.reason())
		return b.String()
	}
	proven := "Proven"
	if f.Key != "" {
		proven = "Consistent"
	}
	switch f.Kind {
	case "receipt":
		say("%s: entry %d of the ledger %s, which had %s when it signed this, says:", proven, *f.Index, f.Origin, entriesText(f.Size))
		say("  %s", f.Entry.Sentence())
		for _, fact := range f.Entry.Facts() {
			say("  %s: %s", fact.Name, fact.Text)
		}
		say("Not proven: what else a page or a person says around this receipt.")
	case "entries":
		say("%s: %s, of which %d without what they said, each in the ledger %s, which had %s when it signed this.", proven, entriesText(int64(f.Entries)), f.Expired, f.Origin, entriesText(f.Size))
		if f.Expired > 0 {
			say("Not proven: what the %d said, that it was their year that was over, and that they are of this account.", f.Expired)
		}
		say("Not proven: that these are all that the ledger has of this account. Whoever has an earlier file can look for entries that have gone since.")
	case "tiles":
		say("%s: the whole ledger %s of %s leads to its signed root; so do %s that it kept.", proven, f.Origin, entriesText(f.Size), counted(f.Kept, "checkpoint"))
		if f.Lost > 0 {
			say("%s speak of entries that were lost when a backup was restored.", counted(f.Lost, "older checkpoint"))
		}
		say("Not proven: that nobody was shown another ledger of the same name. Compare checkpoints with others, or ask for cosignatures of witnesses.")
	case "keep":
		say("%s: the ledger %s of %s in this folder is whole: every body that is there, every hash, its checkpoint, and those that were kept beside it.", proven, f.Origin, entriesText(f.Size))
	case "checkpoint":
		say("%s: the ledger %s signed that it had %s, with the root %x.", proven, f.Origin, entriesText(f.Size), f.Root)
	case "consistency":
		say("%s: the ledger %s of %s begins with all that it was at %s.", proven, f.Origin, entriesText(f.Size), entriesText(f.From))
		if f.Before != f.Origin {
			say("It was called %s then.", f.Before)
		}
	}
	for _, w := range f.Witnesses {
		say("Cosigned: the witness %s had seen this ledger no longer and no other than this on %s.", w.Witness, w.At.Format("2006-01-02 15:04:05 UTC"))
	}
	if f.Key != "" {
		say("Nothing but this file vouches for its key:\n  %s", f.Key)
		say("Compare it with the key that you have from elsewhere: an older receipt, the keep's page of keys, or `hearkeep ledger keys` there. Then give it with --key.")
	}
	return b.String()
}

// reason is why something is not proven, for people: without the room's name.
func (f checked) reason() string {
	for _, kind := range []error{ledger.ErrFalse, ledger.ErrMalformed, ledger.ErrUnknownKey} {
		if rest, ok := strings.CutPrefix(f.Why, kind.Error()+": "); ok {
			return rest
		}
	}
	return strings.TrimPrefix(f.Why, "ledger: ")
}

func entriesText(n int64) string {
	if n == 1 {
		return "1 entry"
	}
	return fmt.Sprintf("%d entries", n)
}
