// Command tillbench measures what the README claims.
//
// Every figure is a row of one table (figures.go) and a file of its own. Times are compared
// with a limit measured in the same run on the same machine and disk, so that the ratio says
// something where the absolute number does not. A figure that cannot be measured here stays
// in the table and says why.
//
//	make bench                         everything, short forms; a table, and build/bench.json
//	bin/tillbench --only latency,size  some of it
//	bin/tillbench --idle 10m --sales 10000   the long forms
//
// It also evaluates on anybody's own data: tillbench palm on a folder of palms, tillbench
// palm-pad on recorded presentations; tillbench palm-make writes simulated ones.
package main
