//go:build !race

package sanatest

// RaceEnabled reports whether the race detector looks on, which costs time and memory.
const RaceEnabled = false
