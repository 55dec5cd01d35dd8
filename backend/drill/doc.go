// Package drill does to each way of keeping sessions what a cloud does to an app: it restarts and
// kills instances, adds some, moves their clock, rolls keys, takes the database away, loses
// answers, all while people are signed in and between code and typing. What became of them is
// docs/contrast.md. It is all tests; npm run drill runs them and writes the page.
package drill
