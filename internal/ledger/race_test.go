//go:build race

package ledger_test

// underRace reports that the race detector looks on: what runs alone, and
// takes ten times as long then, is done a few times.
const underRace = true
