// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/rest"
)

// maxRefusal is what "at once" means on a busy machine: sooner than a client's own patience ends.
const maxRefusal = 30 * time.Second

// reply is what the Batch API says to a bare HTTP request.
type reply struct {
	status          int
	errorType, body string
	took            time.Duration
}

// post calls an operation without any client's help.
func post(t *testing.T, operation, body string) reply {
	t.Helper()
	start := time.Now()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, local.env["MUSTER_ENDPOINT"]+"/v1/"+operation, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{
		status: response.StatusCode, errorType: response.Header.Get("X-Amzn-ErrorType"), body: string(text), took: time.Since(start),
	}
}

// get reads a URL of one of the programs as nobody in particular, trusting the cluster's authority.
func get(t *testing.T, url string) (status int, body string) {
	t.Helper()
	client, err := rest.HTTPClientFor(rest.AnonymousClientConfig(local.config))
	if err != nil {
		t.Fatal(err)
	}
	client.Timeout = soon
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}
