package chaos

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
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

// The variables that name the programs patroni and etcd, and the folder of the Postgres that
// Patroni runs.
const patroniVariable, etcdVariable, patroniPostgresVariable = "SANA_PATRONI", "SANA_ETCD",
	"SANA_PATRONI_POSTGRES_BIN"

// cluster of two Postgres nodes with synchronous replication, which Patroni manages.
type patroniCluster struct {
	t     testing.TB
	nodes []*patroniNode
}

// patroniNode is one Postgres and the agent that runs it.
type patroniNode struct {
	dir    string
	port   int    // of Postgres
	rest   string // address of the agent
	agent  *exec.Cmd
	exited chan struct{}
}

// launch runs a program until the test ends and writes what it says into a file.
func launch(t testing.TB, dir, name string, command *exec.Cmd) (exited chan struct{}) {
	t.Helper()
	log, err := os.OpenFile(filepath.Join(dir, name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY,
		0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	command.Stdout, command.Stderr = log, log
	command.Env = append(command.Env, "HOME="+dir)
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	exited = make(chan struct{})
	go func() {
		_ = command.Wait()
		close(exited)
	}()
	t.Cleanup(func() {
		_ = command.Process.Kill()
		<-exited
		if t.Failed() {
			text, _ := os.ReadFile(log.Name())
			t.Logf("%s says, at the end:\n%s", name, text[max(0, len(text)-4000):])
		}
	})
	return exited
}

// newFolder makes a folder of the user whom Postgres runs as.
func newFolder(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "sana-patroni-")
	if err == nil {
		err = giveAway(dir)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func newPatroniCluster(t testing.TB) *patroniCluster {
	t.Helper()
	for _, name := range []string{patroniVariable, etcdVariable, patroniPostgresVariable} {
		if os.Getenv(name) == "" {
			t.Skip(
				name + " is not set; npm run chaos sets it where the system's packages can be " +
					"installed")
		}
	}
	dir := newFolder(t)
	etcd, peer := harness.FreePort(t), harness.FreePort(t)
	client, peers := fmt.Sprintf("http://127.0.0.1:%d", etcd),
		fmt.Sprintf("http://127.0.0.1:%d", peer)
	launch(t, dir, "etcd", asNobody(os.Getenv(etcdVariable),
		"--data-dir="+filepath.Join(dir, "etcd"), "--listen-client-urls="+client,
		"--advertise-client-urls="+client,
		"--listen-peer-urls="+peers, "--initial-advertise-peer-urls="+peers,
		"--initial-cluster=default="+peers))
	c := &patroniCluster{t: t}
	for i := range 2 {
		node := &patroniNode{dir: newFolder(t), port: harness.FreePort(t),
			rest: fmt.Sprintf("127.0.0.1:%d", harness.FreePort(t))}
		file := filepath.Join(node.dir, "patroni.yaml")
		config := fmt.Sprintf(patroniConfig, i, node.rest, etcd, node.port, node.dir,
			os.Getenv(patroniPostgresVariable))
		if err := os.WriteFile(file, []byte(config), 0o644); err != nil {
			t.Fatal(err)
		}
		c.nodes = append(c.nodes, node)
		t.Cleanup(node.killPostgres(t)) // before its agent: cleanups run backwards
		c.run(node)
	}
	c.awaitSync()
	return c
}

// patroniConfig has the shortest times that Patroni takes. A primary that has crashed is replaced,
// not restarted.
const patroniConfig = `
scope: sana
name: node%[1]d
restapi: {listen: "%[2]s", connect_address: "%[2]s"}
etcd3: {hosts: ["127.0.0.1:%[3]d"]}
bootstrap:
  dcs:
    ttl: 20
    loop_wait: 1
    retry_timeout: 3
    master_start_timeout: 0
    synchronous_mode: true
    postgresql:
      use_pg_rewind: true
      parameters: {fsync: "off", full_page_writes: "off", shared_buffers: 32MB,
        max_connections: 100, wal_sender_timeout: 2s}
  initdb: [{encoding: UTF8}, {locale: C}, data-checksums]
postgresql:
  listen: "127.0.0.1:%[4]d"
  connect_address: "127.0.0.1:%[4]d"
  data_dir: %[5]s/data
  bin_dir: %[6]s
  pgpass: %[5]s/pgpass
  pg_hba: [host all all 127.0.0.1/32 trust, host replication all 127.0.0.1/32 trust,
    local all all trust]
  authentication:
    superuser: {username: postgres, password: unused}
    replication: {username: replicator, password: unused}
    rewind: {username: postgres, password: unused}
  parameters: {unix_socket_directories: %[5]s}
`

// run starts the agent of a node, which starts its Postgres.
func (c *patroniCluster) run(node *patroniNode) {
	c.t.Helper()
	node.agent = asNobody(os.Getenv(patroniVariable), filepath.Join(node.dir, "patroni.yaml"))
	node.exited = launch(c.t, node.dir, "patroni", node.agent)
}

// killPostgres returns what ends all processes of a node's Postgres at once.
func (node *patroniNode) killPostgres(t testing.TB) func() {
	return func() {
		text, err := os.ReadFile(filepath.Join(node.dir, "data", "postmaster.pid"))
		if err != nil {
			return // it was never started
		}
		line, _, _ := strings.Cut(string(text), "\n")
		if pid, err := strconv.Atoi(line); err == nil {
			killAll(t, pid)
		}
	}
}

// url leads to the primary, whichever node it is.
func (c *patroniCluster) url() string {
	return fmt.Sprintf(
		"postgres://postgres@127.0.0.1:%d,127.0.0.1:%d/postgres"+
			"?sslmode=disable&target_session_attrs=read-write&connect_timeout=5",
		c.nodes[0].port, c.nodes[1].port)
}

// find returns the node whose agent answers 200 to a path.
func (c *patroniCluster) find(path string) (*patroniNode, error) {
	client := &http.Client{Timeout: 2 * time.Second}
	for _, node := range c.nodes {
		answer, err := client.Get("http://" + node.rest + path)
		if err != nil {
			continue
		}
		answer.Body.Close()
		if answer.StatusCode == http.StatusOK {
			return node, nil
		}
	}
	return nil, fmt.Errorf("no node answers 200 to %s", path)
}

func (c *patroniCluster) primary() (*patroniNode, error) { return c.find("/primary") }

// awaitSync waits until every commit is on both nodes, and Patroni has noted that the replica may
// be promoted.
func (c *patroniCluster) awaitSync() {
	c.t.Helper()
	harness.Eventually(c.t, "the cluster is not synchronous", func() error {
		node, err := c.primary()
		if err != nil {
			return err
		}
		if _, err := c.find("/synchronous"); err != nil {
			return err
		}
		s := &server{t: c.t, port: node.port}
		got, err := s.query(`SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'`)
		if err == nil && got != "1" {
			err = fmt.Errorf("%s synchronous replicas", got)
		}
		return err
	})
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
func (m *member) use(sana, gate string, counts *[600]atomic.Int64) {
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

// F-06: a cluster that Patroni manages, with a synchronous replica: each of ten times the primary
// is killed under traffic, every other time with its agent. No user is signed out, no session and
// no key that was revoked comes back, and every accepted code is mailed.
func TestFailover_OfPatroniLosesNothing(t *testing.T) {
	if !isLong() {
		t.Skip("it takes minutes: npm run chaos runs it")
	}
	t.Parallel()
	c := newPatroniCluster(t)
	n := &nemesis{T: t, random: rand.New(rand.NewPCG(1, 0)), w: harness.WorldOn(t, c.url()),
		done: map[string]int{}}
	file := filepath.Join(t.TempDir(), "apps.yaml")
	apps := "apps:\n  wiki: {name: Wiki, access_keys: true, hosts: [" + wikiHost +
		"], allow: [\"@sana.example\"]}\n"
	if err := os.WriteFile(file, []byte(apps), 0o600); err != nil {
		t.Fatal(err)
	}
	ring, err := keyring.Parse(harness.SecretKeys)
	if err != nil {
		t.Fatal(err)
	}
	var gates []string
	for range 2 {
		port, gate := harness.FreePort(t), fmt.Sprintf("127.0.0.1:%d", harness.FreePort(t))
		app := n.w.SpawnAt(t, port, "APPS_FILE="+file, "GATE_ADDR="+gate)
		app.WaitReady(t)
		n.ports, n.fleet, n.logs = append(n.ports, port), append(n.fleet, app),
			append(n.logs, app.Log)
		gates = append(gates, "http://"+gate)
	}
	var members []*member
	for range 20 {
		members = append(members, newMember(t, n.w, n.fleet[0].URL, appcookie.New(ring)))
	}
	n.w.AwaitMails(t)

	crowd := newStrangers(n)
	var counts [600]atomic.Int64
	var all sync.WaitGroup
	stop := make(chan struct{})
	forever := func(do func(random *rand.Rand), seed int) {
		random := rand.New(rand.NewPCG(2, uint64(seed)))
		all.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					do(random)
				}
			}
		})
	}
	for i, m := range members {
		forever(func(random *rand.Rand) {
			at := random.IntN(2)
			m.use(n.fleet[at].URL, gates[at], &counts)
			pause(t, random, 20, 100)
		}, i)
	}
	for i := range 4 {
		forever(crowd.live, 100+i)
	}

	for round := range 10 {
		c.awaitSync()
		n.hold(500, 1500)
		primary, err := c.primary()
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		withAgent := round%2 == 1
		revoker := members[round]
		all.Go(func() { // answered before, during or after the failover
			random := rand.New(rand.NewPCG(3, uint64(round)))
			pause(t, random, 0, 50)
			revoker.revoking.Store(true)
			path := "/api/account/access-keys/" + revoker.keyID
			a := crowd.until(random,
				func(at string) answer { return revoker.ask(at, http.MethodDelete, path, "") })
			if a.status != http.StatusNoContent {
				t.Errorf("%s: deleting the key got %d %s", revoker.email, a.status, a.body)
			}
			revoker.revoked.Store(time.Now().UnixNano())
		})
		if withAgent {
			_ = primary.agent.Process.Signal(syscall.SIGKILL)
			<-primary.exited
		}
		primary.killPostgres(t)()
		harness.Eventually(t, "no other node is promoted", func() error {
			now, err := c.primary()
			if err == nil && now == primary {
				err = errors.New("the killed node is still the primary")
			}
			return err
		})
		for _, app := range n.fleet {
			app.WaitReady(t)
		}
		t.Logf("round %d: served again after %s; with the agent killed: %t", round+1,
			time.Since(began).Round(100*time.Millisecond), withAgent)
		if withAgent { // another machine takes its place
			if err := os.RemoveAll(filepath.Join(primary.dir, "data")); err != nil {
				t.Fatal(err)
			}
			c.run(primary)
		}
	}
	c.awaitSync()
	close(stop)
	all.Wait()
	n.w.AwaitMails(t)
	n.hold(int(endedWithin.Milliseconds()), int(endedWithin.Milliseconds())+100)
	for i, m := range members {
		for at := range gates {
			m.want(m.session(n.fleet[at].URL), http.StatusOK)
			harness.WantEqual(t, "the app of "+m.email,
				openApp(t, gates[at], "Cookie", "__Host-sana_app="+m.appCookie), http.StatusOK)
			want := http.StatusOK
			if i < 10 {
				want = http.StatusUnauthorized
			}
			harness.WantEqual(t, "the key of "+m.email,
				openApp(t, gates[at], "Authorization", "Bearer "+m.key), want)
		}
	}
	t.Logf("answers to members: %d 200, %d 503, %d lost; strangers: %v",
		counts[200].Load(), counts[503].Load(), counts[0].Load(), crowd.counts)
	crowd.check(n)
	checkInvariants(t, n.w)
}
