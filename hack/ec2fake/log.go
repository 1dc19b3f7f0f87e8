// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/muster-batch/muster/autoscaler/fleet/ec2/ec2fake"
)

// line writes a line of the log.
func line(out io.Writer, format string, args ...any) {
	fmt.Fprintf(out, "%s %s\n", time.Now().UTC().Format(time.RFC3339Nano), fmt.Sprintf(format, args...))
}

// tell writes what became of an instance.
func tell(out io.Writer, i *ec2fake.Instance, what string, err error) {
	if err != nil {
		what = "not " + what + ": " + err.Error()
	}
	line(out, "%s (%s, %s, %s): %s", i.ID, i.Type, i.Zone, i.Capacity, what)
}

// logged writes a line for each call: when it came, what it was and what it was answered; 0 if nothing.
func logged(out io.Writer, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		status := &statusWriter{ResponseWriter: w}
		came := time.Now()
		defer func() { // also when the connection is closed without a word
			action := cmp.Or(r.PostForm.Get("Action"), r.Header.Get("X-Amz-Target"), r.Method+" "+r.URL.Path)
			line(out, "%s %d, %v", action, status.code, time.Since(came).Round(time.Microsecond))
		}()
		h.ServeHTTP(status, r)
	})
}

// statusWriter notes the status of a reply.
type statusWriter struct {
	http.ResponseWriter
	code int
}

// WriteHeader implements http.ResponseWriter.
func (w *statusWriter) WriteHeader(code int) {
	w.code = code
	w.ResponseWriter.WriteHeader(code)
}

// Write implements http.ResponseWriter.
func (w *statusWriter) Write(b []byte) (int, error) {
	w.code = cmp.Or(w.code, http.StatusOK)
	return w.ResponseWriter.Write(b)
}
