// SPDX-License-Identifier: Apache-2.0

// Package redisstore keeps everything Muster must not lose in Redis. It is the only package that speaks Redis. Start with
// Store, keys.go and the scripts in lua/, one for each change of state.
//
// A queue's keys share one hash tag, its number in five hexadecimal digits, which is also the beginning of its jobs' ids:
// every script touches one slot, so the store runs unchanged on Redis Cluster, and an id finds its slot by itself.
//
//	key                              type    holds                                             lifetime
//	muster:{global}:environments     hash    name → compute environment, JSON                  until deleted
//	muster:{global}:queues           hash    name → job queue, JSON                            until deleted
//	muster:{global}:queue-number     string  the last queue number given out                   for ever
//	muster:{global}:epoch            string  the last epoch given to a leader                  for ever
//	muster:{global}:revisions        hash    definition name → last revision                   for ever
//	muster:{global}:definition:NAME  hash    revision → job definition, JSON                   for ever
//	muster:{global}:active:NAME      zset    ACTIVE revisions                                  for ever
//	muster:{N}:job:ID                hash    s submitted, m mutable, v version, n order        retention after the end
//	muster:{N}:status:STATUS         zset    order → id                                        while in that status
//	muster:{N}:waiting               zset    place → id of jobs that wait for admission        while waiting
//	muster:{N}:live                  set     ids of jobs with an attempt under way             while under way
//	muster:{N}:usage                 hash    environment → thousandths of a vCPU under way     for ever
//	muster:{N}:order                 string  counts submissions                                for ever
//	muster:{N}:events                stream  the outbox: job, from, to, at                     the last 10,000
//	muster:{N}:epoch                 string  the newest leader that wrote here                 for ever
//	muster:{N}:closed                string  the queue is being deleted: no submissions        for ever
//
// The channel muster:changes tells leaders at once what changed: "queue N", "job ID" or "resources". It is a hint; nothing
// is lost if it is.
package redisstore
