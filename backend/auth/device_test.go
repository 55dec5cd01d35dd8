package auth

import "testing"

func TestMailbox_FoldsTagsForCounting(t *testing.T) {
	t.Parallel()
	for email, want := range map[string]string{
		"ada@a.example":     "ada@a.example",
		"ada+x+y@a.example": "ada@a.example",
		"+x@a.example":      "+x@a.example",
	} {
		if got := mailbox(email); got != want {
			t.Errorf("%s is counted as %s, want %s", email, got, want)
		}
	}
}
