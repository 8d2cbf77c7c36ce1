package ssi

import "github.com/tilld/tilld/scanner"

// multicode is a type whose data holds several codes with their lengths.
const multicode = 0x99

// symbology names the type of a DECODE_DATA, and the AIM identifier where the type says more
// than the symbology does. Types that differ between models (24, 25) are Other: a code that is
// known to be none of those that may pay is not judged by its content.
func symbology(kind byte) (s scanner.Symbology, aim string) {
	switch kind {
	case 0x03:
		return scanner.Code128, ""
	case 0x1C, 0x2C, 0xF1: // QR, Micro QR, QR of Grow's modules; they count from F0
		return scanner.QR, ""
	case 0xC2:
		return scanner.QR, "]Q3"
	case 0x0F:
		return scanner.GS1128, ""
	case 0xA2: // AIM 128
		return scanner.Code128, "]C2"
	case 0x19: // ISBT 128
		return scanner.Code128, "]C4"
	case 0x0B, 0x4B, 0x8B: // plain, with a supplement of 2 and of 5 digits, here and below
		return scanner.EAN13, ""
	case 0x0A, 0x4A, 0x8A:
		return scanner.EAN8, ""
	case 0x08, 0x48, 0x88:
		return scanner.UPCA, ""
	case 0x09, 0x49, 0x89, 0x10, 0x50, 0x90: // UPC-E0, UPC-E1
		return scanner.UPCE, ""
	case 0x1B, 0xF2:
		return scanner.DataMatrix, ""
	case 0xC1:
		return scanner.DataMatrix, "]d2"
	case 0x11, 0x1A, 0xF0: // PDF417, MicroPDF417
		return scanner.PDF417, ""
	case 0x2D, 0x2E, 0xF3: // Aztec, Aztec rune
		return scanner.Aztec, ""
	case 0xB7, 0xF7:
		return scanner.HanXin, ""
	case 0xF4:
		return scanner.MaxiCode, ""
	case 0x01, 0x13: // plain, full ASCII
		return scanner.Code39, ""
	case 0x02:
		return scanner.Codabar, ""
	case 0x06:
		return scanner.ITF, ""
	case 0x07:
		return scanner.Code93, ""
	case 0x30, 0x31, 0x32: // DataBar, limited, expanded
		return scanner.DataBar, ""
	}
	return scanner.Other, ""
}
