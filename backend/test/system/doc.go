// Package system tests whole instances of Sana, most of them as separate processes, over HTTP:
// restarts, kills, several instances and a failing database. It consists of tests.
package system
