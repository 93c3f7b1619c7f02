//go:build race

package speech

const raceDetector = true
