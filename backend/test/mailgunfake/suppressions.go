package mailgunfake

import (
	"net/http"
	"slices"
	"strings"
)

// notListed is Mailgun's message, for each list, about an address that is not on it.
var notListed = map[string]string{
	"bounces":      "Address not found in bounces table",
	"complaints":   "No spam complaints found for this address",
	"unsubscribes": "Address not found in unsubscribers table",
}

// Suppress puts an address on one of Mailgun's lists: "bounces", "complaints" or "unsubscribes".
// Messages to it are still accepted, as Mailgun accepts them.
func (f *Fake) Suppress(list, address string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.suppressed == nil {
		f.suppressed = map[string][]string{}
	}
	f.suppressed[list] = append(f.suppressed[list], address)
}

// Suppressed returns the addresses on a list.
func (f *Fake) Suppressed(list string) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.suppressed[list])
}

// suppression answers GET and DELETE /v3/{domain}/{list}/{address}. It ignores other requests.
func (f *Fake) suppression(w http.ResponseWriter, r *http.Request) (answered bool) {
	parts := strings.Split(strings.TrimPrefix(r.URL.EscapedPath(), "/v3/"), "/")
	hasList := len(parts) == 3 && notListed[parts[1]] != ""
	if !hasList || r.Method != http.MethodGet && r.Method != http.MethodDelete {
		return false
	}
	domain, list, address := parts[0], parts[1], r.URL.Path[len("/v3/"+parts[0]+"/"+parts[1]+"/"):]
	f.mu.Lock()
	defer f.mu.Unlock()
	i := slices.Index(f.suppressed[list], address)
	switch {
	case domain != f.domain:
		refuse(w, http.StatusNotFound, "Domain not found: "+domain)
	case i < 0:
		refuse(w, http.StatusNotFound, notListed[list])
	case r.Method == http.MethodGet:
		answer(w, map[string]any{
			"address": address, "code": "550", "error": "No such mailbox",
			"created_at": "Fri, 21 Oct 2011 11:02:55 UTC",
		})
	default:
		f.suppressed[list] = slices.Delete(f.suppressed[list], i, i+1)
		refuse(w, http.StatusOK, "Address has been removed")
	}
	return true
}
