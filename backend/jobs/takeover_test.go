package jobs_test

import (
	"context"
	"os"
	"os/exec"
	"testing"

	"sana/backend/postgres/postgrestest"
)

// killedInstance runs an instance that hangs in a periodic job and in a greeting, and kills it at that.
func killedInstance(t *testing.T, url string, i *instance) {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	killed := exec.Command(program)
	killed.Env = append(os.Environ(), hangOn+"="+url)
	killed.Stderr = t.Output()
	if _, err := killed.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := killed.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = killed.Process.Kill() })
	i.greet(t, "ada")
	awaitJobs(t, i.db, `state = 'running'`, 2)
	if err := killed.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = killed.Wait()
}

// exec runs a statement.
func (i *instance) exec(t *testing.T, sql string) {
	t.Helper()
	if _, err := i.db.Exec(t.Context(), sql); err != nil {
		t.Fatal(err)
	}
}

// Without a leader, and before River's own rescue would begin: after the timeout and five seconds.
func TestAJobOfAKilledInstanceIsTakenOverWithoutALeader(t *testing.T) {
	t.Parallel()
	url, greeted := postgrestest.URL(t), make(chan struct{}, 100)
	i := open(t, url, func(context.Context, string) error {
		greeted <- struct{}{}
		return nil
	})
	killedInstance(t, url, i)
	i.exec(t, `UPDATE river_leader SET expires_at = now() + interval '1 hour'`)
	i.exec(t, `UPDATE river_job SET attempted_at = now() - interval '25 seconds'`)
	i.start(t)
	await(t, "the greeting of the killed instance", greeted)
	awaitJobs(t, i.db, `kind = 'greeting' AND state = 'completed' AND attempt = 2`, 1)
	awaitJobs(t, i.db, `kind = 'periodic' AND state = 'running'`, 1)
}

// A job is looked at with its age, and one that is not old enough stays with whoever is at it.
func TestAJobThatALivingInstanceIsAtIsNotTakenOver(t *testing.T) {
	t.Parallel()
	url, begun, end := postgrestest.URL(t), make(chan struct{}, 100), make(chan struct{})
	greet := func(context.Context, string) error {
		begun <- struct{}{}
		<-end
		return nil
	}
	first, second := open(t, url, greet), open(t, url, greet)
	first.start(t)
	for _, to := range []string{"ada", "grace"} {
		first.greet(t, to)
		await(t, "the greeting", begun)
	}
	first.exec(t, `
		UPDATE river_job
		SET attempted_at = now() - CASE args->>'To' WHEN 'ada' THEN interval '20 seconds' ELSE interval '30 seconds' END`)
	second.start(t)
	await(t, "the greeting that was taken over", begun)
	close(end)
	awaitJobs(t, first.db, `state = 'completed' AND attempt = 1 AND args->>'To' = 'ada'`, 1)
	awaitJobs(t, first.db, `state = 'completed' AND attempt = 2 AND args->>'To' = 'grace'`, 1)
}

func TestTheJobsOfAKilledInstanceAreTakenOver(t *testing.T) {
	t.Parallel()
	url, ran, greeted := postgrestest.URL(t), make(chan struct{}, 100), make(chan struct{}, 100)
	i := open(t, url, func(context.Context, string) error {
		greeted <- struct{}{}
		return nil
	})
	killedInstance(t, url, i)

	// Half a minute passes: for the jobs, and for the leadership of the dead.
	for _, sql := range []string{
		`UPDATE river_job SET attempted_at = attempted_at - interval '30 seconds'`,
		`UPDATE river_leader SET elected_at = elected_at - interval '30 seconds', expires_at = expires_at - interval '30 seconds'`,
	} {
		i.exec(t, sql)
	}
	i.Periodic("hang", once, timeout, signal(ran))
	i.start(t)
	await(t, "the run of the killed instance", ran)
	await(t, "the greeting of the killed instance", greeted)
	awaitJobs(t, i.db, `state = 'completed' AND attempt = 2`, 2)
}
