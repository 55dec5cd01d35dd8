// Package repo tests what no package can test about itself: which package may import which, that the
// documents are true, and what is built: the program, the image and render.yaml. It consists of tests.
package repo
