// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/muster-batch/muster/queue-api/redistest"
)

const (
	// submitRate is what the program under load takes in a second, overload how many times as much comes.
	submitRate   = 200
	overload     = 10
	overloadedAt = 5 * time.Second
	// maxResident bounds the program's memory: manifests/base gives it 512 MiB.
	maxResident = 512 << 20
)

// TestOverload sends ten times as many submissions as are taken, at their times whether or not those before were answered, and
// bodies as large as they may be from more connections than requests are answered at once.
func TestOverload(t *testing.T) {
	redis := redistest.Start(t, redistest.Safe()...)
	t.Setenv("GOMEMLIMIT", "460MiB")
	p := startProcess(t, "--redis-url="+redis.URL(), "--kubeconfig="+writeKubeconfig(t), "--submit-rate=0", "--max-requests=256", fmt.Sprintf("--submit-rate-total=%d", submitRate))
	submitOne(t, sdkClient(p.listen))
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 512}}
	defer client.CloseIdleConnections()
	replies := &replies{codes: map[int]int{}}

	began := time.Now()
	every := time.NewTicker(10 * time.Millisecond)
	defer every.Stop()
	body := `{"jobName":"j","jobQueue":"q","jobDefinition":"d"}`
	for time.Since(began) < overloadedAt {
		<-every.C
		for range submitRate * overload / 100 {
			replies.of(client, "http://"+p.listen+"/v1/submitjob", body)
		}
	}
	replies.underWay.Wait()
	accepted := replies.codes[http.StatusOK]
	if most := int(submitRate*(time.Since(began).Seconds()+2)) + 1; accepted > most || accepted < submitRate {
		t.Errorf("%d submissions were taken, want %d at most and not next to none", accepted, most)
	}
	if n := len(replies.codes); n != 2 || replies.codes[http.StatusTooManyRequests] == 0 {
		t.Errorf("answers are %v, want 200 and 429", replies.codes)
	}
	replies.check(t, "submissions")

	replies.codes = map[int]int{}
	large := body + strings.Repeat(" ", 250<<10)
	for range 1500 {
		replies.of(client, "http://"+p.listen+"/v1/describejobqueues", large)
	}
	replies.underWay.Wait()
	replies.check(t, "bodies of 250 KiB at once")

	resident := peakResident(t, p.cmd.Process.Pid)
	t.Logf("%d MiB resident at most", resident>>20)
	if resident > maxResident {
		t.Errorf("%d MiB were resident, want less than %d", resident>>20, maxResident>>20)
	}
}

// replies are what became of requests.
type replies struct {
	underWay sync.WaitGroup

	mu    sync.Mutex // guards what follows
	codes map[int]int
	took  []time.Duration // by those that were taken
	errs  []error
}

// of sends a request and does not wait for its reply.
func (r *replies) of(client *http.Client, url, body string) {
	r.underWay.Go(func() {
		began := time.Now()
		resp, err := client.Post(url, "application/json", strings.NewReader(body))
		if err == nil {
			_, err = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		if err != nil {
			r.errs = append(r.errs, err)
			return
		}
		r.codes[resp.StatusCode]++
		if resp.StatusCode == http.StatusOK {
			r.took = append(r.took, time.Since(began))
		}
	})
}

// check wants every request answered, if only that it may come again. One in a hundred may find its connection closed: it was
// refused while the client still wrote a large body, and went on writing.
func (r *replies) check(t *testing.T, what string) {
	t.Helper()
	for code, n := range r.codes {
		if code != http.StatusOK && code != http.StatusTooManyRequests && code != http.StatusInternalServerError && code != http.StatusServiceUnavailable {
			t.Errorf("%s: %d were answered %d", what, n, code)
		}
	}
	all := len(r.errs)
	for _, n := range r.codes {
		all += n
	}
	if len(r.errs) > all/100 {
		t.Errorf("%s: %d were not answered: %v", what, len(r.errs), r.errs[0])
	}
	if len(r.took) == 0 {
		t.Fatalf("%s: none was taken: %v", what, r.codes)
	}
	slices.Sort(r.took)
	t.Logf("%s: %v; of those taken, p99 took %s", what, r.codes, r.took[len(r.took)*99/100])
	r.took, r.errs = nil, nil
}

// peakResident is the most memory that a process had, in bytes.
func peakResident(t *testing.T, pid int) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	text, _, _ := strings.Cut(rest, "kB")
	kib, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil {
		t.Fatal(err)
	}
	return kib << 10
}
