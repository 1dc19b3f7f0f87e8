// SPDX-License-Identifier: Apache-2.0

package imds

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/muster-batch/muster/autoscaler/interruption"
)

// Endpoint is where an instance finds its metadata service.
const Endpoint = "http://169.254.169.254"

const (
	tokenTTL = "21600" // seconds; EC2: six hours at most
	timeout  = 2 * time.Second
	maxReply = 64 << 10
)

// Client asks a metadata service. It is not safe for concurrent use.
type Client struct {
	endpoint string
	http     *http.Client
	token    string // empty until one is needed
	instance string // the instance's id; empty until it is known
}

// New makes a client of the metadata service at an endpoint, without a slash at its end.
func New(endpoint string) *Client {
	return &Client{endpoint: endpoint, http: &http.Client{Timeout: timeout}}
}

// errNotThere is the answer to what there is none of, as of a Spot interruption in most instances' lives.
var errNotThere = errors.New("not found")

// Notices are what is announced of the instance now. It asks everything anew; what was announced once is announced for ever.
func (c *Client) Notices(ctx context.Context) ([]interruption.Notice, error) {
	if c.instance == "" {
		id, err := c.get(ctx, "instance-id")
		if err != nil {
			return nil, fmt.Errorf("ask which instance this is: %w", err)
		}
		c.instance = string(id)
	}
	var out []interruption.Notice
	var errs []error
	for _, ask := range []func(context.Context) (*interruption.Notice, error){c.spot, c.rebalance, c.maintenance} {
		switch n, err := ask(ctx); {
		case errors.Is(err, errNotThere):
		case err != nil:
			errs = append(errs, err)
		case n != nil:
			n.InstanceID = c.instance
			out = append(out, *n)
		}
	}
	return out, errors.Join(errs...)
}

// spot is the interruption of a Spot instance: {"action": "terminate", "time": "2017-09-18T08:22:00Z"}.
func (c *Client) spot(ctx context.Context) (*interruption.Notice, error) {
	var reply struct {
		Action string
		Time   time.Time
	}
	if err := c.getJSON(ctx, "spot/instance-action", &reply); err != nil {
		return nil, err
	}
	return &interruption.Notice{Kind: interruption.Spot, Deadline: reply.Time}, nil
}

// rebalance is a rebalance recommendation: {"noticeTime": "2020-10-27T08:22:00Z"}.
func (c *Client) rebalance(ctx context.Context) (*interruption.Notice, error) {
	var reply struct{ NoticeTime time.Time }
	if err := c.getJSON(ctx, "events/recommendations/rebalance", &reply); err != nil {
		return nil, err
	}
	return &interruption.Notice{Kind: interruption.Rebalance, At: reply.NoticeTime}, nil
}

// maintenance are scheduled events, of which those that are over remain for a while: [{"NotBefore": "21 Jan 2019 09:00:43 GMT",
// "Code": "system-reboot", "State": "active", …}].
func (c *Client) maintenance(ctx context.Context) (*interruption.Notice, error) {
	var reply []struct{ NotBefore, Code, State string }
	if err := c.getJSON(ctx, "events/maintenance/scheduled", &reply); err != nil {
		return nil, err
	}
	for _, e := range reply {
		if e.State == "active" {
			at, _ := time.Parse("2 Jan 2006 15:04:05 MST", e.NotBefore) // nothing depends on it
			return &interruption.Notice{Kind: interruption.Maintenance, Deadline: at}, nil
		}
	}
	return nil, nil
}

func (c *Client) getJSON(ctx context.Context, path string, out any) error {
	body, err := c.get(ctx, path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, out); err != nil {
		return fmt.Errorf("decode %s: %w", path, err)
	}
	return nil
}

// get asks for a piece of metadata, with a new token if the last one has run out.
func (c *Client) get(ctx context.Context, path string) ([]byte, error) {
	for attempt := 0; ; attempt++ {
		if c.token == "" {
			token, err := c.do(ctx, http.MethodPut, "/latest/api/token", "X-Aws-Ec2-Metadata-Token-Ttl-Seconds", tokenTTL)
			if err != nil {
				return nil, fmt.Errorf("get a token of the metadata service: %w", err)
			}
			c.token = strings.TrimSpace(string(token))
		}
		body, err := c.do(ctx, http.MethodGet, "/latest/meta-data/"+path, "X-Aws-Ec2-Metadata-Token", c.token)
		if errors.Is(err, errUnauthorized) && attempt == 0 {
			c.token = ""
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("get %s: %w", path, err)
		}
		return body, nil
	}
}

var errUnauthorized = errors.New("the token is not good any more")

func (c *Client) do(ctx context.Context, method, path, header, value string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, c.endpoint+path, http.NoBody)
	if err != nil {
		return nil, err
	}
	r.Header.Set(header, value)
	response, err := c.http.Do(r)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxReply))
	if err != nil {
		return nil, err
	}
	switch response.StatusCode {
	case http.StatusOK:
		return body, nil
	case http.StatusNotFound:
		return nil, errNotThere
	case http.StatusUnauthorized:
		return nil, errUnauthorized
	default:
		return nil, errors.New(response.Status)
	}
}
