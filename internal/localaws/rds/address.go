package rds

import "net"

// BridgeAddress returns this machine's address on the bridge of the local
// Docker engine: containers and this machine both reach a database there. It
// is "" where there is no such bridge.
func BridgeAddress() string {
	bridge, err := net.InterfaceByName("docker0")
	if err != nil {
		return ""
	}
	addresses, err := bridge.Addrs()
	if err != nil {
		return ""
	}
	for _, a := range addresses {
		if network, ok := a.(*net.IPNet); ok && network.IP.To4() != nil {
			return network.IP.String()
		}
	}
	return ""
}
