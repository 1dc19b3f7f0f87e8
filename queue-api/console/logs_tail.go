// SPDX-License-Identifier: Apache-2.0

package console

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/muster-batch/muster/queue-api/viewapi"
)

const (
	// tailPoll is the time between two looks at a log.
	tailPoll = 500 * time.Millisecond
	// tailLife is how long a tail lasts; the browser begins the next by itself, where it left off. It is shorter than the server
	// waits for requests when it ends, and than a request may last.
	tailLife = 15 * time.Second
	// tailLines is how many lines are sent at once.
	tailLines = 500
	// maxTails bounds the tails at a time.
	maxTails = 200
)

// serveTail sends what is written to a log from now on, until the API says that it has ended. Each event's id is where the next one
// goes on.
func serveTail(w http.ResponseWriter, r *Request) error {
	if r.Console.tails.Add(1) > maxTails {
		r.Console.tails.Add(-1)
		return &ProblemError{Status: http.StatusTooManyRequests, Message: "Too many logs are followed at once."}
	}
	defer r.Console.tails.Add(-1)
	ctx, cancel := context.WithTimeout(r.Context(), tailLife)
	defer cancel()
	q := r.URL.Query()
	t := tail{Request: r, w: w, stream: q.Get("stream"), token: cmp.Or(r.Header.Get("Last-Event-ID"), q.Get("after"))}
	if err := t.look(ctx); err != nil { // what is refused is refused as a whole
		return err
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no")
	t.run(ctx)
	return nil
}

// tail is a log that is being followed.
type tail struct {
	*Request

	w      http.ResponseWriter
	stream string
	token  string // where it goes on
	lines  []logLine
	end    *viewapi.LogEnd // nil before the end of what there is
}

// look reads what is new. A log that was there and is not any more has ended.
func (t *tail) look(ctx context.Context) error {
	var got gotLogEvents
	in := getLogEvents{Group: logGroup, Stream: t.stream, Token: t.token, Limit: tailLines, StartFromHead: true}
	err := t.API.Logs(ctx, "GetLogEvents", &in, &got)
	if known, ok := errors.AsType[*ProblemError](err); ok && known.Code == codeNoLog && t.token != "" {
		t.lines, t.end = nil, &viewapi.LogEnd{State: viewapi.LogLost, Reason: "nothing of it is kept"}
		return nil
	}
	if err != nil {
		return err
	}
	t.token, t.lines, t.end = got.Forward, linesOf(&got), got.End
	return nil
}

// run sends lines until ctx ends, the client goes, or nothing more will be written.
func (t *tail) run(ctx context.Context) {
	_, _ = fmt.Fprint(t.w, "retry: 200\n\n")
	for {
		if !t.send() {
			return
		}
		if t.end != nil && t.end.State != viewapi.LogOpen {
			t.over()
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-t.Console.cfg.Clock.After(tailPoll):
		}
		if err := t.look(ctx); err != nil {
			return // the browser comes again, and is told
		}
	}
}

// send writes the lines; it returns false when nobody reads.
func (t *tail) send() bool {
	if len(t.lines) == 0 {
		return t.flush()
	}
	data, err := json.Marshal(t.lines)
	if err != nil {
		return false
	}
	return t.event("lines", string(data))
}

func (t *tail) event(name, data string) bool {
	_, err := fmt.Fprintf(t.w, "id: %s\nevent: %s\ndata: %s\n\n", t.token, name, data)
	return err == nil && t.flush()
}

func (t *tail) flush() bool { return http.NewResponseController(t.w).Flush() == nil }

// over tells that nothing more will come, and how much of the log there is.
func (t *tail) over() {
	if data, err := json.Marshal(t.end); err == nil {
		t.event("over", string(data))
	}
}

// serveDownload sends a whole log as text, each line with its time.
func serveDownload(w http.ResponseWriter, r *Request) error {
	stream := r.URL.Query().Get("stream")
	in := getLogEvents{Group: logGroup, Stream: stream, StartFromHead: true}
	for sent := false; ; sent = true {
		var got gotLogEvents
		err := r.API.Logs(r.Context(), "GetLogEvents", &in, &got)
		if err != nil && !sent {
			return err
		}
		if !sent {
			w.Header().Set("Content-Type", "text/plain; charset=utf-8")
			w.Header().Set("Content-Disposition", `attachment; filename="`+fileName(stream)+`"`)
		}
		if err != nil {
			panic(http.ErrAbortHandler) // who saves it must see that it is not whole
		}
		if !writeLines(w, &got) {
			return nil
		}
		if len(got.Events) == 0 || got.Forward == in.Token {
			return nil
		}
		in.Token = got.Forward
	}
}

func writeLines(w http.ResponseWriter, got *gotLogEvents) bool {
	var b strings.Builder
	for _, e := range got.Events {
		b.WriteString(time.UnixMilli(e.Timestamp).UTC().Format("2006-01-02T15:04:05.000Z ") + e.Message + "\n")
	}
	control := http.NewResponseController(w)
	_ = control.SetWriteDeadline(time.Now().Add(tailLife)) // for each page anew; not every connection has one
	_, err := w.Write([]byte(b.String()))
	return err == nil && control.Flush() == nil
}

// fileName is one that no system takes amiss.
func fileName(stream string) string {
	name := strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' {
			return c
		}
		return '-'
	}, stream)
	return name[:min(len(name), 200)] + ".log"
}

// lineOf makes a line that can be shown: without the escape sequences of terminals, and without characters that cannot be seen or
// turn the text around.
func lineOf(at int64, text string) logLine {
	line := logLine{At: at}
	if len(text) > lineShown {
		cut := lineShown
		for cut > lineShown-utf8.UTFMax && !utf8.RuneStart(text[cut]) {
			cut--
		}
		text, line.Cut = text[:cut], len(text)-cut
	}
	line.Text = visible(text)
	return line
}

func visible(text string) string {
	var b strings.Builder
	for len(text) > 0 {
		if n := escape(text); n > 0 {
			text = text[n:]
			continue
		}
		c, n := utf8.DecodeRuneInString(text)
		text = text[n:]
		switch {
		case c == '\t':
			b.WriteByte('\t')
		case c == '\r' && text == "": // of a line that ends as on Windows
		case unicode.In(c, unicode.Cc, unicode.Cf, unicode.Co, unicode.Cs, unicode.Zl, unicode.Zp):
			b.WriteRune(unicode.ReplacementChar)
		default:
			b.WriteRune(c)
		}
	}
	return b.String()
}

// escape is how long an escape sequence is that the text begins with: ESC [ … letter, or ESC ] … BEL; 0 if it begins with none.
func escape(text string) int {
	if len(text) < 2 || text[0] != '\x1b' {
		return 0
	}
	switch text[1] {
	case '[':
		for i := 2; i < len(text) && i < 64; i++ {
			if text[i] >= '@' && text[i] <= '~' {
				return i + 1
			}
			if text[i] < ' ' || text[i] > '?' {
				return 0
			}
		}
	case ']':
		if i := strings.IndexByte(text[:min(len(text), 256)], '\a'); i > 0 {
			return i + 1
		}
	}
	return 0
}
