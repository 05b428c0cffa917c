// Command probe runs as a step of a build and writes down what the step got:
// one line a fact, into /report. As an SBOM generator it writes a document.
package main

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

func main() {
	if dir := os.Getenv("BUILDKIT_SCAN_DESTINATION"); dir != "" {
		document := `{"_type":"https://in-toto.io/Statement/v0.1","predicateType":"https://spdx.dev/Document","predicate":{"name":"probed"}}`
		check(os.WriteFile(filepath.Join(dir, "sbom.spdx.json"), []byte(document), 0o644))
		return
	}
	var b strings.Builder
	var files syscall.Rlimit
	check(syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files))
	fmt.Fprintf(&b, "nofile %d\n", files.Cur)
	var shm syscall.Statfs_t
	check(syscall.Statfs("/dev/shm", &shm))
	fmt.Fprintf(&b, "shm %d\n", shm.Blocks*uint64(shm.Bsize))
	interfaces, err := net.Interfaces()
	check(err)
	for _, i := range interfaces {
		fmt.Fprintf(&b, "interface %s\n", i.Name)
	}
	secrets, _ := filepath.Glob("/run/secrets/*")
	for _, path := range secrets {
		content, err := os.ReadFile(path)
		check(err)
		fmt.Fprintf(&b, "secret %s %q\n", filepath.Base(path), content)
	}
	socket := os.Getenv("SSH_AUTH_SOCK") // set without an agent, too
	if _, err := os.Stat(socket); err == nil {
		for _, comment := range keys(socket) {
			fmt.Fprintf(&b, "key %s\n", comment)
		}
	}
	fmt.Fprintf(&b, "flavour %s\nnonce %s\n", os.Getenv("FLAVOUR"), rand.Text())
	check(os.WriteFile("/report", []byte(b.String()), 0o644))
}

// keys asks an SSH agent for its keys and returns their comments.
// https://datatracker.ietf.org/doc/html/draft-ietf-sshm-ssh-agent, section 4.4.
func keys(socket string) (comments []string) {
	agent, err := net.Dial("unix", socket)
	check(err)
	defer agent.Close()
	_, err = agent.Write([]byte{0, 0, 0, 1, 11})
	check(err)
	header := make([]byte, 9) // length, type, number of keys
	_, err = io.ReadFull(agent, header)
	check(err)
	for range binary.BigEndian.Uint32(header[5:]) {
		text(agent)
		comments = append(comments, text(agent))
	}
	return comments
}

func text(from io.Reader) string {
	var size uint32
	check(binary.Read(from, binary.BigEndian, &size))
	content := make([]byte, size)
	_, err := io.ReadFull(from, content)
	check(err)
	return string(content)
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
