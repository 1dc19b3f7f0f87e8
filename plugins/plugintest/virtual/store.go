// SPDX-License-Identifier: Apache-2.0

package virtual

import (
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
)

// object is what a store holds. A stored object is never changed, only replaced.
type object[T any] interface {
	runtime.Object
	metav1.Object
	DeepCopy() T
}

// store is the API server's memory for one resource.
type store[T object[T]] struct {
	resource schema.GroupResource

	mu       sync.Mutex // guards what follows
	version  int64
	objects  map[string]T
	history  []change[T]
	watchers map[*watcher[T]]bool
	written  time.Time // when the latest change was made
	writes   int
}

// change is one step of an object: from nil when it is created, to nil when it is deleted.
type change[T any] struct {
	at       time.Time
	version  int64
	from, to *T
}

func newStore[T object[T]](resource string) *store[T] {
	return &store[T]{
		resource: schema.GroupResource{Resource: resource},
		objects:  map[string]T{},
		watchers: map[*watcher[T]]bool{},
		written:  time.Now(),
	}
}

func (s *store[T]) get(name string) (T, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	obj, ok := s.objects[name]
	return obj, ok
}

// find is get with the API server's error.
func (s *store[T]) find(name string) (T, error) {
	obj, ok := s.get(name)
	if !ok {
		return obj, apierrors.NewNotFound(s.resource, name)
	}
	return obj, nil
}

// list returns the objects by name, and the version of that state.
func (s *store[T]) list() ([]T, string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	objects := make([]T, 0, len(s.objects))
	for _, name := range slices.Sorted(maps.Keys(s.objects)) {
		objects = append(objects, s.objects[name])
	}
	return objects, strconv.FormatInt(s.version, 10)
}

// create adds an object.
func (s *store[T]) create(obj T) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.objects[obj.GetName()]; ok {
		return apierrors.NewAlreadyExists(s.resource, obj.GetName())
	}
	s.put(nil, obj.DeepCopy())
	return nil
}

// update replaces an object by what edit makes of a copy. An error of edit leaves it as it was.
func (s *store[T]) update(name string, edit func(T) error) (T, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old, ok := s.objects[name]
	if !ok {
		return old, apierrors.NewNotFound(s.resource, name)
	}
	obj := old.DeepCopy()
	if err := edit(obj); err != nil {
		return old, err
	}
	s.put(&old, obj)
	return obj, nil
}

// put requires the lock.
func (s *store[T]) put(old *T, obj T) {
	s.version++
	obj.SetResourceVersion(strconv.FormatInt(s.version, 10))
	s.objects[obj.GetName()] = obj
	s.publish(old, &obj)
}

// remove deletes an object; false when there is none.
func (s *store[T]) remove(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	old, ok := s.objects[name]
	if !ok {
		return false
	}
	delete(s.objects, name)
	s.version++
	s.publish(&old, nil)
	return true
}

// publish requires the lock.
func (s *store[T]) publish(from, to *T) {
	step := change[T]{at: time.Now(), version: s.version, from: from, to: to}
	s.history = append(s.history, step)
	s.written = time.Now()
	s.writes++
	for w := range s.watchers {
		w.see(step)
	}
}

// watch returns a watch of all that changes after the version.
func (s *store[T]) watch(version string, matches func(T) bool, lag func() time.Duration) *watcher[T] {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := &watcher[T]{
		store:   s,
		matches: matches,
		lag:     lag,
		events:  make(chan watch.Event),
		done:    make(chan struct{}),
	}
	s.watchers[w] = true
	after, _ := strconv.ParseInt(version, 10, 64) // 0 when none is given
	for _, step := range s.history {
		if step.version > after {
			w.see(step)
		}
	}
	return w
}

// changes returns all that happened to the objects whose names match, in order.
func (s *store[T]) changes(matches func(name string) bool) []change[T] {
	s.mu.Lock()
	defer s.mu.Unlock()
	var steps []change[T]
	for _, step := range s.history {
		obj := step.to
		if obj == nil {
			obj = step.from
		}
		if matches((*obj).GetName()) {
			steps = append(steps, step)
		}
	}
	return steps
}

// quietSince returns when the latest change was made or seen by the last watcher.
func (s *store[T]) quietSince() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	since := s.written
	for w := range s.watchers {
		if w.latest.After(since) {
			since = w.latest
		}
	}
	return since
}

// count returns how many changes were made.
func (s *store[T]) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.writes
}

// watcher is a watch whose events come late. They come in order, as those of one resource always do.
type watcher[T object[T]] struct {
	store   *store[T]
	matches func(T) bool
	lag     func() time.Duration
	events  chan watch.Event
	done    chan struct{}

	latest time.Time // guarded by the store's lock; when the latest event comes
}

var _ watch.Interface = (*watcher[*corev1.Pod])(nil)

// see sends the event that a change is to this watch, which may be none. It requires the store's lock.
func (w *watcher[T]) see(step change[T]) {
	event, ok := w.eventOf(step)
	if !ok {
		return
	}
	due := time.Now().Add(w.lag())
	if !due.After(w.latest) {
		due = w.latest.Add(1)
	}
	w.latest = due
	time.AfterFunc(time.Until(due), func() {
		select {
		case w.events <- event:
		case <-w.done:
		}
	})
}

func (w *watcher[T]) eventOf(step change[T]) (watch.Event, bool) {
	was := step.from != nil && w.matches(*step.from)
	is := step.to != nil && w.matches(*step.to)
	switch {
	case is && !was:
		return watch.Event{Type: watch.Added, Object: *step.to}, true
	case is:
		return watch.Event{Type: watch.Modified, Object: *step.to}, true
	case was:
		gone := (*step.from).DeepCopy()
		gone.SetResourceVersion(strconv.FormatInt(step.version, 10))
		return watch.Event{Type: watch.Deleted, Object: gone}, true
	}
	return watch.Event{}, false
}

// Stop ends the watch.
func (w *watcher[T]) Stop() {
	w.store.mu.Lock()
	defer w.store.mu.Unlock()
	if w.store.watchers[w] {
		delete(w.store.watchers, w)
		close(w.done)
	}
}

// ResultChan returns the channel of the events.
func (w *watcher[T]) ResultChan() <-chan watch.Event { return w.events }
