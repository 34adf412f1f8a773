package main

import (
	"context"
	"sync"
)

// tasks is a group of goroutines. The first error ends all of them.
type tasks struct{ wg sync.WaitGroup }

func (t *tasks) run(cancel context.CancelCauseFunc, task func() error) {
	t.wg.Go(func() {
		if err := task(); err != nil {
			cancel(err)
		}
	})
}

func (t *tasks) wait() { t.wg.Wait() }
