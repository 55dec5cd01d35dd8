package repo_test

import (
	"os"
	"regexp"
	"slices"
	"testing"
)

// namedTest matches a test that a document names by its package below backend, or by its file.
var namedTest = regexp.MustCompile("`([a-z]+\\.(?:Test|Fuzz|Benchmark)[A-Z]\\w*|" +
	"(?:e2e|frontend/src)/[\\w./-]+\\.(?:spec|test)\\.tsx?)`")

// TestEvidenceOfASVS checks that the tests that docs/security/asvs.md and claims.md name exist.
func TestEvidenceOfASVS(t *testing.T) {
	t.Parallel()
	var tests []string
	for p := range gather(t) {
		tests = append(tests, p.test)
	}
	for page, least := range map[string]int{"asvs.md": 100, "claims.md": 10} {
		content, err := os.ReadFile("../../../docs/security/" + page)
		if err != nil {
			t.Fatal(err)
		}
		named := namedTest.FindAllStringSubmatch(string(content), -1)
		for _, match := range named {
			if !slices.Contains(tests, match[1]) {
				t.Errorf("%s: there is no test %s", page, match[1])
			}
		}
		if len(named) < least {
			t.Errorf("%s names %d tests, want at least %d", page, len(named), least)
		}
	}
}
