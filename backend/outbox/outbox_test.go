package outbox_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sana/backend/mail"
	"sana/backend/outbox"
	"sana/backend/postgres"
)

var (
	errUnavailable = errors.New("the provider does not respond")
	errOurs        = errors.New("ours")
)

func TestOutbox_SendsAMailOnce(t *testing.T) {
	t.Parallel()
	i := start(t, newProvider())
	ref := i.enqueue(t, "hello")
	if m := receive(t, "the mail", i.attempts); m.Subject != ref || m.Ref != ref+"/1" {
		t.Errorf("subject %q and reference %q, want those of %s", m.Subject, m.Ref, ref)
	}
	i.await(t, ref, "sent - 1 done")
	i.exec(t, "UPDATE mails SET next_at = now()")
	i.await(t, i.enqueue(t, "hello"), "sent - 1 done")
	i.wantAttempts(t, 1)
	want := `msg="mail sent" template=hello ref=` + ref + ` number=1 attempt=1`
	if !strings.Contains(i.log.String(), want) {
		t.Errorf("log:\n%s", i.log)
	}
}

// An instance also sends mails from before its start, and mails of other instances.
func TestOutbox_FindsMailsWithoutNotification(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	i, other := newInstance(t, url, newProvider()), newInstance(t, url, newProvider())
	before := other.enqueue(t, "hello")
	i.start(t)
	i.await(t, before, "sent - 1 done")
	i.await(t, other.enqueue(t, "hello"), "sent - 1 done")
}

// F-18: a mail from before the database's clock was set back does not wait until the clock has
// caught up.
func TestOutbox_SendsAMailWithATimeFarAhead(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	i, other := newInstance(t, url, newProvider()), newInstance(t, url, newProvider())
	ref := other.enqueue(t, "hello")
	other.exec(t, `UPDATE mails SET next_at = now() + interval '40 days'`)
	i.start(t)
	i.await(t, ref, "sent - 1 done")
}

func TestOutbox_DoesNotSendAMailThatIsRolledBack(t *testing.T) {
	t.Parallel()
	i := start(t, newProvider())
	i.compose("notice", usefulFor(time.Hour))
	err := postgres.InBatch(t.Context(), i.db, func(b *postgres.Batch) error {
		i.EnqueueNotice(t.Context(), b, outbox.Notice{Template: "notice"})
		b.Queue("SELECT 1/0")
		return nil
	})
	if err == nil {
		t.Fatal("the transaction is committed")
	}
	i.await(t, i.enqueue(t, "hello"), "sent - 1 done")
	i.wantAttempts(t, 1)
}

// F-17: two instances race for the same mails.
func TestOutbox_TwoInstancesSendEachMailOnce(t *testing.T) {
	t.Parallel()
	const mails = 3000
	url, p := newDatabase(t), newProvider()
	first, second := newInstance(t, url, p), newInstance(t, url, p)
	first.exec(t, `
		INSERT INTO mails (ref, number, template, created_at)
		SELECT gen_random_uuid(), 1, 'hello', now() - n * interval '1 ms'
		FROM generate_series(1, $1) AS n`, mails)
	first.start(t)
	second.start(t)
	first.awaitCount(t, "state = 'sent' AND attempts = 1 AND done_at IS NOT NULL", mails)

	sent := map[string]int{}
	for range len(p.attempts) {
		m := <-p.attempts
		sent[m.Subject]++
	}
	if len(sent) != mails {
		t.Errorf("%d mails were sent, want %d", len(sent), mails)
	}
	for ref, times := range sent {
		if times != 1 {
			t.Errorf("mail %s was sent %d times", ref, times)
		}
	}
}

// F-03: a mail that an instance was sending when it was killed is taken over when its lease has
// expired, and a later outcome changes nothing.
func TestOutbox_TakesOverAnExpiredLease(t *testing.T) {
	t.Parallel()
	url, killed, stalled := newDatabase(t), newProvider(), make(chan error)
	killed.hold = func(context.Context) error { return <-stalled }
	first, second := newInstance(t, url, killed), newInstance(t, url, newProvider())
	cancel, ended := first.run(t)
	ref := first.enqueue(t, "hello")
	if got := first.await(t, ref, "queued - 1 leased"); got.Wait != 20*time.Second {
		t.Errorf("leased for %s, want 20s", got.Wait)
	}
	receive(t, "the first attempt", killed.attempts)
	cancel() // it claims nothing more, and waits for the attempt
	first.awaitIdle(t)

	second.start(t)
	second.await(t, second.enqueue(t, "hello"), "sent - 1 done")
	second.wantAttempts(t, 1)

	second.results <- errUnavailable
	second.makeDue(t, ref, 1)
	second.await(t, ref, "delayed provider_away 2 waiting")
	stalled <- nil
	receive(t, "the end of Run", ended)
	second.makeDue(t, ref, 2)
	second.await(t, ref, "sent - 3 done")
}

func TestOutbox_RetriesATemporaryFailure(t *testing.T) {
	t.Parallel()
	i := start(t, newProvider(errUnavailable, errUnavailable, errUnavailable))
	ref := i.enqueue(t, "hello")
	for n, backoff := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second} {
		got := i.await(t, ref, fmt.Sprintf("delayed provider_away %d waiting", n+1))
		if got.Wait < backoff*4/5 || got.Wait > backoff*6/5 {
			t.Errorf("attempt %d is retried after %s, want about %s", n+1, got.Wait, backoff)
		}
		i.makeDue(t, ref, n+1)
	}
	i.await(t, ref, "sent - 4 done")
}

// A mail that is 15 minutes old contains no valid code: it is not urgent.
func TestOutbox_RetriesAnOldMailOnceAnHour(t *testing.T) {
	t.Parallel()
	i := newInstance(t, newDatabase(t), newProvider(errUnavailable))
	i.compose("hello", usefulFor(24*time.Hour))
	ref := i.enqueue(t, "hello")
	i.exec(t, "UPDATE mails SET created_at = now() - interval '16 minutes'")
	i.start(t)
	got := i.await(t, ref, "delayed provider_away 1 waiting")
	if got.Wait < 40*time.Minute || got.Wait > 80*time.Minute {
		t.Errorf("it is retried after %s, want about an hour", got.Wait)
	}
}

func TestOutbox_DoesNotRetryAPermanentFailure(t *testing.T) {
	t.Parallel()
	for reason, result := range map[outbox.Reason]error{
		outbox.Refused:       mail.Permanent(errOurs),
		outbox.NoSuchMailbox: mail.Permanent(fmt.Errorf("550 %w", mail.ErrNoSuchMailbox)),
	} {
		t.Run(string(reason), func(t *testing.T) {
			t.Parallel()
			i := start(t, newProvider(result))
			i.await(t, i.enqueue(t, "hello"), "failed "+string(reason)+" 1 done")
			if !strings.Contains(i.log.String(), "mail delivery failed permanently") {
				t.Errorf("log:\n%s", i.log)
			}
		})
	}
}

func TestOutbox_DropsAnObsoleteMail(t *testing.T) {
	t.Parallel()
	for name, compose := range map[string]func(outbox.Mail) (outbox.Composed, error){
		"obsolete": failing(outbox.ErrObsolete),
		"too late": usefulFor(0),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := newInstance(t, newDatabase(t), newProvider())
			i.compose("hello", compose)
			i.start(t)
			i.await(t, i.enqueue(t, "hello"), "failed - 1 done")
			i.wantAttempts(t, 0)
		})
	}
}

func TestOutbox_DoesNotSendAMailPastItsLifetime(t *testing.T) {
	t.Parallel()
	i := newInstance(t, newDatabase(t), newProvider())
	i.compose("hello", usefulFor(100*time.Millisecond))
	i.hold = func(ctx context.Context) error {
		if end, ok := ctx.Deadline(); !ok || time.Until(end) > 100*time.Millisecond {
			t.Errorf("the attempt may take until %s", end)
		}
		<-ctx.Done()
		return ctx.Err()
	}
	i.start(t)
	i.await(t, i.enqueue(t, "hello"), "failed provider_away 1 done")
	i.wantAttempts(t, 1)
}

// F-14: a 429 concerns the sender, not the mail. No other mail is attempted, and none is lost.
func TestOutbox_DelaysAllMailsWhileThrottled(t *testing.T) {
	t.Parallel()
	i := start(t, newProvider(&mail.Throttled{After: 10 * time.Minute}))
	i.await(t, i.enqueue(t, "hello"), "delayed provider_away 1 waiting")
	for range 5 {
		i.enqueue(t, "hello")
	}
	i.awaitCount(t, `state = 'delayed'
		AND attempts = 1
		AND next_at BETWEEN now() + interval '9 minutes' AND now() + interval '11 minutes'`, 6)
	i.wantAttempts(t, 1)
}

// A deferred recipient is no sign of an unavailable provider, also after an earlier failure.
func TestOutbox_DefersOneRecipientAlone(t *testing.T) {
	t.Parallel()
	deferred := fmt.Errorf("421 %w", mail.ErrDeferred)
	i := newInstance(t, newDatabase(t), newProvider(errUnavailable, deferred))
	i.compose("brief", usefulFor(100*time.Millisecond))
	i.start(t)
	ref := i.enqueue(t, "hello")
	i.await(t, ref, "delayed provider_away 1 waiting")
	i.makeDue(t, ref, 1)
	i.await(t, ref, "delayed - 2 waiting")
	i.await(t, i.enqueue(t, "hello"), "sent - 1 done")
	i.makeDue(t, ref, 2)
	i.await(t, ref, "sent - 3 done")
	i.results <- deferred
	i.await(t, i.enqueue(t, "brief"), "failed - 1 done")
}

func TestOutbox_FailsAMailThrottledPastItsLifetime(t *testing.T) {
	t.Parallel()
	i := newInstance(t, newDatabase(t), newProvider(&mail.Throttled{After: 10 * time.Minute}))
	i.compose("hello", usefulFor(time.Minute))
	i.start(t)
	for range 2 {
		i.await(t, i.enqueue(t, "hello"), "failed provider_away 1 done")
	}
	i.wantAttempts(t, 1)
}

// An operator may correct the key while the code is valid.
func TestOutbox_RetriesRejectedCredentialsAndLogsThemOnce(t *testing.T) {
	t.Parallel()
	rejected := mail.Permanent(fmt.Errorf("401 %w", mail.ErrCredentials))
	i := start(t, newProvider(rejected, rejected))
	ref := i.enqueue(t, "hello")
	for _, attempt := range []int{1, 2} {
		i.await(t, ref, fmt.Sprintf("delayed provider_away %d waiting", attempt))
		i.makeDue(t, ref, attempt)
	}
	i.await(t, ref, "sent - 3 done")
	if got := strings.Count(i.log.String(), "level=ERROR"); got != 1 {
		t.Errorf("%d lines of level ERROR, want 1:\n%s", got, i.log)
	}
}

// F-16, A-44: mails that cannot be composed do not block the others, in any number.
func TestOutbox_PoisonedMailsDoNotBlockOthers(t *testing.T) {
	t.Parallel()
	i := newInstance(t, newDatabase(t), newProvider())
	i.compose("broken", failing(errOurs))
	i.exec(t, `
		INSERT INTO mails (ref, number, template, created_at)
		SELECT
			gen_random_uuid(),
			1,
			CASE n % 2 WHEN 0 THEN 'broken' ELSE 'unknown' END,
			now() - interval '1 hour'
		FROM generate_series(1, 1000) AS n`)
	i.start(t)
	i.await(t, i.enqueue(t, "hello"), "sent - 1 done")
	i.awaitCount(t, `state = 'queued'
		AND attempts = 1
		AND next_at BETWEEN now() AND now() + interval '90 minutes'
		AND NOT next_at BETWEEN now() AND now() + interval '20 seconds'
		AND done_at IS NULL`, 1000)
}

func TestOutbox_FailsAMailThatCannotBeComposedForADay(t *testing.T) {
	t.Parallel()
	i := newInstance(t, newDatabase(t), newProvider())
	ref := i.enqueue(t, "unknown")
	i.exec(t, "UPDATE mails SET created_at = now() - interval '25 hours'")
	i.start(t)
	i.await(t, ref, "failed - 1 done")
}

// F-29: a panic ends one attempt. The mail is retried, and the others are sent.
func TestOutbox_PanicEndsOneAttempt(t *testing.T) {
	t.Parallel()
	i := newInstance(t, newDatabase(t), newProvider())
	var composed, sent atomic.Int64
	i.compose("panics", func(m outbox.Mail) (outbox.Composed, error) {
		if composed.Add(1) == 1 {
			panic("ours")
		}
		return usefulFor(time.Hour)(m)
	})
	i.hold = func(context.Context) error {
		if sent.Add(1) == 1 {
			panic("ours")
		}
		return nil
	}
	i.start(t)
	ref := i.enqueue(t, "panics")
	for _, attempt := range []int{1, 2} {
		i.await(t, ref, fmt.Sprintf("queued - %d waiting", attempt))
		i.makeDue(t, ref, attempt)
	}
	i.await(t, ref, "sent - 3 done")
	i.await(t, i.enqueue(t, "hello"), "sent - 1 done")
	if got := strings.Count(i.log.String(), "level=ERROR msg=panic"); got != 2 {
		t.Errorf("%d panics are logged, want 2:\n%s", got, i.log)
	}
}

// Attempts are a smallint that must not overflow.
func TestOutbox_AttemptsCountInACircle(t *testing.T) {
	t.Parallel()
	i := newInstance(t, newDatabase(t), newProvider())
	ref := i.enqueue(t, "hello")
	i.exec(t, "UPDATE mails SET attempts = 32000")
	i.start(t)
	i.await(t, ref, "sent - 1 done")
}

var notice = outbox.Notice{Email: "ada@sana.example", IP: "192.0.2.7"}

// An address must not outlive its mail.
func TestNotice_ContentIsDeletedWithTheOutcome(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		result   error
		template string
		want     string
	}{
		"sent":     {nil, "notice", "sent - 1 done"},
		"failed":   {mail.Permanent(errOurs), "notice", "failed refused 1 done"},
		"obsolete": {nil, "obsolete", "failed - 1 done"},
		"delayed":  {errUnavailable, "notice", "delayed provider_away 1 waiting"},
		"unknown":  {nil, "unknown", "queued - 1 waiting"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := newInstance(t, newDatabase(t), newProvider(test.result))
			i.compose("notice", usefulFor(time.Hour))
			i.compose("obsolete", failing(outbox.ErrObsolete))
			ref := i.enqueue(t, test.template)
			i.exec(t, "UPDATE mails SET content = $1", notice.Content())
			i.start(t)
			if got := i.await(t, ref, test.want); got.Content == got.Done {
				t.Errorf("content was not deleted: %v", got.Content)
			}
			if log := i.log.String(); strings.Contains(log, "sana.example") {
				t.Errorf("the log has an address:\n%s", log)
			}
		})
	}
}
