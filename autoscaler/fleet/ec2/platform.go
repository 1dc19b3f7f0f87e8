// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/muster-batch/muster/autoscaler/fleet"
)

const (
	platformTimeout = 10 * time.Second
	maxReply        = 1 << 20
)

// platform is the Platform of AWS.
type platform struct {
	region, endpoint string
	credentials      aws.CredentialsProvider
	http             *http.Client
	replyLimit       int64 // in bytes; maxReply if zero
}

var _ Platform = (*platform)(nil)

// Parameter implements Platform.
func (p *platform) Parameter(ctx context.Context, name string) (string, error) {
	body, err := json.Marshal(map[string]any{"Name": name})
	if err != nil {
		return "", fmt.Errorf("encode request: %w", err)
	}
	r, err := p.request(ctx, "ssm", http.MethodPost, "/", body)
	if err != nil {
		return "", err
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", "AmazonSSM.GetParameter")
	var reply struct{ Parameter struct{ Value string } }
	if err := p.do(ctx, "ssm", r, body, &reply); err != nil {
		return "", err
	}
	return reply.Parameter.Value, nil
}

// Cluster implements Platform.
func (p *platform) Cluster(ctx context.Context, name string) (Cluster, error) {
	r, err := p.request(ctx, "eks", http.MethodGet, "/clusters/"+url.PathEscape(name), nil)
	if err != nil {
		return Cluster{}, err
	}
	var reply struct {
		Cluster struct {
			Name, Endpoint, Version string
			CertificateAuthority    struct{ Data string }
			KubernetesNetworkConfig struct{ ServiceIpv4Cidr, ServiceIpv6Cidr string }
		}
	}
	if err := p.do(ctx, "eks", r, nil, &reply); err != nil {
		return Cluster{}, err
	}
	c := &reply.Cluster
	if c.Endpoint == "" || c.CertificateAuthority.Data == "" {
		return Cluster{}, errors.New("the cluster has no endpoint yet")
	}
	return Cluster{
		Name: c.Name, Endpoint: c.Endpoint, CertificateAuthority: c.CertificateAuthority.Data, Version: c.Version,
		ServiceCIDR: cmp.Or(c.KubernetesNetworkConfig.ServiceIpv4Cidr, c.KubernetesNetworkConfig.ServiceIpv6Cidr),
	}, nil
}

func (p *platform) request(ctx context.Context, service, method, path string, body []byte) (*http.Request, error) {
	endpoint := strings.TrimSuffix(p.endpoint, "/")
	if endpoint == "" {
		endpoint = "https://" + service + "." + p.region + "." + dnsSuffix(p.region)
	}
	r, err := http.NewRequestWithContext(ctx, method, endpoint+path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("make request of %s: %w", service, err)
	}
	return r, nil
}

// dnsSuffix is where a region's services are.
func dnsSuffix(region string) string {
	if strings.HasPrefix(region, "cn-") {
		return "amazonaws.com.cn"
	}
	return "amazonaws.com"
}

// do is send for requests that are answered at once.
func (p *platform) do(ctx context.Context, service string, r *http.Request, body []byte, out any) error {
	ctx, cancel := context.WithTimeout(ctx, platformTimeout)
	defer cancel()
	return p.send(ctx, service, r, body, out)
}

// send signs and sends a request, and decodes its reply.
func (p *platform) send(ctx context.Context, service string, r *http.Request, body []byte, out any) error {
	r = r.WithContext(ctx)
	credentials, err := p.credentials.Retrieve(ctx)
	if err != nil {
		return fmt.Errorf("get credentials: %w", err)
	}
	sum := sha256.Sum256(body)
	if err := v4.NewSigner().SignHTTP(ctx, credentials, r, hex.EncodeToString(sum[:]), service, p.region, time.Now()); err != nil {
		return fmt.Errorf("sign request: %w", err)
	}
	response, err := p.http.Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	reply, err := io.ReadAll(io.LimitReader(response.Body, cmp.Or(p.replyLimit, maxReply)))
	if err != nil {
		return fmt.Errorf("read reply: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		return jsonError(response, reply)
	}
	if err := json.Unmarshal(reply, out); err != nil {
		return fmt.Errorf("decode reply: %w", err)
	}
	return nil
}

// jsonError is the error of a service that speaks JSON: its code is in a header or in the reply, after a namespace.
func jsonError(response *http.Response, reply []byte) error {
	var e struct {
		Type    string `json:"__type"`
		Message string `json:"message"`
	}
	_ = json.Unmarshal(reply, &e) // without it, the status has to do
	code := cmp.Or(response.Header.Get("X-Amzn-Errortype"), e.Type, response.Status)
	code, _, _ = strings.Cut(code, ":")
	code = code[strings.LastIndexByte(code, '#')+1:]
	if response.StatusCode == http.StatusTooManyRequests {
		return &fleet.RefusedError{Class: fleet.Throttled, Code: code, Message: e.Message}
	}
	return refusal("", code, cmp.Or(e.Message, "no message"))
}
