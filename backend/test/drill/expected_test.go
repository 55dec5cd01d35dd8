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
			"Nobody is answered while nothing runs; then both go on where they were."},
		cookie: {0, 0, 2, "",
			"Nobody is answered while nothing runs; then both go on where they were."},
		randomSecret: {1, 1, 2, startOver,
			"The new process has another secret and can read no cookie of the old one."},
		localFiles: {1, 1, 2, startOver,
			"The new process has a fresh disk; the files went with the old one's."},
	},
	"kill": {
		postgres:     {0, 0, 2, "", "As with SIGTERM: nothing that matters was in the process."},
		cookie:       {0, 0, 2, "", "As with SIGTERM: nothing that matters was in the process."},
		randomSecret: {1, 1, 2, startOver, "The secret died with the process."},
		localFiles:   {1, 1, 2, startOver, "The files went with the instance."},
	},
	"second-instance": {
		postgres: {0, 0, 0, "",
			"Each instance sees the same sessions; a sign-in may begin at one and end at the other."},
		cookie: {0, 0, 0, "", "Each instance has the key and can read every cookie."},
		randomSecret: {2, 1, 0, noCookies,
			"No instance can read the other's cookies; not even a new sign-in succeeds."},
		localFiles: {2, 1, 0, noCookies,
			"Each instance has files of its own; not even a new sign-in succeeds."},
	},
	"rolling-restart": {
		postgres: {0, 0, 0, "", "Two instances are replaced under load and nobody notices."},
		cookie:   {0, 0, 0, "", "Two instances are replaced under load and nobody notices."},
		randomSecret: {4, 2, many, startOver,
			"One instance is replaced, as two fail anyhow: from the switch on, everybody starts over."},
		localFiles: {4, 2, many, startOver,
			"One instance is replaced, as two fail anyhow: from the switch on, everybody starts over."},
	},
	"new-key-old-kept": {
		postgres: {0, 0, 0, "",
			"No session depends on a key; the mailed code is checked with the old one."},
		cookie: {0, 0, 0, "", "The old key still reads what it has sealed."},
		randomSecret: {1, 1, 0, startOver,
			"The deploy itself signs everybody out; SECRET_KEYS has no part in it."},
		localFiles: {1, 1, 0, startOver,
			"The deploy itself signs everybody out; SECRET_KEYS has no part in it."},
	},
	"new-key-old-gone": {
		postgres: {0, 0, 0, "",
			"No session depends on a key, and the mailed code is checked with the token of its browser."},
		cookie: {0, 1, 0, "401 not_signed_in: key_withdrawn",
			"The mailed code is checked with the token of its browser. A session that the old key sealed " +
				"cannot be read any more: a clean sign-out that says why."},
		randomSecret: {1, 1, 0, startOver,
			"The deploy itself signs everybody out; SECRET_KEYS has no part in it."},
		localFiles: {1, 1, 0, startOver,
			"The deploy itself signs everybody out; SECRET_KEYS has no part in it."},
	},
	"ended-elsewhere": {
		postgres: {0, 0, 0, "401 not_signed_in: ended_elsewhere",
			"The session is over with the next request, which is told why."},
		cookie: {0, 1, 1, "409 not_with_this_store",
			"CANNOT: nobody knows of the other session, so nobody can end it."},
		randomSecret: {0, 1, 1, "409 not_with_this_store",
			"CANNOT: nobody knows of the other session, so nobody can end it."},
		localFiles: {0, 1, 1, "409 not_with_this_store", "CANNOT: no list by person is kept."},
	},
	"replay": {
		postgres: {0, 0, 0, "401 not_signed_in: signed_out",
			"The copy is worth nothing after sign-out. The code, repeated with a copy of its browser's " +
				"token, leads to the same session."},
		cookie: {0, 1, 0, "",
			"CANNOT: the copy is good until it expires. The repeated code leads to the same session."},
		randomSecret: {0, 1, 0, "", "CANNOT: the copy is good until it expires, or the process ends."},
		localFiles: {0, 0, 0, "401 not_signed_in",
			"The file is gone, and with it what the copy was worth."},
	},
	"database-away": {
		postgres: {0, 0, many, "",
			"Who is signed in notices nothing for a second or two; then all are told to try again (503, " +
				"Retry-After), keep their cookies and go on."},
		cookie: {0, 0, 11, "",
			"Who is signed in notices nothing; codes have to wait (503, Retry-After)."},
		randomSecret: {0, 0, 11, "",
			"Who is signed in notices nothing; codes have to wait (503, Retry-After)."},
		localFiles: {0, 0, 11, "",
			"Who is signed in notices nothing; codes have to wait (503, Retry-After)."},
	},
	"clock-ahead": {
		postgres: {0, 0, 0, "",
			"Sessions and codes end by the database's clock; the mail of the one that is ahead goes out " +
				"at once."},
		cookie: {0, 1, 0, "401 not_signed_in: idle",
			"The instance that is ahead takes a session in use for an idle one."},
		randomSecret: {1, 1, 0, startOver, "Two instances are the end of it, whatever their clocks."},
		localFiles:   {1, 1, 0, startOver, "Two instances are the end of it, whatever their clocks."},
	},
	"ten-tabs": {
		postgres: {0, 0, 0, "",
			"One tab's code signs all of them in; no tab undoes what another has done."},
		cookie:       {0, 0, 0, "", "One tab's code signs all of them in."},
		randomSecret: {0, 0, 0, "", "One tab's code signs all of them in."},
		localFiles:   {0, 0, 0, "", "One tab's code signs all of them in."},
	},
	"lost-answers": {
		postgres: {0, 0, 8, "",
			"Repeating is harmless: one mail, one session, one event each, and the sign-out holds."},
		cookie:       {0, 0, 8, "", "Repeating is harmless: one mail, one session."},
		randomSecret: {0, 0, 8, "", "Repeating is harmless, as long as the process lives."},
		localFiles:   {0, 0, 8, "", "Repeating is harmless, as long as the disk lives."},
	},
	"two-tabs": {
		postgres: {0, 0, 0, "",
			"Each code is good in its own tab, and the step-up keeps the session's id."},
		cookie: {0, 0, 0, "",
			"Each code is good in its own tab, and the step-up keeps the session's id."},
		randomSecret: {0, 0, 0, "",
			"Each code is good in its own tab, and the step-up keeps the session's id."},
		localFiles: {0, 0, 0, "",
			"Each code is good in its own tab, and the step-up keeps the session's id."},
	},
	"older-token": {
		postgres: {0, 0, 0, "401 not_signed_in: signed_out",
			"A replaced token signs nobody in, but it can end its session."},
		cookie: {0, 1, 0, "", "CANNOT: the newer cookie is good until it expires."},
		randomSecret: {0, 1, 0, "",
			"CANNOT: the newer cookie is good until it expires, or the process ends."},
		localFiles: {0, 0, 0, "401 not_signed_in",
			"Both cookies name the same file, and what is in it ends."},
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
