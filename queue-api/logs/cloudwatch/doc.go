// SPDX-License-Identifier: Apache-2.0

// Package cloudwatch answers the part of the Amazon CloudWatch Logs API with which clients of AWS Batch read the logs of jobs:
// GetLogEvents, FilterLogEvents and DescribeLogStreams, for the log group /aws/batch/job. Start with Service.
//
// Who may describe a job may read its log; the others are told that there is none. Positions in a log are times
// (logs.Line.Time), and so are the tokens, which therefore hold for the log of a pod that lives as for the one that is kept.
package cloudwatch
