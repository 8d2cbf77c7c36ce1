// Package tcp sets what the standard library leaves out of a TCP connection.
package tcp
