// SPDX-License-Identifier: Apache-2.0

package console

import (
	"net/http"
	"net/url"

	"github.com/muster-batch/muster/queue-api/viewapi"
)

// streams are the paths that answer by themselves.
func streams() []Stream {
	return []Stream{
		{Path: "live", Serve: serveLive},
		{Path: "logs/tail", Serve: serveTail},
		{Path: "logs/download", Serve: serveDownload},
	}
}

// serveLive tells a page what changes, for as long as its user is logged in and may see it. It is the API's own stream, in brief:
// a browser takes it up again, by Last-Event-ID, after a restart of the server.
func serveLive(w http.ResponseWriter, r *Request) error {
	q := url.Values{"brief": {"true"}, "jobQueue": r.URL.Query()["queue"]}
	if job := r.URL.Query().Get("job"); job != "" {
		q.Set("jobId", job)
	}
	if after := r.URL.Query().Get("after"); after != "" {
		q.Set("after", after)
	}
	if len(q["jobQueue"]) == 0 {
		names, err := r.queuesSeen()
		if err != nil {
			return err
		}
		q["jobQueue"] = names
	}
	ctx, stop := r.Alive()
	defer stop()
	in := r.Clone(ctx)
	in.URL = &url.URL{Path: viewapi.PathEvents, RawQuery: q.Encode()}
	in.RequestURI = in.URL.RequestURI()
	w.Header().Del("Cache-Control") // the stream has its own
	r.API.Serve(w, in)
	return nil
}

// queuesSeen are the queues whose jobs the user may list; none if that is all there are, so that new ones are followed too.
func (r *Request) queuesSeen() ([]string, error) {
	if r.Console.cfg.Open {
		return nil, nil
	}
	var summary viewapi.Summary
	if err := r.API.Get(r.Context(), viewapi.PathSummary, &summary); err != nil {
		return nil, err
	}
	names := []string{}
	for i := range summary.Queues {
		names = append(names, summary.Queues[i].JobQueue)
	}
	if len(names) == 0 {
		return nil, &ProblemError{Status: http.StatusForbidden, Message: "There is no queue to follow."}
	}
	return names, nil
}
