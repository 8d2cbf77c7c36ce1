// Package sense holds the only types that hold a person: Frame, the picture of one moment;
// Faceprint, what a module computed from one; and the contracts of what takes them, Camera
// and Lamp.
//
// What they hold is shown to nobody: fmt, encoding/json and log/slog get "[redacted]", and
// Release and Wipe overwrite it with zeros. There is no way from a Frame to a picture file:
// the package knows no encoder. A camera's compressed frames (MJPEG) are delivered as their
// bytes; this package does not decode them either, for Go's decoder comes with an encoder.
package sense
