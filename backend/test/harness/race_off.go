//go:build !race

package harness

// RaceEnabled reports whether the race detector is on, which costs time and memory.
const RaceEnabled = false
