package archtest

import (
	"slices"
	"strings"
)

// row says what a room may import of ours, besides the words.
type row struct {
	room string
	may  []string
}

// rows is DESIGN's import table, one row a folder with Go files below
// internal, whether it has been built yet or not. What a driver or a suite of
// contract tests needs stands in a row of its own.
func rows() []row {
	return []row{
		{"seal", nil},
		{"blob", nil},
		{"blob/files", []string{"blob"}},
		{"blob/s3", []string{"blob"}},
		{"blob/blobtest", []string{"blob"}},
		{"store", nil},
		{"store/sqlite", []string{"store"}},
		{"store/postgres", []string{"store"}},
		{"store/storetest", []string{"store"}},
		{"sound", nil},
		{"wyoming", nil},
		{"understand", nil},
		{"notify", []string{"seal", "store"}},
		{"speech", []string{"wyoming", "sound"}},
		{"archive", []string{"seal"}},
		{"ledger", []string{"store"}},
		{"ledger/ledgertest", []string{"ledger"}},
		{"identity", []string{"seal", "store", "ledger", "notify"}},
		{"vault", []string{"seal", "blob", "store", "ledger", "identity"}},
		{"vault/vaulttest", []string{"vault", "seal", "blob", "blob/files", "store", "store/sqlite", "ledger", "identity", "sound"}},
		{"act", []string{"seal", "store", "notify"}},
		{"hear", []string{"vault", "identity", "speech", "understand", "act", "wyoming", "sound", "ledger", "store", "notify"}},
		{"rights", []string{"seal", "vault", "archive", "identity", "ledger", "notify", "store"}},
		{"rights/bring", []string{"vault", "archive", "sound"}},
		{"backup", []string{"seal", "blob", "store", "ledger"}},
		{"incident", []string{"seal", "ledger", "notify", "store"}},
		{"incident/papers", []string{"incident"}},
		{"retention", []string{"vault", "ledger", "store"}},
		{"corpus", []string{"vault", "ledger", "store", "sound"}},
		{"reveal", []string{"vault"}},
		{"portal", []string{"identity", "vault", "hear", "act", "ledger", "rights", "rights/bring", "incident", "incident/papers", "retention", "corpus", "reveal", "notify"}},
		{"archtest", nil},
	}
}

// A room's tests wire what stands under the room, as cmd does for the program:
// they may import what its row reaches, through other rows too, and
// testHelpers: the contract suites, whole keeps, and the real drivers, because tests run on
// real SQLite and real files rather than on imitations. A room above or beside
// theirs they may not.
func testMay(room string) []string {
	may := append(testHelpers(), testsAlso(room)...)
	for next := []string{room}; len(next) > 0; next = next[1:] {
		if r := rowOf(next[0]); r != nil {
			next = append(next, r.may...)
			may = append(may, r.may...)
		}
	}
	return may
}

// testsAlso is what a room's tests may import besides, with the reason.
func testsAlso(room string) []string {
	if room == "incident" { // watches what people do in a whole keep: they sign in, listen, hand over
		return []string{"identity", "vault"}
	}
	return nil
}

func testHelpers() []string {
	return []string{"store/storetest", "store/sqlite", "blob/blobtest", "blob/files", "vault/vaulttest"}
}

// routeTable is the one file that registers handlers.
const routeTable = "internal/portal/routes.go"

// revealers are the folders whose code may turn Words, and other values that
// print redacted, into text; with the reason. Tests may everywhere.
func revealers() map[string]string {
	return map[string]string{
		".":                     "declares Reveal",
		"cmd/hearkeep":          "prints the answer to who said it",
		"internal/seal":         "derives keys from what a person typed",
		"internal/identity":     "gives the recovery kit to its owner, once",
		"internal/vault":        "seals words, and searches them in an unlocked Room",
		"internal/archive":      "writes transcripts into the owner's archive",
		"internal/speech":       "pronounces answers, and gives names to the recogniser",
		"internal/understand":   "matches sentences against templates",
		"internal/act":          "names timers, under the house key",
		"internal/hear":         "carries words from one stage to the next",
		"internal/rights/bring": "knows words without sound again, when an archive is brought twice",
		"internal/reveal":       "works out what words give away, in the unlocked session",
		"internal/portal":       "shows words to their keyholder",
		"cmd/opener":            "shows an opened archive to whoever has its recovery kit",
	}
}

func mayReveal(folder string) bool { return revealers()[folder] != "" }

// cryptoEverywhere is randomness, checksums, comparison in constant time, and
// connections: nothing with which speech could be sealed or opened.
func cryptoEverywhere() []string {
	return []string{"crypto/rand", "crypto/sha256", "crypto/subtle", "crypto/tls", "crypto/x509"}
}

// cryptoOf lists by room what else it may import; seal may everything.
func cryptoOf(room string) []string {
	switch room {
	case "ledger", "ledger/ledgertest": // signs checkpoints: C2SP signed-note
		return []string{"crypto/ed25519", "golang.org/x/mod/sumdb/note"}
	case "archive": // checks the service's signature under a sealed archive's manifest: C2SP signed-note
		return []string{"golang.org/x/mod/sumdb/note"}
	case "rights": // checks agents' signatures: Data Rights Protocol 1.0
		return []string{"crypto/ed25519"}
	case "cmd/hearkeep": // the certificate authority of --tls local
		return []string{"crypto/ecdsa", "crypto/elliptic", "crypto/x509/pkix"}
	case "sound": // FLAC's own checksum
		return []string{"crypto/md5"}
	}
	return nil
}

// cryptoOfTests lists by room what its tests may import besides.
func cryptoOfTests(room string) []string {
	if room == "portal" { // poses as an agent, who signs
		return []string{"crypto/ed25519"}
	}
	return nil
}

func isCrypto(name string) bool {
	return under(name, "crypto") || under(name, "golang.org/x/crypto") || under(name, "golang.org/x/mod/sumdb/note") || strings.HasPrefix(name, "filippo.io/")
}

func mayImportCrypto(room, name string) bool {
	return room == "seal" || slices.Contains(cryptoEverywhere(), name) || slices.Contains(cryptoOf(room), name)
}

// constants are the functions whose result nobody can change, so that a
// package-level variable may hold it.
func constants() []string {
	return []string{
		"errors.New", "fmt.Errorf", "hearkeep.Errorf",
		"regexp.MustCompile", "strings.NewReplacer", "crc32.MakeTable", "time.Date",
	}
}

func rowOf(room string) *row {
	all := rows()
	for i := range all {
		if all[i].room == room {
			return &all[i]
		}
	}
	return nil
}
