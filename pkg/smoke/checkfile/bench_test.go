package checkfile_test

import (
	"os"
	"testing"

	"github.com/org/shipkit/pkg/smoke/checkfile"
)

func BenchmarkRead(b *testing.B) {
	data, err := os.ReadFile("testdata/good/everything.yml")
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := checkfile.Read(data, options("everything.yml")); err != nil {
			b.Fatal(err)
		}
	}
}
