// SPDX-License-Identifier: Apache-2.0

package computeenv

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsbatch "github.com/aws/aws-sdk-go-v2/service/batch"
)

// NewClient makes a client of the Batch API at endpoint. The API on loopback asks for no authentication, but the SDK signs
// whatever it sends, and the server tells the region by the signature.
func NewClient(endpoint, region string) *awsbatch.Client {
	return awsbatch.New(awsbatch.Options{
		BaseEndpoint: aws.String(endpoint),
		Region:       region,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "batch-autoscaler", SecretAccessKey: "none", Source: "static"}, nil
		}),
		RetryMaxAttempts: 1, // the Reader asks again anyway
		AppID:            "batch-autoscaler",
	})
}
