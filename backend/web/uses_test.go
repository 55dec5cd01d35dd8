package web_test

import (
	"log/slog"
	"net/netip"
	"time"

	"sana/backend/keyring"
	"sana/backend/test/harness"
	"sana/backend/throttle"
	"sana/backend/visitor"

	"github.com/jackc/pgx/v5"
)

// limits returns a throttle with the programs' secret keys.
func (s scene) limits() *throttle.Throttle {
	s.Helper()
	ring, err := keyring.Parse(harness.SecretKeys)
	if err != nil {
		s.Fatal(err)
	}
	options := throttle.Options{Networks: throttle.NetworkLimits{Sent: 60, Wrong: 60}}
	return throttle.New(s.world.DB, ring, options, slog.New(slog.DiscardHandler))
}

// networksOf are the networks of an IP address, as package web counts them.
func networksOf(address string) (networks []string) {
	for _, group := range visitor.NetworksOf(netip.MustParseAddr(address)) {
		networks = append(networks, group.String())
	}
	return networks
}

// sentFrom returns the number of codes counted against the network of an IPv4 address.
func (s scene) sentFrom(address string) int {
	s.Helper()
	return s.countUses(s.limits().ByNetworks(throttle.SentByNetwork, networksOf(address)))
}

// wrongFrom returns the number of wrong codes counted against the network of an IPv4 address.
func (s scene) wrongFrom(address string) int {
	s.Helper()
	return s.countUses(s.limits().ByNetworks(throttle.WrongByNetwork, networksOf(address)))
}

func (s scene) countUses(uses []throttle.Use) int {
	s.Helper()
	return s.world.Count(s, `SELECT count(*) FROM uses WHERE key = ANY($1)`, s.keysOf(uses))
}

// fillNetwork uses up a network's hourly budget.
func (s scene) fillNetwork(address string) {
	s.Helper()
	s.world.Exec(s, `
		INSERT INTO uses (key, ends_at)
		SELECT key, now() + $2::interval
		FROM unnest($1::bytea[]) AS key, generate_series(1, 60)`,
		s.keysOf(s.limits().ByNetworks(throttle.SentByNetwork, networksOf(address))), time.Hour)
}

func (s scene) keysOf(uses []throttle.Use) [][]byte {
	s.Helper()
	args := pgx.NamedArgs{}
	s.limits().Budgets(uses...).Args(args)
	keys := args["budget_keys"].([][]byte)
	if len(keys) == 0 {
		s.Fatal("the uses have no keys")
	}
	return keys
}
