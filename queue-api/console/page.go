// SPDX-License-Identifier: Apache-2.0

package console

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"time"

	"k8s.io/klog/v2"

	"github.com/muster-batch/muster/queue-api/batch"
)

// Page is one page of the console.
type Page struct {
	// Path is behind /console/, as http.ServeMux has it: "jobs/{id}".
	Path string
	// Nav is what leads to the page from every other; empty for nothing.
	Nav string
	// Key leads to the page after the key g.
	Key string
	// Template is a file of templates/, without .html. It defines "main". A page that only leads elsewhere has none.
	Template string
	// Script is a module of static/ that the page needs beside console.js; empty for none.
	Script string
	// Load gets what the page shows.
	Load func(r *Request) (*View, error)
}

// View is what a page shows.
type View struct {
	Title string
	// Data is what the template gets.
	Data any
	// Elsewhere leads to another page instead; empty for this one.
	Elsewhere string
	// Live says when the page fetches itself again; nil for never.
	Live *Live
}

// Live says what changes a page.
type Live struct {
	// Queues are those whose jobs the page follows; none means all that the user may see.
	Queues []string
	// Job keeps what concerns one job and its children.
	Job string
	// Every is how often the page is fetched again whatever happens; 0 for never.
	Every time.Duration
	// Silent says that the page follows no jobs, and is only fetched again every so often.
	Silent bool
}

// Stream is a path that answers by itself: with server-sent events, or with a download.
type Stream struct {
	Path  string
	Serve func(w http.ResponseWriter, r *Request) error
}

// Action is something that a form does.
type Action struct {
	Path string
	// Do carries it out and says in a sentence what it did. The user is then back on the page of the form's field "back", or on
	// the one that Do names in its stead.
	Do func(r *Request) (done Done, err error)
}

// Done is what an action did.
type Done struct {
	Notice string
	// Back is the page to go to; empty for the form's own.
	Back string
	// Failed says that some of it did not work.
	Failed bool
}

// Request is a request of a user.
type Request struct {
	*http.Request

	API     *API
	User    batch.User
	Console *Console
	session *session
}

// Now is the time.
func (r *Request) Now() time.Time { return r.Console.cfg.Clock.Now() }

// Alive is the request's context for as long as its user is logged in, which is looked at again and again; stop ends it.
func (r *Request) Alive() (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancel(r.Context())
	go r.watch(ctx, cancel)
	return ctx, cancel
}

// askAgain is how often it is asked whether the user of a stream is still logged in.
const askAgain = 30 * time.Second

func (r *Request) watch(ctx context.Context, cancel func()) {
	ticker := r.Console.cfg.Clock.NewTicker(askAgain)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C():
			if _, err := r.Console.identify(ctx, r.session); errors.Is(err, errNoSession) {
				cancel()
				return
			}
		}
	}
}

// enter finds out who makes a request. Who is not logged in gets errNoSession; where nobody is asked a session begins by itself.
func (c *Console) enter(w http.ResponseWriter, r *http.Request) (*Request, error) {
	s, err := c.session(r)
	if errors.Is(err, errNoSession) && c.cfg.Open {
		s = &session{}
		err = c.begin(w, r, s)
	}
	if err != nil {
		return nil, err
	}
	user, err := c.identify(r.Context(), s)
	if err != nil {
		return nil, err
	}
	return &Request{Request: r, API: &API{handler: c.api(user), host: r.Host}, User: user, Console: c, session: s}, nil
}

// page serves one page: whole, or what is in its main element if it fetches itself again.
func (c *Console) page(p Page) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		in, err := c.enter(w, r)
		if err != nil {
			c.showProblem(w, r, err)
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), pageTimeout)
		defer cancel()
		in.Request = r.WithContext(ctx)
		view, err := p.Load(in)
		if err != nil {
			c.showProblemTo(w, in, p, err)
			return
		}
		if view.Elsewhere != "" {
			http.Redirect(w, r, ownPath(view.Elsewhere), http.StatusSeeOther)
			return
		}
		c.render(w, in, p, view, http.StatusOK)
	})
}

// pageTimeout bounds what a page waits for.
const pageTimeout = 20 * time.Second

// headerFragment is sent by a page that fetches itself again.
const headerFragment = "X-Console-Fragment"

func (c *Console) render(w http.ResponseWriter, r *Request, p Page, view *View, status int) {
	f := c.frame(w, r, p, view)
	name := "layout"
	if r.Header.Get(headerFragment) != "" {
		name = "fragment"
	}
	var body bytes.Buffer
	if err := c.templates.execute(&body, p.Template, name, f); err != nil {
		klog.FromContext(r.Context()).Error(err, "Page was not rendered", "page", p.Path)
		http.Error(w, "The page could not be made.", http.StatusInternalServerError)
		return
	}
	writeHTML(w, r.Request, status, legible(body.Bytes()))
}

// showProblem answers who is not known, or what is no page.
func (c *Console) showProblem(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, errNoSession) {
		c.sendToLogin(w, r)
		return
	}
	in := &Request{Request: r, Console: c}
	if known, enterErr := c.enter(w, r); enterErr == nil {
		in = known
	}
	c.showProblemTo(w, in, Page{}, err)
}

func (c *Console) showProblemTo(w http.ResponseWriter, r *Request, p Page, err error) {
	problem := problemOf(r.Context(), err)
	p.Template, p.Script = "problem", ""
	c.render(w, r, p, &View{Title: http.StatusText(problem.Status), Data: problem}, problem.Status)
}

// problemOf is what a user is told of an error. The cause of one that is ours is logged.
func problemOf(ctx context.Context, err error) *ProblemError {
	if known, ok := errors.AsType[*ProblemError](err); ok {
		if known.Status < http.StatusBadRequest || http.StatusText(known.Status) == "" {
			known.Status = http.StatusInternalServerError
		}
		return known
	}
	if told, ok := errors.AsType[*batch.Error](err); ok {
		return &ProblemError{Status: http.StatusForbidden, Code: told.Code, Message: told.Message}
	}
	if !errors.Is(err, context.Canceled) {
		klog.FromContext(ctx).Error(err, "Console could not answer")
	}
	return &ProblemError{Status: http.StatusServiceUnavailable, Message: "The server could not get what it needs for this. Try again in a moment."}
}

// stream serves what answers by itself.
func (c *Console) stream(s Stream) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		in, err := c.enter(w, r)
		if err == nil {
			err = s.Serve(w, in)
		}
		if errors.Is(err, errNoSession) {
			http.Error(w, "Nobody is logged in.", http.StatusUnauthorized)
			return
		}
		if err != nil {
			problem := problemOf(r.Context(), err)
			http.Error(w, problem.Error(), problem.Status)
		}
	})
}
