// Package doctor looks at a deployment of Sana from inside: with its configuration, at what the program
// depends on.
package doctor
