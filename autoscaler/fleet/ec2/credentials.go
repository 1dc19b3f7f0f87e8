// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"cmp"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

const (
	credentialsTimeout = 5 * time.Second
	metadataService    = "http://169.254.169.254"
	metadataTokenTTL   = "21600"
)

// credentials finds what a pod or machine on AWS may sign with, in the order of the SDKs: keys in the environment, the role
// of a service account (a web identity, or EKS Pod Identity), the role of the machine.
type credentials struct {
	region   string
	endpoint string // of STS; empty for the region's own
	metadata string
	env      func(string) string
}

var _ aws.CredentialsProvider = (*credentials)(nil)

// NewCredentials makes a provider of the process's own credentials. sts is the URL of a stand-in for STS; empty for AWS.
func NewCredentials(region, sts string) aws.CredentialsProvider {
	return &credentials{region: region, endpoint: sts, metadata: metadataService, env: os.Getenv}
}

// Retrieve implements aws.CredentialsProvider.
func (c *credentials) Retrieve(ctx context.Context) (aws.Credentials, error) {
	ctx, cancel := context.WithTimeout(ctx, credentialsTimeout)
	defer cancel()
	switch {
	case c.env("AWS_ACCESS_KEY_ID") != "":
		return aws.Credentials{
			AccessKeyID: c.env("AWS_ACCESS_KEY_ID"), SecretAccessKey: c.env("AWS_SECRET_ACCESS_KEY"),
			SessionToken: c.env("AWS_SESSION_TOKEN"), Source: "environment",
		}, nil
	case c.env("AWS_WEB_IDENTITY_TOKEN_FILE") != "":
		return c.webIdentity(ctx)
	case c.env("AWS_CONTAINER_CREDENTIALS_FULL_URI") != "":
		return c.podIdentity(ctx)
	default:
		return c.machine(ctx)
	}
}

// webIdentity takes the role of the service account. STS wants no signature for that.
func (c *credentials) webIdentity(ctx context.Context) (aws.Credentials, error) {
	token, err := os.ReadFile(c.env("AWS_WEB_IDENTITY_TOKEN_FILE"))
	if err != nil {
		return aws.Credentials{}, fmt.Errorf("read web identity token: %w", err)
	}
	endpoint := cmp.Or(c.endpoint, "https://sts."+c.region+"."+dnsSuffix(c.region))
	form := url.Values{
		"Action": {"AssumeRoleWithWebIdentity"}, "Version": {"2011-06-15"}, "RoleArn": {c.env("AWS_ROLE_ARN")},
		"RoleSessionName":  {cmp.Or(c.env("AWS_ROLE_SESSION_NAME"), "batch-autoscaler")},
		"WebIdentityToken": {strings.TrimSpace(string(token))},
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint+"/", strings.NewReader(form.Encode()))
	if err != nil {
		return aws.Credentials{}, fmt.Errorf("assume role: %w", err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	body, err := fetch(r)
	if err != nil {
		return aws.Credentials{}, fmt.Errorf("assume role: %w", err)
	}
	var reply struct {
		Credentials struct {
			AccessKeyID     string `xml:"AccessKeyId"`
			SecretAccessKey string
			SessionToken    string
			Expiration      time.Time
		} `xml:"AssumeRoleWithWebIdentityResult>Credentials"`
	}
	if err := xml.Unmarshal(body, &reply); err != nil {
		return aws.Credentials{}, fmt.Errorf("assume role: %w", err)
	}
	got := &reply.Credentials
	return temporary("web identity", got.AccessKeyID, got.SecretAccessKey, got.SessionToken, got.Expiration)
}

// podIdentity asks the agent of EKS Pod Identity.
func (c *credentials) podIdentity(ctx context.Context) (aws.Credentials, error) {
	header := http.Header{}
	if file := c.env("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"); file != "" {
		token, err := os.ReadFile(file)
		if err != nil {
			return aws.Credentials{}, fmt.Errorf("read pod identity token: %w", err)
		}
		header.Set("Authorization", strings.TrimSpace(string(token)))
	}
	return ask(ctx, "pod identity", c.env("AWS_CONTAINER_CREDENTIALS_FULL_URI"), header)
}

// machine asks the machine's metadata service for its role, in two steps after the token.
func (c *credentials) machine(ctx context.Context) (aws.Credentials, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPut, c.metadata+"/latest/api/token", http.NoBody)
	if err != nil {
		return aws.Credentials{}, fmt.Errorf("ask the metadata service: %w", err)
	}
	r.Header.Set("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", metadataTokenTTL)
	token, err := fetch(r)
	if err != nil {
		return aws.Credentials{}, fmt.Errorf("find credentials: none in the environment, and no metadata service: %w", err)
	}
	const path = "/latest/meta-data/iam/security-credentials/"
	if r, err = http.NewRequestWithContext(ctx, http.MethodGet, c.metadata+path, http.NoBody); err != nil {
		return aws.Credentials{}, fmt.Errorf("ask the metadata service: %w", err)
	}
	header := http.Header{"X-Aws-Ec2-Metadata-Token": {string(token)}}
	r.Header = header
	role, err := fetch(r)
	if err != nil {
		return aws.Credentials{}, fmt.Errorf("ask for the machine's role: %w", err)
	}
	return ask(ctx, "machine", c.metadata+path+strings.TrimSpace(string(role)), header)
}

// ask gets credentials as JSON.
func ask(ctx context.Context, source, address string, header http.Header) (aws.Credentials, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return aws.Credentials{}, fmt.Errorf("ask for credentials: %w", err)
	}
	r.Header = header
	body, err := fetch(r)
	if err != nil {
		return aws.Credentials{}, fmt.Errorf("ask for credentials: %w", err)
	}
	var reply struct {
		AccessKeyID            string `json:"AccessKeyId"`
		SecretAccessKey, Token string
		Expiration             time.Time
	}
	if err := json.Unmarshal(body, &reply); err != nil {
		return aws.Credentials{}, fmt.Errorf("decode credentials: %w", err)
	}
	return temporary(source, reply.AccessKeyID, reply.SecretAccessKey, reply.Token, reply.Expiration)
}

func temporary(source, id, secret, token string, until time.Time) (aws.Credentials, error) {
	if id == "" || secret == "" {
		return aws.Credentials{}, errors.New("the credentials of " + source + " are empty")
	}
	return aws.Credentials{
		AccessKeyID: id, SecretAccessKey: secret, SessionToken: token, Source: source, CanExpire: true, Expires: until,
	}, nil
}

// fetch sends a request whose reply is small.
func fetch(r *http.Request) ([]byte, error) {
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxReply))
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %.256s", response.Status, body)
	}
	return body, nil
}
