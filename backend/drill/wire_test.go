package drill

import (
	"bufio"
	"bytes"
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

// figures are what a store costs, in bytes on the wire and in statements to the database.
type figures struct {
	CookieHeader int // bytes of the Cookie line of a request, with the session's cookie alone
	SetCookie    int // bytes of the session's Set-Cookie line at sign-in

	Anonymous, SignedIn, Code, Verify int // statements of GET session (twice), POST code, POST verify
}

// measured is how many requests of each kind are sent. The fewest statements that one had are its own: what else the
// program asks meanwhile can only add to them.
const measured = 5

// measure has people sign in, with a proxy between the program and the database that counts.
func measure(s *scene) figures {
	s.t.Helper()
	counted := newCounter(s.t, s.world.DatabaseURL)
	s.open("DATABASE_URL=" + counted.url)
	// Mail waits until it is let go: else its statements would be among those of the requests.
	s.world.Exec(s.t, `
		CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN NEW.scheduled_at = now() + interval '1 hour'; RETURN NEW; END $$`)
	s.world.Exec(s.t, `CREATE TRIGGER hold BEFORE INSERT ON river_job FOR EACH ROW WHEN (NEW.kind = 'mail') EXECUTE FUNCTION hold()`)

	var f figures
	var people []*person
	for i := range measured {
		people = append(people, &person{
			Browser: (&sanatest.Instance{URL: s.front.URL}).Open(s.t), email: fmt.Sprintf("person%d@sana.example", i),
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

// counter is a proxy in front of Postgres that counts statements.
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

// fewest calls do for everybody and returns the smallest number of statements that a call led to.
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
	_ = c.read(bufio.NewReader(io.TeeReader(client, server)))
}

// read counts what a client executes (PostgreSQL documentation, 54.7: Message Formats): statements that were prepared
// under a name, and simple queries.
func (c *counter) read(from *bufio.Reader) error {
	if _, err := body(from); err != nil { // the first message has no type
		return err
	}
	prepared := map[string]string{}
	bound := ""
	for {
		kind, err := from.ReadByte()
		if err != nil {
			return err
		}
		content, err := body(from)
		if err != nil {
			return err
		}
		parts := bytes.SplitN(content, []byte{0}, 3)
		switch kind {
		case 'P': // Parse: name, text
			prepared[string(parts[0])] = string(parts[1])
		case 'B': // Bind: portal, name
			bound = prepared[string(parts[1])]
		case 'E': // Execute
			c.statement(bound)
		case 'Q': // Query
			c.statement(string(parts[0]))
		}
	}
}

// body reads the rest of a message, which begins with its own length.
func body(from io.Reader) ([]byte, error) {
	var length [4]byte
	if _, err := io.ReadFull(from, length[:]); err != nil {
		return nil, err
	}
	content := make([]byte, binary.BigEndian.Uint32(length[:])-4)
	_, err := io.ReadFull(from, content)
	return content, err
}

// statement counts one, unless it is the pool's ping, the bounds of a transaction, or the job queue's own: a job that a
// request enqueues is the request's.
func (c *counter) statement(sql string) {
	sql = strings.TrimSpace(sql)
	switch strings.ToLower(sql) {
	case "", "-- ping", "begin", "commit", "rollback":
		return
	}
	isInsert := strings.Contains(sql, "INSERT INTO river_job") || strings.Contains(sql, "INSERT INTO /* TEMPLATE: schema */river_job")
	if strings.Contains(sql, "river_") && !isInsert || strings.Contains(sql, "pg_notify") || strings.HasPrefix(strings.ToUpper(sql), "LISTEN") {
		return
	}
	c.count.Add(1)
}
