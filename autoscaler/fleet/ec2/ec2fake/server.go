// SPDX-License-Identifier: Apache-2.0

package ec2fake

import (
	"bytes"
	"encoding/xml"
	"errors"
	"net/http"
	"strconv"
)

// Fault is something that goes wrong with calls of an action.
type Fault struct {
	Action string // empty for any
	Skip   int    // calls that go well before
	Times  int    // calls that it happens to; 1 if zero
	Every  int    // it happens to each call of that number, for ever, and Skip and Times do not count
	Paged  bool   // only to calls for a page after the first
	// Code is answered and nothing is done, unless it is empty.
	Code    string
	Message string
	// Lost lets the call be done and its reply never arrive; with Hung the caller is not even told so.
	Lost, Hung bool
	met        int
}

// Break lets something go wrong. Faults happen in the order of their making, one at a time.
func (c *Cloud) Break(f Fault) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f.Times = max(f.Times, 1)
	c.faults = append(c.faults, &f)
}

// fault is the one that happens to a call of the action; nil if it goes well.
func (c *Cloud) fault(action string, paged bool) *Fault {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls[action]++
	for i, f := range c.faults {
		if f.Action != "" && f.Action != action || f.Paged && !paged {
			continue
		}
		if f.Every > 0 {
			if f.met++; f.met%f.Every == 0 {
				return f
			}
			continue
		}
		if f.Skip > 0 {
			f.Skip--
			return nil
		}
		if f.Times--; f.Times == 0 {
			c.faults = append(c.faults[:i], c.faults[i+1:]...)
		}
		return f
	}
	return nil
}

// refusedError is an answer of EC2 that is no result.
type refusedError struct {
	status        int
	code, message string
}

func (e *refusedError) Error() string { return e.code }

func refuse(code, message string) error {
	return &refusedError{status: http.StatusBadRequest, code: code, message: message}
}

type action func(*Cloud, *node) (any, error)

var actions = map[string]action{
	"CreateFleet":                    (*Cloud).createFleet,
	"CreateLaunchTemplate":           (*Cloud).createLaunchTemplate,
	"DescribeImages":                 (*Cloud).describeImages,
	"DescribeInstances":              (*Cloud).describeInstances,
	"DescribeInstanceTypes":          (*Cloud).describeInstanceTypes,
	"DescribeLaunchTemplates":        (*Cloud).describeLaunchTemplates,
	"DescribeLaunchTemplateVersions": (*Cloud).describeLaunchTemplateVersions,
	"DescribeSpotPriceHistory":       (*Cloud).describeSpotPriceHistory,
	"DescribeSubnets":                (*Cloud).describeSubnets,
	"RunInstances":                   (*Cloud).runInstances,
	"TerminateInstances":             (*Cloud).terminateInstances,
}

// ServeHTTP implements http.Handler.
func (c *Cloud) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if c.servePlatform(w, r) || c.serveQueue(w, r) {
		return
	}
	if err := r.ParseForm(); err != nil {
		answer(w, &refusedError{http.StatusBadRequest, "MalformedQueryString", err.Error()})
		return
	}
	name := r.PostForm.Get("Action")
	do, known := actions[name]
	f := c.fault(name, r.PostForm.Get("NextToken") != "")
	switch {
	case !known:
		answer(w, refuse("InvalidAction", "The action "+name+" is not valid for this web service."))
		return
	case f != nil && f.Code != "" && !c.isDecided(name, r.PostForm.Get("ClientToken"), f.Code):
		answer(w, &refusedError{statusOf(f.Code), f.Code, f.Message})
		return
	case r.PostForm.Get("DryRun") == "true":
		answer(w, c.rehearse(name, parse(r.PostForm)))
		return
	}
	out, err := do(c, parse(r.PostForm))
	if f != nil && f.Hung {
		<-r.Context().Done() // the caller gives up or dies
	}
	if f != nil && (f.Lost || f.Hung) {
		panic(http.ErrAbortHandler) // the server closes the connection without a word
	}
	if err != nil {
		answer(w, err)
		return
	}
	reply(w, name, out)
}

// isDecided reports whether EC2 answers as it did before: of a launch that was made it does not say later that there is no room.
func (c *Cloud) isDecided(action, token, code string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, known := c.fleets[token]
	return action == "CreateFleet" && known && statusOf(code) == http.StatusBadRequest
}

// statusOf is the status that EC2 answers codes with which are not the caller's fault.
func statusOf(code string) int {
	switch code {
	case "RequestLimitExceeded", "Unavailable":
		return http.StatusServiceUnavailable
	case "InternalError":
		return http.StatusInternalServerError
	case "UnauthorizedOperation":
		return http.StatusForbidden
	}
	return http.StatusBadRequest
}

func reply(w http.ResponseWriter, action string, out any) {
	text := bytes.NewBufferString(xml.Header)
	start := xml.StartElement{Name: xml.Name{Local: action + "Response"}}
	if err := xml.NewEncoder(text).EncodeElement(out, start); err != nil {
		panic("encode reply of " + action + ": " + err.Error())
	}
	w.Header().Set("Content-Type", "text/xml;charset=UTF-8")
	_, _ = w.Write(text.Bytes()) // the caller may be gone
}

func answer(w http.ResponseWriter, err error) {
	e := (*refusedError)(nil)
	if !errors.As(err, &e) {
		e = &refusedError{http.StatusInternalServerError, "InternalError", err.Error()}
	}
	type errorElement struct{ Code, Message string }
	doc := struct {
		XMLName   xml.Name       `xml:"Response"`
		Errors    []errorElement `xml:"Errors>Error"`
		RequestID string
	}{Errors: []errorElement{{e.code, e.message}}, RequestID: "fake"}
	w.Header().Set("Content-Type", "text/xml;charset=UTF-8")
	w.WriteHeader(e.status)
	_ = xml.NewEncoder(w).Encode(doc)
}

// page cuts a page out of n things. A token is where the next page begins.
func (c *Cloud) page(p *node, n int) (from, to int, next string) {
	size := n
	for _, limit := range [...]int{atoi(p.text("MaxResults")), c.cfg.PageSize} {
		if limit > 0 {
			size = min(size, limit)
		}
	}
	from = min(atoi(p.text("NextToken")), n)
	to = min(from+size, n)
	if to < n {
		next = strconv.Itoa(to)
	}
	return from, to, next
}
