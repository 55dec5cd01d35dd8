// Package throttle counts against the limits of limits.go, in Postgres, so that all instances count together, and by
// its clock. Keys are counted by one statement, which counts or refuses: no timing gets more than the limit through.
// Whatever goes wrong is an error, never permission.
//
// The rows are named by HMACs under the secret keys: the table holds neither an address nor an IP. Where there are
// several secret keys, everything is counted under each of them and the strictest count holds. So a new key begins with
// no budget reset, and an old one can be withdrawn a day later without resetting one of a day or less.
package throttle

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"log/slog"
	"slices"
	"strconv"
	"sync/atomic"

	"sana/backend/keyring"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Throttle is safe for concurrent use.
type Throttle struct {
	db        *pgxpool.Pool
	secrets   []secret
	log       *slog.Logger
	service   atomic.Pointer[serviceState]
	unwritten serviceCounts
	asking    chan struct{} // holds one token while this instance reads the service's counts
}

// New returns a throttle on a database at the newest schema.
func New(db *pgxpool.Pool, keys keyring.Ring, log *slog.Logger) *Throttle {
	t := &Throttle{db: db, log: log, asking: make(chan struct{}, 1)}
	for _, key := range keys.All() {
		t.secrets = append(t.secrets, secretOf(key))
	}
	return t
}

// secret is what a secret key comes to for each limit, by the limit's name.
type secret map[string][]byte

func secretOf(key keyring.Key) secret {
	s := secret{}
	for _, limit := range Limits() {
		s[limit.Name] = key.Derive("sana/throttle/v1/" + limit.Name)
	}
	return s
}

// Use is one use of what a limit allows to a subject.
type Use struct {
	limit   Limit
	subject []string
}

// Of is a use of limit by a subject of one or more parts.
func (l Limit) Of(subject ...string) Use { return Use{limit: l, subject: subject} }

// OfNetworks are uses by a client's networks, the narrowest first, each of which is allowed more than the one before.
func (l Limit) OfNetworks(networks []string) []Use {
	var uses []Use
	for i, network := range networks {
		uses = append(uses, l.wider(networkFactors[min(i, len(networkFactors)-1)]).Of(strconv.Itoa(i), network))
	}
	return uses
}

// counted is a use under one secret key.
type counted struct {
	Use
	key []byte
}

// rows names the rows of uses, ordered, so that two transactions never wait for each other.
func (t *Throttle) rows(uses []Use) []counted {
	var list []counted
	for _, s := range t.secrets {
		for _, use := range uses {
			list = append(list, counted{use, use.key(s)})
		}
	}
	slices.SortFunc(list, func(a, b counted) int { return bytes.Compare(a.key, b.key) })
	return list
}

func (u Use) key(s secret) []byte {
	mac := hmac.New(sha256.New, s[u.limit.Name])
	for _, part := range u.subject {
		mac.Write([]byte(strconv.Itoa(len(part)) + ":" + part))
	}
	return mac.Sum(nil)
}
