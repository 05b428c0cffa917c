package buildimage

import v1 "github.com/google/go-containerregistry/pkg/v1"

// freshBytes are the bytes of the built layers that the previous image does not
// have: as they lie on disk, uncompressed, and those of the largest on disk.
type freshBytes struct{ stored, plain, largest int64 }

func (d *decision) freshBytes() (b freshBytes) {
	plain := map[v1.Hash]int64{}
	for _, layer := range d.index.Layers {
		plain[layer.DiffID] = layer.ArchiveSize()
	}
	for _, layer := range d.fresh() {
		size, _ := layer.Size()
		diffID, _ := layer.DiffID()
		b.stored, b.plain, b.largest = b.stored+size, b.plain+plain[diffID], max(b.largest, size)
	}
	return b
}

// fresh returns the built layers that the previous image does not have.
func (d *decision) fresh() (found []v1.Layer) {
	layers, err := d.built.Layers()
	if err != nil {
		return nil
	}
	for _, layer := range layers {
		if diffID, _ := layer.DiffID(); d.prevLayer(diffID) == nil {
			found = append(found, layer)
		}
	}
	return found
}

// sizeOf returns the bytes of layers.
func sizeOf(layers []v1.Layer) (n int64) {
	for _, layer := range layers {
		size, _ := layer.Size() // of a file that was written
		n += size
	}
	return n
}
