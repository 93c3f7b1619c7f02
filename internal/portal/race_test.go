//go:build race

package portal

// underRace reports that the race detector looks on.
const underRace = true
