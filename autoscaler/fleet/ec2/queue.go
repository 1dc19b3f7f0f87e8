// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/muster-batch/muster/autoscaler/interruption"
)

// How the queue is read. SQS: at most 10 messages and 20 seconds.
const (
	messagesPerCall = 10
	longPoll        = 20 * time.Second
	// comesAgain is how soon a message that was not deleted is delivered again: several times within the two minutes that a
	// Spot instance has left.
	comesAgain = 15 * time.Second
)

// Queue is the queue of SQS that EventBridge's rules fill with what becomes of instances.
type Queue struct {
	platform *platform
	name     string // empty if the URL was given

	mu  sync.Mutex // guards url
	url string     // empty until it was asked for
}

var _ interruption.Queue = (*Queue)(nil)

// NewQueue makes a queue of its name, or of its URL.
func NewQueue(c *Client, nameOrURL string) *Queue {
	if strings.HasPrefix(nameOrURL, "https://") {
		return &Queue{platform: c.platform, url: nameOrURL}
	}
	return &Queue{platform: c.platform, name: nameOrURL}
}

// Receive implements interruption.Queue.
func (q *Queue) Receive(ctx context.Context) ([]interruption.Message, error) {
	url, err := q.find(ctx)
	if err != nil {
		return nil, err
	}
	received, err := q.receive(ctx, url, messagesPerCall, longPoll, comesAgain)
	if err != nil {
		return nil, err
	}
	out := make([]interruption.Message, len(received))
	for i, m := range received {
		out[i] = parseEvent([]byte(m.Body))
		out[i].Receipt = m.ReceiptHandle
	}
	return out, nil
}

// Verify makes sure that the queue is there and may be read from. A message that it meets stays in sight for others.
func (q *Queue) Verify(ctx context.Context) error {
	url, err := q.find(ctx)
	if err == nil {
		_, err = q.receive(ctx, url, 1, 0, 0)
	}
	return err
}

type queueMessage struct{ ReceiptHandle, Body string }

// receive waits for messages, and has them out of sight for a while.
func (q *Queue) receive(ctx context.Context, url string, n int, wait, hide time.Duration) ([]queueMessage, error) {
	ctx, cancel := context.WithTimeout(ctx, wait+platformTimeout)
	defer cancel()
	var reply struct{ Messages []queueMessage }
	err := q.call(ctx, "ReceiveMessage", map[string]any{
		"QueueUrl": url, "MaxNumberOfMessages": n, "WaitTimeSeconds": int(wait / time.Second), "VisibilityTimeout": int(hide / time.Second),
	}, &reply)
	return reply.Messages, err
}

// Delete implements interruption.Queue.
func (q *Queue) Delete(ctx context.Context, receipts []string) error {
	url, err := q.find(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, platformTimeout)
	defer cancel()
	for len(receipts) > 0 {
		n := min(len(receipts), messagesPerCall)
		if err := q.deleteBatch(ctx, url, receipts[:n]); err != nil {
			return err
		}
		receipts = receipts[n:]
	}
	return nil
}

func (q *Queue) deleteBatch(ctx context.Context, url string, receipts []string) error {
	entries := make([]map[string]string, len(receipts))
	for i, r := range receipts {
		entries[i] = map[string]string{"Id": strconv.Itoa(i), "ReceiptHandle": r}
	}
	var reply struct {
		Failed []struct{ Code, Message string }
	}
	if err := q.call(ctx, "DeleteMessageBatch", map[string]any{"QueueUrl": url, "Entries": entries}, &reply); err != nil {
		return err
	}
	if len(reply.Failed) > 0 { // those come again, which is harmless
		return fmt.Errorf("%s: %s", reply.Failed[0].Code, reply.Failed[0].Message)
	}
	return nil
}

// find is the queue's URL.
func (q *Queue) find(ctx context.Context) (string, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.url != "" {
		return q.url, nil
	}
	ctx, cancel := context.WithTimeout(ctx, platformTimeout)
	defer cancel()
	var reply struct{ QueueURL string } // QueueUrl
	if err := q.call(ctx, "GetQueueUrl", map[string]any{"QueueName": q.name}, &reply); err != nil {
		return "", fmt.Errorf("find queue %s: %w", q.name, err)
	}
	if reply.QueueURL == "" {
		return "", fmt.Errorf("find queue %s: SQS told no URL", q.name)
	}
	q.url = reply.QueueURL
	return q.url, nil
}

// call makes a request in SQS's JSON protocol.
func (q *Queue) call(ctx context.Context, action string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("encode request: %w", err)
	}
	r, err := q.platform.request(ctx, "sqs", http.MethodPost, "/", body)
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.0")
	r.Header.Set("X-Amz-Target", "AmazonSQS."+action)
	return q.platform.send(ctx, "sqs", r, body, out)
}
