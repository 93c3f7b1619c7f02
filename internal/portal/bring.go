package portal

import (
	"net/http"
	"reflect"

	"github.com/hearkeep/hearkeep/internal/rights/bring"
)

// Limits of what is sent to be brought. The lists of an archive are read in
// memory; an archive with longer ones is brought by hearkeep import, which
// reads it where it lies.
const (
	bringBytes = bring.MaxSound + 128<<10 // a recording, its words, and a form's own lines
	listsBytes = 96 << 20                 // what is in an archive, and the lists in it
	lightBytes = 2 << 20                  // of a recording that takes a light seat

	bringsAtOnce = 24 // light recordings in memory
	bringsOfOne  = 12 // of one vault
)

// bringRoutes: what another provider handed out. The page reads the archive in
// the browser: nothing of it is sent but its lists, and what its person says
// is theirs.
func (p *portal) bringRoutes() []route {
	check := sends("Tell what is in an archive of another provider, from the names of its files and its lists; nothing is kept.", "application/json", p.apiBringCheck).taking("multipart/form-data")
	check.out = reflect.TypeFor[bringCheckJSON]()
	add := sends("Bring one recording of another provider: its sound, its words, or both. The same is kept once.", "application/json", p.apiBring).taking("multipart/form-data")
	add.out = reflect.TypeFor[broughtJSON]()
	return []route{
		{method: "GET", pattern: "/bring", on: keep, keyholder: p.bringPage},
		{method: "POST", pattern: "/v1/vaults/{vault}/imports/check", on: keep, scope: scopeWrite, body: listsBytes, api: check},
		{method: "POST", pattern: "/v1/vaults/{vault}/imports", on: keep, scope: scopeWrite, body: bringBytes, api: add},
	}
}

// bringPage is where an archive is chosen, looked at, and brought.
type bringPage struct {
	frame
	Audio, Words string // for how long what is brought is kept
}

func (p *portal) bringPage(w http.ResponseWriter, _ *http.Request, v *visit) error {
	keeping := v.room.Retention()
	p.show(w, http.StatusOK, "bring", &bringPage{p.frameOf(v, "Bring your archive", "kept"), spanText(keeping.Audio), spanText(keeping.Words)})
	return nil
}
