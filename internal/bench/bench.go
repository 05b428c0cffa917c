// Package bench measures pushes over a bad line: a registry and its clients in
// network namespaces of their own, with 10 Mbit/s, lost packets and dropped
// connections between them, and docker, crane, skopeo and regctl beside
// shipkit. `make bench P=./internal/bench` prints the table that
// docs/bandwidth.md shows.
package bench
