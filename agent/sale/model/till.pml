/*
 * One payment at one till: its attempts, its intent, the codes it offers, and everything
 * that may go wrong around it. README.md says what stands for what, and what is left out.
 *
 * As it is, it checks safety, with faults without end. -DLIVE: does it always end, with at
 * most FAULTS of them. -DMUTANT=n seeds bug n; BUG(n) below is where. With -DVARIABLE the
 * mutant and the number of attempts are variables, so that one verifier serves all bugs.
 */

#ifndef MUTANT
#define MUTANT 0
#endif
#ifndef ATTEMPTS
#define ATTEMPTS 2 /* of the payment, 1 or 2 */
#endif
#ifdef VARIABLE
byte mutant = MUTANT;
byte attempts = ATTEMPTS;
#define BUG(n) (mutant == n)
#define MOST attempts
#else
#define BUG(n) (MUTANT == n)
#define MOST ATTEMPTS
#endif

#ifdef LIVE
#ifndef FAULTS
#define FAULTS 2
#endif
byte faults;
bool deadline;                  /* the payer's deadline has passed */
#define MAY (faults < FAULTS)   /* may something go wrong now? */
#define FAULT faults++
#define PAST deadline
#define AGAIN !deadline         /* ask again without need? */
#define WINDOW false            /* nothing ends only because the wallet's window does */
#define FRESH_DEADLINE deadline = false
#else
#define MAY true
#define FAULT skip
#define PAST true               /* it may have passed at any moment */
#define AGAIN true
#define WINDOW true
#define FRESH_DEADLINE skip
#endif

#define N 2

/* States of an attempt: those of table.go. NIL: there is no attempt. */
mtype = { NIL, SENDING, PAID, DECLINED, UNKNOWN, REVERSING, REVERSED, REVERSED_REFUNDED, MANUAL, OFFERED, CLOSED };
/* Events: those of table.go, with _ for -. none: no word yet. */
mtype = { none, paid, declined, bad_code, not_sent, no_answer, paying, not_found, failed, closed, refunded,
	accepted, wrong_total, foreign, collision, restart, undo, proven, window, lost, operator, bill };
mtype = { KEEP, UNDO };
mtype = { SUCCESS, FAILURE };
mtype = { by_abort, by_deadline, by_declined, by_wrong_answer, by_operator, by_reversal };
/* An order at the wallet. */
mtype = { NONE, WAITING, TRYFAILED, CHARGED, SHUT, GIVENBACK, REFUSED };
/* Requests to the wallet. */
mtype = { PAY, MAKE, QUERY, CLOSE, REVERSE };
/* What must not be. */
mtype = { charged_twice, told_unpaid_but_charged, told_paid_but_not_charged, told_given_back_but_charged,
	told_paid_after_abort, told_two_endings, code_sent_twice, given_back_without_undo };

/* ---- the journal: what outlives a power cut ---- */
mtype st[N] = NIL;
bool mine[N];           /* an offered code: ours, not the customer's */
bool waspaid[N];
byte n;                 /* attempts on record */
mtype intent = KEEP;
mtype ending = NIL;     /* what the point of sale is to be told */
bool kept;              /* a person decided that it stays paid */
bool gap;               /* records were lost: ask, then let a person decide */

/* ---- the till's memory ---- */
byte c;                 /* the current attempt */
bool known = true;      /* the payment began in this run */
mtype want = NIL;       /* the request that waits for an answer */
mtype rep = none;       /* its answer */
mtype word = none;      /* the last word of a query that counts */
bool late;              /* its query left after the quiet time */
bool past;              /* ... after the payer's deadline */
bool tried;             /* a reverse or close was asked for */
bool took;              /* ... and was answered with "done" */
bool asked;             /* a query came back since then, answered or not */
bool away;              /* the offered code is off the screen */
bool inHand;            /* the customer's code was scanned and waits for that */

/* ---- requests on their way ---- */
bool payFlies[N];       /* pay, or make a code */
bool closeFlies[N];
bool reverseFlies[N];

/* ---- the wallet ---- */
mtype ord[N] = NONE;
bool isoffer[N];        /* an order whose code is shown, not a code that was scanned */
bool barred[N];         /* reversed or closed before it arrived: it will be refused */
bool byOthers[N];       /* given back by somebody else */

/* ---- people, power and time ---- */
bool quiet[N];          /* the code's life and the network's delay are over */
bool shown[N];          /* the customer has seen the offered code */
bool abortAsked;
bool reversalAsked;
chan cut = [0] of { bit };

/* ---- what was done and told, for the properties alone ---- */
mtype told = NIL;
bool toldBack;          /* told that the payment was given back */
bool heard;             /* the abort counts: nothing may be paid */
bool undone;            /* undo was on record once, even if that record was lost */
bool sent[N];
bool rest;              /* nothing is left to do */

/* ==== what must hold ==== */

#define BROKEN(what) printf("BROKEN: %e\n", what); assert(false)
#define NET ((ord[0] == CHARGED) + (ord[1] == CHARGED))
#define STANDING (NET + (ord[0] == GIVENBACK && byOthers[0]) + (ord[1] == GIVENBACK && byOthers[1]))

inline hold()
{
	if
	:: NET > 1 -> BROKEN(charged_twice)
	:: told == FAILURE && NET > 0 -> BROKEN(told_unpaid_but_charged)
	:: told == SUCCESS && (intent == KEEP || kept) && STANDING != 1 -> BROKEN(told_paid_but_not_charged)
	:: toldBack && NET > 0 -> BROKEN(told_given_back_but_charged)
	:: heard && told == SUCCESS && !kept -> BROKEN(told_paid_after_abort)
	:: else
	fi
}

/* ==== the journal ==== */

/* Every move of an attempt is one of these. A test compares them with table.go. */
#define MOVE(from, to, why, needsundo) \
	d_step { \
		assert(st[c] == from && (!needsundo || intent == UNDO)); \
		st[c] = to; waspaid[c] = waspaid[c] || to == PAID; \
		FORGETWORD; tried = false; took = false; asked = false; \
		printf("till: attempt %d: %e -> %e (%e)\n", c + 1, from, to, why) \
	}
/* A new attempt. */
#define BEGIN(state) \
	d_step { \
		c = n; n = c + 1; st[c] = state; mine[c] = (state == OFFERED); isoffer[c] = mine[c]; FRESH_DEADLINE; \
		if :: c == 1 && OVER(0) -> CLEAR(0); st[0] = NIL; mine[0] = false; waspaid[0] = false; sent[0] = false :: else fi; \
		printf("till: attempt %d: %e on record\n", c + 1, state) \
	}
/* Nothing can happen to order i any more. Then what led there is forgotten: fewer states. */
#define OVER(i) (ord[i] == SHUT || ord[i] == REFUSED || ord[i] == GIVENBACK && !byOthers[i] || ord[i] == NONE && (barred[i] || !payFlies[i]))
#define CLEAR(i) ord[i] = SHUT; payFlies[i] = false; closeFlies[i] = false; reverseFlies[i] = false; quiet[i] = false; shown[i] = false; barred[i] = false; isoffer[i] = false
/* The ending and the reply; an ending that was given stays. */
#define END(how) \
	d_step { if :: ending == NIL -> ending = how; printf("till: ending on record: %e\n", how) :: else fi }
#define TURN(by) \
	d_step { if :: intent == KEEP -> intent = UNDO; undone = true; printf("till: intent undo on record (%e)\n", by) :: else fi }
/* What is made of an order whose record was lost. Its id says whose code it was. */
#define REBUILT(state) d_step { st[c] = state; mine[c] = (state != NIL && (mine[c] || BUG(22))); waspaid[c] = false }
/* Seeded bugs only. */
#define ILLEGAL(from, to, why) \
	d_step { \
		assert(st[c] == from); st[c] = to; FORGETWORD; tried = false; took = false; asked = false; \
		printf("till: attempt %d: %e -> %e (%e): A BUG\n", c + 1, from, to, why) \
	}

#define UNDOING (intent == UNDO && !kept)

/* ==== the till ==== */

#define FORGETWORD word = none; late = false; past = false
#define FORGET FORGETWORD; tried = false; took = false; asked = false; away = false; want = NIL; rep = none

/* The cashier's abort is heard; where it counts, undo is on record before anybody is told. */
inline hearAbort()
{
	d_step {
		abortAsked = false;
		if
		:: ending == NIL ->
			printf("till: hears the abort\n"); heard = true;
			TURN(by_abort);
			if :: word != failed -> FORGETWORD; asked = false :: else fi
		:: else
		fi
	}
}

inline tell(how)
{
	d_step {
		assert(how != NIL);
		if :: told != NIL && told != how -> BROKEN(told_two_endings) :: else fi;
		if :: told == NIL -> told = how; printf("till: tells the point of sale: %e\n", how) :: else fi;
		hold()
	}
}

inline hand(i)
{
	d_step {
		if :: sent[i] -> BROKEN(code_sent_twice) :: else fi;
		sent[i] = true; payFlies[i] = true; want = PAY;
		printf("till: attempt %d: the code is sent\n", i + 1)
	}
}

inline make(i)
{
	d_step {
		isoffer[i] = true; sent[i] = true; payFlies[i] = true; want = MAKE;
		printf("till: attempt %d: asks the wallet for a code to show\n", i + 1)
	}
}

/* While the till waits for an answer. The request may still fly when its patience ends. */
#define WAIT(flies) \
	:: abortAsked && ending == NIL && rep == none -> hearAbort() \
	:: d_step { rep == none && !flies -> rep = no_answer; printf("till: no answer\n") } \
	:: d_step { rep == none && flies && MAY -> FAULT; rep = no_answer; printf("till: waits no longer\n") }

/* What a query for order i is answered. */
inline wordOf(i)
{
	if
	:: ord[i] == NONE -> rep = not_found
	:: ord[i] == NONE && barred[i] -> rep = closed
	:: ord[i] == WAITING -> rep = paying
	:: ord[i] == TRYFAILED -> rep = failed
	:: ord[i] == CHARGED -> rep = paid
	:: ord[i] == SHUT -> rep = closed
	:: ord[i] == GIVENBACK -> rep = refunded
	:: ord[i] == REFUSED -> rep = declined
	:: ord[i] == REFUSED && !isoffer[i] -> rep = failed
	:: MAY && ord[i] == CHARGED -> FAULT; rep = wrong_total
	/* The part of the wallet that answers has not heard of the order yet, or knows a paid one no more. */
	:: MAY && (!quiet[i] || waspaid[i]) && ord[i] != NONE -> FAULT; rep = not_found
	:: MAY -> FAULT; rep = no_answer
	:: MAY -> FAULT; rep = foreign
	fi;
	printf("wallet: attempt %d: answers a query: %e\n", i + 1, rep)
}

#define SETTLED (word == paying || word == not_found || word == failed || word == closed)
#define NOTCHARGED (word == not_found || mine[c] && (word == paying || word == failed))
#define PROVEN (NOTCHARGED && !waspaid[c] && late)

/* A close or reverse came back. Whatever it says: only a query proves it. */
#define CAMEBACK \
	tried = true; asked = false; want = NIL; \
	if :: rep == accepted || rep == closed || rep == refunded || rep == not_found -> took = true; FORGETWORD :: else fi; \
	rep = none

active proctype Till()
{
	bool leftLate;
	bool leftPast;

start:
	{
		atomic {
		if
		:: known -> goto take
		:: !known && n == 0 -> END(FAILURE); goto over /* not on record: provably nothing was sent */
		:: !known && n > 0 && gap -> goto pursue
		:: !known && n > 0 && !gap ->
			if
			:: atomic { st[c] == SENDING && !BUG(8) && !BUG(17) -> MOVE(SENDING, UNKNOWN, restart, 0); goto pursue }
			:: atomic { st[c] == OFFERED -> MOVE(OFFERED, UNKNOWN, restart, 0); goto pursue }
			:: atomic { st[c] == DECLINED || st[c] == CLOSED || st[c] == NIL -> END(FAILURE); goto over }
			:: st[c] == SENDING && BUG(8) -> hand(c); goto answer
			:: atomic { st[c] == SENDING && BUG(17) -> ILLEGAL(SENDING, DECLINED, restart); END(FAILURE); goto over }
			:: else -> goto pursue
			fi
		fi
		};

take:	/* No attempt is open: what does the customer show, or get shown? */
		atomic {
		FORGET;
		if
		:: ending != NIL -> goto over
		:: ending == NIL && (intent == UNDO || n == MOST) -> END(FAILURE); goto over
		:: ending == NIL && intent == KEEP && n < MOST && inHand -> inHand = false; goto scan
		:: ending == NIL && intent == KEEP && n < MOST && !inHand ->
			if
			:: atomic { abortAsked -> abortAsked = false; heard = true; END(FAILURE); goto over }
			:: goto scan
			:: goto offer
			:: atomic { n > 0 -> END(FAILURE); goto over } /* nothing is shown in time */
			fi
		fi
		};

scan:
		if
		:: BUG(1) -> hand(n); BEGIN(SENDING); goto answer
		:: else -> BEGIN(SENDING)
		fi;
		if
		:: atomic { abortAsked -> /* the last moment at which it costs nothing */
			hearAbort(); MOVE(SENDING, DECLINED, not_sent, 0); END(FAILURE); goto over }
		:: hand(c)
		:: atomic { MAY -> FAULT; rep = not_sent; printf("till: nothing could be sent\n") }
		fi;
answer:
		do
		WAIT(payFlies[c])
		:: d_step { BUG(9) && rep == paid && intent == KEEP && told == NIL -> tell(SUCCESS) }
		:: atomic { rep != none ->
			want = NIL;
			if
			:: rep == paid -> MOVE(SENDING, PAID, paid, 0);
				if :: intent == KEEP -> END(SUCCESS) :: else fi
			:: rep == declined -> MOVE(SENDING, DECLINED, declined, 0); END(FAILURE)
			:: rep == not_sent -> MOVE(SENDING, DECLINED, not_sent, 0) /* perhaps by another way */
			:: rep == bad_code -> MOVE(SENDING, DECLINED, bad_code, 0) /* perhaps with a fresh code */
			:: rep == collision -> MOVE(SENDING, MANUAL, collision, 0)
			:: rep == wrong_total -> TURN(by_wrong_answer); MOVE(SENDING, UNKNOWN, wrong_total, 0)
			:: rep == no_answer -> MOVE(SENDING, UNKNOWN, no_answer, 0)
			:: rep == paying -> MOVE(SENDING, UNKNOWN, paying, 0); word = paying
			:: rep == not_found -> MOVE(SENDING, UNKNOWN, not_found, 0); word = not_found
			:: rep == failed -> MOVE(SENDING, UNKNOWN, failed, 0); word = failed
			:: rep == closed -> MOVE(SENDING, UNKNOWN, closed, 0); word = closed
			:: rep == refunded -> MOVE(SENDING, UNKNOWN, refunded, 0)
			:: rep == foreign && !BUG(16) -> MOVE(SENDING, UNKNOWN, foreign, 0)
			:: rep == foreign && BUG(16) -> ILLEGAL(SENDING, PAID, foreign); END(SUCCESS)
			fi;
			rep = none; goto pursue }
		od;

offer:
		if
		:: BUG(10) -> c = n
		:: else -> BEGIN(OFFERED)
		fi;
		if
		:: atomic { abortAsked && !BUG(10) -> /* nobody has seen it yet */
			hearAbort(); MOVE(OFFERED, CLOSED, not_sent, 0); END(FAILURE); goto over }
		:: make(c)
		:: atomic { MAY -> FAULT; rep = not_sent; printf("till: nothing could be sent\n") }
		fi;
		do
		WAIT(payFlies[c])
		:: atomic { rep != none ->
			want = NIL;
			if
			:: BUG(10) && rep == accepted -> shown[c] = true; printf("till: attempt %d: the code is on the screen, not on record: A BUG\n", c + 1); goto recordLate
			:: BUG(10) && rep != accepted -> END(FAILURE); goto over
			:: !BUG(10) && rep == accepted -> shown[c] = true; printf("till: attempt %d: the code is on the screen\n", c + 1)
			:: !BUG(10) && rep == declined -> MOVE(OFFERED, CLOSED, declined, 0)
			:: !BUG(10) && rep == not_sent -> MOVE(OFFERED, CLOSED, not_sent, 0)
			:: !BUG(10) && rep == collision -> MOVE(OFFERED, MANUAL, collision, 0)
			:: !BUG(10) && rep != accepted && rep != declined && rep != not_sent && rep != collision -> away = true
			fi;
			rep = none; goto pursue }
		od;
recordLate:
		atomic { rep == accepted; rep = none; BEGIN(OFFERED) };

pursue:
		atomic {
		if
		/* Over. */
		:: st[c] == PAID && !UNDOING || st[c] == REVERSED || st[c] == REVERSED_REFUNDED -> goto over
		:: st[c] == DECLINED || st[c] == CLOSED -> goto take

		/* A person or the bill decides when nothing is on its way any more. */
		:: atomic { st[c] == MANUAL && !payFlies[c] && !reverseFlies[c] && !closeFlies[c] && ord[c] == CHARGED ->
			kept = true;
			if
			:: MOVE(MANUAL, PAID, operator, 0)
			:: MOVE(MANUAL, PAID, bill, 0)
			fi;
			END(SUCCESS) }
		:: atomic { st[c] == MANUAL && !payFlies[c] && !reverseFlies[c] && !closeFlies[c] && ord[c] != CHARGED && ord[c] != WAITING && ord[c] != TRYFAILED ->
			if
			:: MOVE(MANUAL, REVERSED, operator, 0)
			:: MOVE(MANUAL, REVERSED, bill, 0)
			fi;
			END(FAILURE) }

		/* The wallet's window ends. */
		:: atomic { WINDOW && st[c] == UNKNOWN && !gap -> MOVE(UNKNOWN, MANUAL, window, 0) }
		:: atomic { WINDOW && st[c] == OFFERED -> MOVE(OFFERED, MANUAL, window, 0) }
		:: atomic { WINDOW && st[c] == PAID && UNDOING -> MOVE(PAID, MANUAL, window, 1) }
		:: atomic { WINDOW && st[c] == REVERSING -> MOVE(REVERSING, MANUAL, window, 0) }

		:: abortAsked && ending == NIL && st[c] != MANUAL -> hearAbort()

		:: atomic { st[c] == PAID && UNDOING -> MOVE(PAID, REVERSING, undo, 1) }

		/* Records were lost: the wallet is asked when the quiet time is over. */
		:: st[c] == UNKNOWN && gap && quiet[c] && word == none -> goto query

		/* UNKNOWN and wanted. */
		:: atomic { st[c] == UNKNOWN && !gap && intent == KEEP && word == failed -> TURN(by_declined) }
		:: atomic { st[c] == UNKNOWN && !gap && intent == KEEP && SETTLED && (past || mine[c]) && !BUG(4) -> TURN(by_deadline) }
		:: st[c] == UNKNOWN && !gap && intent == KEEP && (!SETTLED || !mine[c] && word != failed && (AGAIN || !past || BUG(4))) -> goto query

		/* UNKNOWN and undone: ask once, then reverse. */
		:: atomic { st[c] == UNKNOWN && !gap && intent == UNDO && (word != none || asked) -> MOVE(UNKNOWN, REVERSING, undo, 1) }
		:: st[c] == UNKNOWN && !gap && intent == UNDO && word == none -> goto query

		/* REVERSING: a reverse is asked for until a query proves it. */
		:: atomic { st[c] == REVERSING && took && PROVEN -> MOVE(REVERSING, REVERSED, proven, 0); END(FAILURE) }
		:: st[c] == REVERSING && !took && (!tried || asked) -> goto reverse
		:: st[c] == REVERSING && !took && tried && !asked -> goto query
		:: st[c] == REVERSING && took && word == none -> goto query
		:: st[c] == REVERSING && took && word == not_found && !waspaid[c] && !late && (quiet[c] || mine[c] && AGAIN) -> goto query
		:: st[c] == REVERSING && took && mine[c] && !waspaid[c] && (word == paying || word == failed) && !late && quiet[c] -> goto query
		:: st[c] == REVERSING && took && word != none && (word != not_found || waspaid[c]) && !PROVEN -> goto reverse

		/* OFFERED: asked about while it is shown; then taken away, until a query proves it. */
		:: atomic { st[c] == OFFERED && intent == UNDO -> MOVE(OFFERED, REVERSING, undo, 1) }
		:: atomic { st[c] == OFFERED && intent == KEEP && SETTLED && past -> TURN(by_deadline) }
		:: st[c] == OFFERED && intent == KEEP && !away && AGAIN -> goto query
		:: atomic { st[c] == OFFERED && intent == KEEP && !away -> away = true; printf("till: the offered code is off the screen\n") }
		:: atomic { st[c] == OFFERED && intent == KEEP && !away && n < MOST -> away = true; inHand = true; printf("till: a code is scanned: the offered code is off the screen\n") }
		:: atomic { st[c] == OFFERED && intent == KEEP && away && PROVEN -> MOVE(OFFERED, CLOSED, proven, 0) }
		:: st[c] == OFFERED && intent == KEEP && away && !took && (!tried || asked) -> goto close
		:: st[c] == OFFERED && intent == KEEP && away && !took && tried && !asked -> goto query
		:: st[c] == OFFERED && intent == KEEP && away && took && word == none -> goto query
		:: st[c] == OFFERED && intent == KEEP && away && took && word == not_found && !late && (quiet[c] || AGAIN) -> goto query
		:: st[c] == OFFERED && intent == KEEP && away && took && (word == paying || word == failed || word == wrong_total) && !PROVEN && AGAIN -> goto close
		:: st[c] == OFFERED && intent == KEEP && away && took && word != none && !past && PAST -> goto query /* one falls on the deadline itself */
		:: st[c] == OFFERED && intent == KEEP && away && AGAIN && !past -> goto query

		/* Seeded bugs. */
		:: atomic { BUG(3) && st[c] == REVERSING && took -> ILLEGAL(REVERSING, REVERSED, accepted); END(FAILURE) }
		:: BUG(5) && st[c] == UNKNOWN && intent == KEEP && word != none && n < MOST -> printf("till: asks for a fresh code: A BUG\n"); goto scan
		:: BUG(6) && st[c] == OFFERED && intent == KEEP && n < MOST -> goto scan
		:: atomic { BUG(7) && st[c] == UNKNOWN && intent == KEEP && word == none && asked -> ILLEGAL(UNKNOWN, REVERSING, no_answer) }
		:: atomic { BUG(11) && (st[c] == OFFERED || st[c] == REVERSING) && heard && told == NIL -> END(FAILURE); tell(FAILURE) }
		:: atomic { BUG(12) && st[c] == UNKNOWN && intent == KEEP && word == paying && !reverseFlies[c] -> reverseFlies[c] = true; printf("till: attempt %d: asks to reverse: A BUG\n", c + 1) }
		:: atomic { BUG(14) && st[c] == OFFERED && away && took -> ILLEGAL(OFFERED, CLOSED, accepted) }
		:: atomic { BUG(18) && st[c] == REVERSING && took && word == not_found -> ILLEGAL(REVERSING, REVERSED, not_found); END(FAILURE) }
		:: atomic { BUG(19) && st[c] == REVERSING && took && word == not_found && late -> ILLEGAL(REVERSING, REVERSED, proven); END(FAILURE) }
		:: atomic { BUG(20) && st[c] == OFFERED && away && took && NOTCHARGED -> ILLEGAL(OFFERED, CLOSED, paying) }
		fi;
		goto pursue
		};

close:
		atomic { closeFlies[c] = true; want = CLOSE; printf("till: attempt %d: asks to close\n", c + 1) };
		do
		WAIT(closeFlies[c])
		:: d_step { rep != none -> CAMEBACK } -> goto pursue
		od;

reverse:
		atomic { reverseFlies[c] = true; want = REVERSE; printf("till: attempt %d: asks to reverse\n", c + 1) };
		do
		WAIT(reverseFlies[c])
		:: d_step { rep != none -> CAMEBACK } -> goto pursue
		od;

query:
		atomic { leftLate = quiet[c]; leftPast = PAST };
		atomic { wordOf(c) };
		if
		:: BUG(13) -> leftLate = quiet[c]
		:: else
		fi;
		atomic {
			asked = true;
			if
			:: rep != no_answer && rep != foreign -> word = rep; late = leftLate; past = leftPast
			:: else
			fi;
			leftLate = false; leftPast = false;
			if
			:: gap && (rep == paid || rep == paying || rep == failed || rep == wrong_total) -> gap = false; MOVE(UNKNOWN, MANUAL, lost, 0)
			:: gap && (rep == not_found || rep == closed || rep == declined || rep == refunded) -> gap = false; REBUILT(NIL); FORGETWORD; END(FAILURE); rep = none; goto over
			:: !gap && rep == wrong_total -> TURN(by_wrong_answer)

			:: !gap && st[c] == UNKNOWN && rep == paid && intent == KEEP -> MOVE(UNKNOWN, PAID, paid, 0); END(SUCCESS)
			:: !gap && st[c] == UNKNOWN && rep == refunded && intent == KEEP -> MOVE(UNKNOWN, MANUAL, refunded, 0)
			:: !gap && st[c] == UNKNOWN && rep == refunded && intent == UNDO -> MOVE(UNKNOWN, REVERSED_REFUNDED, refunded, 1); END(FAILURE)
			:: !gap && st[c] == UNKNOWN && rep == declined -> MOVE(UNKNOWN, DECLINED, declined, 0); END(FAILURE)
			:: !gap && st[c] == UNKNOWN && rep == closed -> MOVE(UNKNOWN, DECLINED, closed, 0); END(FAILURE)
			:: BUG(2) && st[c] == UNKNOWN && rep == not_found -> ILLEGAL(UNKNOWN, DECLINED, not_found); END(FAILURE)

			:: st[c] == OFFERED && rep == paid && intent == KEEP && !(BUG(21) && inHand) -> MOVE(OFFERED, PAID, paid, 0); END(SUCCESS)
			:: st[c] == OFFERED && rep == paid && intent == KEEP && BUG(21) && inHand -> MOVE(OFFERED, PAID, paid, 0); rep = none; goto take
			:: st[c] == OFFERED && rep == closed && intent == KEEP -> MOVE(OFFERED, CLOSED, closed, 0)
			:: st[c] == OFFERED && rep == declined && intent == KEEP -> MOVE(OFFERED, CLOSED, declined, 0)
			:: st[c] == OFFERED && rep == refunded && intent == KEEP -> MOVE(OFFERED, MANUAL, refunded, 0)

			:: st[c] == REVERSING && rep == closed -> MOVE(REVERSING, REVERSED, closed, 0); END(FAILURE)
			:: st[c] == REVERSING && rep == declined -> MOVE(REVERSING, REVERSED, declined, 0); END(FAILURE)
			:: st[c] == REVERSING && rep == refunded -> MOVE(REVERSING, REVERSED_REFUNDED, refunded, 0); END(FAILURE)
			:: else
			fi;
			rep = none; goto pursue
		}

over:	/* The ending is on record: it may be told. */
		atomic {
			FORGET; inHand = false;
			tell(ending);
			if
			:: ending == SUCCESS && UNDOING && st[c] != PAID -> toldBack = true; printf("till: tells the point of sale: given back\n"); hold()
			:: else
			fi;
			if :: OVER(c) && ending == FAILURE -> CLEAR(c) :: else fi;
			rest = true
		};
end_over:
		atomic { reversalAsked && ending == SUCCESS && st[c] == PAID ->
			reversalAsked = false; rest = false; kept = false; heard = false; TURN(by_reversal); goto pursue }
	} unless {
		atomic { cut?_ ->
			printf("power: cut, and back\n");
			FORGET; leftLate = false; leftPast = false; inHand = false; known = false; rest = false;
			c = (n > 0 -> n - 1 : 0);
			if
			:: BUG(15) && (st[c] == SENDING || st[c] == UNKNOWN || st[c] == OFFERED) -> intent = KEEP
			:: else
			fi;
			if
			:: skip
			:: MAY && n > 0 && told == NIL && ending == NIL && (st[c] == SENDING || st[c] == OFFERED) ->
				/* The newest record is lost; the witness names the order. */
				FAULT; REBUILT(UNKNOWN); TURN(by_operator); printf("disk: the newest record is lost\n")
			:: MAY && n > 0 && told == NIL && !gap && st[c] != NIL ->
				/* More is lost. */
				FAULT; REBUILT(UNKNOWN); intent = KEEP; ending = NIL; kept = false; heard = false; gap = true;
				printf("disk: records are lost\n")
			fi;
			if
			:: ending == NIL || UNDOING && st[c] != NIL && ending == SUCCESS && st[c] != REVERSED && st[c] != REVERSED_REFUNDED -> goto start
			:: else -> goto over
			fi }
	}
}

/* ==== the wallet, and the way to it ==== */

/* The answer, if somebody waits for it and it is not lost. */
#define REPLY(op, what) \
	if \
	:: want == op && c == i && rep == none -> rep = what; printf("wallet: attempt %d: answers %e\n", i + 1, rep) \
	:: MAY && want == op && c == i && rep == none -> FAULT; printf("network: attempt %d: the answer is lost\n", i + 1) \
	:: else \
	fi
/* The request has arrived; a copy of it may still be on its way. */
#define ARRIVED(flies) \
	if \
	:: flies = false \
	:: MAY -> FAULT; printf("network: attempt %d: a copy of the request lingers\n", i + 1) \
	fi
#define CHARGE ord[i] = CHARGED; printf("wallet: attempt %d: charged\n", i + 1); hold()

active proctype Network()
{
	byte i;
end:
	do
	:: atomic { (payFlies[0] || payFlies[1]) ->
		if :: payFlies[0] -> i = 0 :: payFlies[1] -> i = 1 fi;
		if
		:: MAY -> FAULT; payFlies[i] = false; printf("network: attempt %d: the request is lost\n", i + 1)
		:: MAY && want == PAY && c == i && rep == none -> FAULT; rep = not_found; printf("wallet: attempt %d: answers not_found, the request is still on its way inside\n", i + 1)
		:: ARRIVED(payFlies[i]);
			if
			:: ord[i] == NONE && barred[i] && !isoffer[i] -> REPLY(PAY, closed)
			:: ord[i] == NONE && barred[i] && isoffer[i] -> REPLY(MAKE, closed)
			:: ord[i] == NONE && !barred[i] && !isoffer[i] ->
				if
				:: CHARGE; REPLY(PAY, paid)
				:: MAY -> FAULT; CHARGE; REPLY(PAY, wrong_total)
				:: MAY -> FAULT; CHARGE; REPLY(PAY, foreign)
				:: MAY -> FAULT; REPLY(PAY, foreign)
				:: ord[i] = WAITING; printf("wallet: attempt %d: the customer must confirm\n", i + 1); REPLY(PAY, paying)
				:: ord[i] = TRYFAILED; REPLY(PAY, failed)
				:: ord[i] = REFUSED; REPLY(PAY, declined)
				:: ord[i] = REFUSED; REPLY(PAY, bad_code)
				fi
			:: ord[i] == NONE && !barred[i] && isoffer[i] ->
				if
				:: ord[i] = WAITING; REPLY(MAKE, accepted)
				:: ord[i] = REFUSED; REPLY(MAKE, declined)
				fi
			:: ord[i] != NONE && isoffer[i] -> REPLY(MAKE, collision)
			:: (ord[i] == WAITING || ord[i] == TRYFAILED || ord[i] == CHARGED) && !isoffer[i] -> REPLY(PAY, collision)
			:: ord[i] == SHUT && !isoffer[i] -> REPLY(PAY, closed)
			:: ord[i] == GIVENBACK && !isoffer[i] -> REPLY(PAY, refunded)
			:: ord[i] == REFUSED && !isoffer[i] -> REPLY(PAY, declined)
			fi
		fi;
		i = 0 }

	:: atomic { (reverseFlies[0] || reverseFlies[1]) ->
		if :: reverseFlies[0] -> i = 0 :: reverseFlies[1] -> i = 1 fi;
		if
		:: MAY -> FAULT; reverseFlies[i] = false; printf("network: attempt %d: the request to reverse is lost\n", i + 1)
		:: ARRIVED(reverseFlies[i]);
			if
			:: MAY -> FAULT; printf("wallet: attempt %d: fails to reverse\n", i + 1); REPLY(REVERSE, no_answer)
			:: MAY -> FAULT; printf("wallet: attempt %d: says it reversed, and did not\n", i + 1); REPLY(REVERSE, accepted)
			:: ord[i] == NONE -> REPLY(REVERSE, not_found)
			:: ord[i] == NONE -> barred[i] = true; REPLY(REVERSE, accepted)
			:: ord[i] == WAITING || ord[i] == TRYFAILED -> ord[i] = SHUT; printf("wallet: attempt %d: closed\n", i + 1); REPLY(REVERSE, accepted)
			:: ord[i] == CHARGED ->
				ord[i] = GIVENBACK; printf("wallet: attempt %d: given back\n", i + 1);
				if :: !undone || kept -> BROKEN(given_back_without_undo) :: else fi;
				hold(); REPLY(REVERSE, accepted)
			:: ord[i] == SHUT || ord[i] == REFUSED -> ord[i] = SHUT; REPLY(REVERSE, closed)
			:: ord[i] == GIVENBACK -> REPLY(REVERSE, refunded)
			fi
		fi;
		i = 0 }

	/* A close never gives money back. */
	:: atomic { (closeFlies[0] || closeFlies[1]) ->
		if :: closeFlies[0] -> i = 0 :: closeFlies[1] -> i = 1 fi;
		if
		:: MAY -> FAULT; closeFlies[i] = false; printf("network: attempt %d: the request to close is lost\n", i + 1)
		:: ARRIVED(closeFlies[i]);
			if
			:: MAY -> FAULT; printf("wallet: attempt %d: fails to close\n", i + 1); REPLY(CLOSE, no_answer)
			:: MAY -> FAULT; printf("wallet: attempt %d: says it closed, and did not\n", i + 1); REPLY(CLOSE, accepted)
			:: ord[i] == NONE -> REPLY(CLOSE, not_found)
			:: ord[i] == NONE -> barred[i] = true; REPLY(CLOSE, accepted)
			:: ord[i] == WAITING || ord[i] == TRYFAILED -> ord[i] = SHUT; printf("wallet: attempt %d: closed\n", i + 1); REPLY(CLOSE, accepted)
			:: ord[i] == CHARGED -> REPLY(CLOSE, paid)
			:: ord[i] == SHUT || ord[i] == REFUSED -> ord[i] = SHUT; REPLY(CLOSE, closed)
			:: ord[i] == GIVENBACK -> REPLY(CLOSE, refunded)
			fi
		fi;
		i = 0 }
	od
}

/* ==== people, power and time ==== */

/* May the customer pay order i now? A code that we showed: once it was seen, until its life
 * and the network's delay are over. A code that was scanned: as long as the order waits. */
#define PAYABLE(i) (isoffer[i] -> (ord[i] == WAITING && shown[i] && !quiet[i]) : (ord[i] == WAITING || ord[i] == TRYFAILED))
#define CUSTOMER(i) \
	:: d_step { PAYABLE(i) -> ord[i] = CHARGED; printf("customer: attempt %d: pays\n", i + 1); hold() } \
	:: d_step { ord[i] == WAITING && PAYABLE(i) -> ord[i] = TRYFAILED; printf("customer: attempt %d: fails to pay\n", i + 1) } \
	:: d_step { (ord[i] == WAITING || ord[i] == TRYFAILED) -> ord[i] = SHUT; printf("wallet: attempt %d: closes the order by itself\n", i + 1) }

active proctype Customer()
{
end:
	do
	CUSTOMER(0)
	CUSTOMER(1)
#ifdef LIVE
	:: break /* and walks away */
#endif
	od
}

active proctype Cashier()
{
end:
	do
	:: d_step { !abortAsked && told == NIL && !heard -> abortAsked = true; printf("cashier: aborts\n") }
	:: d_step { !reversalAsked && told == SUCCESS && !toldBack && intent == KEEP -> reversalAsked = true; printf("cashier: asks for the money back\n") }
#ifdef LIVE
	:: break
#endif
	od
}

/* Quiet: whatever was sent has arrived or is lost, and no code can be charged any more. */
#define CLOCK(i) \
	:: d_step { !quiet[i] && (st[i] == SENDING || st[i] == UNKNOWN || st[i] == OFFERED || st[i] == REVERSING) && (sent[i] || !known) && !payFlies[i] -> \
		quiet[i] = true; printf("clock: attempt %d: the quiet time is over\n", i + 1) } \
	:: d_step { st[i] == MANUAL && (ord[i] == WAITING || ord[i] == TRYFAILED) -> ord[i] = SHUT; printf("wallet: attempt %d: closes the order by itself\n", i + 1) } \
	:: d_step { MAY && ord[i] == CHARGED -> FAULT; ord[i] = GIVENBACK; byOthers[i] = true; printf("back office: attempt %d: gives the money back\n", i + 1) }

active proctype Clock()
{
end:
	do
	CLOCK(0)
	CLOCK(1)
#ifdef LIVE
	:: d_step { !deadline && n > 0 -> deadline = true; printf("clock: the payer's deadline\n") }
#endif
	od
}

active proctype Power()
{
end:
	do
	:: atomic { MAY -> FAULT; cut!1 }
	od
}

#ifdef LIVE
ltl ends { <>[] rest }
#endif
