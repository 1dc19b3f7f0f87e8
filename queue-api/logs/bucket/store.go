// SPDX-License-Identifier: Apache-2.0

package bucket

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/url"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/muster-batch/muster/queue-api/logs"
)

// Store is a logs.Store in a bucket, which must exist.
type Store struct {
	client *s3.Client
	bucket string
	prefix string // empty, or with a slash at its end
}

var _ logs.Store = (*Store)(nil)

// Open makes a Store of s3://bucket/prefix. Credentials, region and endpoint come from where AWS's SDKs look for them. With an
// endpoint of one's own, the bucket is named in the path, as most servers that are not Amazon's want it.
func Open(ctx context.Context, location, region string) (*Store, error) {
	at, err := url.Parse(location)
	if err != nil || at.Scheme != "s3" || at.Host == "" || at.RawQuery != "" || at.Fragment != "" || at.User != nil {
		return nil, fmt.Errorf("%q is not of the form s3://bucket/prefix", location)
	}
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return nil, fmt.Errorf("configure S3: %w", err)
	}
	if cfg.Region == "" {
		cfg.Region = region
	}
	client := s3.NewFromConfig(cfg, func(o *s3.Options) {
		o.UsePathStyle = os.Getenv("AWS_ENDPOINT_URL") != "" || os.Getenv("AWS_ENDPOINT_URL_S3") != ""
		// Servers that are not Amazon's know no other checksums than the protocol's own.
		o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
		o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
	})
	return New(client, at.Host, at.Path), nil
}

// New makes a Store of a client.
func New(client *s3.Client, bucket, prefix string) *Store {
	if prefix = strings.Trim(prefix, "/"); prefix != "" {
		prefix += "/"
	}
	return &Store{client: client, bucket: bucket, prefix: prefix}
}

// maxObject bounds what is read of an object that somebody else may have put there.
const maxObject = 8 << 20

// Put implements logs.Store.
func (s *Store) Put(ctx context.Context, key string, content []byte) error {
	_, err := s.client.PutObject(ctx, &s3.PutObjectInput{Bucket: &s.bucket, Key: new(s.prefix + key), Body: bytes.NewReader(content)})
	if err != nil {
		return fmt.Errorf("put %s: %w", key, err)
	}
	return nil
}

// Get implements logs.Store.
func (s *Store) Get(ctx context.Context, key string) ([]byte, error) {
	out, err := s.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &s.bucket, Key: new(s.prefix + key)})
	if _, ok := errors.AsType[*types.NoSuchKey](err); ok {
		return nil, fmt.Errorf("%s: %w", key, logs.ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("get %s: %w", key, err)
	}
	defer out.Body.Close()
	content, err := io.ReadAll(io.LimitReader(out.Body, maxObject+1))
	if err != nil {
		return nil, fmt.Errorf("get %s: %w", key, err)
	}
	if len(content) > maxObject {
		return nil, fmt.Errorf("get %s: more than %d bytes are no part of a log", key, maxObject)
	}
	return content, nil
}

// List implements logs.Store.
func (s *Store) List(ctx context.Context, prefix, after string) iter.Seq2[logs.Object, error] {
	return func(yield func(logs.Object, error) bool) {
		in := &s3.ListObjectsV2Input{Bucket: &s.bucket, Prefix: new(s.prefix + prefix)}
		if after != "" {
			in.StartAfter = new(s.prefix + after)
		}
		for pages := s3.NewListObjectsV2Paginator(s.client, in); pages.HasMorePages(); {
			page, err := pages.NextPage(ctx)
			if err != nil {
				yield(logs.Object{}, fmt.Errorf("list logs: %w", err))
				return
			}
			for _, o := range page.Contents {
				if !yield(logs.Object{Key: strings.TrimPrefix(aws.ToString(o.Key), s.prefix), Written: aws.ToTime(o.LastModified)}, nil) {
					return
				}
			}
		}
	}
}

// Delete implements logs.Store.
func (s *Store) Delete(ctx context.Context, keys []string) error {
	objects := make([]types.ObjectIdentifier, len(keys))
	for i, key := range keys {
		objects[i].Key = new(s.prefix + key)
	}
	out, err := s.client.DeleteObjects(ctx, &s3.DeleteObjectsInput{
		Bucket: &s.bucket, Delete: &types.Delete{Objects: objects, Quiet: new(true)},
	})
	if err != nil {
		return fmt.Errorf("delete logs: %w", err)
	}
	if len(out.Errors) > 0 {
		return fmt.Errorf("delete logs: %s: %s", aws.ToString(out.Errors[0].Key), aws.ToString(out.Errors[0].Message))
	}
	return nil
}
