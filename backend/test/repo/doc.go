// Package repo tests the repository as a whole: the imports of packages, the truth of the
// documents, and the build results: the program, the image and render.yaml. It consists of tests.
package repo
