package archive

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"strings"
)

// static is what stands in every bag as it is.
//
//go:embed player schema.json information.html README.txt
var static embed.FS

func mustRead(name string) []byte {
	b, err := static.ReadFile(name)
	if err != nil {
		panic("archive: " + err.Error()) // embedded: a build without it does not compile
	}
	return b
}

// schema is the JSON Schema that data.json follows.
func schema() []byte { return mustRead("schema.json") }

// page is the player: what of it is the same in every bag.
func page() []tagFile {
	return []tagFile{
		{"index.html", mustRead("player/index.html")},
		{"player/player.css", mustRead("player/player.css")},
		{"player/player.js", mustRead("player/player.js")},
	}
}

// information is what GDPR Art. 15(1)(a) to (h) asks for, to be read (A9).
func information(f *Facts) []byte {
	var b bytes.Buffer
	t := template.Must(template.New("information").Parse(string(mustRead("information.html"))))
	if err := t.Execute(&b, map[string]any{"Facts": f, "Made": f.Made.In(f.Zone).Format("2 January 2006, 15:04 MST")}); err != nil {
		panic("archive: " + err.Error()) // its test executes it with everything
	}
	return b.Bytes()
}

// zoneName is what the times of an archive are called by. A machine's own zone
// does not tell its name: then it is the one of the day, such as CET.
func (f *Facts) zoneName() string {
	if name := f.Zone.String(); name != "Local" {
		return name
	}
	return f.Made.In(f.Zone).Format("MST")
}

// readme is what a person reads first.
func readme(f *Facts, t *table) []byte {
	return []byte(strings.NewReplacer(
		"{name}", inOneLine(f.Name), "{service}", inOneLine(f.Service), "{date}", f.Made.In(f.Zone).Format("2 January 2006, 15:04 MST"),
		"{count}", fmt.Sprint(len(t.rows)), "{sounds}", fmt.Sprint(len(t.sounds)), "{archive}", f.Archive.String(), "{zone}", f.zoneName(),
	).Replace(string(mustRead("README.txt"))))
}
