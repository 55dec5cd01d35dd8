package drill

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"sana/backend/app"
	"sana/backend/config"
)

// The predecessor had one cookie for the pending sign-in and the session. Sana has a cookie for
// each; the drill stores both behind the predecessor's.

// predecessorCookie is the name of the predecessor's cookie.
const predecessorCookie = "__Host-session"

// predecessorAge is the lifetime of the cookie in the browser.
const predecessorAge = 30 * 24 * time.Hour

// jars store Sana's cookies in place of browsers.
type jars interface {
	// open returns the cookies behind a value of the predecessor's cookie, none if the value is
	// unknown.
	open(value string) map[string]string

	// keep sets and deletes ("" as a value) some of the cookies behind a value, and returns the new
	// value.
	keep(value string, changes map[string]string) (string, error)
}

// openJars returns a store with one of the predecessor's two defects.
func openJars(store string) (jars, error) {
	switch store {
	case randomSecret:
		return newSealedJars()
	case localFiles:
		dir, err := os.Getwd() // each process has its own
		return &fileJars{dir: dir}, err
	}
	return nil, fmt.Errorf("%s: there is no store %q", storeVariable, store)
}

// sealedJars store the cookies in the predecessor's cookie itself, sealed with a secret that is
// created when the program starts and lost when it exits.
type sealedJars struct{ aead cipher.AEAD }

func newSealedJars() (jars, error) {
	var secret [32]byte
	_, _ = rand.Read(secret[:]) // never fails
	block, err := aes.NewCipher(secret[:])
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	return &sealedJars{aead}, err
}

func (j *sealedJars) open(value string) map[string]string {
	cookies := map[string]string{}
	sealed, err := base64.RawURLEncoding.DecodeString(value)
	if err != nil {
		return cookies
	}
	plain, err := j.aead.Open(nil, nil, sealed, nil)
	if err != nil || json.Unmarshal(plain, &cookies) != nil {
		return map[string]string{}
	}
	return cookies
}

func (j *sealedJars) keep(value string, changes map[string]string) (string, error) {
	plain, err := json.Marshal(changed(j.open(value), changes))
	return base64.RawURLEncoding.EncodeToString(j.aead.Seal(nil, nil, plain, nil)), err
}

// fileJars store the cookies in files of one folder, on the disk of one instance.
type fileJars struct {
	dir string
	mu  sync.Mutex
}

func (j *fileJars) open(value string) map[string]string {
	j.mu.Lock()
	defer j.mu.Unlock()
	cookies, _ := j.read(value)
	return cookies
}

func (j *fileJars) keep(value string, changes map[string]string) (string, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	cookies, isKnown := j.read(value)
	if !isKnown {
		value = rand.Text()
	}
	content, err := json.Marshal(changed(cookies, changes))
	if err != nil {
		return "", err
	}
	return value, os.WriteFile(j.path(value), content, 0o600)
}

func (j *fileJars) read(value string) (cookies map[string]string, isKnown bool) {
	cookies = map[string]string{}
	content, err := os.ReadFile(j.path(value))
	if err == nil {
		err = json.Unmarshal(content, &cookies)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		panic(err)
	}
	return cookies, err == nil
}

func (j *fileJars) path(value string) string {
	sum := sha256.Sum256([]byte(value))
	return filepath.Join(j.dir, "session-"+hex.EncodeToString(sum[:]))
}

// changed returns the cookies with changes applied.
func changed(cookies, changes map[string]string) map[string]string {
	cookies = maps.Clone(cookies)
	maps.Copy(cookies, changes)
	maps.DeleteFunc(cookies, func(_, value string) bool { return value == "" })
	return cookies
}

// newSwap returns a proxy in front of an instance that stores the instance's cookies in jars, and
// sends browsers the predecessor's cookie instead.
func newSwap(instance string, kept jars) http.Handler {
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: instance})
			r.Out.Host = r.In.Host
			r.Out.Header["X-Forwarded-For"] = r.In.Header["X-Forwarded-For"]
			r.Out.Header.Del("Cookie")
			for name, value := range kept.open(predecessorValue(r.In)) {
				r.Out.AddCookie(&http.Cookie{Name: name, Value: value})
			}
		},
		ModifyResponse: func(r *http.Response) error {
			value := r.Request.Context().Value(predecessorKey{}).(string)
			changes := changesOf(r, kept.open(value))
			r.Header.Del("Set-Cookie")
			if len(changes) == 0 {
				return nil
			}
			value, err := kept.keep(value, changes)
			own := http.Cookie{
				Name: predecessorCookie, Value: value, Path: "/",
				MaxAge: int(predecessorAge.Seconds()),
				Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
			}
			r.Header.Set("Set-Cookie", own.String())
			return err
		},
	}
}

// changesOf returns the changes of cookies in an answer. A token that is sent again unchanged is
// none.
func changesOf(r *http.Response, cookies map[string]string) map[string]string {
	changes := map[string]string{}
	for _, c := range r.Cookies() {
		value := c.Value
		if c.MaxAge < 0 {
			value = ""
		}
		if value != cookies[c.Name] {
			changes[c.Name] = value
		}
	}
	return changes
}

// predecessorKey is the context key of the value of the predecessor's cookie in a request.
type predecessorKey struct{}

func predecessorValue(r *http.Request) string {
	if c, err := r.Cookie(predecessorCookie); err == nil {
		return c.Value
	}
	return ""
}

// serve runs an instance behind a swap on the instance's port, until ctx ends.
func serve(ctx context.Context, store string) error {
	cfg, err := config.Load(os.Environ())
	if err != nil {
		return err
	}
	kept, err := openJars(store)
	if err != nil {
		return err
	}
	public := net.JoinHostPort("127.0.0.1", fmt.Sprint(cfg.Port))
	cfg.ListenAddr = "127.0.0.1:0"
	program, err := app.Start(ctx, cfg, app.Options{Version: "drill", Output: os.Stdout})
	if err != nil {
		return err
	}
	_, port, err := net.SplitHostPort(program.Addr)
	if err != nil {
		return errors.Join(err, program.Stop())
	}
	swap := newSwap(net.JoinHostPort("127.0.0.1", port), kept)
	server := &http.Server{Addr: public,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			swap.ServeHTTP(w,
				r.WithContext(
					context.WithValue(r.Context(), predecessorKey{}, predecessorValue(r))))
		})}
	served := make(chan error, 1)
	go func() { served <- server.ListenAndServe() }()
	select {
	case err = <-served:
	case <-ctx.Done():
		err = server.Shutdown(context.WithoutCancel(ctx))
	}
	return errors.Join(err, program.Stop())
}
