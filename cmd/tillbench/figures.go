package main

// figures is the table of everything that is measured, in the order of the README.
var figures = []Figure{
	latencyFigure,
	commitFigure,
	writesFigure,
	startFigure,
	memoryFigure,
	sizeFigure,
	scanFigure,
	lossFigure,
	truthFigure,
	palmFigure,
	livenessFigure,
	palmSpeedFigure,
}
