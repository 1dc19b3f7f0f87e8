// SPDX-License-Identifier: Apache-2.0

package explain

// Request asks for the explanation of a job, an array's child or a node's job.
type Request struct {
	JobID string `json:"-"` // from the path
}

// Validate is for what serves requests: whether there is such a job is looked up.
func (r *Request) Validate() error { return nil }

// Kinds of supplies.
const (
	supplyEnvironment = "computeEnvironment"
	supplyConsumable  = "consumableResource"
	supplyReservation = "computeReservation"
)
