// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/google/uuid"
)

// Stream opens a stream of server-sent events, after the event that lastID names unless it is empty. It ends with ctx, with
// Close, or as the server likes. It is not retried.
func (c *Client) Stream(ctx context.Context, path string, query url.Values, lastID string) (io.ReadCloser, error) {
	m := &message{operation: path, method: http.MethodGet, path: path, query: query, service: serviceBatch}
	r, err := c.build(ctx, m, uuid.NewString(), 1)
	if err != nil {
		return nil, err
	}
	// Not signed, and need not be: where to go on from is no secret, and another place would show the caller nothing new.
	r.Header.Set("Accept", "text/event-stream")
	if lastID != "" {
		r.Header.Set("Last-Event-ID", lastID)
	}
	response, err := c.http.Do(r)
	if err != nil {
		return nil, unreachable(err)
	}
	if response.StatusCode == http.StatusOK {
		return response.Body, nil
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	return nil, refusal(path, response, body)
}
