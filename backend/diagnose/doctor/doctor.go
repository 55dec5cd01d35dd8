// Package doctor examines a deployment of Sana from inside: with its configuration, it checks the
// dependencies of the program.
package doctor
