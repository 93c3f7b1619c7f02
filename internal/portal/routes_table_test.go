package portal

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

// update is the tests' one flag; the program has none.
var update = flag.Bool("update", false, "write docs/routes.md anew")

// TestRoutesAreWrittenDown: docs/routes.md is the table as it is.
func TestRoutesAreWrittenDown(t *testing.T) {
	const file = "../../docs/routes.md"
	for _, row := range (&portal{}).routes() {
		if mayCall(row) == "" {
			t.Errorf("%s: a route without a rule", pattern(row))
		}
	}
	want := routesPage()
	if *update {
		if err := os.WriteFile(file, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("docs/routes.md is stale: go test ./internal/portal -run TestRoutesAreWrittenDown -update")
	}
}

// routesPage writes the table for people.
func routesPage() []byte {
	var b bytes.Buffer
	b.WriteString(`# Every route, and who may call it

Made of the table in internal/portal/routes.go by ` + "`go test ./internal/portal -run TestRoutesAreWrittenDown -update`" + `; a stale page fails the tests.

*On* is what an address names: an id of anything else, of somebody else's or of nothing is answered alike, with 404. A *keyholder* is somebody signed in, and sees what lies in the vault that they have open. *Step-up* is an unlocker shown within the last five minutes. TestMatrixRefuses, TestMatrixShows, TestMatrixChanges and TestAdminOpensNothing call every row as everybody, for everything.

| route | who | on | step-up |
|---|---|---|---|
`)
	for _, row := range (&portal{}).routes() {
		name := pattern(row)
		if row.method == "" {
			name = "any other address below " + row.pattern
		}
		on := string(row.on)
		if on == "" {
			on = "–"
		}
		if strings.Contains(row.pattern, "{vault}") && row.on != keep {
			on += ", in a vault"
		}
		step := row.freshFor
		if row.fresh {
			step = "yes"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", name, mayCall(row), on, step)
	}
	return b.Bytes()
}

// mayCall says in words who may call a row.
func mayCall(row route) string {
	switch {
	case row.anyone != nil, row.api != nil && row.scope == scopeNone:
		return "anybody"
	case row.setUp != nil:
		return "whoever has a set-up link"
	case row.invited != nil:
		return "whoever has an invitation’s link"
	case row.leaving != nil:
		return "whoever has a farewell’s link"
	case row.claimant != nil:
		return "whoever has a claim’s link"
	case row.reporter != nil:
		return "whoever has a report’s link"
	case row.recipient != nil:
		return "whoever has the link of a letter that asks to delete"
	case row.fetching != nil:
		return "whoever has the ticket of a one-time code"
	case row.operating != nil:
		return "whoever has an operator’s link"
	case row.operator != nil:
		return "a browser that used an operator’s link"
	case row.signed != nil:
		return "an agent of the directory, by a signature"
	case row.agent != nil:
		return "an agent of the directory, with its token"
	case row.device != nil:
		return "a device, with its token"
	case row.admin != nil, row.admins:
		return "an admin of the household"
	case row.keyholder != nil:
		return "a keyholder"
	case row.scope == scopePerson:
		return "a keyholder"
	case row.scope == scopeWrite:
		return "a keyholder; a token that may write"
	case row.scope == scopeRead:
		return "a keyholder; any token"
	}
	return ""
}
