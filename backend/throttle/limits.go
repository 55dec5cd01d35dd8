package throttle

import (
	"slices"
	"strings"
	"time"
)

// Limits of a single code (OWASP ASVS 5.0, 6.5.5; NIST SP 800-63B-4, 3.1.3.2).
const (
	CodeLifetime       = 10 * time.Minute
	MaxTries           = 5
	ResendAfter        = time.Minute // between two mails about one code, and to one address
	AlphanumericLength = 13          // characters of 5 bits each: 65 bits cannot be guessed
	AttackLength       = 8           // digits of new codes while the whole service is under attack
)

// Window allows Count uses within any period of length Per.
type Window struct {
	Count int
	Per   time.Duration
}

// Limit is one line of the table of limits. Each subject has its own budget in each window.
// Windows slide: a use leaves a window exactly Per after it was counted.
type Limit struct {
	Name    string // part of the key of each use: two limits never share a budget
	Windows []Window
	Note    string // for the documents: the counted uses, and the response if it is not 429
}

// The limits that are counted by subject.
var (
	WrongByAddress = Limit{
		Name:    "wrong codes by address",
		Windows: []Window{{10, time.Hour}, {20, 24 * time.Hour}},
		Note: "only a success resets it; 429 `too_many_wrong_codes`, also for the " +
			"right code",
	}
	WrongByDevice = Limit{
		Name:    "wrong codes by device",
		Windows: []Window{{5, time.Hour}},
		Note:    "the same",
	}
	ConsecutiveWrong = Limit{
		Name:    "wrong codes in a row",
		Windows: []Window{{50, 365 * 24 * time.Hour}},
		Note: "by address; only a success resets it; until then new codes have 13 " +
			"base32 characters (65 bits), pending ones get 410",
	}
	WrongByNetwork = Limit{
		Name:    "wrong codes by network",
		Windows: []Window{{60, time.Hour}},
		Note:    "`WRONG_CODES_PER_NETWORK`; without devices",
	}
	SentByAddress = Limit{
		Name:    "codes sent by address",
		Windows: []Window{{1, ResendAfter}, {5, time.Hour}, {10, 24 * time.Hour}},
		Note:    "by mailbox; 202 with `mail: \"none\"` and `resend_at`",
	}
	SentByDevice = Limit{
		Name:    "codes sent by device",
		Windows: []Window{{5, time.Hour}},
		Note:    "the same",
	}
	SentToDevices = Limit{
		Name:    "codes sent to devices",
		Windows: []Window{{30, 24 * time.Hour}},
		Note:    "the same; all devices of a mailbox",
	}
	SentByNetwork = Limit{
		Name:    "codes sent by network",
		Windows: []Window{{60, time.Hour}},
		Note:    "`CODES_PER_NETWORK`; without devices",
	}
	RenamesByAccount = Limit{
		Name:    "name changes by account",
		Windows: []Window{{20, time.Hour}},
	}
	HandoffsBySession = Limit{
		Name:    "handoffs by session",
		Windows: []Window{{100, time.Hour}},
		Note:    "visits that need an app cookie",
	}
	HandoffsByNetwork = Limit{
		Name:    "handoffs by network",
		Windows: []Window{{3000, time.Hour}}, // far more than an office needs for all its apps
	}
	DisownedByNetwork = Limit{
		Name:    "disowned sessions by network",
		Windows: []Window{{60, time.Hour}},
		Note:    "by the link in mails about new devices",
	}
	KeysByAccount = Limit{
		Name:    "access keys made by account",
		Windows: []Window{{10, time.Hour}, {30, 24 * time.Hour}},
		Note:    "at most 20 at a time",
	}
	// PasskeysByNetwork bounds the writes for wrong signatures and shows attacks; a right signature
	// cannot be guessed.
	PasskeysByNetwork = Limit{
		Name:    "refused passkeys by network",
		Windows: []Window{{300, time.Hour}},
		Note:    "right ones sign in",
	}
	PasskeysByAccount = Limit{
		Name:    "passkeys by account",
		Windows: []Window{{20, time.Hour}},
		Note:    "added, renamed, or codes' use changed",
	}
	ExportsByAccount = Limit{
		Name:    "exports by account",
		Windows: []Window{{1, ExportTime}, {10, 24 * time.Hour}},
		Note:    "one runs at a time",
	}
)

// ExportTime is the maximum duration of the transfer of an export.
const ExportTime = 2 * time.Minute

// networkFactors multiply a limit by network for wider networks: /64, /56, /48.
var networkFactors = []int{1, 2, 6}

// generousFactor multiplies the limits by address, device and account; see Options.
const generousFactor = 100

// The limit of the whole service. It is under attack if more than serviceFloor codes were wrong
// within serviceWindow, and more than one in serviceShare attempts.
const (
	serviceWindow = time.Hour
	serviceFloor  = 50
	serviceShare  = 10
)

// AttemptsLabel is the name of the limit MaxTries in metrics.
const AttemptsLabel = "attempts_at_a_code"

// Label returns the name of the limit in metrics.
func (l Limit) Label() string { return strings.ReplaceAll(l.Name, " ", "_") }

// Limits returns all limits that are counted by subject.
func Limits() []Limit {
	return []Limit{
		WrongByAddress, WrongByDevice, ConsecutiveWrong, WrongByNetwork,
		SentByAddress, SentByDevice, SentToDevices, SentByNetwork,
		RenamesByAccount, KeysByAccount, ExportsByAccount, HandoffsBySession, HandoffsByNetwork,
		DisownedByNetwork,
		PasskeysByNetwork, PasskeysByAccount,
	}
}

// times returns the limit with factor times the budget.
func (l Limit) times(factor int) Limit {
	l.Windows = slices.Clone(l.Windows)
	for i := range l.Windows {
		l.Windows[i].Count *= factor
	}
	return l
}

// wait returns the time until the limit allows another use of a subject that was counted at times,
// in ascending order. It returns 0 if the use is allowed at now.
func (l Limit) wait(times []time.Time, now time.Time) time.Duration {
	var wait time.Duration
	for _, w := range l.Windows {
		// The window has room as soon as the use that fills it has left it.
		if fills := len(times) - w.Count; fills >= 0 {
			wait = max(wait, times[fills].Add(w.Per).Sub(now))
		}
	}
	return wait
}
