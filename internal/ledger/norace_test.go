//go:build !race

package ledger_test

// underRace reports that the race detector looks on.
const underRace = false
