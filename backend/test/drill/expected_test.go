package drill

// expectation is the outcome of a case for the users of one store. A store with a better outcome
// fails the test too: docs/contrast.md is then wrong.
type expectation struct {
	lostCodes int
	signedOut int
	failed    int // or many
	refusals  string
	note      string
}

// many stands for any number of failed requests above 0, which depends on the machine.
const many = -1

// The refusals of users whose cookie an instance cannot read.
const (
	startOver = "404 no_pending_code, 401 not_signed_in"
	noCookies = startOver + ", 409 browser_token_missing"
)

// expectations are by case and store.
var expectations = map[string]map[string]expectation{
	"restart": {
		postgres: {0, 0, 2, "",
			"Requests fail while no process runs; then both users continue."},
		cookie: {0, 0, 2, "",
			"Requests fail while no process runs; then both users continue."},
		randomSecret: {1, 1, 2, startOver,
			"The new process has another secret and can read no earlier cookie."},
		localFiles: {1, 1, 2, startOver,
			"The new process has an empty disk."},
	},
	"kill": {
		postgres:     {0, 0, 2, "", "As with SIGTERM."},
		cookie:       {0, 0, 2, "", "As with SIGTERM."},
		randomSecret: {1, 1, 2, startOver, "The secret is lost with the process."},
		localFiles:   {1, 1, 2, startOver, "The files are lost with the instance."},
	},
	"second-instance": {
		postgres: {0, 0, 0, "",
			"Instances share sessions and codes."},
		cookie: {0, 0, 0, "", "Every instance has the key."},
		randomSecret: {2, 1, 0, noCookies,
			"No instance can read the other's cookies; new sign-ins fail too."},
		localFiles: {2, 1, 0, noCookies,
			"Each instance has its own files; new sign-ins fail too."},
	},
	"rolling-restart": {
		postgres: {0, 0, 0, "", "No request fails."},
		cookie:   {0, 0, 0, "", "No request fails."},
		randomSecret: {4, 2, many, startOver,
			"From the switch on, every user starts over."},
		localFiles: {4, 2, many, startOver,
			"From the switch on, every user starts over."},
	},
	"new-key-old-kept": {
		postgres: {0, 0, 0, "",
			"Sessions need no key; the code is checked with the old one."},
		cookie: {0, 0, 0, "", "The old key still opens its cookies."},
		randomSecret: {1, 1, 0, startOver,
			"The deploy signs every user out; SECRET_KEYS is not used."},
		localFiles: {1, 1, 0, startOver,
			"The deploy signs every user out; SECRET_KEYS is not used."},
	},
	"new-key-old-gone": {
		postgres: {0, 0, 0, "",
			"Sessions need no key; the code is checked with its browser's token."},
		cookie: {0, 1, 0, "401 not_signed_in: key_withdrawn",
			"The code stays valid; the old key's cookies are refused, with the reason."},
		randomSecret: {1, 1, 0, startOver,
			"The deploy signs every user out; SECRET_KEYS is not used."},
		localFiles: {1, 1, 0, startOver,
			"The deploy signs every user out; SECRET_KEYS is not used."},
	},
	"ended-elsewhere": {
		postgres: {0, 0, 0, "401 not_signed_in: ended_elsewhere",
			"The next request is refused, with the reason."},
		cookie: {0, 1, 1, "409 not_with_this_store",
			"CANNOT: there is no list of sessions."},
		randomSecret: {0, 1, 1, "409 not_with_this_store",
			"CANNOT: there is no list of sessions."},
		localFiles: {0, 1, 1, "409 not_with_this_store", "CANNOT: there is no list of sessions."},
	},
	"replay": {
		postgres: {0, 0, 0, "401 not_signed_in: signed_out",
			"The copy is refused. A repeated code leads to the same session."},
		cookie: {0, 1, 0, "",
			"CANNOT: the copy is valid until it expires. A repeated code leads to the same " +
				"session."},
		randomSecret: {0, 1, 0, "",
			"CANNOT: the copy is valid until it expires or the process ends."},
		localFiles: {0, 0, 0, "401 not_signed_in",
			"The file is deleted."},
	},
	"database-away": {
		postgres: {0, 0, many, "",
			"Sessions continue for a second or two; then all get 503, keep their cookies and " +
				"retry."},
		cookie: {0, 0, 11, "",
			"Sessions continue; codes get 503."},
		randomSecret: {0, 0, 11, "",
			"Sessions continue; codes get 503."},
		localFiles: {0, 0, 11, "",
			"Sessions continue; codes get 503."},
	},
	"clock-ahead": {
		postgres: {0, 0, 0, "",
			"Sessions and codes expire by the database's clock."},
		cookie: {0, 1, 0, "401 not_signed_in: idle",
			"The instance that is ahead sees an idle session."},
		randomSecret: {1, 1, 0, startOver, "As with a second instance."},
		localFiles:   {1, 1, 0, startOver, "As with a second instance."},
	},
	"ten-tabs": {
		postgres: {0, 0, 0, "",
			"One tab's code signs all tabs in."},
		cookie:       {0, 0, 0, "", "One tab's code signs all tabs in."},
		randomSecret: {0, 0, 0, "", "One tab's code signs all tabs in."},
		localFiles:   {0, 0, 0, "", "One tab's code signs all tabs in."},
	},
	"lost-answers": {
		postgres: {0, 0, 8, "",
			"Repeating is harmless: one mail, one session, one event each; the sign-out holds."},
		cookie:       {0, 0, 8, "", "Repeating is harmless: one mail, one session."},
		randomSecret: {0, 0, 8, "", "Repeating is harmless while the process runs."},
		localFiles:   {0, 0, 8, "", "Repeating is harmless while the disk exists."},
	},
	"two-tabs": {
		postgres: {0, 0, 0, "",
			"Each code is valid in its tab; the step-up keeps the session's id."},
		cookie: {0, 0, 0, "",
			"Each code is valid in its tab; the step-up keeps the session's id."},
		randomSecret: {0, 0, 0, "",
			"Each code is valid in its tab; the step-up keeps the session's id."},
		localFiles: {0, 0, 0, "",
			"Each code is valid in its tab; the step-up keeps the session's id."},
	},
	"older-token": {
		postgres: {0, 0, 0, "401 not_signed_in: signed_out",
			"A replaced token can still end its session."},
		cookie: {0, 1, 0, "", "CANNOT: the newer cookie is valid until it expires."},
		randomSecret: {0, 1, 0, "",
			"CANNOT: the newer cookie is valid until it expires or the process ends."},
		localFiles: {0, 0, 0, "401 not_signed_in",
			"Both cookies name the same file, which is deleted."},
	},
}

// of returns the expected outcome of a case for a store.
func (c drillCase) of(store string) expectation { return expectations[c.id][store] }

// wants returns the expected outcome; failed is the actual number of failures, which counts if many
// are expected.
func (c drillCase) wants(store string, failed int) outcome {
	e := c.of(store)
	if e.failed == many && failed > 0 {
		e.failed = failed
	}
	return outcome{
		People: c.people, LostCodes: e.lostCodes, SignedOut: e.signedOut, Failed: e.failed,
		Refusals: e.refusals,
	}
}
