// Package throttle counts uses against the limits of limits.go. It counts in Postgres, over all
// instances, by the database's clock. It fails closed: any failure is an error.
//
// A use case reads the counts (State), decides in Go (Budgets.Judge), and counts in the transaction
// that does the allowed work: a batch whose first statement locks the subjects (Budgets.Lock), and
// whose second one checks the budgets again (Full, NotFull), does the work and counts it (Count).
// Concurrent requests never exceed a limit.
//
// Keys of uses are HMACs under the secret keys: the table contains neither e-mail nor IP addresses.
// If there are several secret keys, each use is counted under each of them, and the strictest count
// applies. A new secret key therefore resets no budget, and an old one can be removed a day later
// without resetting a budget of a day or less.
package throttle

import (
	"crypto/hmac"
	"crypto/sha256"
	"hash"
	"log/slog"
	"strconv"
	"sync/atomic"
	"time"

	"sana/backend/keyring"

	"github.com/jackc/pgx/v5/pgxpool"
)

// NetworkLimits are the budgets of an IPv4 address or an IPv6 /64, in uses an hour. 0 means that
// nothing is counted by network.
type NetworkLimits struct {
	Sent  int // codes sent
	Wrong int // wrong codes
}

// Options are the settings of limits.
type Options struct {
	Networks NetworkLimits
	// Generous is for development: it multiplies all limits by 100, except that the limits by
	// network are those of Networks, and no others.
	Generous bool
}

// Throttle is safe for concurrent use.
type Throttle struct {
	db        *pgxpool.Pool
	secrets   []secret
	options   Options
	log       *slog.Logger
	service   atomic.Pointer[serviceState]
	unwritten serviceCounts
	uncounted atomic.Bool // a use could not be counted, and none was counted since
}

// New returns a throttle on a database at the newest schema.
func New(db *pgxpool.Pool, keys keyring.Ring, options Options, log *slog.Logger) *Throttle {
	t := &Throttle{db: db, options: options, log: log}
	for _, key := range keys.All() {
		t.secrets = append(t.secrets, secretOf(key))
	}
	return t
}

// secret holds the HMAC key of each limit under one secret key, by the name of the limit.
type secret map[string][]byte

func secretOf(key keyring.Key) secret {
	s := secret{}
	for _, limit := range Limits() {
		s[limit.Name] = key.Derive("sana/throttle/v1/" + limit.Name)
	}
	return s
}

// Use is one use of a limit by a subject.
type Use struct {
	limit     Limit
	subject   []string
	byNetwork bool
}

// Of returns a use of the limit by a subject of one or more parts. Limits by network are used
// with Throttle.ByNetworks.
func (l Limit) Of(subject ...string) Use { return Use{limit: l, subject: subject} }

// ByNetworks returns the uses of a limit by network for a request from these networks, the
// narrowest first. It returns none if the limit is off. In development only those with a setting
// are on.
func (t *Throttle) ByNetworks(limit Limit, networks []string) []Use {
	hourly := limit.Windows[0].Count
	switch {
	case limit.Name == SentByNetwork.Name:
		hourly = t.options.Networks.Sent
	case limit.Name == WrongByNetwork.Name:
		hourly = t.options.Networks.Wrong
	case t.options.Generous:
		return nil
	}
	if hourly <= 0 {
		return nil
	}

	limit.Windows = []Window{{hourly, time.Hour}}
	uses := make([]Use, len(networks))
	for i, network := range networks {
		wider := limit.times(networkFactors[min(i, len(networkFactors)-1)])
		uses[i] = Use{limit: wider, subject: []string{strconv.Itoa(i), network}, byNetwork: true}
	}
	return uses
}

// key returns the key of the subject in the table.
func (u Use) key(s secret) []byte {
	key, ok := s[u.limit.Name]
	if !ok {
		// It would be counted under an empty key.
		panic("throttle: Limits does not list " + u.limit.Name)
	}
	mac := hmac.New(sha256.New, key)
	writeParts(mac, u.subject...)
	return mac.Sum(nil)
}

// writeParts hashes parts so that no two lists of parts have the same hash.
func writeParts(h hash.Hash, parts ...string) {
	for _, part := range parts {
		h.Write([]byte(strconv.Itoa(len(part)) + ":" + part))
	}
}
