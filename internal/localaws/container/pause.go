package container

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"runtime"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/moby/moby/client"
)

// pauseCode is a program that sleeps for ever, in machine code. No image could be pulled for it, and no compiler is at
// hand where local AWS runs.
var pauseCode = map[string][]byte{
	// for { pause() }: mov eax, 34; syscall; jmp -9
	"amd64": {0xb8, 34, 0, 0, 0, 0x0f, 0x05, 0xeb, 0xf7},
	// for { ppoll(0, 0, 0, 0, 0) }: movz x8, 73; movz x0..x4, 0; svc 0; b -28
	"arm64": {
		0x28, 0x09, 0x80, 0xd2, 0x00, 0x00, 0x80, 0xd2, 0x01, 0x00, 0x80, 0xd2, 0x02, 0x00, 0x80, 0xd2,
		0x03, 0x00, 0x80, 0xd2, 0x04, 0x00, 0x80, 0xd2, 0x01, 0x00, 0x00, 0xd4, 0xf9, 0xff, 0xff, 0x17,
	},
}

// elfMachine is e_machine of an ELF header.
var elfMachine = map[string]uint16{"amd64": 62, "arm64": 183}

// pauseProgram is an ELF executable: a header, one loadable segment, the code.
func pauseProgram(arch string) ([]byte, error) {
	code, ok := pauseCode[arch]
	if !ok {
		return nil, fmt.Errorf("no pause program for the architecture %s", arch)
	}
	const base, headers = 0x400000, 64 + 56
	var b bytes.Buffer
	write := func(values ...any) {
		for _, v := range values {
			_ = binary.Write(&b, binary.LittleEndian, v) // a bytes.Buffer takes everything
		}
	}
	write([]byte{0x7f, 'E', 'L', 'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0})                     // 64 bits, little endian
	write(uint16(2), elfMachine[arch], uint32(1), uint64(base+headers), uint64(64), uint64(0)) // type, machine, entry, phoff, shoff
	write(uint32(0), uint16(64), uint16(56), uint16(1), uint16(0), uint16(0), uint16(0))       // flags, sizes, counts
	write(uint32(1), uint32(5), uint64(0), uint64(base), uint64(base))                         // PT_LOAD, r-x, offset, addresses
	write(uint64(headers+len(code)), uint64(headers+len(code)), uint64(0x1000))                // sizes, alignment
	b.Write(code)
	return b.Bytes(), nil
}

// pauseImage loads the image of the container that holds a pod's network, once.
func (d *Docker) pauseImage(ctx context.Context) (string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.pause != "" {
		return d.pause, nil
	}
	program, err := pauseProgram(runtime.GOARCH)
	if err != nil {
		return "", err
	}
	tag, err := name.NewTag("shipkit-pause:" + d.id)
	if err != nil {
		return "", fmt.Errorf("name the pause image: %w", err)
	}
	img, err := scratchImage("pause", program)
	if err != nil {
		return "", err
	}
	pr, pw := io.Pipe()
	go func() { pw.CloseWithError(tarball.Write(tag, img, pw)) }()
	loaded, err := d.client.ImageLoad(ctx, pr, client.ImageLoadWithQuiet(true))
	if err != nil {
		return "", fmt.Errorf("load the pause image: %w", err)
	}
	defer func() { _ = loaded.Close() }()
	if _, err := io.Copy(io.Discard, loaded); err != nil {
		return "", fmt.Errorf("load the pause image: %w", err)
	}
	d.pause = "shipkit-pause:" + d.id
	return d.pause, nil
}

// scratchImage is an image with one program, which it starts.
func scratchImage(path string, program []byte) (v1.Image, error) {
	var b bytes.Buffer
	tw := tar.NewWriter(&b)
	if err := tw.WriteHeader(&tar.Header{Name: path, Mode: 0o755, Size: int64(len(program))}); err != nil {
		return nil, fmt.Errorf("pack %s: %w", path, err)
	}
	if _, err := tw.Write(program); err != nil {
		return nil, fmt.Errorf("pack %s: %w", path, err)
	}
	if err := tw.Close(); err != nil {
		return nil, fmt.Errorf("pack %s: %w", path, err)
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b.Bytes())), nil })
	if err != nil {
		return nil, fmt.Errorf("pack %s: %w", path, err)
	}
	img, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		return nil, fmt.Errorf("pack %s: %w", path, err)
	}
	file, err := img.ConfigFile()
	if err != nil {
		return nil, fmt.Errorf("pack %s: %w", path, err)
	}
	file = file.DeepCopy()
	file.OS, file.Architecture = "linux", runtime.GOARCH
	file.Config.Entrypoint = []string{"/" + path}
	if img, err = mutate.ConfigFile(img, file); err != nil {
		return nil, fmt.Errorf("pack %s: %w", path, err)
	}
	return img, nil
}
