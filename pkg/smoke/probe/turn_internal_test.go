package probe

import (
	"net/netip"
	"testing"

	"pgregory.net/rapid"
)

// As many turns as there are addresses reach every one, in whatever order each
// answer of DNS has them.
func TestTurnsReachEveryAddress(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 8).Draw(t, "addresses")
		addresses := make([]netip.Addr, n)
		for i := range addresses {
			addresses[i] = netip.AddrFrom4([4]byte{10, 0, 0, byte(i)})
		}
		reached := map[netip.Addr]bool{}
		for turn := range n {
			answer := rapid.Permutation(addresses).Draw(t, "answer")
			reached[inTurn(answer, turn+1)] = true
		}
		if len(reached) != n {
			t.Errorf("%d of %d addresses in %d turns", len(reached), n, n)
		}
	})
}
