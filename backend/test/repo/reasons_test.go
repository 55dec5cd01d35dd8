package repo_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
)

// reasonConstant matches a constant of type Reason in session/session.go: its name and its text.
var reasonConstant = regexp.MustCompile(`(?m)^\t(\w+)\s+Reason = "(\w+)"`)

// A reason without a text would be shown as "unknown", or not at all.
func TestReasons_HaveTextsEverywhere(t *testing.T) {
	reasons := reasonConstant.FindAllStringSubmatch(read(t, "../../session/session.go"), -1)
	if len(reasons) < 10 {
		t.Fatalf("found %d reasons, want at least 10", len(reasons))
	}
	contract := read(t, "../../web/openapi.yaml")
	_, signedOut, _ := strings.Cut(contract, "\n    SignedOut:\n")
	signedOut, _, _ = strings.Cut(signedOut, "description:")
	operations := read(t, "../../../docs/operations.md")
	explained := read(t, "../../cli/sessions.go")
	var texts map[string]any
	err := json.Unmarshal([]byte(read(t, "../../../frontend/src/shared/i18n/later/en.json")),
		&texts)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range eventReasons(t, contract) {
		if _, ok := texts["activity."+text]; !ok {
			t.Errorf("%s: the pages have no text activity.%[1]s (shared/i18n/later)", text)
		}
	}
	for _, reason := range reasons {
		name, text := reason[1], reason[2]
		if !strings.Contains(signedOut, "            - "+text+"\n") {
			t.Errorf("%s: not in the contract's list of reasons (web/openapi.yaml)", text)
		}
		if !strings.Contains(operations, "`"+text+"`") {
			t.Errorf("%s: not in docs/operations.md", text)
		}
		if !strings.Contains(explained, "session."+name+":") {
			t.Errorf("%s: sana sessions explain has no words for it (cli/sessions.go)", text)
		}
		// A page that signed out itself shows this reason without the server.
		if _, ok := texts["signedOut."+text]; !ok && text != "signed_out" {
			t.Errorf("%s: the pages have no text signedOut.%[1]s (shared/i18n/later)", text)
		}
	}
}

var eventReason = regexp.MustCompile(`\n        reason: \{type: string, enum: \[([a-z_, ]+)\]\}`)

// eventReasons returns the reasons that events of an account can have.
func eventReasons(t *testing.T, contract string) []string {
	t.Helper()
	_, events, _ := strings.Cut(contract, "\n    AccountEvent:\n")
	found := eventReason.FindStringSubmatch(events)
	if found == nil {
		t.Fatal("the contract's AccountEvent has no list of reasons")
	}
	return strings.Split(found[1], ", ")
}
