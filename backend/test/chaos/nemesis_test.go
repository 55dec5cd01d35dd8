package chaos

import (
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"sana/backend/test/harness"
)

// nemesis causes one random fault after the other: in the database, the network in front of it and
// the instances.
type nemesis struct {
	*testing.T
	random *rand.Rand
	s      *server
	x      *harness.Network
	w      *harness.World
	ports  []int
	fleet  []*harness.Process
	logs   []*harness.Log // of all instances ever started
	done   map[string]int
}

// F-33: under random faults, one after the other, users sign in, mistype, read their session and
// sign out, at any instance. The invariants I1 to I8 hold. SANA_CHAOS_SECONDS is the duration,
// SANA_CHAOS_SEED the seed.
func TestRandomFaults_KeepTheInvariants(t *testing.T) {
	t.Parallel()
	seed := harness.Number(t, "SANA_CHAOS_SEED", int(rand.Uint32()))
	seconds := harness.Number(t, "SANA_CHAOS_SECONDS", 10)
	t.Logf("SANA_CHAOS_SEED=%d SANA_CHAOS_SECONDS=%d", seed, seconds)
	instances := 2
	if isLong() {
		instances = 3
	}
	n := newNemesis(t, uint64(seed), instances)
	crowd := newStrangers(n)
	ctx, cancel := context.WithTimeout(t.Context(), time.Duration(seconds)*time.Second)
	defer cancel()
	var all sync.WaitGroup
	for i := range 6 {
		random := rand.New(rand.NewPCG(uint64(seed), uint64(i+1)))
		all.Go(func() {
			for ctx.Err() == nil {
				crowd.live(random)
			}
		})
	}
	for ctx.Err() == nil {
		n.strike()
		n.hold(200, 1500)
	}
	all.Wait()
	for _, app := range n.fleet {
		app.WaitReady(t)
	}
	n.w.AwaitMails(t)
	t.Logf("faults: %v; people: %v", n.done, crowd.counts)
	crowd.check(n)
	checkInvariants(t, n.w)
}

func newNemesis(t *testing.T, seed uint64, instances int) *nemesis {
	t.Helper()
	n := &nemesis{T: t, random: rand.New(rand.NewPCG(seed, 0)), s: newServer(t),
		done: map[string]int{}}
	n.w = n.s.world()
	n.x = harness.NewNetwork(t, n.w.DatabaseURL)
	n.w.DatabaseURL = n.x.URL
	for i := range instances {
		n.ports = append(n.ports, harness.FreePort(t))
		n.fleet = append(n.fleet, nil)
		n.spawn(i)
	}
	return n
}

func (n *nemesis) spawn(i int) {
	n.Helper()
	n.fleet[i] = n.w.SpawnAt(n, n.ports[i])
	n.logs = append(n.logs, n.fleet[i].Log)
	n.fleet[i].WaitReady(n)
}

// hold waits a random number of milliseconds between least and most.
func (n *nemesis) hold(least, most int) {
	pause(n, n.random, least, most)
}

// pause waits between so many milliseconds, or until the test ends.
func pause(t testing.TB, random *rand.Rand, least, most int) {
	timer := time.NewTimer(time.Duration(least+random.IntN(most-least)) * time.Millisecond)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-t.Context().Done():
	}
}

// strike causes one fault and ends it.
func (n *nemesis) strike() {
	n.Helper()
	strikes := map[string]func(){
		"database restarted fast":    func() { n.restart(syscall.SIGINT) },
		"database restarted at once": func() { n.restart(syscall.SIGQUIT) },
		"database frozen": func() {
			n.s.freeze()
			n.hold(1000, 5000)
			n.s.thaw()
		},
		"network cut": n.x.Cut,
		"network slow": func() {
			n.x.Slow(time.Duration(20+n.random.IntN(300)) * time.Millisecond)
			n.hold(500, 3000)
			n.x.Pass()
		},
		"network silent": func() {
			n.x.Swallow()
			n.hold(500, 5000)
			n.x.Pass()
		},
		"instance killed": func() {
			i := n.random.IntN(len(n.fleet))
			n.fleet[i].Kill(n)
			n.hold(0, 500)
			n.spawn(i)
		},
		"instance frozen": func() {
			app := n.fleet[n.random.IntN(len(n.fleet))]
			app.Signal(n, syscall.SIGSTOP)
			n.hold(500, 5000)
			app.Signal(n, syscall.SIGCONT)
		},
	}
	names := slices.Sorted(maps.Keys(strikes))
	name := names[n.random.IntN(len(names))]
	n.done[name]++
	strikes[name]()
}

func (n *nemesis) restart(how syscall.Signal) {
	n.s.stop(how)
	n.hold(0, 1000)
	n.s.start()
}
