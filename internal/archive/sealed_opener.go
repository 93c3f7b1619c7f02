package archive

import (
	"embed"
	"fmt"
	"strings"
	"time"
)

// openerFiles holds open.html where `make opener` built it before this
// program was.
//
//go:embed opener
var openerFiles embed.FS

// openerPage is the page that opens a sealed archive offline; nil where this
// program was built without it.
func openerPage() []byte {
	page, err := openerFiles.ReadFile("opener/" + memberOpener)
	if err != nil {
		return nil
	}
	return page
}

// HasOpener reports whether this program was built with the page that opens
// sealed archives offline. Without it they open in a terminal only.
func HasOpener() bool { return openerPage() != nil }

// sealedReadme is what somebody reads who finds such a file. It tells a wrong
// recipient what they have, and names nobody.
func sealedReadme(facts *SealedFacts, withPage bool) []byte {
	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	p("A sealed archive of Hearkeep")
	p("")
	p("Made %s by %s,", facts.Made.UTC().Format(time.RFC1123), unbroken(facts.Service))
	p("for request %s.", facts.Request)
	p("Archive %s.", facts.Archive)
	p("")
	p("It holds what this service keeps of one person's speech, still sealed, as it is")
	p("stored. Only the recovery kit of that person's account opens it: nine groups of")
	p("four letters and digits, which they printed or wrote down when they made it.")
	p("")
	p("TO OPEN IT")
	p("")
	if withPage {
		p("In a browser, without any network:")
		p("  1. Take the file %s out of this ZIP file, and open it in a browser.", memberOpener)
		p("  2. Choose this whole ZIP file there (not what you took out of it).")
		p("  3. Type your recovery kit.")
		p("Do this with an archive that you fetched yourself: a page out of a file that")
		p("somebody sent to you can be any page, and can send your kit away.")
		p("")
		p("Or in a terminal, with the hearkeep program:")
	} else {
		p("This archive was made by a program that was built without the page that opens")
		p("it in a browser. In a terminal, with the hearkeep program:")
	}
	p("  hearkeep archive open THIS.zip --out a-new-folder")
	p("writes everything as sound and text, with a page that plays it. What is in that")
	p("folder is open to whoever can read it.")
	p("")
	p("Either names whatever was altered, taken away or put in, and shows the rest.")
	p("")
	p("WHO MADE IT")
	p("")
	p("%s is signed. The fingerprint of the signing key is", memberManifest)
	p("  %s", Fingerprint(facts.Key))
	p("but whoever alters this file can alter that line too. Only if it is the one that")
	p("the page of the service shows to you was this archive made there.")
	p("")
	p("IF IT IS NOT YOURS")
	p("")
	p("Then it is noise to you: it holds no key that opens without the kit. Please tell")
	p("the service that you have it, and delete it. You need no account for that:")
	p("  %s/report", unbroken(facts.Service))
	p("and the number of the archive, which stands at the top.")
	return []byte(b.String())
}
