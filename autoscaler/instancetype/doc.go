// SPDX-License-Identifier: Apache-2.0

// Package instancetype says what machines look like: vCPUs, memory and GPUs of an instance type, and which types a
// compute environment's instanceTypes stand for (exact names, families, "optimal", "fargate"). Start with Type and Catalogue.
//
// It is pure: a table (types.tsv), no I/O. Fleets that ask a cloud for its types build Types themselves and need the table only as a
// fallback.
package instancetype
