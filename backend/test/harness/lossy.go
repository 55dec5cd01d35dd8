package harness

import (
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
)

// Lossy loses answers to a browser's writes, as a bad network does. Half of the lost requests never
// reach the server; the others are lost after the server has answered, with their cookies.
type Lossy struct {
	mu     sync.Mutex
	random *rand.Rand
	share  float64 // of writes that are lost
	base   http.RoundTripper

	Lost int // so far
}

// LoseAnswers makes the browser lose a share of its answers to writes, chosen by a seed. Lost
// requests are sent again, as the pages do: see Do.
func (b *Browser) LoseAnswers(share float64, seed uint64) *Lossy {
	b.mu.Lock()
	defer b.mu.Unlock()
	l := &Lossy{share: share, random: rand.New(rand.NewPCG(seed, seed)),
		base: http.DefaultTransport}
	client := *b.client
	client.Transport = l
	b.client = &client
	b.lossy = l
	return l
}

// errLost is the client's error for a lost answer.
type errLost struct{}

func (errLost) Error() string { return "harness: the answer was lost" }

// RoundTrip implements http.RoundTripper.
func (l *Lossy) RoundTrip(request *http.Request) (*http.Response, error) {
	before, after := l.decide(request.Method)
	if before {
		return nil, errLost{}
	}
	response, err := l.base.RoundTrip(request)
	if err == nil && after {
		_, _ = io.Copy(io.Discard, response.Body)
		response.Body.Close()
		return nil, errLost{}
	}
	return response, err
}

func (l *Lossy) decide(method string) (before, after bool) {
	if method == http.MethodGet {
		return false, false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.random.Float64() >= l.share {
		return false, false
	}
	l.Lost++
	before = l.random.IntN(2) == 0
	return before, !before
}
