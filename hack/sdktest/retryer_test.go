// SPDX-License-Identifier: Apache-2.0

package sdktest

import (
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
)

func TestOnce(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]bool{
		fmt.Errorf("deserialize: %w", &net.OpError{Op: "read", Err: net.ErrClosed}): true,
		io.ErrUnexpectedEOF:                false,
		errors.New("ServerException: why"): false,
	} {
		if got := Once().IsErrorRetryable(err); got != want {
			t.Errorf("%v: repeated: %t", err, got)
		}
	}
}
