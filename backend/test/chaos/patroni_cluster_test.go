package chaos

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

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
