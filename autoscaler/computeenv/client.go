// SPDX-License-Identifier: Apache-2.0

package computeenv

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	awsbatch "github.com/aws/aws-sdk-go-v2/service/batch"
)

// ClientConfig says where the Batch API is, and who asks it.
type ClientConfig struct {
	Endpoint string
	Region   string // that requests are signed for
	// TokenFile has a Kubernetes token of the cluster that queue-api is in, from which queue-api derives a key.
	TokenFile string
	// AccessKeyFile has a static access key, YAML of accessKeyId and secretAccessKey, for those in other clusters. At most one of
	// the two is set; neither for an API that asks nobody who they are.
	AccessKeyFile string
}

// NewClient makes a client of the Batch API. The SDK signs whatever it sends, and the server tells the region by the
// signature. An API on loopback does not look at who signed.
func NewClient(cfg ClientConfig) *awsbatch.Client {
	var credentials aws.CredentialsProvider = nobody{}
	switch {
	case cfg.TokenFile != "":
		credentials = aws.NewCredentialsCache(&tokenCredentials{endpoint: cfg.Endpoint, file: cfg.TokenFile})
	case cfg.AccessKeyFile != "":
		credentials = aws.NewCredentialsCache(&keyCredentials{file: cfg.AccessKeyFile})
	}
	return awsbatch.New(awsbatch.Options{
		BaseEndpoint:     aws.String(cfg.Endpoint),
		Region:           cfg.Region,
		Credentials:      credentials,
		RetryMaxAttempts: 1, // the Reader asks again anyway
		AppID:            "batch-autoscaler",
	})
}
