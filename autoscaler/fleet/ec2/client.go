// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awsec2 "github.com/aws/aws-sdk-go-v2/service/ec2"
)

// ClientConfig says which AWS to speak to.
type ClientConfig struct {
	Region string
	// Endpoint is the URL of a stand-in for EC2, EKS and Systems Manager; empty for AWS itself.
	Endpoint string
	// Credentials are the pod's or the machine's own if nil; see NewCredentials.
	Credentials aws.CredentialsProvider
	// Retryer repeats calls that are throttled or find EC2 out of order. If nil, each is tried six times, and after one was
	// throttled all are slowed down until EC2 keeps up.
	Retryer aws.Retryer
	HTTP    *http.Client // the process's own if nil
}

const maxAttempts = 6

// BrokenOff repeats calls whose reply broke off while it was read, as the connection was closed on this side: the SDK takes that
// for the end of it.
var BrokenOff = retry.IsErrorRetryableFunc(func(err error) aws.Ternary {
	if errors.Is(err, net.ErrClosed) {
		return aws.TrueTernary
	}
	return aws.UnknownTernary
})

// Client speaks to EC2 and is the Platform, too.
type Client struct {
	*awsec2.Client
	*platform
}

// NewClient makes a client.
func NewClient(c ClientConfig) (*Client, error) {
	if c.Region == "" {
		return nil, errors.New("make client of AWS: no region is named")
	}
	if c.Credentials == nil {
		c.Credentials = NewCredentials(c.Region, "")
	}
	credentials := aws.NewCredentialsCache(c.Credentials, func(o *aws.CredentialsCacheOptions) {
		o.ExpiryWindow = time.Minute
	})
	if c.Retryer == nil {
		c.Retryer = retry.NewAdaptiveMode(func(o *retry.AdaptiveModeOptions) {
			o.StandardOptions = append(o.StandardOptions, func(o *retry.StandardOptions) {
				o.MaxAttempts, o.Retryables = maxAttempts, append(o.Retryables, BrokenOff)
			})
		})
	}
	if c.HTTP == nil {
		c.HTTP = http.DefaultClient
	}
	options := awsec2.Options{Region: c.Region, Credentials: credentials, AppID: "batch-autoscaler", Retryer: c.Retryer, HTTPClient: c.HTTP}
	if c.Endpoint != "" {
		options.BaseEndpoint = aws.String(c.Endpoint)
	}
	return &Client{
		Client:   awsec2.New(options),
		platform: &platform{region: c.Region, endpoint: c.Endpoint, credentials: credentials, http: c.HTTP},
	}, nil
}

// Verify makes sure that there are credentials, so that want of them shows at the start.
func (c *Client) Verify(ctx context.Context) error {
	_, err := c.credentials.Retrieve(ctx)
	return err
}
