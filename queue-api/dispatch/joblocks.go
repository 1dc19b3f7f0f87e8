// SPDX-License-Identifier: Apache-2.0

package dispatch

import "sync"

// jobLocks let one goroutine at a time make the pods of a job. The zero value is free.
type jobLocks struct {
	mu   sync.Mutex // guards held
	held map[string]*jobLock
}

type jobLock struct {
	sync.Mutex
	users int // who hold it or wait for it
}

// lock waits for the job's lock; the function returned gives it back.
func (l *jobLocks) lock(id string) (unlock func()) {
	l.mu.Lock()
	if l.held == nil {
		l.held = map[string]*jobLock{}
	}
	one := l.held[id]
	if one == nil {
		one = &jobLock{}
		l.held[id] = one
	}
	one.users++
	l.mu.Unlock()
	one.Lock()
	return func() {
		one.Unlock()
		l.mu.Lock()
		defer l.mu.Unlock()
		if one.users--; one.users == 0 {
			delete(l.held, id)
		}
	}
}
