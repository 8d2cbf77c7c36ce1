// Package sim is a deterministic simulation of shops: real tills ([agent.Till] with the real
// tables of agent/sale) between wallets, points of sale, cashiers, customers, a clock and a
// disk that all err. It holds tests alone; nothing of it is linked into a program.
//
// A world is one seed: everything that goes wrong in it is drawn from the seed, in fake time
// (testing/synctest). Two invariants are held at its end, when nothing is open any more:
//
//   - per order, per payment and in sum, charged - refunded is what the point of sale was
//     finally told;
//   - per basket (SaleID, TransactionID) the net charge is at most the bill.
//
// On the way the fakes hold the till to its word: a code leaves only after SENDING is
// durable, and once; nobody hears "paid" before PAID is durable; a wallet is asked and
// reversed no earlier than its table says; no code pays for another customer's basket.
//
// What a failure prints repeats it: go test ./agent/sim -run TestStorm -seed N -seeds 1.
package sim
