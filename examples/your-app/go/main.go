// A small app behind the gate. The proxy has asked Sana before a request comes here, and says in
// headers who the user is.
package main

import (
	"encoding/json"
	"log"
	"net/http"
	"os"
	"strings"
)

type user struct {
	ID     string   `json:"id"` // stays when the address changes
	Email  string   `json:"email"`
	Name   string   `json:"name"`
	Groups []string `json:"groups"`
}

func show(w http.ResponseWriter, r *http.Request) {
	id := r.Header.Get("Remote-Id")
	if id == "" {
		// A request without the headers did not come through the proxy.
		http.Error(w, "Only the proxy may ask this app.", http.StatusForbidden)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	// The answer is for one user: no cache may keep it for another.
	w.Header().Set("Cache-Control", "no-store")
	err := json.NewEncoder(w).Encode(user{
		ID:     id,
		Email:  r.Header.Get("Remote-Email"),
		Name:   r.Header.Get("Remote-Name"),
		Groups: strings.Split(r.Header.Get("Remote-Groups"), ","),
	})
	if err != nil {
		log.Print(err)
	}
}

func main() {
	port := os.Getenv("PORT")
	if port == "" {
		port = "8080"
	}
	log.Fatal(http.ListenAndServe("127.0.0.1:"+port, http.HandlerFunc(show)))
}
