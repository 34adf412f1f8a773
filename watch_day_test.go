package gitlabjobs_test

import (
	"context"
	"encoding/json"
	"iter"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
	"example.com/gitlabjobs/gitlabjobstest"
)

// interval is the time in which a job had a status.
type interval struct {
	status   gitlabjobs.Status
	from, to time.Time
}

// busyProject is a project whose jobs change in virtual time. It records the changes.
type busyProject struct {
	srv     *gitlabjobstest.Server
	project *gitlabjobstest.Project
	client  *gitlabjobs.Client
	rand    *rand.Rand

	mu      sync.Mutex
	history map[int64][]interval
	added   int
	retried int
	deleted int
}

func newBusyProject(t *testing.T, seed uint64, opts ...gitlabjobstest.Option) *busyProject {
	srv := gitlabjobstest.NewMemoryServer(t, opts...)
	return &busyProject{
		srv: srv, project: srv.AddProject("group/app"), client: srv.Client(srv.Tokens.Developer, gitlabjobs.WithRetry(gitlabjobs.RetryPolicy{MaxAttempts: 1})),
		rand: rand.New(rand.NewPCG(seed, seed)), history: make(map[int64][]interval),
	}
}

// became records the status of a job. An empty status means that the job was deleted.
func (b *busyProject) became(id int64, status gitlabjobs.Status) {
	now := time.Now()
	h := b.history[id]
	if n := len(h); n > 0 && h[n-1].status == status {
		return
	} else if n > 0 {
		h[n-1].to = now
	}
	if status != "" {
		h = append(h, interval{status: status, from: now})
	}
	b.history[id] = h
}

// after calls do, with the lock held, after a random time with the given mean.
func (b *busyProject) after(mean time.Duration, do func()) {
	time.AfterFunc(time.Duration(float64(mean)*b.rand.ExpFloat64())+1, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		do()
	})
}

// fill adds pipelines at a constant rate until the project has enough jobs.
func (b *busyProject) fill(jobs int, every time.Duration) {
	pipeline := b.project.AddPipeline()
	stages := []gitlabjobs.Status{"pending", "pending", "created", "created", "created", "created", "created", "manual"}
	for _, status := range stages {
		if status == "manual" && b.rand.IntN(4) > 0 {
			status = "created" // Few jobs are manual.
		}
		b.run(pipeline.AddJob(gitlabjobstest.JobSpec{Status: status, NoLog: true}))
	}
	b.added += len(stages)
	if b.added < jobs {
		b.after(every*time.Duration(len(stages)), func() { b.fill(jobs, every) })
	}
}

// run schedules the changes of a job.
func (b *busyProject) run(job *gitlabjobstest.Job) {
	id, status := job.ID(), job.Status()
	b.became(id, status)
	switch {
	case b.rand.IntN(100) < 2:
		b.after(3*time.Minute, func() {
			if status := b.last(id); status != gitlabjobs.StatusManual {
				b.deleted++
				job.Delete()
				b.became(id, "")
			}
		})
	case status == gitlabjobs.StatusManual:
		if b.rand.IntN(2) == 0 {
			b.after(2*time.Hour, func() { b.enqueue(job) })
		}
		return
	}
	if status == gitlabjobs.StatusPending {
		b.after(10*time.Second, func() { b.start(job) })
	} else {
		b.after(4*time.Minute, func() { b.enqueue(job) })
	}
}

// last returns the current status of a job, or an empty status if it was deleted.
func (b *busyProject) last(id int64) gitlabjobs.Status {
	h := b.history[id]
	if n := len(h); h[n-1].to.IsZero() {
		return h[n-1].status
	}
	return ""
}

func (b *busyProject) enqueue(job *gitlabjobstest.Job) {
	if b.last(job.ID()) == "" {
		return
	}
	if b.rand.IntN(20) == 0 {
		job.Cancel()
		b.became(job.ID(), job.Status())
		return
	}
	job.Enqueue()
	b.became(job.ID(), "pending")
	b.after(10*time.Second, func() { b.start(job) })
}

func (b *busyProject) start(job *gitlabjobstest.Job) {
	if b.last(job.ID()) == "" {
		return
	}
	job.Start()
	b.became(job.ID(), "running")
	b.after(2*time.Minute, func() { b.finish(job) })
}

func (b *busyProject) finish(job *gitlabjobstest.Job) {
	if b.last(job.ID()) == "" {
		return
	}
	if b.rand.IntN(20) > 0 {
		job.Succeed()
		b.became(job.ID(), "success")
		return
	}
	job.Fail("")
	b.became(job.ID(), "failed")
	b.after(time.Minute, func() {
		if b.last(job.ID()) == "" {
			return
		}
		if again, err := b.client.Jobs.Retry(context.Background(), b.project.ByID(), job.ID(), nil); err == nil {
			b.retried++
			b.run(b.srv.Job(again.ID))
		}
	})
}

// trouble schedules the failures of a day: errors, and every few hours an outage of some minutes.
func (b *busyProject) trouble(day time.Duration) {
	b.srv.Fault(gitlabjobstest.Fault{
		Method: http.MethodGet, Times: gitlabjobstest.Always, Probability: 0.02, Seed: 1, Do: gitlabjobstest.BadGateway(),
	})
	for at := 20 * time.Minute; at < day; at += max(20*time.Minute, day/10) {
		time.AfterFunc(at, func() {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.srv.Down(time.Duration(1+b.rand.IntN(12)) * time.Minute)
		})
	}
}

// pollLog is a transport that records polls.
type pollLog struct {
	next     http.RoundTripper
	requests int
	cuts     int
	polls    []poll
}

// poll is the time between the first and the last response of a poll.
type poll struct {
	from, to    time.Time
	listed, end bool // The newest jobs were listed; the last response was usable, and all events were consumed.
}

func (l *pollLog) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := l.next.RoundTrip(req)
	l.requests++
	usable := err == nil && (resp.StatusCode == http.StatusOK || resp.StatusCode == http.StatusNotFound)
	query := req.URL.Query()
	now := time.Now()
	// A request with another size or a page number only checks whether the list is complete.
	if query.Has("scope[]") && !query.Has("cursor") && !query.Has("page") && query.Get("per_page") == "100" {
		l.polls = append(l.polls, poll{from: now})
	}
	if n := len(l.polls); n > 0 {
		p := &l.polls[n-1]
		p.to, p.end = now, usable
		p.listed = p.listed || usable && query.Has("pagination") && !query.Has("scope[]")
	}
	return resp, err
}

// cut records that the loop over the events of the last poll ended early.
func (l *pollLog) cut() {
	l.cuts++
	l.polls[len(l.polls)-1].end = false
}

// covered reports whether a complete poll was made within an interval.
func (l *pollLog) covered(in interval) bool {
	i, _ := slices.BinarySearchFunc(l.polls, in.from, func(p poll, t time.Time) int { return p.from.Compare(t) })
	for ; i < len(l.polls); i++ {
		p := l.polls[i]
		if !in.to.IsZero() && !p.to.Before(in.to) {
			return false
		}
		if p.listed && p.end && p.from.After(in.from) {
			return true
		}
	}
	return false
}

// change is the part of an event that the tests compare.
type change struct {
	id       int64
	previous gitlabjobs.Status
	status   gitlabjobs.Status
}

// watch watches the project from a state until the end of the day.
type watch func(since gitlabjobs.WatchState) iter.Seq2[*gitlabjobs.JobEvent, error]

// watchedJobs is the number of jobs that are added in the tested part of a day.
var watchedJobs = inFull(2_000, 110)

// day returns the number of jobs and the time in which they are added, at a rate of 10,000
// jobs a day.
func day() (jobs int, length time.Duration) {
	return watchedJobs, 24 * time.Hour / 10_000 * time.Duration(watchedJobs)
}

// watchDay calls consume to watch a busy project for a day and half an hour. It compares the
// reported changes with the actual ones.
//
// If consume kills the watch before it stores the state of an event, repeats must be true:
// the changes since then may be reported with another previous status.
func watchDay(t *testing.T, repeats bool, consume func(*pollLog, watch) []change) {
	synctest.Test(t, func(t *testing.T) {
		b := newBusyProject(t, 1, gitlabjobstest.JobsRateLimit(25))
		old := b.project.AddPipeline()
		for i := range 150 {
			job := old.AddJob(gitlabjobstest.JobSpec{NoLog: true, Status: []gitlabjobs.Status{"success", "failed", "manual"}[i%3]})
			b.became(job.ID(), job.Status())
		}
		jobs, length := day()
		b.trouble(length)
		b.mu.Lock()
		b.fill(jobs, length/time.Duration(jobs))
		b.mu.Unlock()

		log := &pollLog{next: b.srv.Transport()}
		client, err := gitlabjobs.NewClient("https://gitlab.example.com", gitlabjobs.PrivateToken(b.srv.Tokens.Reporter),
			gitlabjobs.WithHTTPClient(&http.Client{Transport: log}))
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), length+30*time.Minute)
		defer cancel()
		reported := consume(log, func(since gitlabjobs.WatchState) iter.Seq2[*gitlabjobs.JobEvent, error] {
			return client.Jobs.Watch(ctx, "group/app", &gitlabjobs.WatchOptions{Since: since})
		})
		b.mu.Lock()
		defer b.mu.Unlock()
		during := check(t, b, log, repeats, reported)
		t.Logf("%d jobs, %d retried, %d deleted; %d events, %d of them of changes during a poll; %d polls, %d requests: %.1f a minute",
			len(b.history), b.retried, b.deleted, len(reported), during, len(log.polls), log.requests, float64(log.requests)/(length+30*time.Minute).Minutes())
		assert.Less(t, during, len(reported)/20+log.cuts)
	})
}

// check compares the reported changes with the actual ones. It returns the number of events
// whose status did not last for a complete poll.
func check(t *testing.T, b *busyProject, log *pollLog, repeats bool, reported []change) (between int) {
	events := make(map[int64][]change)
	for _, c := range reported {
		events[c.id] = append(events[c.id], c)
	}
	for id, history := range b.history {
		var was gitlabjobs.Status
		got := events[id]
		for _, in := range history {
			old := in.status.Finished() && in.from.Equal(history[0].from) && in.from.Before(log.polls[0].from.Add(1))
			seen := in
			if was.Blocked() && !active(in.status) {
				seen.from = in.from.Add(15 * time.Minute) // Manual jobs are listed every ten minutes.
			}
			must := log.covered(seen) && !old
			if len(got) > 0 && got[0].status == in.status {
				if !repeats {
					require.Equal(t, was, got[0].previous, "job %d: %+v", id, events[id])
				}
				was, got = in.status, got[1:]
				if !must {
					between++
				}
			} else if must {
				require.Fail(t, "a change was missed", "job %d: %+v: %+v", id, in, events[id])
			}
		}
		require.Empty(t, got, "job %d: %+v", id, history)
	}
	return between
}

func active(s gitlabjobs.Status) bool { return !s.Finished() && !s.Blocked() }

// note converts an event to a change.
func note(e *gitlabjobs.JobEvent) change { return change{e.Job.ID, e.Previous, e.Job.Status} }

// stored returns a state after a round trip through JSON.
func stored(t *testing.T, state gitlabjobs.WatchState) (read gitlabjobs.WatchState) {
	t.Helper()
	data, err := json.Marshal(state)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, &read))
	return read
}

func TestWatchReportsEachChangeOfADayOnce(t *testing.T) {
	t.Parallel()
	watchDay(t, false, func(_ *pollLog, watch watch) (reported []change) {
		for event, err := range watch(gitlabjobs.WatchState{}) {
			if err != nil {
				require.ErrorIs(t, err, context.DeadlineExceeded)
				return reported
			}
			reported = append(reported, note(event))
		}
		return reported
	})
}

func TestWatchContinuesFromTheStateOfAnyEvent(t *testing.T) {
	t.Parallel()
	watchDay(t, false, func(log *pollLog, watch watch) (reported []change) {
		jobs, _ := day()
		chance := rand.New(rand.NewPCG(2, 2))
		var state gitlabjobs.WatchState
		for restarts := 0; ; restarts++ {
			left := 1 + chance.IntN(3*jobs/100) // The number of events before the next restart. Each job has about three events.
			for event, err := range watch(stored(t, state)) {
				if err != nil {
					require.ErrorIs(t, err, context.DeadlineExceeded)
					assert.GreaterOrEqual(t, restarts, 100)
					return reported
				}
				reported = append(reported, note(event))
				state = event.State()
				if left--; left == 0 {
					log.cut()
					break
				}
			}
		}
	})
}

func TestWatchRepeatsAtMostTheEventsSinceTheStoredState(t *testing.T) {
	t.Parallel()
	watchDay(t, true, func(log *pollLog, watch watch) (reported []change) {
		chance := rand.New(rand.NewPCG(2, 2))
		var state gitlabjobs.WatchState
		var since []change // The changes since state was stored.
		for kills := 0; ; kills++ {
			repeatable := slices.Clone(since)
			left := 1 + chance.IntN(30)
			unstored := 0
			for event, err := range watch(stored(t, state)) {
				if err != nil {
					require.ErrorIs(t, err, context.DeadlineExceeded)
					assert.GreaterOrEqual(t, kills, 10)
					return reported
				}
				c := note(event)
				same := func(r change) bool { return r.id == c.id && r.status == c.status }
				if i := slices.IndexFunc(repeatable, same); i >= 0 {
					repeatable = slices.Delete(repeatable, i, i+1)
				} else {
					reported, since = append(reported, c), append(since, c)
				}
				if unstored++; unstored == 10 {
					// Changes that were reported before a kill and are not in this state may be repeated.
					state, since, unstored = event.State(), slices.Clone(repeatable), 0
				}
				if left--; left == 0 {
					log.cut()
					break
				}
			}
		}
	})
}
