// SPDX-License-Identifier: Apache-2.0

package awsapi

// Operation is one operation of the API and the route that it is called by.
type Operation struct {
	Name   string
	Method string
	Path   string // may end in a {wildcard}
}
