// Package stage is a simulated palm camera with its lamps, and what people hold before it:
// live hands, and attack instruments made by physics. Every material has a reflectance under
// white light and another at 850 nm, a relief, a polish, and light of its own; the lamps'
// light falls off with the square of the distance; the camera has a rolling shutter, shot
// and read noise, focus and motion blur. Nothing knows of labels: a screen fails because it
// throws back no 850 nm.
//
// What is measured on it is a regression figure and says nothing about real hands or real
// attacks.
//
// # The region
//
// A hand's region hangs on two valleys: the deepest point of the outline between index and
// middle finger, and the one between ring and little finger. With d their distance, the
// region is a square of RegionSide*d, centred between the two across the palm, whose upper
// side is parallel to the line through them and RegionGap*d away from it towards the wrist.
// It is 128x128 pixels; row 0 is next to the fingers, and column 0 is on the left when the
// fingers point up, of a right hand as of a left one. It is defined on the plane of the palm,
// and Truth gives its four corners as that plane is seen.
//
// The picture is unmirrored: of a right hand with the fingers up the thumb is on the right.
//
// # Use
//
// Live, and the instruments of Instruments, make a Presentation. A Film exposes frames of it
// at any time under any Lighting; Record takes a whole lamp order without a clock; a Set is a
// sense.Camera and a sense.Lamp that show a Presentation in real or virtual time. Everything
// follows from seeds.
package stage
