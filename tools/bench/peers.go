package main

import (
	"context"
	"encoding/gob"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/alexedwards/scs/pgxstore"
	"github.com/alexedwards/scs/v2"
	"github.com/gofiber/fiber/v2"
	fibersession "github.com/gofiber/fiber/v2/middleware/session"
	storage "github.com/gofiber/storage/postgres/v3"
	"github.com/gorilla/securecookie"
	"github.com/jackc/pgx/v5/pgxpool"
)

// A peer answers GET / with the current user, as Sana's GET /api/auth/session does, and with
// nothing around it: no headers, no log, no metrics, no recovery. It stores sessions as its
// documentation recommends, reads them, and writes nothing.

// poolSize is the number of a peer's database connections: the same as Sana's.
const poolSize = 16

// Keys of the signed cookie, for this run only.
var (
	hashKey  = []byte("0123456789abcdef0123456789abcdef")
	blockKey = []byte("fedcba9876543210fedcba9876543210")
)

// serve runs a peer on PORT until ctx ends.
func serve(ctx context.Context, name string, args []string) error {
	gob.Register(answer{})
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	database := flags.String("database", "", "URL")
	if err := flags.Parse(args); err != nil {
		return err
	}
	switch name {
	case "constant":
		return serveFiber(ctx, answerConstant)
	case "no-content":
		return serveFiber(ctx, answerNothing)
	case "securecookie":
		return serveFiber(ctx, answerSealed)
	case "fiber-storage":
		store, db, err := fiberStore(ctx, *database)
		if err != nil {
			return err
		}
		defer db.Close()
		return serveFiber(ctx, answerStored(store))
	case "scs":
		return serveSCS(ctx, *database)
	case "same-chain":
		return serveSameChain(ctx)
	}
	return errors.New("no such peer: " + name)
}

// constantAnswer has the same length as the other answers.
func constantAnswer() answer {
	user := makeUsers(1)[0]
	user.Session.SignedInAt = time.Date(2026, 11, 22, 14, 5, 7, 123_456_000, time.UTC)
	user.Session.ExpiresAt = user.Session.SignedInAt.Add(maxAge)
	return user
}

func serveFiber(ctx context.Context, handler fiber.Handler) error {
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	app.Get("/", handler)
	stop := context.AfterFunc(ctx, func() { _ = app.ShutdownWithTimeout(time.Second) })
	defer stop()
	return app.Listen("127.0.0.1:" + os.Getenv("PORT"))
}

var constantBody = func() []byte {
	body, _ := json.Marshal(constantAnswer())
	return body
}()

func answerConstant(c *fiber.Ctx) error {
	c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
	return c.Send(constantBody)
}

// answerNothing has no body: nginx closes the connection of an auth_request whose answer has one.
func answerNothing(c *fiber.Ctx) error { return c.SendStatus(http.StatusNoContent) }

const peerCookie = "session"

var sealer = securecookie.New(hashKey, blockKey).SetSerializer(securecookie.JSONEncoder{})

func answerSealed(c *fiber.Ctx) error {
	var user answer
	if err := sealer.Decode(peerCookie, c.Cookies(peerCookie), &user); err != nil {
		return c.SendStatus(fiber.StatusUnauthorized)
	}
	return c.JSON(user)
}

func secureCookieJar(_ context.Context, _ string, list []answer) (jar, error) {
	var j jar
	for _, p := range list {
		value, err := sealer.Encode(peerCookie, p)
		if err != nil {
			return nil, err
		}
		j = append(j, ticket{peerCookie + "=" + value, p})
	}
	return j, nil
}

func openPool(ctx context.Context, database string) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(database)
	if err != nil {
		return nil, err
	}
	config.MaxConns = poolSize
	return pgxpool.NewWithConfig(ctx, config)
}

const userKey = "user"

// fiberStore is Fiber's session middleware on the storage that Sana also uses.
func fiberStore(ctx context.Context, database string) (*fibersession.Store, *pgxpool.Pool, error) {
	db, err := openPool(ctx, database)
	if err != nil {
		return nil, nil, err
	}
	store := fibersession.New(
		fibersession.Config{Expiration: maxAge, Storage: storage.New(storage.Config{DB: db})})
	store.RegisterType(answer{})
	return store, db, nil
}

func answerStored(store *fibersession.Store) fiber.Handler {
	return func(c *fiber.Ctx) error {
		s, err := store.Get(c)
		if err != nil {
			return err
		}
		user, ok := s.Get(userKey).(answer)
		if !ok {
			return c.SendStatus(fiber.StatusUnauthorized)
		}
		return c.JSON(user)
	}
}

// fiberJar signs users in by the peer's own code.
func fiberJar(ctx context.Context, database string, list []answer) (jar, error) {
	store, db, err := fiberStore(ctx, database)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	var j jar
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	app.Get("/:n<int>", func(c *fiber.Ctx) error {
		n, _ := c.ParamsInt("n")
		s, err := store.Get(c)
		if err != nil {
			return err
		}
		s.Set(userKey, list[n])
		j = append(j, ticket{"session_id=" + s.ID(), list[n]})
		return s.Save()
	})
	for n := range list {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet,
			fmt.Sprint("http://127.0.0.1/", n), nil)
		if err != nil {
			return nil, err
		}
		response, err := app.Test(request, -1)
		if err != nil {
			return nil, err
		}
		_ = response.Body.Close()
	}
	return j, analyze(ctx, db)
}

// scsTable is the table that pgxstore's documentation recommends.
const scsTable = `
CREATE TABLE IF NOT EXISTS sessions (
    token TEXT PRIMARY KEY,
    data BYTEA NOT NULL,
    expiry TIMESTAMPTZ NOT NULL
);
CREATE INDEX IF NOT EXISTS sessions_expiry_idx ON sessions (expiry);`

func openSCS(ctx context.Context, database string) (*scs.SessionManager, *pgxpool.Pool, error) {
	db, err := openPool(ctx, database)
	if err != nil {
		return nil, nil, err
	}
	manager := scs.New()
	manager.Store, manager.Lifetime = pgxstore.New(db), maxAge
	_, err = db.Exec(ctx, scsTable)
	return manager, db, err
}

func serveSCS(ctx context.Context, database string) error {
	manager, db, err := openSCS(ctx, database)
	if err != nil {
		return err
	}
	defer db.Close()
	answering := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, ok := manager.Get(r.Context(), userKey).(answer)
		if !ok {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(user)
	})
	server := &http.Server{
		Addr:              "127.0.0.1:" + os.Getenv("PORT"),
		Handler:           manager.LoadAndSave(answering),
		ReadHeaderTimeout: 10 * time.Second,
	}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// scsJar signs users in by the peer's own code.
func scsJar(ctx context.Context, database string, list []answer) (jar, error) {
	manager, db, err := openSCS(ctx, database)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	var j jar
	for _, p := range list {
		begun, err := manager.Load(ctx, "")
		if err != nil {
			return nil, err
		}
		manager.Put(begun, userKey, p)
		token, _, err := manager.Commit(begun)
		if err != nil {
			return nil, err
		}
		j = append(j, ticket{manager.Cookie.Name + "=" + token, p})
	}
	return j, analyze(ctx, db)
}

func analyze(ctx context.Context, db *pgxpool.Pool) error {
	_, err := db.Exec(ctx, "ANALYZE")
	return err
}
