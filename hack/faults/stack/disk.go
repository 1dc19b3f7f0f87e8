// SPDX-License-Identifier: Apache-2.0

package stack

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

func (s *Stack) redisDir() string { return filepath.Join(s.cfg.Dir, "redis") }

// ballast is what fills the disk.
func (s *Stack) ballast() string { return filepath.Join(s.redisDir(), "ballast") }

// mountRedis gives Redis a small disk of its own, if this is root.
func (s *Stack) mountRedis() error {
	if err := s.unmountRedis(); err != nil { // of a run that was killed
		return err
	}
	if err := os.MkdirAll(s.redisDir(), 0o755); err != nil {
		return err
	}
	if !s.HasDisk() {
		return nil
	}
	if err := unix.Mount("tmpfs", s.redisDir(), "tmpfs", 0, fmt.Sprintf("size=%dm", s.cfg.RedisMiB)); err != nil {
		return fmt.Errorf("mount disk for Redis: %w", err)
	}
	return nil
}

func (s *Stack) unmountRedis() error {
	err := unix.Unmount(s.redisDir(), unix.MNT_DETACH)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EPERM) { // nothing is mounted
		return nil
	}
	return err
}

// HasDisk reports whether Redis has a disk that can be filled.
func (s *Stack) HasDisk() bool { return os.Geteuid() == 0 }

// FillDisk leaves Redis no room to write.
func (s *Stack) FillDisk() error {
	file, err := os.Create(s.ballast())
	if err != nil {
		return err
	}
	defer file.Close()
	if _, err := io.Copy(file, zeros{}); !errors.Is(err, unix.ENOSPC) {
		return fmt.Errorf("fill disk: %w", err)
	}
	return nil
}

// ClearDisk takes FillDisk back.
func (s *Stack) ClearDisk() error {
	if err := os.Remove(s.ballast()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// zeros reads as zeros without end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
