package main

import (
	"context"
	"fmt"
	"log"
	"math/rand/v2"
	"time"

	"sana/backend/apps"
	"sana/backend/challenge"
	"sana/backend/fault"
	"sana/backend/postgres"
	"sana/backend/session"
	"sana/backend/visitor"

	"github.com/jackc/pgx/v5"
)

const (
	visitEvery  = 720 // minutes
	visitLength = 10  // minutes, in each of which a use is recorded
	meanLength  = 10 * 24 * time.Hour
	networks    = 5000
	userAgent   = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like " +
		"Gecko) Chrome/142.0.0.0 Safari/537.36"
)

// slot is a user who always has a session, one after the other. The session is used for ten minutes
// in each half of a day, beginning at the slot's offset.
type slot struct {
	email   string
	visitor visitor.Visitor // with the tokens of the user's browser
	offset  int             // minutes
	id      string          // of the session
	token   string
	until   time.Time
	signOut bool // the user signs out at the end; otherwise the session becomes idle
}

// simulate simulates the days on an empty database.
func (o options) simulate(ctx context.Context, name string, sql []string) (result, error) {
	w, err := open(ctx, o.postgres, name, sql)
	if err != nil {
		return result{}, err
	}
	defer w.store.Close()
	random := rand.New(rand.NewPCG(1, 2)) // the same month for all
	for n := range o.sessions {
		w.slots = append(
			w.slots,
			slot{
				email:  fmt.Sprintf("user.%d@mail.example.org", n),
				offset: random.IntN(visitEvery),
			},
		)
		if err := w.signIn(ctx, random, &w.slots[n]); err != nil {
			return result{}, err
		}
	}
	r := result{Variant: name}
	for minute := range o.days * 24 * 60 {
		if minute%(24*60) == 0 {
			if err := w.measure(ctx, &r, minute/(24*60)); err != nil {
				return result{}, err
			}
			log.Printf("%s: day %d", name, minute/(24*60))
		}
		if err := w.minute(ctx, random, minute); err != nil {
			return result{}, err
		}
	}
	return r, w.measure(ctx, &r, o.days)
}

// minute is one minute of all users.
func (w *world) minute(ctx context.Context, random *rand.Rand, minute int) error {
	w.now = w.now.Add(time.Minute)
	var inUse []string
	var due []*slot
	for n := range w.slots {
		s := &w.slots[n]
		switch {
		case w.now.After(s.until):
			due = append(due, s)
		case (minute+s.offset)%visitEvery < visitLength:
			inUse = append(inUse, s.id)
		}
	}
	err := postgres.InBatch(ctx, w.db, func(b *postgres.Batch) error {
		b.Queue(`UPDATE public.simulated SET now = @now`, pgx.NamedArgs{"now": w.now})
		b.Queue(touchLive, pgx.NamedArgs{"ids": inUse, "interval": touchInterval})
		return nil
	})
	if err != nil {
		return err
	}
	for _, s := range due {
		if err := w.replace(ctx, random, s); err != nil {
			return err
		}
	}
	if minute%10 == 0 {
		return w.sweep(ctx)
	}
	return nil
}

// replace revokes the session of a slot and signs the user in again: in the same browser after a
// sign-out, else in a new one.
func (w *world) replace(ctx context.Context, random *rand.Rand, s *slot) error {
	if s.signOut && s.id != "" {
		if err := w.auth.SignOut(ctx, s.visitor, s.token); err != nil {
			return err
		}
	}
	if !s.signOut {
		s.visitor.Device = ""
	}
	return w.signIn(ctx, random, s)
}

// signIn makes a user request a code, receive the mail and enter the code. If the mail limit of the
// address is reached, the slot has no session until the next minute.
func (w *world) signIn(ctx context.Context, random *rand.Rand, s *slot) error {
	s.id = ""
	s.visitor = newVisitor(random.IntN(networks), s.visitor.Device)
	requested, err := w.auth.RequestCode(ctx, s.visitor, session.Session{}, s.email, apps.Arrival{})
	if err != nil || !requested.Queued {
		return err
	}
	if err := w.sendMails(ctx); err != nil {
		return err
	}

	// One user in four mistypes the code once.
	code := challenge.Code(w.keys.Current(), requested.Code)
	if random.IntN(4) == 0 {
		_, err := w.auth.VerifyCode(ctx, s.visitor, session.Session{}, s.email, mistyped(code))
		if !fault.Is(err, fault.WrongCode) {
			return fmt.Errorf("a wrong code led to %v", err)
		}
	}
	in, err := w.auth.VerifyCode(ctx, s.visitor, session.Session{}, s.email, code)
	if err != nil {
		return err
	}
	s.id, s.token, s.visitor.Device = in.Session.ID, in.Session.Token, in.Device
	s.until = w.now.Add(min(time.Duration(random.ExpFloat64()*float64(meanLength)), limits.MaxAge))
	s.signOut = random.IntN(2) == 0

	// A browser that is new to the user has queued another mail.
	return w.sendMails(ctx)
}

// newVisitor returns a browser in a network. A sign-out replaces its browser token; its device
// token stays.
func newVisitor(network int, device string) visitor.Visitor {
	ip := fmt.Sprintf("10.0.%d.%d", network/250, network%250)
	return visitor.Visitor{
		IP: ip, Networks: []string{ip}, UserAgent: userAgent, Platform: "Chrome, Windows",
		Device: device, Browser: visitor.NewBrowser(),
	}
}

// mistyped returns a code with another last digit.
func mistyped(code string) string {
	last := len(code) - 1
	return code[:last] + string('0'+(code[last]-'0'+1)%10)
}

// sweep deletes expired rows of all tables, as an instance does periodically.
func (w *world) sweep(ctx context.Context) error {
	for _, sweep := range []func(context.Context) (int, error){
		w.store.Sweep, w.limits.Sweep, w.outbox.Sweep,
		func(ctx context.Context) (int, error) { return challenge.Sweep(ctx, w.db) },
	} {
		if _, err := sweep(ctx); err != nil {
			return err
		}
	}
	return nil
}
