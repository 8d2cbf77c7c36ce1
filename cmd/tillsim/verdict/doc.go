// Package verdict holds the two sides of a day's trade against each other: what the points
// of sale were finally told, and what the wallets' ledgers say. It knows nothing of how
// either side came about; it reads two files of JSON lines and recomputes everything from
// them alone.
//
// The law, per basket (SaleID and TransactionID) and in sum:
//
//   - told Success: exactly one charge, of exactly the amount, and it is still held;
//   - told Failure: nothing is held;
//   - told Success and then Success for its Reversal: nothing is held;
//   - told nothing final: the point of sale must have heard "in progress"; listed, not
//     counted in the sums, and never more than one charge of the amount;
//   - money at a wallet that no answer names is somebody's double charge.
package verdict
