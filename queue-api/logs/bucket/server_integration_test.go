// SPDX-License-Identifier: Apache-2.0

//go:build integration

package bucket_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	"golang.org/x/sync/errgroup"
	"pgregory.net/rapid"

	"github.com/muster-batch/muster/hack/kubetest"
	"github.com/muster-batch/muster/queue-api/logs"
	"github.com/muster-batch/muster/queue-api/logs/bucket"
	"github.com/muster-batch/muster/queue-api/logs/logstest"
)

const (
	bucketName = "logs-of-jobs"
	region     = "eu-west-1"
	keyID      = "AKIDLOGS"
	secret     = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
)

// TestMain has fewer checks drawn than usual: each step of one is several requests.
func TestMain(m *testing.M) {
	flag.Parse()
	if checks := flag.Lookup("rapid.checks"); checks.Value.String() == checks.DefValue {
		_ = checks.Value.Set("20") // it is a number
	}
	os.Exit(m.Run())
}

// startServer starts an S3 server that checks signatures, with one bucket, and has AWS's SDK find it and a key.
func startServer(t *testing.T) {
	t.Helper()
	root, aside, users := t.TempDir(), t.TempDir(), t.TempDir()
	if err := os.Mkdir(filepath.Join(root, bucketName), 0o700); err != nil {
		t.Fatal(err)
	}
	address := kubetest.FreeAddress(t)
	kubetest.Run(t, kubetest.Binary(t, "versitygw-v*", "versitygw"), "--port="+address, "--region="+region,
		"--access="+keyID, "--secret="+secret, "--iam-dir="+users, "--quiet", "posix", "--sidecar="+aside, root)
	await(t, "the S3 server listens", func() bool {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
		if err != nil {
			return false
		}
		return conn.Close() == nil
	})
	t.Setenv("AWS_ENDPOINT_URL_S3", "http://"+address)
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(aside, "none"))
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(aside, "none"))
	t.Setenv("AWS_REGION", "")
	useKey(t, keyID, secret)
}

func await(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// useKey has whoever opens a bucket from now on use a key.
func useKey(t *testing.T, id, secret string) {
	t.Helper()
	t.Setenv("AWS_ACCESS_KEY_ID", id)
	t.Setenv("AWS_SECRET_ACCESS_KEY", secret)
}

func open(t *testing.T, location string) *bucket.Store {
	t.Helper()
	s, err := bucket.Open(t.Context(), location, region)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestServer runs everything against one server.
func TestServer(t *testing.T) {
	startServer(t)
	t.Run("a bucket is a store as a directory is", isAStore)
	t.Run("prefixes do not see one another", keepsPrefixesApart)
	t.Run("more than a page is listed, and deleted when it is old", listsAndExpires)
	t.Run("a log is kept and read", keepsALog)
	t.Run("what is refused is no log that is not there", tellsRefusals)
}

func isAStore(t *testing.T) {
	var n atomic.Int64
	rapid.Check(t, func(rt *rapid.T) {
		logstest.CheckStore(rt, open(t, fmt.Sprintf("s3://%s/store/%d", bucketName, n.Add(1))), nil)
	})
}

func keepsPrefixesApart(t *testing.T) {
	locations := []string{"s3://" + bucketName + "/apart", "s3://" + bucketName + "/apart/d", "s3://" + bucketName + "/apart-not"}
	for i, location := range locations {
		if err := open(t, location).Put(t.Context(), fmt.Sprint("d/c/t/", i), []byte(location)); err != nil {
			t.Fatal(err)
		}
	}
	for i, location := range locations {
		if got, want := keysOf(t, open(t, location), "d/c/"), []string{fmt.Sprint("d/c/t/", i)}; !slices.Equal(got, want) {
			t.Errorf("%s has %v, want %v", location, got, want)
		}
	}
}

func keysOf(t *testing.T, s logs.Store, prefix string) (keys []string) {
	t.Helper()
	for o, err := range s.List(t.Context(), prefix, "") {
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, o.Key)
	}
	return keys
}

// listsAndExpires has more logs than the server lists at once, and than can be deleted at once.
func listsAndExpires(t *testing.T) {
	const count = 1050
	s := open(t, "s3://"+bucketName+"/many")
	begun := time.Now()
	var putting errgroup.Group
	putting.SetLimit(16)
	for i := range count {
		putting.Go(func() error {
			return s.Put(t.Context(), fmt.Sprintf("d/default/%032x/%016x-%016x-0-0-job.end.zst", i, begun.UnixNano(), begun.UnixNano()), nil)
		})
	}
	if err := putting.Wait(); err != nil {
		t.Fatal(err)
	}
	archive, err := logs.NewArchive(s)
	if err != nil {
		t.Fatal(err)
	}
	n, last := 0, ""
	for stream, err := range archive.Streams(t.Context(), "d/", "") {
		if err != nil {
			t.Fatal(err)
		}
		if n++; stream.Name <= last || !stream.IsEnded {
			t.Fatalf("%+v comes after %s", stream, last)
		}
		last = stream.Name
	}
	if n != count || len(keysOf(t, s, "")) != count {
		t.Errorf("%d of %d logs are listed", n, count)
	}
	// The server's times are whole seconds.
	if n, err := archive.Expire(t.Context(), begun.Add(-time.Minute)); err != nil || n != 0 {
		t.Errorf("%d logs are old before their time, %v", n, err)
	}
	if n, err := archive.Expire(t.Context(), time.Now().Add(time.Minute)); err != nil || n != count {
		t.Errorf("%d of %d old logs are deleted, %v", n, count, err)
	}
	if left := keysOf(t, s, ""); len(left) > 0 {
		t.Errorf("%d objects are left", len(left))
	}
	if err := s.Delete(t.Context(), []string{"d/default/gone/x"}); err != nil {
		t.Errorf("deleted again: %v", err)
	}
}

// tellsRefusals holds each way to be refused to an error that says so.
func tellsRefusals(t *testing.T) {
	for name, tc := range map[string]struct{ id, secret, bucket, want string }{
		"a wrong secret":               {keyID, "wrong", bucketName, "SignatureDoesNotMatch"},
		"a key that nobody has":        {"AKIDNOBODY", secret, bucketName, "InvalidAccessKeyId"},
		"a bucket that does not exist": {keyID, secret, "no-such-bucket", "NoSuchBucket"},
	} {
		t.Run(name, func(t *testing.T) {
			useKey(t, tc.id, tc.secret)
			s := open(t, "s3://"+tc.bucket+"/p")
			_, getErr := s.Get(t.Context(), "d/c/t/1")
			errs := map[string]error{
				"Put": s.Put(t.Context(), "d/c/t/1", []byte("x")), "Get": getErr, "Delete": s.Delete(t.Context(), []string{"d/c/t/1"}),
			}
			for _, err := range s.List(t.Context(), "", "") {
				errs["List"] = err
			}
			for _, operation := range []string{"Put", "Get", "Delete", "List"} {
				refused, ok := errors.AsType[smithy.APIError](errs[operation])
				if !ok || refused.ErrorCode() != tc.want || errors.Is(errs[operation], logs.ErrNotFound) {
					t.Errorf("%s: %v, want %s", operation, errs[operation], tc.want)
				}
			}
		})
	}
}

// serverClient is AWS's own client of the same server.
func serverClient(ctx context.Context, t *testing.T) *s3.Client {
	t.Helper()
	cfg, err := config.LoadDefaultConfig(ctx, config.WithRegion(region))
	if err != nil {
		t.Fatal(err)
	}
	return s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true })
}

// keepsALog has a collector keep a log of several chunks, and a view read it.
func keepsALog(t *testing.T) {
	location := "s3://" + bucketName + "/kept/here/"
	kept := keepLog(t, open(t, location))
	archive, err := logs.NewArchive(open(t, location))
	if err != nil {
		t.Fatal(err)
	}
	log, err := logs.NewView(archive, nobody{}).Open(t.Context(), kept.stream)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for line, err := range log.After(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, line.Text)
	}
	if !slices.Equal(got, kept.lines) {
		t.Errorf("%d lines are kept of %d", len(got), len(kept.lines))
	}
	if end, isEnded, err := log.End(t.Context()); err != nil || !isEnded || end.State != logs.EndComplete {
		t.Errorf("it ended as %+v, %v, %v", end, isEnded, err)
	}
	page, err := serverClient(t.Context(), t).ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{
		Bucket: aws.String(bucketName), Prefix: aws.String("kept/here/" + kept.stream + "/"),
	})
	if err != nil || len(page.Contents) < 2 || !strings.HasSuffix(*page.Contents[len(page.Contents)-1].Key, ".end.zst") {
		t.Errorf("the server has %d objects, %v", len(page.Contents), err)
	}
}
