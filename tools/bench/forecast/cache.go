package main

import (
	"flag"
	"fmt"
	"math/rand/v2"

	"github.com/maypok86/otter/v2"
)

// usage is the assumed load: visits a day, each with a number of requests in a number of seconds.
type usage struct {
	visits   float64
	requests int
	seconds  int
}

// perSecond returns the number of requests a second, as an average of the day.
func (u usage) perSecond(sessions float64) float64 {
	return sessions * u.visits * float64(u.requests) / 86_400
}

// inUse returns the number of sessions that are in the middle of a visit.
func (u usage) inUse(sessions float64) float64 {
	return sessions * u.visits * float64(u.seconds) / 86_400
}

// setting is one of several instances that share the requests.
type setting struct {
	usage
	sessions  float64
	instances int
	megabytes int
	sticky    bool // all requests of a session reach the same instance; otherwise any
	// exponent of Zipf's law, by which few sessions have most visits; 0 if all have the same number
	zipf float64
}

// weight is the size that backend/session/cached.go counts for a cached session: sessionBytes,
// maxMemo and the texts: id, user id, address, user agent, platform, IP address and seed.
const weight = 424 + 288 + 32 + 36 + 26 + 111 + 15 + 12 + 16

func simulateCache(args []string) error {
	flags := flag.NewFlagSet("cache", flag.ExitOnError)
	var u usage
	flags.Float64Var(&u.visits, "visits", 2, "visits of each session per day")
	flags.IntVar(&u.requests, "requests", 43, "requests in a visit")
	flags.IntVar(&u.seconds, "seconds", 600, "seconds of a visit")
	perInstance := flags.Float64("per-instance", 20_000,
		"requests per second that one instance handles")
	_ = flags.Parse(args)
	fmt.Printf("%.0f visits a day of %d requests in %d s; an instance takes %.0f requests a "+
		"second; a cached session takes %d bytes\n", u.visits, u.requests, u.seconds, *perInstance,
		weight)
	fmt.Println("| sessions | requests/s | in use | instances | requests of a session | visits | " +
		"cache, MB | hits | reads of the database/s | touches/s |")
	for _, sessions := range []float64{1e6, 1e7, 1e8, 1e9} {
		instances := max(2, int(u.perSecond(sessions) / *perInstance + 0.999))
		for _, megabytes := range []int{64, 256, 1024} {
			for _, how := range []struct {
				sticky bool
				zipf   float64
			}{{false, 0}, {true, 0}, {true, 1.1}} {
				s := setting{u, sessions, instances, megabytes, how.sticky, how.zipf}
				s.show(s.hits())
			}
		}
	}
	return nil
}

func (s setting) show(hits float64) {
	routing, visits := "to any", "equal"
	if s.sticky {
		routing = "to one"
	}
	if s.zipf > 0 {
		visits = fmt.Sprintf("Zipf %.1f", s.zipf)
	}
	fmt.Printf("| %.0e | %.0f | %.0f | %d | %s | %s | %d | %.1f %% | %.0f | %.0f |\n", s.sessions,
		s.perSecond(s.sessions), s.inUse(s.sessions), s.instances, routing, visits, s.megabytes,
		100*hits, s.perSecond(s.sessions)*(1-hits), s.touches())
}

// touches returns the number of uses that all instances record in a second: one a minute of each
// session in use.
func (s setting) touches() float64 { return s.inUse(s.sessions) / 60 }

// The first part of the simulated time fills the cache; hits are counted in the second.
const (
	fillVisits  = 2 // multiples of a visit's length
	countVisits = 1
	// maxRequests is the maximum number of simulated requests. With more, sessions, instance and
	// cache are scaled down together. That does not change the share of hits if all sessions have
	// the same number of visits; by Zipf's law it increases the share of frequent visitors.
	maxRequests = 2e6
)

// hits simulates an instance second by second.
func (s setting) hits() float64 {
	share := 1 / float64(s.instances)
	population := s.sessions
	if s.sticky { // the instance gets its own sessions only, and all their requests
		population, share = population/float64(s.instances), 1
	}
	length := (fillVisits + countVisits) * s.seconds
	bytes := float64(s.megabytes << 20)
	scale := min(1, maxRequests/(s.perSecond(population)*share*float64(length)))
	population, bytes = population*scale, bytes*scale
	cached := otter.Must(&otter.Options[uint64, struct{}]{
		MaximumWeight: uint64(bytes),
		Weigher:       func(uint64, struct{}) uint32 { return weight },
	})
	random := rand.New(rand.NewPCG(1, 2))
	pick := func() uint64 { return random.Uint64N(uint64(population)) }
	if s.zipf > 0 {
		zipf := rand.NewZipf(random, s.zipf, 1, uint64(population)-1)
		pick = zipf.Uint64
	}
	calendar := make([][]uint64, length+s.seconds+1) // sessions that send a request in each second
	begin := population * s.visits / 86_400
	var due, read, hit float64
	for second := range length {
		for due += begin; due >= 1; due-- {
			session := pick()
			for range s.requests {
				if random.Float64() < share {
					when := second + random.IntN(s.seconds)
					calendar[when] = append(calendar[when], session)
				}
			}
		}
		for _, session := range calendar[second] {
			_, found := cached.GetIfPresent(session)
			if !found {
				cached.Set(session, struct{}{})
			}
			if second >= fillVisits*s.seconds {
				read++
				if found {
					hit++
				}
			}
		}
		calendar[second] = nil
	}
	return hit / read
}
