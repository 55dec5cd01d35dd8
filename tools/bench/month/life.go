package main

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"log"
	"math/rand/v2"
	"time"

	"sana/backend/session"

	"github.com/jackc/pgx/v5"
)

const (
	visitEvery  = 720 // minutes
	visitLength = 10  // minutes, in each of which a use is written
	meanLife    = 10 * 24 * time.Hour
)

// pass lets the days pass over a fresh database.
func (o options) pass(ctx context.Context, name string, sql []string) (result, error) {
	w, err := open(ctx, o.postgres, name, sql)
	if err != nil {
		return result{}, err
	}
	defer w.store.Close()
	random := rand.New(rand.NewPCG(1, 2)) // the same month for all
	for n := range o.sessions {
		w.slots = append(w.slots, slot{email: fmt.Sprintf("person.%d@mail.example.org", n), offset: random.IntN(visitEvery)})
		if err := w.signIn(ctx, random, n); err != nil {
			return result{}, err
		}
	}
	r := result{Variant: name}
	for minute := range o.days * 24 * 60 {
		if minute%(24*60) == 0 {
			if err := w.note(ctx, &r, minute/(24*60)); err != nil {
				return result{}, err
			}
			log.Printf("%s: day %d", name, minute/(24*60))
		}
		if err := w.minute(ctx, random, minute); err != nil {
			return result{}, err
		}
	}
	return r, w.note(ctx, &r, o.days)
}

// minute is one minute of everybody's life.
func (w *world) minute(ctx context.Context, random *rand.Rand, minute int) error {
	w.now = w.now.Add(time.Minute)
	if err := w.exec(ctx, `UPDATE public.simulated SET now = $1`, w.now); err != nil {
		return err
	}
	var inUse []string
	for n := range w.slots {
		s := &w.slots[n]
		if w.now.After(s.until) {
			if s.signs {
				if err := w.signOut(ctx, s.token); err != nil {
					return err
				}
			}
			if err := w.signIn(ctx, random, n); err != nil {
				return err
			}
		}
		if (minute+s.offset)%visitEvery < visitLength {
			inUse = append(inUse, s.key)
		}
	}
	if err := w.exec(ctx, touch, inUse); err != nil {
		return err
	}
	if minute%10 == 0 {
		return w.sweep(ctx)
	}
	return nil
}

// touch is as in backend/session/touch.go.
const touch = `
	UPDATE sessions
	SET last_seen_at = now()
	WHERE k = ANY($1)
	  AND last_seen_at < now() - interval '1 minute' + interval '1 second'
	  AND e > extract(epoch FROM now())
	  AND last_seen_at > now() - make_interval(secs => idle_seconds)`

// signIn has the person of a slot ask for a code and type it: a session that waits, then one in its place.
func (w *world) signIn(ctx context.Context, random *rand.Rand, n int) error {
	s := &w.slots[n]
	challenge := uuid(random)
	waiting := session.Session{
		Pending:   &session.Pending{ChallengeID: challenge, Email: s.email, Purpose: "sign_in", CodeLength: 6, SentAt: w.now},
		UserAgent: userAgent, IP: "203.0.113.9",
	}
	token, err := w.issue(ctx, waiting, "", askForCode, challenge, s.email, throttleKey(random.IntN(5000)))
	if err != nil {
		return err
	}
	for _, sql := range []string{startJob, mailIsOut, finishJob} {
		if err := w.exec(ctx, sql, challenge); err != nil {
			return err
		}
	}
	for range 1 + random.IntN(4)/3 { // one in four mistypes it once
		if err := w.exec(ctx, `UPDATE challenges SET tries = tries + 1 WHERE id = $1`, challenge); err != nil {
			return err
		}
	}
	user := uuid(rand.New(rand.NewPCG(uint64(n), 0)))
	signedIn := session.Session{User: &session.User{ID: user, Email: s.email, SignedInAt: w.now}, UserAgent: userAgent, IP: "203.0.113.9"}
	s.token, err = w.issue(ctx, signedIn, token, verified, challenge, s.email, user)
	if err != nil {
		return err
	}
	raw, err := base64.RawURLEncoding.DecodeString(s.token)
	key := sha256.Sum256(raw)
	s.key = hex.EncodeToString(key[:])
	s.until = w.now.Add(min(time.Duration(random.ExpFloat64()*float64(meanLife)), limits.MaxAge))
	s.signs = random.IntN(2) == 0
	return err
}

// issue issues a session in a transaction with further statements, and returns its token.
func (w *world) issue(ctx context.Context, s session.Session, replaced string, with []string, args ...any) (token string, err error) {
	err = pgx.BeginFunc(ctx, w.db, func(tx pgx.Tx) error {
		for _, sql := range with {
			if _, err := tx.Exec(ctx, sql, used(sql, args)...); err != nil {
				return err
			}
		}
		s, err = session.IssueTx(ctx, tx, w.store, s, replaced)
		return err
	})
	return s.Token, err
}

func (w *world) signOut(ctx context.Context, token string) error {
	return pgx.BeginFunc(ctx, w.db, func(tx pgx.Tx) error { return w.store.End(ctx, tx, token) })
}

func (w *world) sweep(ctx context.Context) error {
	if _, err := w.store.Sweep(ctx); err != nil {
		return err
	}
	for _, sql := range sweeps {
		if err := w.exec(ctx, sql); err != nil {
			return err
		}
	}
	return nil
}

const userAgent = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"

func uuid(random *rand.Rand) string {
	a, b := random.Uint64(), random.Uint64()
	return fmt.Sprintf("%08x-%04x-%04x-%04x-%012x", a>>32, a>>16&0xffff, a&0xffff, b>>48, b&0xffffffffffff)
}

func throttleKey(network int) []byte {
	sum := sha256.Sum256(fmt.Append(nil, network))
	return sum[:]
}
