package session

import (
	"context"
	"testing"
	"time"

	"sana/backend/observe/metrics"
	"sana/backend/postgres"

	"github.com/jackc/pgx/v5"
)

// The numbers of interleavings are those of the comment on cache. Interleaving 1 is the ordinary
// read of a revoked session.

// revocations are the ways to revoke a session in a transaction.
var revocations = map[string]func(ctx context.Context, s *Shared, tx pgx.Tx, session Session) error{
	"alone": func(ctx context.Context, s *Shared, tx pgx.Tx, session Session) error {
		_, _, err := s.Revoke(ctx, tx, session.User.ID, session.ID, Ended{Reason: SignedOut})
		return err
	},
	"with all others": func(ctx context.Context, s *Shared, tx pgx.Tx, session Session) error {
		_, err := s.RevokeOthers(ctx, tx, session.User.ID, "", Ended{Reason: RevokedEverywhere})
		return err
	},
	"of all users": func(ctx context.Context, s *Shared, tx pgx.Tx, _ Session) error {
		_, err := s.RevokeBatch(ctx, tx, Ended{Reason: RevokedByOperator})
		return err
	},
	"by another package": func(ctx context.Context, s *Shared, tx pgx.Tx, session Session) error {
		k, _ := Key(session.Token)
		postgres.AfterCommit(tx, func() { s.Evict("", "no key", k) })
		_, err := tx.Exec(ctx, `DELETE FROM sessions WHERE k = $1`, k)
		return err
	},
}

// Interleavings 2 and 7: the session is cached again while the transaction is not committed yet.
func TestCache_RevocationAppliesAtOnceHereAndAfterAPollThere(t *testing.T) {
	t.Parallel()
	here, there, _ := twoInstances(t)
	for name, revoke := range revocations {
		t.Run(name, func(t *testing.T) {
			session := signInByID(t, here, there)
			err := here.inTx(t, func(ctx context.Context, tx pgx.Tx) error {
				err := revoke(ctx, here.shared, tx, session)
				for range 2 {
					here.wantSession(t, session.Token, "before the commit")
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			here.wantNone(t, session.Token, "here, at once")
			wantNoneByID(t, here.shared, session.ID, "here, at once")
			there.mustPoll(t)
			there.wantNone(t, session.Token, "on the other instance, after a poll")
			wantNoneByID(t, there.shared, session.ID, "on the other instance, after a poll")
		})
	}
}

// The triggers write the log for every client: another release, an operator with psql.
func TestCache_FollowsEveryWriter(t *testing.T) {
	t.Parallel()
	here := newCached(t)
	for name, statement := range map[string]string{
		"deleted":                `DELETE FROM sessions`,
		"truncated":              `TRUNCATE sessions`,
		"other absolute timeout": `UPDATE sessions SET e = extract(epoch FROM now())::bigint - 1`,
		"earlier last use":       `UPDATE sessions SET last_used_at = now() - interval '25 hours'`,
		"other key":              `UPDATE sessions SET k = md5(k) || md5(k)`,
		"shorter idle timeout": `
			UPDATE sessions SET last_used_at = now() - interval '1 minute', idle_seconds = 59`,
		"end of all sessions": `
			WITH deleted AS (DELETE FROM sessions)
			INSERT INTO session_revocations (k) VALUES (NULL)`,
	} {
		t.Run(name, func(t *testing.T) {
			session := signInCached(t, here)
			exec(t, here.db, statement)
			here.wantSource(t, session.Token, metrics.Cache, "before the poll")
			here.mustPoll(t)
			here.wantNone(t, session.Token, "after the poll")
		})
	}
}

// Cached sessions expire by themselves, and uses change no cached data.
func TestCache_UseAndExpiryAreNotLogged(t *testing.T) {
	t.Parallel()
	here, _, session := twoInstances(t)
	here.pass(2 * time.Minute)
	here.wantSource(t, session.Token, metrics.Cache, "in use")
	here.flush(t)
	here.pass(25 * time.Hour)
	if n, err := here.shared.Sweep(t.Context()); n != 1 || err != nil {
		t.Errorf("swept %d (%v), want 1", n, err)
	}
	wantLogged(t, here, 0)
	here.wantNone(t, session.Token, "idle and swept")
}

// Interleaving 3, with a revocation on this and on another instance.
func TestCache_FillOvertakenByRevocationCachesNothing(t *testing.T) {
	t.Parallel()
	here, there, _ := twoInstances(t)
	for name, test := range map[string]struct{ onOther, byID bool }{
		"revoked on another instance":             {true, false},
		"revoked here":                            {false, false},
		"read by id, revoked on another instance": {true, true},
		"read by id, revoked here":                {false, true},
	} {
		t.Run(name, func(t *testing.T) {
			session := here.signIn(t, here.ada())
			here.at("fill: row read", func() {
				if !test.onOther {
					here.revoke(t, session, Ended{Reason: SignedOut})
					return
				}
				there.revoke(t, session, Ended{Reason: SignedOut})
				here.mustPoll(t)
			})
			if test.byID {
				here.wantByID(t, session.ID, metrics.Store, "the fill")
			} else {
				here.wantSource(t, session.Token, metrics.Store, "the fill")
			}
			here.wantNone(t, session.Token, "revoked while it was filled")
			wantNoneByID(t, here.shared, session.ID, "revoked while it was filled")
		})
	}
}

// Interleaving 3: a change that was committed before the poll blocks no fill after the poll.
func TestCache_FillAfterLogEntryCaches(t *testing.T) {
	t.Parallel()
	here, _, session := twoInstances(t)
	exec(t, here.db, `UPDATE sessions SET idle_seconds = idle_seconds - 1`)
	here.mustPoll(t)
	here.wantSource(t, session.Token, metrics.Store, "evicted")
	here.wantSource(t, session.Token, metrics.Cache, "cached again")
}

// Interleaving 4.
func TestCache_FillOvertakenByTruncateCachesNothing(t *testing.T) {
	t.Parallel()
	here, _, other := twoInstances(t)
	session := here.signIn(t, here.ada())
	here.at("fill: row read", func() {
		exec(t, here.db, `TRUNCATE sessions`)
		here.mustPoll(t)
	})
	here.wantSource(t, session.Token, metrics.Store, "the fill")
	here.wantNone(t, session.Token, "deleted during the fill")
	here.wantNone(t, other.Token, "deleted with it")
}

// Interleaving 5.
func TestCache_SuspendedReadUsesNoNewerLease(t *testing.T) {
	t.Parallel()
	here, there, session := twoInstances(t)
	here.at("read: session found", func() {
		here.advance(10 * time.Second)
		there.revoke(t, session, Ended{Reason: SignedOut})
		here.mustPoll(t)
	})
	here.wantNone(t, session.Token, "revoked while the read was suspended")
}

// Interleaving 6.
func TestCache_LateResultGrantsNoLease(t *testing.T) {
	t.Parallel()
	here, _, session := twoInstances(t)
	late := *here.listener.last
	late.Complete = true
	here.advance(leaseFor)
	here.listener.apply(t.Context(), late)
	here.wantSource(t, session.Token, metrics.Store, "the result is as old as a lease may be")
	here.mustPoll(t)
	here.wantSource(t, session.Token, metrics.Cache, "a new result")
}

// Interleaving 8.
func TestCache_LateUseRevivesNothing(t *testing.T) {
	t.Parallel()
	here, _, session := twoInstances(t)
	kept, _ := here.cache.sessions.GetIfPresent(mustKey(session.Token))
	here.revoke(t, session, Ended{Reason: SignedOut})
	kept.extend(here.cache.elapsed(here.cache.now()), sessionTimes{idle: time.Hour})
	here.wantNone(t, session.Token, "extended after its revocation")
}
