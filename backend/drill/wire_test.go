package drill

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"sana/backend/sanatest"
)

// figures are what a store costs, in bytes on the wire and in round trips to the database.
type figures struct {
	CookieHeader int // bytes of the Cookie line of a request, with the session's cookie alone
	SetCookie    int // bytes of the session's Set-Cookie line at sign-in

	Anonymous, SignedIn, Code, Verify int // round trips of GET session (twice), POST code, POST verify
}

// measured is how many requests of each kind are sent. The fewest round trips that one had are its own: what else the
// program asks meanwhile can only add to them.
const measured = 12

// measure has people sign in, with a proxy between the program and the database that counts.
func measure(s *scene) figures {
	s.t.Helper()
	counted := newCounter(s.t, s.world.DatabaseURL)
	// A connection prepares each statement once, which is a round trip more: few, so that they have done it.
	s.open("DATABASE_URL=" + counted.url + "&pool_max_conns=2")
	// Mail waits until it is let go: else its round trips would be among those of the requests.
	s.world.Exec(s.t, `
		CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN NEW.scheduled_at = now() + interval '1 hour'; RETURN NEW; END $$`)
	s.world.Exec(s.t, `CREATE TRIGGER hold BEFORE INSERT ON river_job FOR EACH ROW WHEN (NEW.kind = 'mail') EXECUTE FUNCTION hold()`)

	var f figures
	var people []*person
	for i := range measured {
		people = append(people, &person{
			Browser: (&sanatest.Instance{URL: s.front.URL}).Open(s.t), email: fmt.Sprintf("person%x@sana.example", i), // all as long
		})
	}
	f.Anonymous = counted.fewest(people, func(p *person) { p.Get("/api/auth/session").Want(http.StatusUnauthorized) })
	f.Code = counted.fewest(people, func(p *person) { p.RequestCode(p.email).Want(http.StatusAccepted) })
	s.world.Exec(s.t, `UPDATE river_job SET scheduled_at = now() WHERE kind = 'mail'`)
	for _, p := range people {
		p.code = s.world.Code(s.t, p.email, 1)
	}
	s.world.AwaitMails(s.t)
	f.Verify = counted.fewest(people, func(p *person) {
		answer := p.Verify(p.code).Want(http.StatusOK)
		for _, line := range answer.Header["Set-Cookie"] {
			if strings.HasPrefix(line, sessionCookie) {
				f.SetCookie = len("Set-Cookie: " + line + "\r\n")
			}
		}
	})
	f.SignedIn = counted.fewest(people, func(p *person) { p.Get("/api/auth/session").Want(http.StatusOK) })
	f.CookieHeader = len("Cookie: " + sessionCookie + "=" + people[0].Cookies()[sessionCookie] + "\r\n")
	return f
}

const sessionCookie = "__Host-sana_session"

// counter is a proxy in front of Postgres that counts how often a client waits for an answer.
type counter struct {
	url   string
	count atomic.Int64
}

// newCounter returns a proxy for a database; url is its own address for that.
func newCounter(t *testing.T, database string) *counter {
	t.Helper()
	address, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	server := address.Host
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	address.Host = listener.Addr().String()
	c := &counter{url: address.String()}
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go c.pass(client, server)
		}
	}()
	return c
}

// fewest calls do for everybody and returns the smallest number of round trips that a call led to.
func (c *counter) fewest(people []*person, do func(*person)) int {
	fewest := int64(-1)
	for _, p := range people {
		before := c.count.Load()
		do(p)
		if n := c.count.Load() - before; fewest < 0 || n < fewest {
			fewest = n
		}
	}
	return int(fewest)
}

// pass carries one connection until either side ends it.
func (c *counter) pass(client net.Conn, address string) {
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
	_ = c.forward(server, bufio.NewReader(client))
}

// forward counts what the server answers with ReadyForQuery (PostgreSQL documentation, 54.2): Sync and Query, and so BEGIN
// and COMMIT too. It counts before it passes on: an answer is never ahead of its count.
func (c *counter) forward(server io.Writer, from *bufio.Reader) error {
	if err := forwardBody(server, from); err != nil { // the first message has no type
		return err
	}
	for {
		kind, err := from.ReadByte()
		if err != nil {
			return err
		}
		if kind == 'S' || kind == 'Q' {
			c.count.Add(1)
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
