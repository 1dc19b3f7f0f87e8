// SPDX-License-Identifier: Apache-2.0

package dispatch

import "sync"

// jobLocks let one goroutine at a time make the pods of a job. The zero value is free.
type jobLocks struct {
	mu   sync.Mutex // guards held
	held map[string]*jobLock
}

// jobLock is held over requests to the API server. It is a channel and no mutex, so that tests in virtual time see it waited for.
type jobLock struct {
	free  chan struct{} // holds one while nobody holds the lock
	users int           // who hold it or wait for it
}

// lock waits for the job's lock; the function returned gives it back.
func (l *jobLocks) lock(id string) (unlock func()) {
	l.mu.Lock()
	if l.held == nil {
		l.held = map[string]*jobLock{}
	}
	one := l.held[id]
	if one == nil {
		one = &jobLock{free: make(chan struct{}, 1)}
		one.free <- struct{}{}
		l.held[id] = one
	}
	one.users++
	l.mu.Unlock()
	<-one.free
	return func() {
		one.free <- struct{}{}
		l.mu.Lock()
		defer l.mu.Unlock()
		if one.users--; one.users == 0 {
			delete(l.held, id)
		}
	}
}
