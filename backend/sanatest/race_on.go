//go:build race

package sanatest

const raceEnabled = true
