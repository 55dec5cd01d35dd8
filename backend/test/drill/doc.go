// Package drill does to each way of keeping sessions what a cloud does to an app: it restarts and
// kills instances, adds some, moves their clock, rolls keys, takes the database away, loses
// answers, all while users are signed in or type their codes. docs/contrast.md has the outcomes. The
// package consists of tests; npm run drill runs them and writes the page.
package drill
