// SPDX-License-Identifier: Apache-2.0

// Package doctor looks at everything that batch-autoscaler needs before anything depends on it, and says in one line each
// what is wrong and what to do. It changes nothing. Start with Access and Print; what a cloud needs is a fleet.Examiner's to
// know.
//
//go:generate cp ../../manifests/base/autoscaler/rbac.yaml rbac.yaml
package doctor
