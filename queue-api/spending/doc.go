// SPDX-License-Identifier: Apache-2.0

// Package spending tells what jobs cost: one job, with each of its attempts, and what ended in each queue during the last 24 hours, by
// share, tag and job. Start with Costs. They read what the store keeps: the machine of each attempt, noted when its pod was bound, and
// sums by the hour, made when attempts ended (batch.Cost, batch.Spending).
//
// What is not known is never told as 0: an attempt counts as unknown if of any of its pods the price was.
//
// The package decides nothing and knows no callers: who may see which queue and job is package authz's.
package spending
