// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"go.uber.org/goleak"

	"github.com/muster-batch/muster/hack/leaktest"
)

func TestMain(m *testing.M) {
	leaktest.Main(m,
		goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"), // connections that the SDK's client keeps
		goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"))
}

func staticCredentials(context.Context) (aws.Credentials, error) {
	return aws.Credentials{AccessKeyID: "id", SecretAccessKey: "secret", Source: "test"}, nil
}
