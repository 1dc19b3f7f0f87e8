// SPDX-License-Identifier: Apache-2.0

// Package redisstore keeps everything Muster must not lose in Redis. It is the only package that speaks Redis. Start with
// Store, keys.go and the scripts in lua/, one for each change of state.
//
// A queue's keys share one hash tag, its number in five hexadecimal digits, which is also the beginning of its jobs' ids:
// every script touches one slot, so the store runs unchanged on Redis Cluster, and an id finds its slot by itself.
//
//	key                                 type    holds                                              lifetime
//	muster:{global}:environments        hash    name → compute environment, JSON                   until deleted
//	muster:{global}:queues              hash    name → job queue, JSON                             until deleted
//	muster:{global}:policies            hash    name → scheduling policy, JSON                     until deleted
//	muster:{global}:deleted-queues      set     numbers of deleted queues                          until their last job is forgotten
//	muster:{global}:queue-number        string  the last queue number given out                    for ever
//	muster:{global}:epoch               string  the last epoch given to a leader                   for ever
//	muster:{global}:seal                string  32 random bytes, which all servers share           for ever
//	muster:{global}:pulse               string  counts the leaders' pulses                         for ever
//	muster:pulse:{I}                    string  the same, on the other masters of a Redis Cluster  for ever
//	muster:{global}:revisions           hash    definition name → last revision                    for ever
//	muster:{global}:definition:NAME     hash    revision → job definition, JSON                    for ever
//	muster:{global}:active:NAME         zset    ACTIVE revisions                                   for ever
//	muster:{global}:consumables         set     names of consumable resources                      until deleted
//	muster:{global}:consumable:NAME     hash    r as created, t total, u in use, y type            until deleted
//	muster:{global}:consumable-holders  hash    attempt → what it holds                            while it does
//	muster:{N}:j:ID                     hash    a job, an array or a child; see codec.go           retention after the end
//	muster:{N}:k:ID                     string  a letter for each child of an array; letters.go    as its array
//	muster:{N}:d:ID                     zset    who waits for a job or its children                as its job
//	muster:{N}:specs                    hash    digest → what many jobs have in common             while a job has it
//	muster:{N}:spec-references          hash    digest → how many jobs have it                     while a job has it
//	muster:{N}:status:STATUS            zset    order → id, arrays as one                          while in that status
//	muster:{N}:ended                    zset    time of the end → id, arrays as one                retention after the end
//	muster:{N}:consumers:RESOURCE       zset    order → id of those that name the resource         as its jobs
//	muster:{N}:waiting:SHARE            zset    place → what waits for admission in that share     while waiting
//	muster:{N}:waiting-shares           set     shares in which something waits                    while it does
//	muster:{N}:active-shares            set     shares that count as active                        until forgotten
//	muster:{N}:share-ledger             string  the fair-share ledger                              for ever
//	muster:{N}:pace                     string  how many jobs were admitted lately, by minute      for ever
//	muster:{N}:live                     set     ids with an attempt under way                      while under way
//	muster:{N}:usage                    hash    environment → thousandths of a vCPU under way      for ever
//	muster:{N}:share-usage              hash    share → thousandths of a vCPU under way            for ever
//	muster:{N}:share-live               hash    share → how many attempts are under way            until forgotten
//	muster:{N}:settled                  zset    mark → id whose end has consequences to be drawn   until they are
//	muster:{N}:marks                    string  counts marks                                       for ever
//	muster:{N}:order                    string  counts submissions                                 for ever
//	muster:{N}:events                   stream  the outbox: j id, f from, t to, a at, r reason     the last 10,000
//	muster:{N}:cursors                  hash    sink → how far it got in the outbox                for ever
//	muster:{N}:epoch                    string  the newest leader that wrote here                  for ever
//	muster:{N}:view                     string  counts changes of the queue and of definitions     for ever
//	muster:{N}:closed                   string  the queue is being deleted: no submissions         for ever
//	muster:{N}:confirmed                string  written to have a replica confirm what was read    for ever
//	muster:{N}:history                  hash    step modulo a day → how the queue was then         for ever
//	muster:{N}:costs:HOUR               hash    of an hour modulo a day, by share: what ended cost for ever
//	muster:{N}:cost-tags:HOUR           hash    the same by tag                                    for ever
//	muster:{N}:cost-jobs:HOUR           zset    what it cost → id, arrays as one, the dearest      for ever
//
// ID is 13 bytes of a UUID, and four more for the index of a child. What jobs have in common is kept once: the spec. A
// plain waiting job costs its record, small enough for Redis to keep it in one piece, and an entry in two indexes. An array
// costs one record and, from its first child's admission on, a letter for each child; a child gets a record of its own with its first
// transition. What is forgotten is forgotten by Prune; nothing expires.
//
// Audit holds every record against every index, both ways, while others write; package fsck runs it all the time.
//
// The channel muster:changes tells leaders at once what changed: "queue N", "job ID" or "resources". It is a hint; nothing
// is lost if it is.
package redisstore
