package harness

import (
	"bufio"
	"encoding/binary"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"
)

// RoundTrips is a proxy in front of the database that counts the round trips of its clients and the
// statements that they execute.
type RoundTrips struct {
	URL        string // of the database, behind the proxy
	statements atomic.Int64

	mu    sync.Mutex
	trips []string // what each executed
}

// Statements returns the number of executed statements so far, without periodic ones: polls for
// revoked sessions, counts of the whole service, and turns of periodic work.
func (r *RoundTrips) Statements() int { return int(r.statements.Load()) }

// CountRoundTrips puts a proxy in front of a database until the test ends.
func CountRoundTrips(t testing.TB, database string) *RoundTrips {
	t.Helper()
	r := &RoundTrips{}
	r.URL = inFrontOf(t, database, func(client *net.TCPConn, target string) {
		defer client.Close()
		server, err := net.Dial("tcp", target)
		if err != nil {
			return
		}
		defer server.Close()
		go func() {
			_, _ = io.Copy(client, server)
			client.Close()
		}()
		_ = r.forward(server, bufio.NewReader(client))
	})
	return r
}

// Fewest calls do n times and returns the statements of each round trip of the call that took the
// fewest. These are the call's own: concurrent statements of the program can only add to them.
func (r *RoundTrips) Fewest(n int, do func(i int)) (fewest []string) {
	for i := range n {
		r.take()
		do(i)
		if trips := r.take(); i == 0 || len(trips) < len(fewest) {
			fewest = trips
		}
	}
	return fewest
}

// take returns the round trips since the last call of take.
func (r *RoundTrips) take() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	trips := r.trips
	r.trips = nil
	return trips
}

func (r *RoundTrips) add(trip string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.trips = append(r.trips, trip)
}

// forward counts ReadyForQuery (PostgreSQL documentation, 54.2), the server's answer to Sync and
// Query, including BEGIN and COMMIT. It counts before it forwards, so that the count is complete
// when an answer arrives.
//
// It does not count a Sync that only prepares statements, which a connection does once for each,
// and one that only runs statements of the outbox or of periodic work, which are no request's.
func (r *RoundTrips) forward(server io.Writer, from io.Reader) error {
	startup, err := readMessage(from) // the first message has no type
	if err != nil {
		return err
	}
	if _, err := server.Write(startup); err != nil {
		return err
	}
	prepared := map[string]string{} // SQL, by the statement's name
	// the statement of the next Execute: pgx uses only the unnamed portal
	bound := ""
	ours := "" // the statements of requests since the last Sync
	for {
		var kind [1]byte
		if _, err := io.ReadFull(from, kind[:]); err != nil {
			return err
		}
		message, err := readMessage(from)
		if err != nil {
			return err
		}
		switch kind[0] {
		case 'P':
			var parse pgproto3.Parse
			if err := parse.Decode(message[4:]); err != nil {
				return err
			}
			prepared[parse.Name] = parse.Query
		case 'B':
			var bind pgproto3.Bind
			if err := bind.Decode(message[4:]); err != nil {
				return err
			}
			bound = prepared[bind.PreparedStatement]
		case 'E':
			if !ofOutbox(bound) && !isPeriodic(bound) {
				ours += bound + ";"
			}
			if !isPeriodic(bound) {
				r.statements.Add(1)
			}
		case 'Q':
			r.add(string(message[4:]))
			r.statements.Add(1)
		case 'S':
			if ours != "" {
				r.add(ours)
			}
			ours = ""
		}
		if _, err := server.Write(append(kind[:], message...)); err != nil {
			return err
		}
	}
}

// readMessage reads a message from its length field on, which counts itself.
func readMessage(from io.Reader) ([]byte, error) {
	var length [4]byte
	if _, err := io.ReadFull(from, length[:]); err != nil {
		return nil, err
	}
	message := make([]byte, binary.BigEndian.Uint32(length[:]))
	copy(message, length[:])
	_, err := io.ReadFull(from, message[4:])
	return message, err
}

// isPeriodic reports whether a statement runs periodically, independent of requests.
func isPeriodic(statement string) bool {
	for _, part := range []string{
		"session_revocations", "service_attempts", "periodic", "page AS MATERIALIZED",
	} {
		if strings.Contains(statement, part) {
			return true
		}
	}
	return false
}

// ofOutbox reports whether a statement claims mails or records outcomes.
func ofOutbox(statement string) bool { return strings.Contains(statement, "UPDATE mails AS m") }

// HoldMails delays all mails until release: otherwise the requests' counts would include sending
// them.
func (w *World) HoldMails(t testing.TB) (release func()) {
	t.Helper()
	w.Exec(t, `
		CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN NEW.next_at = now() + interval '1 hour'; RETURN NEW; END $$`)
	w.Exec(t, `CREATE TRIGGER hold BEFORE INSERT ON mails FOR EACH ROW EXECUTE FUNCTION hold()`)
	return func() { w.Exec(t, `UPDATE mails SET next_at = now() WHERE done_at IS NULL`) }
}
