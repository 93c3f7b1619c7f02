//go:build !race

package incident

// underRace reports that the race detector looks on.
const underRace = false
