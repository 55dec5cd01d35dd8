package doctor

import (
	"crypto/tls"
	"net"
	"net/netip"
	"strings"
	"testing"

	"sana/backend/diagnose"
)

// The test calls judgeTLS itself, because no test has a connection to a public address.
func TestJudgeTLS_PublicAddressNeedsVerifiedCertificate(t *testing.T) {
	t.Parallel()
	state := &tls.ConnectionState{Version: tls.VersionTLS13}
	for name, test := range map[string]struct {
		to      net.Addr
		state   *tls.ConnectionState
		checked bool
		want    diagnose.State
	}{
		"public, plain": {&net.TCPAddr{IP: net.IPv4(203, 0, 113, 7), Port: 5432}, nil, false,
			diagnose.Warned},
		"public, unchecked": {&net.TCPAddr{IP: net.IPv4(203, 0, 113, 7), Port: 5432}, state, false,
			diagnose.Warned},
		"public, checked": {&net.TCPAddr{IP: net.IPv4(203, 0, 113, 7), Port: 5432}, state, true,
			diagnose.Passed},
		"public IPv6, plain": {&net.TCPAddr{IP: net.ParseIP("2001:db8::1"), Port: 5432}, nil, false,
			diagnose.Warned},
		"private, plain": {&net.TCPAddr{IP: net.IPv4(10, 0, 0, 7), Port: 5432}, nil, false,
			diagnose.Passed},
		"private IPv6, plain": {&net.TCPAddr{IP: net.ParseIP("fd00::1"), Port: 5432}, nil, false,
			diagnose.Passed},
		"shared, plain": {&net.TCPAddr{IP: net.IPv4(100, 64, 0, 1), Port: 5432}, nil, false,
			diagnose.Passed},
		"a socket, plain": {&net.UnixAddr{Name: "/run/postgresql/.s.PGSQL.5432", Net: "unix"}, nil,
			false, diagnose.Passed},
		"just beyond the room": {&net.TCPAddr{IP: net.IPv4(100, 128, 0, 1), Port: 5432}, nil, false,
			diagnose.Warned},
	} {
		if got := judgeTLS(test.to, test.state, test.checked); got.State != test.want ||
			(got.Hint == "") != (got.State == diagnose.Passed) {
			t.Errorf("%s: got %+v, want %s", name, got, test.want)
		}
	}
}

// The test calls the function itself, because the tests have no interface with an address for
// documentation. Some labs do.
func TestJudgeClientAddress_DetectsAcceptedForgeries(t *testing.T) {
	t.Parallel()
	from := func(address string) arrived {
		return arrived{Address: netip.MustParseAddr(address), Entries: 1, Hops: 1}
	}
	if got := judgeClientAddress(from("192.0.2.2"),
		from("192.0.2.2")); got.State != diagnose.Passed {
		t.Errorf("the client's own address: %+v", got)
	}
	if got := judgeClientAddress(from("203.0.113.7"),
		from("192.0.2.2")); got.State != diagnose.Failed {
		t.Errorf("a forged address: %+v", got)
	}
}

// The test calls judge itself, because the number of other clients' connections is not known in
// tests.
func TestRoom_SubtractsOtherClientsConnections(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		room room
		pool int
		want diagnose.State
		says string
	}{
		"four fit": {room{most: 97, others: 33, perRole: -1, database: -1}, 16,
			diagnose.Passed, "enough for 4 instances"},
		"three fit": {room{most: 97, others: 34, perRole: -1, database: -1}, 16,
			diagnose.Warned, "enough for 3 instances"},
		"one fits": {room{most: 20, others: 0, perRole: -1, database: -1}, 16,
			diagnose.Warned, "enough for 1 instance;"},
		"none": {room{most: 97, others: 90, perRole: -1, database: -1}, 16,
			diagnose.Failed, "has 7 free, enough for 0"},
		"the others have all": {room{most: 97, others: 99, perRole: -1, database: -1}, 16,
			diagnose.Failed, "has 0 free"},
		"the database has fewer": {room{most: 97, others: 0, perRole: -1, database: 20}, 16,
			diagnose.Warned, "has 20 free"},
		"the role has none": {room{most: 97, others: 0, perRole: 0, database: -1}, 16,
			diagnose.Failed,
			"has 0 free"},
	} {
		if got := test.room.judge(test.pool); got.State != test.want ||
			!strings.Contains(got.Detail, test.says) {
			t.Errorf("%s: got %+v, want %s, %q", name, got, test.want, test.says)
		}
	}
}
