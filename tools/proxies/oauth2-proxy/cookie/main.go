// Command cookie prints Cookie headers of users who are signed in at an oauth2-proxy with cookie
// sessions, one per line, created by oauth2-proxy's own store.
//
//	cookie SECRET ADDRESS...
package main

import (
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"time"

	"github.com/oauth2-proxy/oauth2-proxy/v7/pkg/apis/options"
	"github.com/oauth2-proxy/oauth2-proxy/v7/pkg/apis/sessions"
	"github.com/oauth2-proxy/oauth2-proxy/v7/pkg/sessions/cookie"
)

func main() {
	if len(os.Args) < 3 {
		log.Fatal("usage: cookie SECRET ADDRESS...")
	}
	settings := options.NewOptions()
	settings.Cookie.Name, settings.Cookie.Secret, settings.Cookie.Expire = "_oauth2_proxy",
		os.Args[1],
		24*time.Hour
	store, err := cookie.NewCookieSessionStore(&settings.Session, &settings.Cookie)
	if err != nil {
		log.Fatal(err)
	}
	for _, address := range os.Args[2:] {
		answer := httptest.NewRecorder()
		state := &sessions.SessionState{
			Email:       address,
			User:        address,
			AccessToken: strings.Repeat("t", 32),
		}
		if err := store.Save(answer,
			httptest.NewRequest(http.MethodGet, "https://sana.example/", nil),
			state); err != nil {
			log.Fatal(err)
		}
		for _, c := range answer.Result().Cookies() {
			fmt.Println(c.Name + "=" + c.Value)
		}
	}
}
