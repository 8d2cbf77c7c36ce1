// Package v4l2 takes frames from cameras that Linux drives through Video4Linux 2: USB video
// class cameras, and others with one plane and memory-mapped buffers. It is the only way in
// which a picture of a person enters the program, and delivers it as a sense.Frame alone.
//
// A Device has one goroutine that makes all its calls to the kernel. Each frame is copied out
// of the kernel's buffer, which is wiped and given back at once: what a caller keeps by
// mistake is wiped memory of this process, never memory that the kernel writes to or has
// taken away. The copy and the wiping cost less than a tenth of a millisecond for 640x480 grey.
//
// Source: linux/videodev2.h and the Video4Linux API documentation of the kernel. The layouts
// differ between 32 and 64 bit; see layout.go.
package v4l2
