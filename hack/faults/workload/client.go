// SPDX-License-Identifier: Apache-2.0

package workload

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// newAPI is the SDK's client with its own retries.
func newAPI(endpoint string) *batch.Client {
	return batch.New(batch.Options{
		BaseEndpoint: &endpoint, Region: "us-east-1", HTTPClient: awshttp.NewBuildableClient().WithTimeout(10 * time.Second),
		Retryer: retry.NewStandard(func(o *retry.StandardOptions) {
			o.MaxAttempts, o.MaxBackoff, o.RateLimiter = 10, time.Second, unlimited{}
		}),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "rig", SecretAccessKey: "rig"}, nil
		}),
		APIOptions: []func(*middleware.Stack) error{addInvocation},
	})
}

// unlimited lets the SDK retry as often as it is told, in an outage too.
type unlimited struct{}

func (unlimited) GetToken(context.Context, uint) (func() error, error) {
	return func() error { return nil }, nil
}
func (unlimited) AddTokens(uint) error { return nil }

type invocationKey struct{}

// withInvocation lets the calls of ctx be the same call, however often they are made.
func withInvocation(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, invocationKey{}, id)
}

// addInvocation writes the invocation's id over the one that the SDK made up.
func addInvocation(stack *middleware.Stack) error {
	return stack.Build.Add(middleware.BuildMiddlewareFunc("Invocation", func(
		ctx context.Context, in middleware.BuildInput, next middleware.BuildHandler,
	) (middleware.BuildOutput, middleware.Metadata, error) {
		request, ok := in.Request.(*smithyhttp.Request)
		if id, told := ctx.Value(invocationKey{}).(string); ok && told {
			request.Header.Set("Amz-Sdk-Invocation-Id", id)
		}
		return next.HandleBuild(ctx, in)
	}), middleware.After)
}

// patience lies between two calls of which the SDK has given each up.
const patience = 500 * time.Millisecond

// insist calls until it is answered: a client's own fault is an answer.
func insist(ctx context.Context, call func(context.Context) error) error {
	for {
		err := call(ctx)
		if _, refused := errors.AsType[*types.ClientException](err); err == nil || refused || ctx.Err() != nil {
			return err
		}
		pause(ctx, patience)
	}
}

func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
