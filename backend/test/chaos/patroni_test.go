package chaos

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"sana/backend/gate/appcookie"
	"sana/backend/keyring"
	"sana/backend/test/harness"
)

// F-06: a cluster that Patroni manages, with a synchronous replica: each of ten times the primary
// is killed under traffic, every other time with its agent. No user is signed out, no session and
// no key that was revoked comes back, and every accepted code is mailed.
func TestFailover_OfPatroniLosesNothing(t *testing.T) {
	if !isLong() {
		t.Skip("it takes minutes: npm run chaos runs it")
	}
	t.Parallel()
	r := newPatroniRun(t)
	stop := r.startTraffic()
	for round := range patroniRounds {
		r.cluster.awaitSync()
		r.hold(500, 1500)
		r.failover(round)
	}
	r.cluster.awaitSync()
	stop()
	r.w.AwaitMails(t)
	r.hold(int(endedWithin.Milliseconds()), int(endedWithin.Milliseconds())+100)
	r.checkMembers()
	r.crowd.check(r.nemesis)
	checkInvariants(t, r.w)
}

// patroniRounds is how many failovers there are.
const patroniRounds = 10

// statusCounts counts answers by their status.
type statusCounts [600]atomic.Int64

// patroniRun is two instances on a cluster, and their users.
type patroniRun struct {
	*nemesis
	cluster *patroniCluster
	gates   []string // of the instances
	members []*member
	crowd   *strangers
	counts  statusCounts   // of the answers to members
	clients sync.WaitGroup // that send requests
}

// newPatroniRun starts a cluster and two instances, and signs twenty members in.
func newPatroniRun(t *testing.T) *patroniRun {
	t.Helper()
	c := newPatroniCluster(t)
	r := &patroniRun{cluster: c, nemesis: &nemesis{T: t, random: rand.New(rand.NewPCG(1, 0)),
		w: harness.WorldOn(t, c.url()), done: map[string]int{}}}
	file := filepath.Join(t.TempDir(), "apps.yaml")
	apps := "apps:\n  wiki: {name: Wiki, access_keys: true, hosts: [" + wikiHost +
		"], allow: [\"@sana.example\"]}\n"
	if err := os.WriteFile(file, []byte(apps), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		port, gate := harness.FreePort(t), fmt.Sprintf("127.0.0.1:%d", harness.FreePort(t))
		app := r.w.SpawnAt(t, port, "APPS_FILE="+file, "GATE_ADDR="+gate)
		app.WaitReady(t)
		r.ports, r.fleet, r.logs = append(r.ports, port), append(r.fleet, app),
			append(r.logs, app.Log)
		r.gates = append(r.gates, "http://"+gate)
	}
	ring, err := keyring.Parse(harness.SecretKeys)
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		r.members = append(r.members, newMember(t, r.w, r.fleet[0].URL, appcookie.New(ring)))
	}
	r.w.AwaitMails(t)
	r.crowd = newStrangers(r.nemesis)
	return r
}

// startTraffic sends requests of members and strangers until stop, which waits for their end.
func (r *patroniRun) startTraffic() (stop func()) {
	ended := make(chan struct{})
	forever := func(seed int, do func(random *rand.Rand)) {
		random := rand.New(rand.NewPCG(2, uint64(seed)))
		r.clients.Go(func() {
			for {
				select {
				case <-ended:
					return
				default:
					do(random)
				}
			}
		})
	}
	for i, m := range r.members {
		forever(i, func(random *rand.Rand) {
			at := random.IntN(2)
			m.use(r.fleet[at].URL, r.gates[at], &r.counts)
			pause(r, random, 20, 100)
		})
	}
	for i := range 4 {
		forever(100+i, r.crowd.live)
	}
	return func() {
		close(ended)
		r.clients.Wait()
	}
}

// failover kills the primary, every other time with its agent, while a member revokes a key. It
// waits until the other node is promoted and the instances are ready.
func (r *patroniRun) failover(round int) {
	r.Helper()
	primary, err := r.cluster.primary()
	if err != nil {
		r.Fatal(err)
	}
	began, withAgent := time.Now(), round%2 == 1
	r.clients.Go(func() { r.revokeKey(round) })
	if withAgent {
		_ = primary.agent.Process.Signal(syscall.SIGKILL)
		<-primary.exited
	}
	primary.killPostgres(r)()

	harness.Eventually(r, "no other node is promoted", func() error {
		now, err := r.cluster.primary()
		if err == nil && now == primary {
			err = errors.New("the killed node is still the primary")
		}
		return err
	})
	for _, app := range r.fleet {
		app.WaitReady(r)
	}
	r.Logf("round %d: served again after %s; with the agent killed: %t", round+1,
		time.Since(began).Round(100*time.Millisecond), withAgent)

	if withAgent { // another machine takes its place
		if err := os.RemoveAll(filepath.Join(primary.dir, "data")); err != nil {
			r.Fatal(err)
		}
		r.cluster.run(primary)
	}
}

// revokeKey revokes the key of the round's member. It is answered before, during or after the
// failover.
func (r *patroniRun) revokeKey(round int) {
	random, m := rand.New(rand.NewPCG(3, uint64(round))), r.members[round]
	pause(r, random, 0, 50)
	m.revoking.Store(true)
	path := "/api/account/access-keys/" + m.keyID
	a := r.crowd.until(random,
		func(at string) answer { return m.ask(at, http.MethodDelete, path, "") })
	if a.status != http.StatusNoContent {
		r.Errorf("%s: deleting the key got %d %s", m.email, a.status, a.body)
	}
	m.revoked.Store(time.Now().UnixNano())
}

// checkMembers fails the test unless every member is signed in everywhere, and exactly the revoked
// keys are refused.
func (r *patroniRun) checkMembers() {
	r.Helper()
	for i, m := range r.members {
		key := http.StatusOK
		if i < patroniRounds {
			key = http.StatusUnauthorized
		}
		for at, gate := range r.gates {
			m.want(m.session(r.fleet[at].URL), http.StatusOK)
			harness.WantEqual(r, "the app of "+m.email,
				openApp(r, gate, "Cookie", "__Host-sana_app="+m.appCookie), http.StatusOK)
			harness.WantEqual(r, "the key of "+m.email,
				openApp(r, gate, "Authorization", "Bearer "+m.key), key)
		}
	}
	r.Logf("answers to members: %d 200, %d 503, %d lost; strangers: %v", r.counts[200].Load(),
		r.counts[503].Load(), r.counts[0].Load(), r.crowd.counts)
}

// member is a user who uses an app with a browser and with a program, and never signs out.
type member struct {
	*person
	appCookie string
	key       string
	keyID     string
	revoking  atomic.Bool  // the revocation of the key may have been sent
	revoked   atomic.Int64 // when it was answered, in nanoseconds; 0 before
}

const wikiHost = "wiki.example.org"

// newMember signs a user in, and gives them an app cookie and an access key.
func newMember(t testing.TB, w *harness.World, at string, maker *appcookie.Maker) *member {
	t.Helper()
	m := &member{person: signedIn(t, w, at)}
	var id, seed string
	err := w.DB.QueryRow(t.Context(), `
		SELECT convert_from(v, 'UTF8')::jsonb ->> 'id', convert_from(v, 'UTF8')::jsonb ->> 'seed'
		FROM sessions
		JOIN users ON users.id = user_id
		WHERE email = $1`, m.email).Scan(&id, &seed)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := base64.StdEncoding.DecodeString(seed)
	if err != nil {
		t.Fatal(err)
	}
	m.appCookie = maker.Make(wikiHost, id, raw, time.Now())
	made := m.want(
		m.ask(at, http.MethodPost, "/api/account/access-keys", `{"app":"wiki","name":"Backup"}`),
		http.StatusCreated)
	m.key, m.keyID = between(string(made.body), `"key":"`, `"`),
		between(string(made.body), `"id":"`, `"`)
	return m
}

// between returns what stands between two texts.
func between(text, before, after string) string {
	_, rest, _ := strings.Cut(text, before)
	found, _, _ := strings.Cut(rest, after)
	return found
}

// openApp asks a gate as a proxy does, and returns the status of its answer, 0 for none.
func openApp(t testing.TB, gate, header, value string) int {
	request, err := http.NewRequest(http.MethodGet, gate+"/gate/forward/wiki", http.NoBody)
	if err != nil {
		t.Error(err)
		return 0
	}
	request.Header = http.Header{
		"X-Forwarded-Host": {wikiHost}, "X-Forwarded-Uri": {"/"}, "X-Forwarded-Method": {"GET"},
		header: {value},
	}
	answer, err := direct.Do(request)
	if err != nil {
		return 0
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode
}

// use uses the session and the app at every instance once. Nothing but 503 excuses a refusal, and a
// revoked key is good nowhere.
func (m *member) use(sana, gate string, counts *statusCounts) {
	is := func(what string, status int, allowed ...int) {
		counts[status].Add(1)
		for _, one := range append(allowed, 0, http.StatusServiceUnavailable) {
			if status == one {
				return
			}
		}
		m.t.Errorf("%s: %s got %d, want %v", m.email, what, status, allowed)
	}
	is("reading the session", m.session(sana).status, http.StatusOK)
	is("the app", openApp(m.t, gate, "Cookie", "__Host-sana_app="+m.appCookie), http.StatusOK)
	revoked := m.revoked.Load()
	isLate := revoked != 0 && time.Since(time.Unix(0, revoked)) > endedWithin
	status := openApp(m.t, gate, "Authorization", "Bearer "+m.key)
	switch {
	case isLate:
		is("the revoked key", status, http.StatusUnauthorized)
	case !m.revoking.Load():
		is("the key", status, http.StatusOK)
	}
}
