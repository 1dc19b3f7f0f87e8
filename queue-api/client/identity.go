// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// Identity says who makes a request.
type Identity interface {
	// Sign adds to the request what says who makes it. Nothing of the request may change afterwards but headers that are not there.
	Sign(ctx context.Context, r *http.Request, body []byte, service string) error
	// IsBearer reports whether what it adds is as good as the key: whoever reads it can act for the caller.
	IsBearer() bool
	// String tells where it came from. It tells no secret.
	String() string
}

// Nobody says nothing. A server that asks nobody who they are takes that.
type Nobody struct{}

var _ Identity = Nobody{}

// Sign implements Identity.
func (Nobody) Sign(context.Context, *http.Request, []byte, string) error { return nil }

// IsBearer implements Identity.
func (Nobody) IsBearer() bool { return false }

func (Nobody) String() string { return "nobody" }

// Token is a Kubernetes or OIDC token.
type Token struct {
	// Get gives the token as it is now.
	Get func(context.Context) (string, error)
	// From says where the token came from.
	From string
}

var _ Identity = Token{}

// Sign implements Identity.
func (t Token) Sign(ctx context.Context, r *http.Request, _ []byte, _ string) error {
	token, err := t.Get(ctx)
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	return nil
}

// IsBearer implements Identity.
func (Token) IsBearer() bool { return true }

func (t Token) String() string { return "token, " + t.From }

// Keys are AWS's access keys.
type Keys struct {
	Provider aws.CredentialsProvider
	Region   string
	// From says where the keys came from.
	From string
	// isSession says that a token goes with each request.
	isSession bool
	signer    *v4.Signer
}

var _ Identity = (*Keys)(nil)

// NewKeys signs with what the provider gives now, and gives later. It fails if the provider has nothing.
func NewKeys(ctx context.Context, provider aws.CredentialsProvider, region, from string) (*Keys, error) {
	now, err := provider.Retrieve(ctx)
	if err != nil {
		return nil, err
	}
	if from == "" {
		from = now.Source
	}
	return &Keys{Provider: provider, Region: region, From: from, isSession: now.SessionToken != "", signer: v4.NewSigner()}, nil
}

// Sign implements Identity.
func (k *Keys) Sign(ctx context.Context, r *http.Request, body []byte, service string) error {
	credentials, err := k.Provider.Retrieve(ctx)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(body)
	return k.signer.SignHTTP(ctx, credentials, r, hex.EncodeToString(sum[:]), service, k.Region, time.Now())
}

// IsBearer implements Identity. A session token of queue-api's is a Kubernetes token; AWS's own are worth nothing without their key,
// but cannot be told from it.
func (k *Keys) IsBearer() bool { return k.isSession }

func (k *Keys) String() string { return "access key, " + k.From }
