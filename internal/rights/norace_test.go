//go:build !race

package rights

// underRace reports that the race detector looks on.
const underRace = false
