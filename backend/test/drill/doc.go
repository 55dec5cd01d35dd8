// Package drill compares the session stores under the events of a cloud: it restarts and kills
// instances, adds some, moves their clock, rotates keys, makes the database unavailable and loses
// answers, all while users are signed in or type their codes. docs/contrast.md has the results. The
// package consists of tests; npm run drill runs them and writes the page.
package drill
