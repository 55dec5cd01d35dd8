// Package system tests whole instances of Sana, most of them processes of their own, over HTTP: what
// holds over restarts, kills, several instances and a database that misbehaves. It consists of tests.
package system
