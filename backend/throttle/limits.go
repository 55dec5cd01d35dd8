package throttle

import (
	"strings"
	"time"
)

// What holds for one code (OWASP ASVS 5.0, 6.5.5; NIST SP 800-63B-4, 3.1.3.2).
const (
	CodeLifetime  = 10 * time.Minute
	MaxTries      = 5
	ResendAfter   = time.Minute // between two mails of one code, and of one address
	LettersLength = 13          // characters of 5 bits: 65 bits, which nobody guesses
	AttackLength  = 8           // digits of new codes while the whole service is under attack
)

// Window allows so many events in any span of this length.
type Window struct {
	Count int
	Per   time.Duration
}

// Limit is one line of the table: each key has budgets of its own, in windows that slide exactly.
type Limit struct {
	Name    string // part of each key's derivation: two limits never share a row
	Windows []Window
	Key     string // what is counted by, in words
	Reached string // what happens then, in words
}

// The limits that are counted by key. A wrong code is reserved before anything is compared and given back when the code
// was right.
var (
	WrongByAddress = Limit{
		Name:    "wrong codes by address",
		Windows: []Window{{10, time.Hour}, {20, 24 * time.Hour}},
		Key:     "address; a new code does not reset it, a success does",
		Reached: "429 `too_many_wrong_codes`, also for the right code",
	}
	WrongByDevice = Limit{
		Name:    "wrong codes by device",
		Windows: []Window{{5, time.Hour}},
		Key:     "address and a browser that signed in with it before, instead of the address alone; a success resets it",
		Reached: "429 `too_many_wrong_codes`, also for the right code",
	}
	WrongInARow = Limit{
		Name:    "wrong codes in a row",
		Windows: []Window{{50, 365 * 24 * time.Hour}},
		Key:     "address; only a success resets it",
		Reached: "410 `code_expired`; new codes have 13 characters of 32 (65 bits) until a success, and the limits by address and device do not hold for them",
	}
	WrongByNetwork = Limit{
		Name:    "wrong codes by network",
		Windows: []Window{{30, time.Hour}},
		Key:     "IPv4 address or IPv6 /64; twice as many by /56, six times by /48; a right code does not count",
		Reached: "429 `too_many_requests`",
	}
	SentByAddress = Limit{
		Name:    "codes sent by address",
		Windows: []Window{{1, ResendAfter}, {5, time.Hour}, {10, 24 * time.Hour}},
		Key:     "address without its +tag",
		Reached: "202 as always, nothing is sent, and `resend_at` says when the next one can be",
	}
	SentByDevice = Limit{
		Name:    "codes sent by device",
		Windows: []Window{{5, time.Hour}},
		Key:     "address and a browser that signed in with it before, instead of the address alone",
		Reached: "202 as always, nothing is sent, and `resend_at` says when the next one can be",
	}
	SentByNetwork = Limit{
		Name:    "codes sent by network",
		Windows: []Window{{10, time.Hour}},
		Key:     "IPv4 address or IPv6 /64; twice as many by /56, six times by /48",
		Reached: "429 `too_many_requests`",
	}
)

// networkFactors widen a limit by network from tier to tier: /64, /56, /48.
var networkFactors = []int{1, 2, 6}

// The limit of the whole service: it is under attack while more wrong codes came in the last hour than serviceFloor and
// than one in serviceShare tries.
const (
	serviceWindow = time.Hour
	serviceFloor  = 50
	serviceShare  = 10
)

// TriesLabel names MaxTries in metrics.
const TriesLabel = "tries_of_a_code"

// Label is the limit's name in metrics.
func (l Limit) Label() string { return strings.ReplaceAll(l.Name, " ", "_") }

// Limits lists the limits that are counted by key.
func Limits() []Limit {
	return []Limit{WrongByAddress, WrongByDevice, WrongInARow, WrongByNetwork, SentByAddress, SentByDevice, SentByNetwork}
}

// wider is a limit for a larger group.
func (l Limit) wider(factor int) Limit {
	windows := make([]Window, len(l.Windows))
	for i, w := range l.Windows {
		windows[i] = Window{w.Count * factor, w.Per}
	}
	l.Windows = windows
	return l
}

// keep is how many events a row of the limit holds, and for how long the youngest matters.
func (l Limit) keep() (events int, age time.Duration) {
	for _, w := range l.Windows {
		events, age = max(events, w.Count), max(age, w.Per)
	}
	return events, age
}
