// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/muster-batch/muster/queue-api/awsapi"
)

const (
	serviceBatch = "batch"
	serviceLogs  = "logs"
	// logsTarget begins the names of CloudWatch Logs' operations.
	logsTarget = "Logs_20140328."

	// resourceARN is the one member of any request that stands in the path.
	resourceARN = "resourceArn"
)

// LogOperations are those of CloudWatch Logs that queue-api has.
var LogOperations = []string{"DescribeLogStreams", "FilterLogEvents", "GetLogEvents"}

// Do calls an operation of the Batch API or of CloudWatch Logs by its name and gives its answer.
func Do[Out any](ctx context.Context, c *Client, operation string, in any) (*Out, error) {
	out := new(Out)
	if err := c.Call(ctx, operation, in, out); err != nil {
		return nil, err
	}
	return out, nil
}

// Call is Do for those who know the answer's form only when they have it.
func (c *Client) Call(ctx context.Context, operation string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("encode %s: %w", operation, err)
	}
	if slices.Contains(LogOperations, operation) {
		return c.send(ctx, &message{
			operation: operation, method: http.MethodPost, path: "/", target: logsTarget + operation, service: serviceLogs, body: body,
		}, out)
	}
	i := slices.IndexFunc(awsapi.Operations[:], func(o awsapi.Operation) bool { return o.Name == operation })
	if i < 0 {
		return fmt.Errorf("%s is no operation of the Batch API", operation)
	}
	m := &message{
		operation: operation, method: awsapi.Operations[i].Method, path: awsapi.Operations[i].Path, service: serviceBatch, body: body,
	}
	if strings.Contains(m.path, "{"+resourceARN+"}") {
		if err := m.locate(); err != nil {
			return err
		}
	}
	return c.send(ctx, m, out)
}

// locate moves members of a request about tags to where they belong: into the path and the query.
func (m *message) locate() error {
	members := map[string]json.RawMessage{}
	if err := json.Unmarshal(m.body, &members); err != nil {
		return fmt.Errorf("%s: must be a JSON object: %w", m.operation, err)
	}
	var arn string
	if err := json.Unmarshal(members[resourceARN], &arn); err != nil || arn == "" {
		return fmt.Errorf("%s: %s must be a string", m.operation, resourceARN)
	}
	m.path = strings.Replace(m.path, "{"+resourceARN+"}", url.PathEscape(arn), 1)
	delete(members, resourceARN)
	if m.method == http.MethodPost {
		var err error
		m.body, err = json.Marshal(members)
		return err
	}
	m.body = nil
	if m.method == http.MethodGet {
		return nil
	}
	var keys []string
	if err := json.Unmarshal(members["tagKeys"], &keys); err != nil {
		return fmt.Errorf("%s: tagKeys must be a list of strings", m.operation)
	}
	m.query = url.Values{"tagKeys": keys}
	return nil
}

// Get reads what is at one of Muster's own paths. Elements of it that are not ours must be escaped; see Path.
func (c *Client) Get(ctx context.Context, path string, query url.Values, out any) error {
	return c.send(ctx, &message{operation: path, method: http.MethodGet, path: path, query: query, service: serviceBatch}, out)
}

// Post asks one of Muster's own paths something.
func (c *Client) Post(ctx context.Context, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("encode request: %w", err)
	}
	return c.send(ctx, &message{operation: path, method: http.MethodPost, path: path, service: serviceBatch, body: body}, out)
}

// Path puts together a path of elements, each escaped.
func Path(elements ...string) string {
	var b strings.Builder
	for _, e := range elements {
		b.WriteString("/" + url.PathEscape(e))
	}
	return b.String()
}
