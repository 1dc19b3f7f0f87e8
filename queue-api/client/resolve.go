// SPDX-License-Identifier: Apache-2.0

package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
)

// DefaultEndpoint is that of queue-api on this machine.
const DefaultEndpoint = "http://127.0.0.1:8080"

// Sources are where an endpoint, a region and an identity may come from. What is named goes before what is found.
type Sources struct {
	Endpoint string
	Region   string
	// Anonymous asks for Nobody.
	Anonymous bool
	// Token is one that the caller gave.
	Token string
	// Profile is one of AWS's configuration files.
	Profile string
	// Kube finds a token in a kubeconfig. IsKubeNamed says that the caller named it; else it comes last.
	Kube        *Kube
	IsKubeNamed bool
	// Saved gives the token saved for an endpoint, and an empty one where there is none.
	Saved func(ctx context.Context, endpoint string) (string, error)
	// Getenv reads the environment. Default: the process's.
	Getenv func(string) string
}

// ErrNobody means that no credentials were found and the server is not on this machine.
var ErrNobody = errors.New("no credentials: log in (muster auth login), give --token or MUSTER_TOKEN, or set up AWS's credentials; --no-sign-request for a server that asks nobody who they are")

// Resolve completes a Config by what the sources have.
func (s Sources) Resolve(ctx context.Context, cfg Config) (Config, error) {
	if s.Getenv == nil {
		s.Getenv = os.Getenv
	}
	shared, sharedErr := s.awsConfig(ctx)
	if sharedErr != nil && s.isProfileNamed() {
		return cfg, fmt.Errorf("AWS configuration: %w", sharedErr)
	}
	cfg.Endpoint = cmp.Or(s.Endpoint, s.Getenv("MUSTER_ENDPOINT_URL"), s.Getenv("AWS_ENDPOINT_URL_BATCH"), s.Getenv("AWS_ENDPOINT_URL"),
		aws.ToString(shared.BaseEndpoint), DefaultEndpoint)
	if _, err := parseEndpoint(cfg.Endpoint); err != nil {
		return cfg, err
	}
	cfg.AuthorityFile = cmp.Or(cfg.AuthorityFile, s.Getenv("MUSTER_CA_FILE"), s.Getenv("AWS_CA_BUNDLE"))
	shared.Region = cmp.Or(s.Region, shared.Region, "us-east-1")
	var err error
	cfg.Identity, err = s.identity(ctx, cfg.Endpoint, shared)
	return cfg, err
}

// awsConfig reads AWS's files and environment. The instance's metadata are not asked: their keys are AWS's, which queue-api
// does not know, and off AWS nobody answers.
func (s Sources) awsConfig(ctx context.Context) (aws.Config, error) {
	options := []func(*config.LoadOptions) error{config.WithEC2IMDSClientEnableState(imds.ClientDisabled)}
	if s.Profile != "" {
		options = append(options, config.WithSharedConfigProfile(s.Profile))
	}
	return config.LoadDefaultConfig(ctx, options...)
}

func (s Sources) isProfileNamed() bool { return s.Profile != "" || s.Getenv("AWS_PROFILE") != "" }

// identity tries the sources in their order.
func (s Sources) identity(ctx context.Context, endpoint string, shared aws.Config) (Identity, error) {
	switch {
	case s.Anonymous:
		return Nobody{}, nil
	case s.Token != "":
		return fixedToken(s.Token, "--token")
	case s.Profile != "":
		return keysOf(ctx, shared, "profile "+s.Profile)
	case s.Kube != nil && s.IsKubeNamed:
		return s.Kube.identity()
	}
	if token := s.Getenv("MUSTER_TOKEN"); token != "" {
		return fixedToken(token, "MUSTER_TOKEN")
	}
	if s.Saved != nil {
		saved := func(ctx context.Context) (string, error) { return s.Saved(ctx, endpoint) }
		token, err := saved(ctx)
		if err != nil {
			return nil, err
		}
		if token != "" {
			return Token{Get: saved, From: "muster auth login"}, nil
		}
	}
	keys, err := keysOf(ctx, shared, "")
	if err == nil {
		return keys, nil
	}
	if s.isProfileNamed() {
		return nil, err
	}
	if s.Kube != nil {
		if id, err := s.Kube.identity(); err == nil {
			return id, nil
		}
	}
	if IsLoopback(endpoint) {
		return Nobody{}, nil
	}
	return nil, ErrNobody
}

func keysOf(ctx context.Context, shared aws.Config, from string) (Identity, error) {
	if shared.Credentials == nil {
		return nil, errors.New("AWS credentials: none")
	}
	keys, err := NewKeys(ctx, shared.Credentials, shared.Region, from)
	if err != nil {
		return nil, fmt.Errorf("AWS credentials: %w", err)
	}
	return keys, nil
}

func fixedToken(token, from string) (Identity, error) {
	token = strings.TrimSpace(token)
	if token == "" || strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, fmt.Errorf("%s: a token is one word of printable characters", from)
	}
	return Token{Get: func(context.Context) (string, error) { return token, nil }, From: from}, nil
}
