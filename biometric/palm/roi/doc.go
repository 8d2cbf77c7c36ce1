// Package roi finds a hand in a camera's picture and cuts the square region of its palm out
// that is recognised: 128x128 pixels, fingers up, the same square of the same hand however
// the hand was held. How exactly it does so is the accuracy of everything after it.
//
// A Finder looks for the hand where the lamp makes a difference: in lit minus dark. Without a
// dark picture it looks for the large uniform thing on a background that is unlike it, which
// is for photographs; a till always has both.
//
// The region hangs on two points, the valley between index and middle finger and the one
// between ring and little finger. Neither the wrist nor the thumb matters: sleeves hide the
// one, and the other moves.
//
// Pictures are 8-bit luminance, rows without a gap. A Point is in pixels, (0, 0) in the middle
// of the first pixel, y down. The picture is as a camera takes it that looks at the palm,
// unmirrored: a right hand with the fingers up has its thumb on the picture's right.
package roi
