// SPDX-License-Identifier: Apache-2.0

package sigv4

import (
	"encoding/hex"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// changed is a well-formed request that somebody changed after it was signed.
type changed struct {
	r         *http.Request
	body      []byte
	signature Signature
	secret    string
}

// changes are what somebody could want to change, each so that the request says something else in the form that is signed.
var changes = map[string]func(c *changed, word string){
	"the method": func(c *changed, _ string) { c.r.Method = http.MethodPut },
	"the path":   func(c *changed, word string) { c.r.RequestURI = "/v1/" + word },
	"the path's end": func(c *changed, word string) {
		c.r.RequestURI = strings.Replace(c.r.RequestURI, "?", "%2F"+word+"?", 1)
	},
	"a parameter more":    func(c *changed, word string) { c.r.RequestURI += "&tagKeys=" + word },
	"a parameter's value": func(c *changed, word string) { c.r.RequestURI = strings.Replace(c.r.RequestURI, "=b", "="+word, 1) },
	"a parameter's name": func(c *changed, word string) {
		c.r.RequestURI = strings.Replace(c.r.RequestURI, "tagKeys=b", word+"=b", 1)
	},
	"a parameter less":        func(c *changed, _ string) { c.r.RequestURI, _, _ = strings.Cut(c.r.RequestURI, "&") },
	"no parameters":           func(c *changed, _ string) { c.r.RequestURI, _, _ = strings.Cut(c.r.RequestURI, "?") },
	"the host":                func(c *changed, word string) { c.r.Host = word + ".local" },
	"a signed header":         func(c *changed, word string) { c.r.Header.Set("Amz-Sdk-Invocation-Id", word) },
	"a value more of it":      func(c *changed, word string) { c.r.Header.Add("Amz-Sdk-Invocation-Id", word) },
	"a signed header less":    func(c *changed, _ string) { c.r.Header.Del("Amz-Sdk-Invocation-Id") },
	"another session's token": func(c *changed, word string) { c.r.Header.Set("X-Amz-Security-Token", word) },
	"the date": func(c *changed, word string) {
		c.signature.Time = c.signature.Time.Add(time.Duration(len(word)) * time.Second)
		c.r.Header.Set(headerDate, c.signature.Time.Format(TimeFormat))
	},
	"the day":             func(c *changed, word string) { c.signature.day = "201508" + fmt.Sprintf("%02d", 1+len(word)) },
	"the region":          func(c *changed, word string) { c.signature.Region = strings.ToLower(word) },
	"the service":         func(c *changed, word string) { c.signature.Service = word },
	"the list of headers": func(c *changed, _ string) { c.signature.headers = c.signature.headers[1:] },
	"the body":            func(c *changed, word string) { c.body = []byte(`{"jobName":"` + word + `"}`) },
	"the body's end":      func(c *changed, word string) { c.body = append(c.body, word...) },
	"no body":             func(c *changed, _ string) { c.body = nil },
	"the body's hash":     func(c *changed, word string) { c.signature.payload = hex.EncodeToString([]byte(word)) },
	"the secret":          func(c *changed, word string) { c.secret = word },
	"the signature": func(c *changed, word string) {
		c.signature.mac = append([]byte(nil), c.signature.mac...)
		if len(c.signature.mac) > 0 {
			c.signature.mac[len(word)%len(c.signature.mac)] ^= word[0]
		}
	},
	"half a signature": func(c *changed, _ string) { c.signature.mac = c.signature.mac[:len(c.signature.mac)/2] },
	"no signature":     func(c *changed, _ string) { c.signature.mac = nil },
}

// TestChangedRequestsAreRefused changes one or two things of a signed request that stays well-formed, 10,000 times.
func TestChangedRequestsAreRefused(t *testing.T) {
	t.Parallel()
	const body = `{"jobName":"j","jobQueue":"q","jobDefinition":"d"}`
	header := http.Header{"Amz-Sdk-Invocation-Id": {"id"}}
	random := rand.New(rand.NewPCG(3, 4))
	names := slices.Sorted(maps.Keys(changes))
	for n := range 10_000 {
		r, wire := sdkRequest(t, "POST", "http://batch.local/v1/tags/arn%3Aaws%2Fq?tagKeys=b&tagKeys=a", body, "token", header)
		s, err := Parse(r)
		if err != nil || n == 0 && !s.Verify(r, []byte(body), testSecret) {
			t.Fatalf("the original is refused: %v", err)
		}
		c := changed{r, []byte(body), s, testSecret}
		did := ""
		for range 1 + random.IntN(2) {
			name := names[random.IntN(len(names))]
			if strings.Contains(did, name) {
				continue // what is changed twice could be as it was
			}
			changes[name](&c, word(random))
			did += name + ", "
		}
		if c.signature.Verify(c.r, c.body, c.secret) {
			t.Fatalf("accepted with another %s\n%s", did, wire)
		}
	}
	t.Logf("10,000 requests with %d kinds of changes", len(changes))
}

// word is of letters and digits, and never one that the original has.
func word(random *rand.Rand) string {
	const letters = "abcdefghijklmnopqrstuvwxyz0123456789"
	text := []byte{'x'}
	for range 1 + random.IntN(20) {
		text = append(text, letters[random.IntN(len(letters))])
	}
	return string(text)
}
