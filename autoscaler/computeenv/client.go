// SPDX-License-Identifier: Apache-2.0

package computeenv

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	awsbatch "github.com/aws/aws-sdk-go-v2/service/batch"
)

// NewClient makes a client of the Batch API at endpoint. The SDK signs whatever it sends, and the server tells the region by
// the signature. An API on loopback does not look at who signed; any other derives a key from the Kubernetes token in
// tokenFile, unless that is empty.
func NewClient(endpoint, region, tokenFile string) *awsbatch.Client {
	var credentials aws.CredentialsProvider = nobody{}
	if tokenFile != "" {
		credentials = aws.NewCredentialsCache(&tokenCredentials{endpoint: endpoint, file: tokenFile})
	}
	return awsbatch.New(awsbatch.Options{
		BaseEndpoint:     aws.String(endpoint),
		Region:           region,
		Credentials:      credentials,
		RetryMaxAttempts: 1, // the Reader asks again anyway
		AppID:            "batch-autoscaler",
	})
}
