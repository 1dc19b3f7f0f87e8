// SPDX-License-Identifier: Apache-2.0

package jobspec

import (
	"fmt"

	"sigs.k8s.io/yaml"

	"github.com/muster-batch/muster/queue-api/awsapi"
)

// MaxFile bounds a file that is read: more than any request may have.
const MaxFile = 1 << 20

// Read reads a SubmitJob request, JSON or YAML, with AWS's own names of its members. A member that there is not is an error: it would
// be left out without a word otherwise.
func Read(content []byte) (*awsapi.SubmitJobRequest, error) {
	in := &awsapi.SubmitJobRequest{}
	if err := yaml.UnmarshalStrict(content, in); err != nil {
		return nil, fmt.Errorf("not a SubmitJob request: %w", err)
	}
	return in, nil
}
