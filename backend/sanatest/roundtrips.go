package sanatest

import (
	"bufio"
	"encoding/binary"
	"io"
	"net"
	"net/url"
	"sync/atomic"
	"testing"
)

// RoundTrips is a proxy in front of the database that counts how often a client waits for an answer.
type RoundTrips struct {
	URL   string // of the database, behind the proxy
	count atomic.Int64
}

// CountRoundTrips puts a proxy in front of a database.
func CountRoundTrips(t testing.TB, database string) *RoundTrips {
	t.Helper()
	address, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	server := address.Host
	address.Host = listener.Addr().String()
	r := &RoundTrips{URL: address.String()}
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go r.pass(client, server)
		}
	}()
	return r
}

// Fewest does something n times and returns the smallest number of round trips that one led to. Those are its own: what else
// the program asks meanwhile can only add to them, and so does a statement that a connection meets for the first time.
func (r *RoundTrips) Fewest(n int, do func(i int)) int {
	fewest := int64(-1)
	for i := range n {
		before := r.count.Load()
		do(i)
		if n := r.count.Load() - before; fewest < 0 || n < fewest {
			fewest = n
		}
	}
	return int(fewest)
}

// pass carries one connection until either side ends it.
func (r *RoundTrips) pass(client net.Conn, address string) {
	defer client.Close()
	server, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	defer server.Close()
	go func() {
		_, _ = io.Copy(client, server)
		client.Close()
	}()
	_ = r.forward(server, bufio.NewReader(client))
}

// forward counts what the server answers with ReadyForQuery (PostgreSQL documentation, 54.2): Sync and Query, and so BEGIN
// and COMMIT too. It counts before it passes on: an answer is never ahead of its count.
func (r *RoundTrips) forward(server io.Writer, from *bufio.Reader) error {
	if err := forwardBody(server, from); err != nil { // the first message has no type
		return err
	}
	for {
		kind, err := from.ReadByte()
		if err != nil {
			return err
		}
		if kind == 'S' || kind == 'Q' {
			r.count.Add(1)
		}
		if _, err := server.Write([]byte{kind}); err != nil {
			return err
		}
		if err := forwardBody(server, from); err != nil {
			return err
		}
	}
}

// forwardBody passes the rest of a message on, which begins with its own length.
func forwardBody(server io.Writer, from io.Reader) error {
	var length [4]byte
	if _, err := io.ReadFull(from, length[:]); err != nil {
		return err
	}
	if _, err := server.Write(length[:]); err != nil {
		return err
	}
	_, err := io.CopyN(server, from, int64(binary.BigEndian.Uint32(length[:]))-4)
	return err
}

// HoldMails has mails wait until they are let go: else sending them would be counted with the requests.
func (w *World) HoldMails(t testing.TB) (letGo func()) {
	t.Helper()
	w.Exec(t, `
		CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN NEW.scheduled_at = now() + interval '1 hour'; RETURN NEW; END $$`)
	w.Exec(t, `CREATE TRIGGER hold BEFORE INSERT ON river_job FOR EACH ROW WHEN (NEW.kind = 'mail') EXECUTE FUNCTION hold()`)
	return func() { w.Exec(t, `UPDATE river_job SET scheduled_at = now() WHERE kind = 'mail'`) }
}
