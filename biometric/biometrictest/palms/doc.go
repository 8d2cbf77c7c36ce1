// Package palms makes synthetic palms: identities by seed, and regions of 128x128 pixels as
// a capture would cut them out, in two bands. They serve regression tests, throughput and
// linkability figures. They say nothing about how well real palms are told apart.
//
// An identity's Print band has three principal creases as cubic Bezier curves, 8 to 19
// wrinkles, and 120 fine wrinkles without which palms of this kind cannot be told apart. Its
// Vein band has a network of smooth dark tubes of 7 to 25 pixels, soft mottling, and a weak
// image of the creases, as 850 nm shows them: that is what ties the two bands to one hand.
//
// A Variation says how captures of one palm differ. Plain is like palms shown with care on
// two occasions; Hard has larger shifts, rotations and changes of depth, and is meant for
// error rates that are not zero; Held is like frames of one presentation, cut out well.
//
// Everything follows from the seeds: the same seed is the same palm on every machine.
package palms
