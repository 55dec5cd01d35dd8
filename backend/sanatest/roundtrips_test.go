package sanatest_test

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"sana/backend/sanatest"
)

// roundTrips is a proxy in front of the database that counts how often a client waits for an answer.
type roundTrips struct {
	url   string
	count atomic.Int64
}

func newRoundTrips(t *testing.T, database string) *roundTrips {
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
	r := &roundTrips{url: address.String()}
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

// pass carries one connection until either side ends it.
func (r *roundTrips) pass(client net.Conn, address string) {
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
func (r *roundTrips) forward(server io.Writer, from *bufio.Reader) error {
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

// someone is a browser of a person.
type someone struct {
	*sanatest.Browser
	email, code string
}

// want calls do for everybody. The fewest round trips that a call led to are its own: what else the program asks meanwhile
// can only add to them, and so does a statement that a connection meets for the first time.
func (r *roundTrips) want(t *testing.T, what string, want int64, people []*someone, do func(*someone)) {
	t.Helper()
	fewest := int64(-1)
	for _, p := range people {
		before := r.count.Load()
		do(p)
		if n := r.count.Load() - before; fewest < 0 || n < fewest {
			fewest = n
		}
	}
	if fewest != want {
		t.Errorf("%s: %d round trips to the database, want %d", what, fewest, want)
	}
}

// holdMails has mails wait until they are let go: else sending them would be counted with the requests.
func holdMails(t *testing.T, w *sanatest.World) (letGo func()) {
	t.Helper()
	w.Exec(t, `
		CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN NEW.scheduled_at = now() + interval '1 hour'; RETURN NEW; END $$`)
	w.Exec(t, `CREATE TRIGGER hold BEFORE INSERT ON river_job FOR EACH ROW WHEN (NEW.kind = 'mail') EXECUTE FUNCTION hold()`)
	return func() { w.Exec(t, `UPDATE river_job SET scheduled_at = now() WHERE kind = 'mail'`) }
}

func TestASignInCostsFiveRoundTripsToTheDatabase(t *testing.T) {
	t.Parallel()
	w := sanatest.NewWorld(t)
	letGo := holdMails(t, w)
	wire := newRoundTrips(t, w.DatabaseURL)
	// One connection prepares each statement once.
	instance := w.Start(t, "DATABASE_URL="+wire.url+"&pool_max_conns=2", "SESSION_CACHE=off")
	var people []*someone
	for i := range 12 {
		people = append(people, &someone{Browser: instance.Open(t), email: fmt.Sprintf("person%d@sana.example", i)})
	}
	signIn := func(who string) {
		mails := len(w.Mailgun.Messages())
		wire.want(t, "a code for "+who, 1, people, func(p *someone) { p.RequestCode(p.email).Want(http.StatusAccepted) })
		wire.want(t, "a code again for "+who, 2, people, func(p *someone) { p.RequestCode(p.email).Want(http.StatusAccepted) })
		letGo()
		sanatest.Eventually(t, "the codes do not arrive", func() error {
			return sanatest.CountError(len(w.Mailgun.Messages())-mails, len(people))
		})
		w.AwaitMails(t)
		for _, p := range people {
			all := w.Mails(t, "sign_in_code", p.email, 1)
			p.code = sanatest.CodeIn(all[len(all)-1])
		}
		wire.want(t, "a wrong code of "+who, 2, people, func(p *someone) {
			p.Verify(sanatest.WrongCode(p.code)).Want(http.StatusUnauthorized, "wrong_code")
		})
		wire.want(t, "the right code of "+who, 3, people, func(p *someone) { p.Verify(p.code).Want(http.StatusOK) })
		wire.want(t, "who is signed in, without a cache", 1, people, func(p *someone) {
			p.Get("/api/auth/session").Want(http.StatusOK)
		})
	}
	signIn("somebody new")
	wire.want(t, "a code for another address", 2, people, func(p *someone) {
		p.RequestCode("other-" + p.email).Want(http.StatusAccepted)
	})
	letGo()
	w.AwaitMails(t)
	w.Pass(t, 2*time.Minute)
	for _, p := range people {
		p.Browser = instance.Open(t) // a browser that is not known, so that a second mail goes
	}
	signIn("somebody known")
}

func TestAReadFromTheCacheCostsNoRoundTrip(t *testing.T) {
	t.Parallel()
	w := sanatest.NewWorld(t)
	wire := newRoundTrips(t, w.DatabaseURL)
	instance := w.Start(t, "DATABASE_URL="+wire.url)
	var people []*someone
	for i := range 12 {
		p := &someone{Browser: instance.Open(t), email: fmt.Sprintf("person%d@sana.example", i)}
		p.SignIn(w, p.email)
		p.Get("/api/auth/session").Want(http.StatusOK)
		people = append(people, p)
	}
	wire.want(t, "who is signed in", 0, people, func(p *someone) { p.Get("/api/auth/session").Want(http.StatusOK) })
}
