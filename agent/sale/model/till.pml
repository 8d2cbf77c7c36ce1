/*
 * One payment at one till: its attempts, its intent, the codes it offers, and everything
 * that may go wrong around it. README.md says what stands for what.
 *
 * Spin reads it as it is: safety, with unlimited faults. -DLIVE: does it end, with at most
 * FAULTS of them. -DMUTANT=n seeds bug n: see the list in README.md.
 */

#ifndef MUTANT
#define MUTANT 0
#endif
#define BUG(n) (MUTANT == n)

#ifdef LIVE
#ifndef FAULTS
#define FAULTS 2
#endif
#define MAY (faults < FAULTS)   /* may something go wrong now? */
#define WRONG_ONCE faults++
#define PAST deadline           /* the payer's deadline has passed */
#define AGAIN(why) !(why)       /* it asks again only as long as it must */
#define FREELY false            /* nothing ends because the wallet's window does */
#define FRESH_DEADLINE deadline = false
byte faults;
bool deadline;
#else
#define MAY true
#define WRONG_ONCE skip
#define PAST true               /* it may have passed at any moment */
#define AGAIN(why) true
#define FRESH_DEADLINE skip
#define FREELY true
#endif

#define N 2 /* attempts of the payment */

/* States of an attempt, of table.go. NIL: there is none. */
mtype = { NIL, SENDING, PAID, DECLINED, UNKNOWN, REVERSING, REVERSED, REVERSED_REFUNDED, MANUAL, OFFERED, CLOSED };
/* Events, of table.go, with _ for -. */
mtype = { none, paid, declined, bad_code, not_sent, no_answer, paying, not_found, failed, closed, refunded,
	accepted, wrong_total, foreign, collision, restart, undo, proven, window, lost, operator, bill };
/* made: the wallet made the code that we asked for. */
mtype = { made };
mtype = { KEEP, UNDO };
mtype = { SUCCESS, FAILURE };
/* An order at the wallet. */
mtype = { NONE, WAITING, TRYFAILED, CHARGED, SHUT, GIVENBACK, REFUSED };
/* Who turned the intent. */
mtype = { by_abort, by_deadline, by_declined, by_wrong_answer, by_operator, by_reversal };
/* What must not be. */
mtype = { charged_twice, told_unpaid_but_charged, told_paid_but_not_charged, told_given_back_but_charged,
	told_paid_after_abort, told_two_endings, code_sent_twice, given_back_without_undo };
/* What the till does next, and what it waits for an answer to. */
mtype = { QUERY, REVERSE, CLOSE, PAY, MAKE };

/* ---- the journal: what outlives a power cut ---- */
mtype st[N] = NIL;
bool mine[N];           /* the attempt is known for an offered code */
bool waspaid[N];
byte n;                 /* attempts on record */
mtype intent = KEEP;
mtype ending = NIL;     /* what the point of sale is to be told */
bool kept;              /* a person decided that it stays paid */
bool gap;               /* the record was lost: ask, then let a person decide */

/* ---- the till's memory ---- */
byte c;                 /* the current attempt */
bool known = true;      /* the payment began in this run */
mtype want = NIL;       /* the request that waits for an answer */
mtype rep = none;       /* its answer */
mtype act = NIL;
mtype word = none;      /* the last counted word of a query */
bool late;              /* the query that brought it left after the quiet time */
bool past;              /* ... after the payer's deadline */
bool tried;             /* a reverse or close was asked for */
bool took;              /* ... and its last answer was that it is done */
bool asked;             /* a query was answered, or lost, since then */
bool taking;            /* the offered code is being taken away */
bool inHand;            /* the customer's code was scanned and waits */

/* ---- the network: requests that have left and not arrived ---- */
bool payFlies[N];       /* pay, or make a code */
bool reverseFlies[N];
bool closeFlies[N];

/* ---- the wallet ---- */
mtype ord[N] = NONE;
bool isoffer[N];        /* the order is a code to be shown, not a code that was scanned */
bool barred[N];         /* a tombstone: reversed before it arrived */
bool byOthers[N];       /* given back by somebody else */

/* ---- people, power and time ---- */
bool quiet[N];          /* code life (or expiry) and network delay have passed */
bool shown[N];          /* the customer has seen the offered code */
bool abortAsked;
bool reversalAsked;
bool crash;

/* ---- what the point of sale was told ---- */
mtype told = NIL;
bool toldBack;          /* that the payment was given back */
bool heard;             /* that the abort counts */
bool sent[N];
bool undone;            /* the intent was undo on record once, even if that record was lost */
bool rest;              /* nothing is left to do */

/* ==== what must hold ==== */

#define NET ((ord[0] == CHARGED) + (ord[1] == CHARGED))
#define STANDING (NET + (ord[0] == GIVENBACK && byOthers[0]) + (ord[1] == GIVENBACK && byOthers[1]))

#define BROKEN(what) printf("BROKEN: %e\n", what); assert(false)

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

/* ==== moves ==== */

/* Every change of a state is a MOVE. The test reads them and compares them with table.go. */
#define MOVE(from, to, why, needsundo) \
	d_step { \
		assert(st[c] == from && (!needsundo || intent == UNDO)); \
		st[c] = to; waspaid[c] = waspaid[c] || to == PAID; \
		printf("till: attempt %d: %e -> %e (%e)\n", c + 1, from, to, why) \
	}
/* Records lost at a power cut, and what is made of the order id alone. */
#define REBUILT(state) d_step { st[c] = state; mine[c] = false; waspaid[c] = false }
/* What no table allows: seeded bugs only. */
#define ILLEGAL(from, to, why) \
	d_step { st[c] = to; printf("till: attempt %d: %e -> %e (%e), a bug\n", c + 1, from, to, why) }
/* A new attempt is on record. */
#define BEGIN(state) \
	d_step { \
		st[c] = state; mine[c] = (state == OFFERED); isoffer[c] = mine[c]; n = c + 1; FRESH_DEADLINE; \
		printf("till: attempt %d: %e on record\n", c + 1, state) \
	}
/* The ending and the reply are on record; an ending that was given stays. */
#define END(how) \
	d_step { \
		if :: ending == NIL -> ending = how; printf("till: ending on record: %e\n", how) :: else fi \
	}
#define TURN(why) \
	d_step { \
		if :: intent == KEEP -> intent = UNDO; undone = true; printf("till: intent undo on record (%e)\n", why) :: else fi \
	}

#define UNDOING (intent == UNDO && !kept)

inline forget()
{
	d_step {
		want = NIL; rep = none; act = NIL; word = none; late = false; past = false; tried = false; took = false;
		asked = false; taking = false; inHand = false; rest = false; known = false
	}
}

/* Nothing is remembered of the last attempt. */
inline freshPursuit()
{
	d_step { word = none; late = false; past = false; tried = false; took = false; asked = false; taking = false }
}

inline hearAbort()
{
	atomic {
		abortAsked = false;
		if
		:: ending == NIL ->
			TURN(by_abort); heard = true;
			if :: word != failed -> word = none; asked = false :: else fi;
			taking = true
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

inline hand()
{
	d_step {
		if :: sent[c] -> BROKEN(code_sent_twice) :: else fi;
		sent[c] = true; payFlies[c] = true; want = PAY; rep = none;
		printf("till: attempt %d: the code is sent\n", c + 1)
	}
}

/* What a query is answered. */
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
	:: ord[i] == REFUSED -> rep = closed
	:: ord[i] == REFUSED -> rep = failed
	:: MAY && ord[i] == CHARGED && !isoffer[i] -> rep = wrong_total; WRONG_ONCE
	/* The part of the wallet that answers has not heard of the order yet, or no longer knows it. */
	:: MAY && (!quiet[i] || waspaid[i]) && ord[i] != NONE -> rep = not_found; WRONG_ONCE
	:: MAY -> rep = no_answer; WRONG_ONCE
	:: MAY -> rep = foreign; WRONG_ONCE
	fi
}

/* Waits for the answer to what was asked. A request may still fly when patience ends. */
inline awaitAnswer(flies)
{
	do
	:: rep != none -> break
	:: abortAsked -> hearAbort()
	:: atomic { rep == none && !flies -> rep = no_answer; printf("till: no answer\n") }
	:: atomic { rep == none && flies && MAY -> rep = no_answer; WRONG_ONCE; printf("till: no answer yet, stops waiting\n") }
	od;
	want = NIL
}

active proctype Till()
{
start:
	{
		if
		:: n > 0 -> c = n - 1
		:: else
		fi;
		if
		:: known -> goto take
		:: !known && n == 0 -> END(FAILURE); goto over /* not on record: provably nothing was sent */
		:: !known && n > 0 && gap -> goto pursue
		:: !known && n > 0 && !gap ->
			if
			:: atomic { st[c] == SENDING && !BUG(8) && !BUG(17) -> MOVE(SENDING, UNKNOWN, restart, 0); goto pursue }
			:: atomic { st[c] == OFFERED -> MOVE(OFFERED, UNKNOWN, restart, 0); goto pursue }
			:: atomic { st[c] == DECLINED || st[c] == CLOSED || st[c] == NIL -> END(FAILURE); goto over }
			:: st[c] == SENDING && BUG(8) -> goto resend
			:: atomic { st[c] == SENDING && BUG(17) -> ILLEGAL(SENDING, DECLINED, restart); END(FAILURE); goto over }
			:: else -> goto pursue
			fi
		fi;

take:	/* Nothing is open. */
		atomic { freshPursuit(); rep = none };
		if
		:: intent == UNDO || n == N -> END(FAILURE); goto over
		:: else
		fi;
		if
		:: inHand -> inHand = false; goto scan
		:: else
		fi;
		if
		:: atomic { abortAsked -> abortAsked = false; heard = true; END(FAILURE); goto over }
		:: goto scan
		:: goto offer
		:: atomic { END(FAILURE); goto over } /* nobody shows anything */
		fi;

scan:
		c = n;
		if
		:: BUG(1) -> hand(); BEGIN(SENDING)
		:: else -> BEGIN(SENDING)
		fi;
		if
		:: atomic { abortAsked && !sent[c] -> abortAsked = false; heard = true; TURN(by_abort); MOVE(SENDING, DECLINED, not_sent, 0); END(FAILURE); goto over }
		:: !sent[c] -> hand()
		:: atomic { !sent[c] && MAY -> WRONG_ONCE; rep = not_sent; want = PAY; printf("till: nothing could be sent\n") }
		:: sent[c] -> skip
		fi;
		goto answer;
resend:
		hand();
answer:
		awaitAnswer(payFlies[c]);
		if
		:: rep == paid && BUG(9) && intent == KEEP -> tell(SUCCESS)
		:: else
		fi;
		atomic {
			if
			:: rep == paid -> MOVE(SENDING, PAID, paid, 0);
				if
				:: intent == KEEP -> END(SUCCESS); rep = none; goto over
				:: else
				fi
			:: rep == declined -> MOVE(SENDING, DECLINED, declined, 0); END(FAILURE); rep = none; goto over
			:: rep == not_sent -> MOVE(SENDING, DECLINED, not_sent, 0); END(FAILURE); rep = none; goto over
			:: rep == bad_code -> MOVE(SENDING, DECLINED, bad_code, 0); rep = none; goto take
			:: rep == collision -> MOVE(SENDING, MANUAL, collision, 0)
			:: rep == wrong_total && !gap -> TURN(by_wrong_answer); MOVE(SENDING, UNKNOWN, wrong_total, 0)
			:: rep == no_answer -> MOVE(SENDING, UNKNOWN, no_answer, 0)
			:: rep == paying -> MOVE(SENDING, UNKNOWN, paying, 0); word = paying
			:: rep == not_found -> MOVE(SENDING, UNKNOWN, not_found, 0); word = not_found
			:: rep == failed -> MOVE(SENDING, UNKNOWN, failed, 0); word = failed
			:: rep == closed -> MOVE(SENDING, UNKNOWN, closed, 0); word = closed
			:: rep == refunded -> MOVE(SENDING, UNKNOWN, refunded, 0)
			:: rep == foreign && BUG(16) -> ILLEGAL(SENDING, PAID, foreign); END(SUCCESS); rep = none; goto over
			:: rep == foreign && !BUG(16) -> MOVE(SENDING, UNKNOWN, foreign, 0)
			fi;
			rep = none; goto pursue
		}

offer:
		c = n;
		if
		:: BUG(10) -> skip
		:: else -> BEGIN(OFFERED)
		fi;
		atomic { isoffer[c] = true; sent[c] = true; payFlies[c] = true; want = MAKE; rep = none; printf("till: attempt %d: asks the wallet for a code to show\n", c + 1) }
		awaitAnswer(payFlies[c]);
		atomic {
			if
			:: rep == made -> shown[c] = true; printf("till: attempt %d: the code is on the screen\n", c + 1)
			:: else -> taking = true
			fi;
			rep = none
		};
		if
		:: BUG(10) -> BEGIN(OFFERED)
		:: else
		fi;

pursue:
		do
		/* Over? */
		:: st[c] == PAID && !UNDOING -> goto over
		:: st[c] == REVERSED || st[c] == REVERSED_REFUNDED -> goto over
		:: st[c] == DECLINED -> goto over
		:: st[c] == CLOSED -> goto take

		/* A person or the bill decides, when nothing is on its way any more. */
		:: atomic { st[c] == MANUAL && !payFlies[c] && !reverseFlies[c] && !closeFlies[c] && ord[c] != WAITING && ord[c] != TRYFAILED ->
			if
			:: ord[c] == CHARGED -> kept = true;
				if
				:: MOVE(MANUAL, PAID, operator, 0)
				:: MOVE(MANUAL, PAID, bill, 0)
				fi;
				END(SUCCESS)
			:: else ->
				if
				:: MOVE(MANUAL, REVERSED, operator, 0)
				:: MOVE(MANUAL, REVERSED, bill, 0)
				fi;
				END(FAILURE)
			fi
			}

		/* The wallet's window ends. */
		:: atomic { FREELY && st[c] == UNKNOWN && !gap -> MOVE(UNKNOWN, MANUAL, window, 0) }
		:: atomic { FREELY && st[c] == PAID && UNDOING -> MOVE(PAID, MANUAL, window, 1) }
		:: atomic { FREELY && st[c] == REVERSING -> MOVE(REVERSING, MANUAL, window, 0) }

		:: abortAsked -> hearAbort()

		:: atomic { st[c] == PAID && UNDOING -> MOVE(PAID, REVERSING, undo, 1); tried = false; took = false; asked = false; word = none }

		/* Records were lost: after the quiet time the wallet is asked. */
		:: atomic { st[c] == UNKNOWN && gap && quiet[c] && word == none -> act = QUERY; goto ask }

		/* UNKNOWN, wanted. */
		:: atomic { st[c] == UNKNOWN && !gap && !mine[c] && intent == KEEP && word == failed -> TURN(by_declined) }
		:: atomic { st[c] == UNKNOWN && !gap && !mine[c] && intent == KEEP && (word == paying || word == not_found || word == closed) && past && !BUG(4) -> TURN(by_deadline) }
		:: atomic { st[c] == UNKNOWN && !gap && !mine[c] && intent == KEEP && word != failed && (word == none || word == wrong_total || AGAIN(past) || BUG(4)) -> act = QUERY; goto ask }
		:: atomic { st[c] == UNKNOWN && BUG(5) && !mine[c] && n < N && intent == KEEP && word != none -> printf("till: asks for a fresh code, a bug\n"); goto scan }
		:: atomic { st[c] == UNKNOWN && BUG(7) && !mine[c] && intent == KEEP && word != none -> ILLEGAL(UNKNOWN, REVERSING, no_answer) }

		/* UNKNOWN, undone: ask once, then reverse. */
		:: atomic { st[c] == UNKNOWN && !gap && !mine[c] && intent == UNDO && (word != none || asked) -> MOVE(UNKNOWN, REVERSING, undo, 1); tried = false; took = false; asked = false; word = none }
		:: atomic { st[c] == UNKNOWN && !gap && !mine[c] && intent == UNDO && word == none -> act = QUERY; goto ask }

		/* REVERSING. */
		:: atomic { st[c] == REVERSING && !took && (!tried || asked) -> act = REVERSE; goto ask }
		:: atomic { st[c] == REVERSING && !took && tried && !asked -> act = QUERY; goto ask }
		:: atomic { st[c] == REVERSING && took && word == none -> act = QUERY; goto ask }
		:: atomic { st[c] == REVERSING && took && word == not_found && !waspaid[c] && late -> MOVE(REVERSING, REVERSED, proven, 0); END(FAILURE) }
		:: atomic { st[c] == REVERSING && took && word == not_found && !waspaid[c] && !late && quiet[c] -> act = QUERY; goto ask }
		:: atomic { st[c] == REVERSING && took && word != none && (word != not_found || waspaid[c]) -> act = REVERSE; goto ask }

		/* An offered code. */
		:: atomic { st[c] == OFFERED && !taking && AGAIN(PAST) -> act = QUERY; goto ask }
		:: atomic { st[c] == OFFERED && !taking -> taking = true; printf("till: the offered code is taken away: nobody paid it\n") }
		:: atomic { st[c] == OFFERED && !taking && n < N -> taking = true; inHand = true; printf("till: the offered code is taken away: the customer shows a code\n") }
		:: atomic { (st[c] == OFFERED && taking || st[c] == UNKNOWN && mine[c] && !gap) && !tried -> act = CLOSE; goto ask }
		:: atomic { (st[c] == OFFERED && taking || st[c] == UNKNOWN && mine[c] && !gap) && tried && word == none -> act = QUERY; goto ask }
		:: atomic { (st[c] == OFFERED && taking || st[c] == UNKNOWN && mine[c] && !gap) && tried && word != none && !late && quiet[c] -> act = QUERY; goto ask }
		:: atomic { st[c] == OFFERED && taking && tried && word != none && (late || BUG(20)) -> MOVE(OFFERED, CLOSED, proven, 0) }
		:: atomic { st[c] == UNKNOWN && mine[c] && !gap && tried && word != none && late -> MOVE(UNKNOWN, CLOSED, proven, 0); inHand = false }
		:: atomic { FREELY && st[c] == UNKNOWN && mine[c] && !gap && tried -> act = CLOSE; goto ask }

		/* Seeded bugs. */
		:: atomic { BUG(3) && st[c] == REVERSING && took -> ILLEGAL(REVERSING, REVERSED, accepted); END(FAILURE) }
		:: atomic { BUG(18) && st[c] == REVERSING && took && word == not_found -> ILLEGAL(REVERSING, REVERSED, not_found); END(FAILURE) }
		:: atomic { BUG(19) && st[c] == REVERSING && took && word == not_found && late -> ILLEGAL(REVERSING, REVERSED, proven); END(FAILURE) }
		:: atomic { BUG(6) && st[c] == OFFERED && shown[c] && n < N -> goto scan }
		:: atomic { BUG(11) && st[c] == OFFERED && heard && told == NIL -> END(FAILURE); tell(FAILURE) }
		:: atomic { BUG(12) && st[c] == UNKNOWN && intent == KEEP && word == paying && !reverseFlies[c] -> reverseFlies[c] = true; printf("till: attempt %d: asks to reverse, a bug\n", c + 1) }
		:: atomic { BUG(14) && st[c] == OFFERED && taking && took -> ILLEGAL(OFFERED, CLOSED, accepted) }
		od;

ask:
		if
		:: act == QUERY -> goto query
		:: act == REVERSE -> atomic { reverseFlies[c] = true; want = REVERSE; rep = none; printf("till: attempt %d: asks to reverse\n", c + 1) }; awaitAnswer(reverseFlies[c])
		:: act == CLOSE -> atomic { closeFlies[c] = true; want = CLOSE; rep = none; printf("till: attempt %d: asks to close\n", c + 1) }; awaitAnswer(closeFlies[c])
		fi;
		atomic {
			tried = true; asked = false; took = (rep == accepted || rep == closed || rep == refunded || rep == not_found);
			if :: took -> word = none :: else fi;
			if
			:: act == CLOSE && rep == paid -> goto settle
			:: st[c] == OFFERED && rep == no_answer -> MOVE(OFFERED, UNKNOWN, no_answer, 0)
			:: else
			fi;
			rep = none; act = NIL; goto pursue
		}

query:
		atomic { late = quiet[c]; past = PAST };
		atomic { wordOf(c); printf("wallet: answers a query for attempt %d: %e\n", c + 1, rep) };
		if
		:: BUG(13) -> late = quiet[c]
		:: else
		fi;
settle:
		atomic {
			act = NIL; asked = true;
			if
			:: rep != no_answer && rep != foreign -> word = rep
			:: else
			fi;
			if
			:: rep == wrong_total -> TURN(by_wrong_answer)
			:: else
			fi;
			if
			:: gap && (rep == paid || rep == paying || rep == failed || rep == wrong_total) -> gap = false; MOVE(UNKNOWN, MANUAL, lost, 0)
			:: gap && (rep == not_found || rep == closed || rep == declined || rep == refunded) -> gap = false; REBUILT(NIL); END(FAILURE); rep = none; goto over
			:: st[c] == REVERSING && rep == closed -> MOVE(REVERSING, REVERSED, closed, 0); END(FAILURE)
			:: st[c] == REVERSING && rep == declined -> MOVE(REVERSING, REVERSED, declined, 0); END(FAILURE)
			:: st[c] == REVERSING && rep == refunded -> MOVE(REVERSING, REVERSED_REFUNDED, refunded, 0); END(FAILURE)
			:: st[c] == UNKNOWN && !gap && rep == paid && intent == KEEP -> MOVE(UNKNOWN, PAID, paid, 0); END(SUCCESS)
			:: st[c] == UNKNOWN && !gap && rep == paid && intent == UNDO && mine[c] -> MOVE(UNKNOWN, PAID, paid, 0)
			:: st[c] == UNKNOWN && !gap && rep == refunded && intent == KEEP -> MOVE(UNKNOWN, MANUAL, refunded, 0)
			:: st[c] == UNKNOWN && !gap && rep == refunded && intent == UNDO -> MOVE(UNKNOWN, REVERSED_REFUNDED, refunded, 1); END(FAILURE)
			:: st[c] == UNKNOWN && !gap && rep == declined -> MOVE(UNKNOWN, DECLINED, declined, 0); END(FAILURE)
			:: st[c] == UNKNOWN && !gap && rep == closed -> MOVE(UNKNOWN, DECLINED, closed, 0); END(FAILURE)
			:: st[c] == UNKNOWN && !gap && rep == not_found && BUG(2) -> ILLEGAL(UNKNOWN, DECLINED, not_found); END(FAILURE)
			:: st[c] == OFFERED && rep == paid -> MOVE(OFFERED, PAID, paid, 0);
				if
				:: intent == KEEP && BUG(21) && inHand -> rep = none; goto take
				:: intent == KEEP && !(BUG(21) && inHand) -> END(SUCCESS)
				:: else
				fi
			:: st[c] == OFFERED && rep == closed -> MOVE(OFFERED, CLOSED, closed, 0)
			:: else
			fi;
			rep = none; goto pursue
		}

over:	/* The ending is on record: it may be told. */
		tell(ending);
		d_step {
			if
			:: ending == SUCCESS && UNDOING && st[c] != PAID -> toldBack = true; printf("till: tells the point of sale: given back\n"); hold()
			:: else
			fi;
			rest = true
		};
end_over:
		atomic { reversalAsked && ending == SUCCESS && st[c] == PAID ->
			reversalAsked = false; rest = false; kept = false; heard = false; freshPursuit(); TURN(by_reversal); goto pursue }
	} unless {
		atomic { crash ->
			crash = false; forget(); printf("power: cut, and back\n");
			if
			:: BUG(15) -> intent = KEEP
			:: else
			fi;
			if
			:: skip
			:: MAY && n > 0 && told == NIL && ending == NIL && (st[n - 1] == SENDING || st[n - 1] == OFFERED) ->
				/* The newest record is lost, and only the witness knows the order. */
				WRONG_ONCE; c = n - 1; REBUILT(UNKNOWN); TURN(by_operator); printf("disk: the newest record is lost\n")
			:: MAY && n > 0 && told == NIL && !gap && st[n - 1] != NIL ->
				/* More is lost, and nobody knows what. */
				WRONG_ONCE; c = n - 1; REBUILT(UNKNOWN); intent = KEEP; ending = NIL; kept = false; heard = false; gap = true;
				printf("disk: records are lost\n")
			fi;
			goto start }
	}
}

/* ==== the wallet, and the way to it ==== */

/* The answer, if somebody waits for it and it is not lost. */
#define REPLY(op, what) \
	if \
	:: want == op && c == i && rep == none -> rep = what; printf("wallet: attempt %d: answers %e\n", i + 1, rep) \
	:: MAY && want == op && c == i && rep == none -> WRONG_ONCE; printf("network: attempt %d: the answer is lost\n", i + 1) \
	:: else \
	fi

/* A request has arrived; a copy of it may still be on its way. */
#define ARRIVED(flies) \
	if \
	:: flies = false \
	:: MAY -> WRONG_ONCE; printf("network: attempt %d: a copy of the request lingers\n", i + 1) \
	fi

active proctype Network()
{
	byte i;
end:
	do
	:: atomic { payFlies[0] || payFlies[1] ->
		if :: payFlies[0] -> i = 0 :: payFlies[1] -> i = 1 fi;
		if
		:: MAY -> WRONG_ONCE; payFlies[i] = false; printf("network: attempt %d: the request is lost\n", i + 1)
		:: MAY && !isoffer[i] -> WRONG_ONCE; printf("wallet: attempt %d: its gateway has not heard of the order yet\n", i + 1); REPLY(PAY, not_found)
		:: ARRIVED(payFlies[i]);
			if
			:: ord[i] == NONE && barred[i] -> REPLY(PAY, closed)
			:: ord[i] == NONE && !barred[i] && !isoffer[i] ->
				if
				:: ord[i] = CHARGED; printf("wallet: attempt %d: charged\n", i + 1); hold(); REPLY(PAY, paid)
				:: MAY -> WRONG_ONCE; ord[i] = CHARGED; printf("wallet: attempt %d: charged\n", i + 1); hold(); REPLY(PAY, wrong_total)
				:: MAY -> WRONG_ONCE; ord[i] = CHARGED; printf("wallet: attempt %d: charged\n", i + 1); hold(); REPLY(PAY, foreign)
				:: ord[i] = WAITING; printf("wallet: attempt %d: the customer must confirm\n", i + 1); REPLY(PAY, paying)
				:: ord[i] = TRYFAILED; REPLY(PAY, failed)
				:: ord[i] = REFUSED; printf("wallet: attempt %d: refused\n", i + 1); REPLY(PAY, declined)
				:: ord[i] = REFUSED; printf("wallet: attempt %d: the code is not valid\n", i + 1); REPLY(PAY, bad_code)
				:: MAY -> WRONG_ONCE; REPLY(PAY, foreign)
				fi
			:: ord[i] == NONE && !barred[i] && isoffer[i] -> ord[i] = WAITING; printf("wallet: attempt %d: made a code to show\n", i + 1); REPLY(MAKE, made)
			:: ord[i] != NONE && isoffer[i] -> REPLY(MAKE, made)
			:: (ord[i] == WAITING || ord[i] == TRYFAILED || ord[i] == CHARGED) && !isoffer[i] -> REPLY(PAY, collision)
			:: ord[i] == SHUT && !isoffer[i] -> REPLY(PAY, closed)
			:: ord[i] == GIVENBACK && !isoffer[i] -> REPLY(PAY, refunded)
			:: ord[i] == REFUSED && !isoffer[i] -> REPLY(PAY, declined)
			fi
		fi;
		i = 0 }

	:: atomic { reverseFlies[0] || reverseFlies[1] ->
		if :: reverseFlies[0] -> i = 0 :: reverseFlies[1] -> i = 1 fi;
		if
		:: MAY -> WRONG_ONCE; reverseFlies[i] = false; printf("network: attempt %d: the request to reverse is lost\n", i + 1)
		:: ARRIVED(reverseFlies[i]);
			if
			:: MAY -> WRONG_ONCE; printf("wallet: attempt %d: fails to reverse\n", i + 1); REPLY(REVERSE, no_answer)
			:: MAY -> WRONG_ONCE; printf("wallet: attempt %d: says it reversed, and did not\n", i + 1); REPLY(REVERSE, accepted)
			:: ord[i] == NONE -> REPLY(REVERSE, not_found)
			:: ord[i] == NONE -> barred[i] = true; printf("wallet: attempt %d: barred before it came\n", i + 1); REPLY(REVERSE, accepted)
			:: ord[i] == WAITING || ord[i] == TRYFAILED -> ord[i] = SHUT; printf("wallet: attempt %d: closed\n", i + 1); REPLY(REVERSE, accepted)
			:: ord[i] == CHARGED ->
				ord[i] = GIVENBACK; printf("wallet: attempt %d: given back\n", i + 1);
				if :: !undone || kept -> BROKEN(given_back_without_undo) :: else fi;
				hold(); REPLY(REVERSE, accepted)
			:: ord[i] == SHUT || ord[i] == REFUSED -> REPLY(REVERSE, closed)
			:: ord[i] == GIVENBACK -> REPLY(REVERSE, refunded)
			fi
		fi;
		i = 0 }

	:: atomic { closeFlies[0] || closeFlies[1] ->
		if :: closeFlies[0] -> i = 0 :: closeFlies[1] -> i = 1 fi;
		if
		:: MAY -> WRONG_ONCE; closeFlies[i] = false; printf("network: attempt %d: the request to close is lost\n", i + 1)
		:: ARRIVED(closeFlies[i]);
			if
			:: MAY -> WRONG_ONCE; printf("wallet: attempt %d: fails to close\n", i + 1); REPLY(CLOSE, no_answer)
			:: MAY -> WRONG_ONCE; printf("wallet: attempt %d: says it closed, and did not\n", i + 1); REPLY(CLOSE, accepted)
			:: ord[i] == NONE -> REPLY(CLOSE, not_found)
			:: ord[i] == NONE -> barred[i] = true; REPLY(CLOSE, accepted)
			:: ord[i] == WAITING -> ord[i] = SHUT; printf("wallet: attempt %d: closed\n", i + 1); REPLY(CLOSE, accepted)
			:: ord[i] == CHARGED -> REPLY(CLOSE, paid)
			:: ord[i] == SHUT -> REPLY(CLOSE, closed)
			:: ord[i] == GIVENBACK -> REPLY(CLOSE, refunded)
			fi
		fi;
		i = 0 }
	od
}

/* ==== people, power and time ==== */

/* May the customer pay order i now? An offered code once it was seen, until expiry and the
 * network's delay are over; a scanned one as long as the order waits. */
#define PAYABLE(i) (ord[i] == WAITING && (!isoffer[i] || shown[i] && !quiet[i]) || ord[i] == TRYFAILED)
#define BYCUSTOMER(i) \
	:: d_step { PAYABLE(i) -> ord[i] = CHARGED; printf("customer: attempt %d: pays\n", i + 1); hold() } \
	:: d_step { ord[i] == WAITING && !isoffer[i] -> ord[i] = TRYFAILED; printf("customer: attempt %d: fails to pay\n", i + 1) } \
	:: d_step { ord[i] == WAITING || ord[i] == TRYFAILED -> ord[i] = SHUT; printf("wallet: attempt %d: closes the order by itself\n", i + 1) }

active proctype Customer()
{
end:
	do
	BYCUSTOMER(0)
	BYCUSTOMER(1)
	:: break /* and walks away */
	od
}

active proctype Cashier()
{
	if
	:: abortAsked = true; printf("cashier: aborts\n")
	:: skip
	fi;
end:
	told == SUCCESS;
	if
	:: reversalAsked = true; printf("cashier: asks for the money back\n")
	:: skip
	fi
}

#define CLOCKOF(i) \
	:: d_step { !quiet[i] && st[i] != NIL && (sent[i] || !known) && !payFlies[i] -> quiet[i] = true; printf("clock: attempt %d: the quiet time is over\n", i + 1) } \
	:: d_step { st[i] == MANUAL && (ord[i] == WAITING || ord[i] == TRYFAILED) -> ord[i] = SHUT; printf("wallet: attempt %d: closes the order by itself\n", i + 1) } \
	:: d_step { MAY && ord[i] == CHARGED && !byOthers[i] -> WRONG_ONCE; ord[i] = GIVENBACK; byOthers[i] = true; printf("back office: attempt %d: gives the money back\n", i + 1) }

active proctype Clock()
{
end:
	do
	CLOCKOF(0)
	CLOCKOF(1)
#ifdef LIVE
	:: d_step { !deadline && n > 0 -> deadline = true; printf("clock: the payer's deadline\n") }
#endif
	od
}

active proctype Power()
{
end:
	do
	:: d_step { !crash && MAY -> crash = true; WRONG_ONCE }
	od
}

#ifdef LIVE
ltl ends { <>[] rest }
#endif
