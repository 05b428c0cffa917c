// Command inspect prints the filesystem it runs in, a line for each path:
// type and mode, owner, size, sum of the content, target, device, extended
// attributes, hard links. Two containers with the same files print the same.
package main

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// made are the paths that an engine makes in each container.
var made = []string{"/proc", "/sys", "/dev", "/.dockerenv", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/etc/mtab"}

func main() {
	first := map[uint64]string{}
	err := filepath.WalkDir("/", func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if slices.Contains(made, path) {
			if fi, err := os.Lstat(path); err == nil && fi.IsDir() {
				return filepath.SkipDir
			}
			return nil
		}
		line, err := describe(path, first)
		fmt.Println(line)
		return err
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func describe(path string, first map[uint64]string) (string, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return "", err
	}
	stat := info.Sys().(*syscall.Stat_t)
	if link, ok := first[stat.Ino]; ok && !info.IsDir() {
		return fmt.Sprintf("%s = %s", path, link), nil
	}
	first[stat.Ino] = path
	line := fmt.Sprintf("%s %s %d:%d", path, info.Mode(), stat.Uid, stat.Gid)
	switch {
	case info.Mode().IsRegular():
		content, err := os.ReadFile(path)
		if err != nil {
			return "", err
		}
		line += fmt.Sprintf(" %d %x", len(content), sha256.Sum256(content))
	case info.Mode()&fs.ModeSymlink != 0:
		target, err := os.Readlink(path)
		if err != nil {
			return "", err
		}
		return line + " -> " + target, nil
	case info.Mode()&fs.ModeDevice != 0:
		line += fmt.Sprintf(" device %x", stat.Rdev)
	}
	attributes, err := xattrs(path)
	return line + attributes, err
}

func xattrs(path string) (string, error) {
	list := make([]byte, 4096)
	n, err := syscall.Listxattr(path, list)
	if err != nil {
		return "", err
	}
	out := ""
	for name := range strings.SplitSeq(strings.TrimSuffix(string(list[:n]), "\x00"), "\x00") {
		if name == "" {
			continue
		}
		value := make([]byte, 4096)
		n, err := syscall.Getxattr(path, name, value)
		if err != nil {
			return "", err
		}
		out += fmt.Sprintf(" %s=%x", name, value[:n])
	}
	return out, nil
}
