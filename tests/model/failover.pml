/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 */
/* failover.pml - Promela model of the 2-node redundancy protocol:
 *   terms, three-voter leases (Master, Backup, Witness), failover, planned
 *   switchover, dual-active healing, journal hand-over.
 *
 * Time: discrete ticks, free (a tick may happen at any moment), so a node that
 *   takes no step for many ticks IS a SIGSTOPped / starved / swapped-out node.
 * Network: every send may be lost; a message in a channel may stay there for
 *   any number of ticks (delay); a newer message may overtake by replacing it.
 *   A partition of any shape is a run in which everything on a link is lost.
 * Messages carry the sender's own boot-time stamp; the reply echoes it.  In the
 *   model a stamp is an age that grows with the ticks of the stamping node.
 *
 * Compile-time switches (spin -D..):
 *   WIT=1|0        witness present / absent             (default 1)
 *   AUTO=1|0       recovery mode Automatic / Manual     (default 1)
 *   NC=n           crash budget in the chaos phase      (default 2)
 *   WC=n           witness crash budget                 (default 0)
 *   MAXT=n         highest term proposed in chaos       (default 5)
 *   L,G            lease at the holder / promise at the voter (default 2/3)
 *   OBS=1          witness = compare-and-swap register without a clock (etcd
 *                  key, lock file, witness daemon); a challenger must see it
 *                  unchanged for G of its OWN ticks.  OBS=0: witness with a timer
 *   DRIFT          node clocks may lose 1 tick in any window of G ticks
 *   LIVE=K         chaos may end ("stable"); after K ticks the goal must hold
 *   DEG=n          what stays broken after chaos: 0 nothing, 1 witness gone,
 *                  2 link between the nodes gone, 3 master gone, 4 backup gone
 *   JRN=n          n journal entries, switchover checks (S3, S6)
 *   SINK           shared database with in-flight writes (fencing)
 *   USER=n         number of user switch-over requests  (default 0)
 * Broken variants (each must be CAUGHT):  see failover-README.md
 */
#ifndef WIT
#define WIT 1
#endif
#ifndef AUTO
#define AUTO 1
#endif
#ifndef NC
#define NC 2
#endif
#ifndef WC
#define WC 0
#endif
#ifndef MAXT
#define MAXT 5
#endif
#ifndef L
#define L 2
#endif
#ifndef G
#define G 3
#endif
#ifndef USER
#define USER 0
#endif
#ifndef DEG
#define DEG 0
#endif
#ifndef OBS
#define OBS 0
#endif
#ifndef JRN
#define JRN 0
#endif
#ifdef LIVE
#define CAP 2
#define TOPT (MAXT+8)
#else
#define LIVE 0
#define CAP 1
#define TOPT MAXT
#endif

#define M 0
#define B 1
#define NOBODY 2

/* activity levels; STBY stands for Undecided/Cold/Warm, HAND is Active but
 * quiesced for a planned switchover, CAND is a standby collecting votes      */
#define DOWN 0
#define STBY 1
#define CAND 2
#define ACT  3
#define HAND 4

#define BEAT   0
#define PREP   1
#define READY  2
#define COMMIT 3

byte st[2];			/* activity level                            */
byte term[2];			/* PERSISTED: highest term seen or proposed  */
byte at[2];			/* term of the activation / candidacy        */
byte lease[2];			/* ticks the majority lease is still valid   */
byte gl[2];			/* ticks own vote is still promised to peer  */
#if !WIT
byte since[2];			/* term of the original activation           */
#endif

byte wh = NOBODY, wl, wt;	/* witness: holder, ticks left, highest term */

/* to node n:  kind, term, active term, since, vote request, vote, echo age,
 *             own age, journal                                              */
chan pc[2] = [CAP] of { byte, byte, byte, byte, byte, byte, byte, byte, byte };
#if WIT
chan wq[2] = [1] of { byte, bit, byte, bit };	/* term, active?, age, expected revision is current */
chan wr[2] = [1] of { byte, byte, byte, bit, byte };	/* vote, echo age, top term, still current, holder */
#if OBS
bit cur[2];			/* the revision the node knows is the current one */
byte oh[2], ob[2];		/* observed holder; ticks until seen as expired   */
#endif
#endif

byte ncrash, nwcrash, nuser;
byte hiact;			/* ghost: highest term ever activated        */
short used;			/* ghost: set of activated terms             */
#if USER
bit usr;			/* user asked for a switchover               */
#endif
#ifdef VMPAUSE			/* ENVIRONMENT BROKEN: clocks stop with a paused VM */
#define DRIFT
#endif
#ifdef DRIFT
byte cool[2];
bit skip_[2];
#endif
#if LIVE
bit stable;
byte ord, slot;			/* order of steps within a tick              */
byte healed;
byte sil[2];			/* stable phase: ticks until candidacy       */
byte who = NOBODY;
#ifdef LTL
bit one;
ltl s4 { [] (stable -> <> [] one) }
#endif
#define FT(n) (G + 1 + 2*(n))
#endif
#if JRN
byte jr[2], jd[2], dv[2], syt[2], ne;	/* journal: in memory, durable, divergence */
byte hj, ht;			/* ghost: entries at COMMIT, successor term  */
bit hjv;
#endif
#ifdef SINK
byte sink, wf[2];
#endif
#ifdef DEATH
byte gt[2], wgt;		/* term a promise was given for              */
byte dp[2], dw[2];		/* death notices in flight: term that died   */
#endif

#define ISACT(n)  (st[n] == ACT || st[n] == HAND)
#if !WIT
#define LEASE(n)  (1)
#else
#define LEASE(n)  (lease[n] > 0)
#endif
#ifdef NOGUARD			/* BROKEN: no boot-time check before an effect */
#define EFF(n)    ISACT(n)
#else
#define EFF(n)    (ISACT(n) && LEASE(n))
#endif

#if WIT && !defined(VMPAUSE) && !defined(SINK)
#define S1        assert(!(EFF(M) && EFF(B)))
#elif WIT && defined(SHOWS1)
#define S1        assert(!(EFF(M) && EFF(B)))
#else
#define S1        skip
#endif
#ifndef PROBE
#define REACH     skip
#elif PROBE == 1	/* takeover while the other process is dead          */
#define REACH     assert(!(EFF(B) && st[M] == DOWN && at[B] > 2))
#elif PROBE == 2	/* active by the peer's vote alone, witness never seen */
#define REACH     assert(!(EFF(M) && wt == 0 && WIT))
#elif PROBE == 3	/* a stopped old active wakes up beside a new one     */
#define REACH     assert(!(st[M] == ACT && EFF(B)))
#elif PROBE == 4	/* the third activation                              */
#define REACH     assert(!(EFF(M) && at[M] >= 4))
#elif PROBE == 5	/* no witness: two actives                            */
#define REACH     assert(!(EFF(M) && EFF(B)))
#endif
#if JRN
#define S6        assert((((1 << ne) - 1) & ~(jd[M] | jd[B] | dv[M] | dv[B])) == 0)
#else
#define S6        skip
#endif

#if JRN && !defined(NOPOSCHECK)	/* BROKEN NOPOSCHECK: commit without comparing positions */
#define SAMEPOS(n) (jm == jr[n])
#else
#define SAMEPOS(n) (1)
#endif
#if LIVE
#define DUE(n)    (!stable || sil[n] == 0)
#else
#define DUE(n)    (1)
#endif
#ifdef NORECHECK		/* BROKEN: higher term seen since is ignored  */
#define FRESH(n)  (1)
#else
#define FRESH(n)  (at[n] >= term[n])
#endif

#ifdef NOPARITY			/* BROKEN: both nodes use the same numbers    */
#define NEXT(n)   (term[n] + 1)
#else
#define NEXT(n)   (term[n] + 1 + ((term[n] + 1 + n) % 2))
#endif

#if LIVE
#define LIMIT     (stable -> TOPT : MAXT)
#define CHAOS     (!stable)
#define ROOM      (stable -> CAP : 1)
#else
#define LIMIT     MAXT
#define CHAOS     (1)
#define ROOM      CAP
#endif

#define MUSTDEMOTE(n)   (ISACT(n) && !LEASE(n))
#define MAYPROPOSE(n)   (st[n] == STBY && gl[n] == 0 && NEXT(n) <= LIMIT && DUE(n))
#define MAYREPROPOSE(n) (st[n] == CAND && at[n] < term[n] && NEXT(n) <= LIMIT && DUE(n))
#if WIT
#define MAYSELF(n)      (0)
#else
#define MAYSELF(n)      (st[n] == CAND && gl[n] == 0 && at[n] >= term[n] && DUE(n))
#endif
#define IDLEOK(n)       (CHAOS || !(MUSTDEMOTE(n) || MAYPROPOSE(n) || MAYREPROPOSE(n) || MAYSELF(n)))

byte i, k, t, a, si, rq, v, ea, ts, jm, told, rv, re, rk, fr, h;	/* scratch   */
byte by, snd;

#ifdef TRACE
#define X_rxpeer 1
#define X_send 2
#define X_timers 3
#define X_rxwit 4
#define X_sendwit 5
#define X_round 6
#define X_witness 7
#define X_tick 8
#define X_crash 9
#define X_boot 10
#define X_STABLE 11
#define X_stable_tick 12
#define X_edit 13
#define X_dead 14
#define SHOW(what, x) printf("@%d %d | M %d t%d a%d L%d g%d | B %d t%d a%d L%d g%d | W h%d l%d t%d\n", what, x, st[0], term[0], at[0], lease[0], gl[0], st[1], term[1], at[1], lease[1], gl[1], wh, wl, wt)
#else
#define SHOW(what, x) skip
#endif
inline clearscratch() {
	d_step { i = 0; k = 0; t = 0; a = 0; si = 0; rq = 0; v = 0; ea = 0; ts = 0;
	jm = 0; told = 0; rv = 0; re = 0; rk = 0; by = 0; snd = 0; fr = 0; h = 0 }
}

/* becoming active: the term was persisted when it was proposed */
inline activate(n, l) {
	st[n] = ACT;
#if WIT
	lease[n] = l;
#ifndef NOFENCEORDER
	assert(at[n] > hiact);		/* S2 global order = fencing token   */
#endif
#else
	since[n] = at[n];
#endif
	assert(!((used >> at[n]) & 1));	/* S2 one activation per term        */
	used = used | (1 << at[n]);
	if
	:: at[n] > hiact -> hiact = at[n]
	:: else
	fi;
#if JRN
	if
	:: hjv && at[n] == ht ->	/* S3 this is the planned successor  */
		assert((hj & ~jd[n]) == 0);
		hjv = 0; hj = 0; ht = 0
	:: else
	fi;
	syt[n] = at[n];
#endif
	S1
}

inline demote(n) {
	st[n] = STBY; lease[n] = 0; at[n] = 0;
#if !WIT
	since[n] = 0;
#endif
}

inline propose(n) {
	at[n] = NEXT(n); term[n] = at[n]; st[n] = CAND
}

inline gotvote(n, lft, com) {
	if
	:: st[n] == CAND && v == at[n] && FRESH(n) ->
		if
		:: com -> gl[n] = 0; assert(!EFF(1-n))	/* S3: planned => other stopped */
		:: else
		fi;
		if
#ifndef NOPROMISE		/* BROKEN: own vote used although promised    */
		:: gl[n] == 0 -> activate(n, lft)
#else
		:: activate(n, lft)
#endif
		:: else
		fi
	:: ISACT(n) && v == at[n] && lease[n] < lft && WIT ->
		lease[n] = lft; S1
	:: else
	fi
}

inline rx_peer(n) {
	pc[n]?k,t,a,si,rq,v,ea,ts,jm;
	told = term[n];
	if
	:: t > term[n] -> term[n] = t
	:: else
	fi;
#if LIVE
	if
	:: a -> sil[n] = FT(n)
	:: else
	fi;
#endif
#if JRN
	if	/* journal of an active peer: append, or adopt and keep the rest */
	:: a && !ISACT(n) && a > syt[n] ->
#ifndef DROPTAIL
		dv[n] = dv[n] | (jr[n] & ~jm);
#endif
		jr[n] = jm; syt[n] = a
	:: a && !ISACT(n) && a == syt[n] -> jr[n] = jr[n] | jm
	:: else
	fi;
#ifndef NOFSYNC
	jd[n] = jr[n];
#endif
#endif
	/* (d) two actives, no witness */
#if !WIT
	if
	:: a && ISACT(n) ->
		if
#if AUTO
		:: n == B -> demote(n); gl[n] = G
#else
#ifdef MASTERWINS		/* BROKEN for S5: master always wins          */
		:: n == B -> assert(si < since[n] || nuser > 0); demote(n); gl[n] = G
#else
		:: si < since[n] -> demote(n); gl[n] = G
#endif
#endif
		:: else ->
			if
			:: a > at[n] && NEXT(n) <= LIMIT ->
				at[n] = NEXT(n); term[n] = at[n];
				assert(!((used >> at[n]) & 1));
				used = used | (1 << at[n]);
#if JRN
				syt[n] = at[n];
#endif
			:: else
			fi
		fi
	:: else
	fi;
#endif
	/* (a) a vote for me */
	if
	:: v && ea < L -> gotvote(n, L - ea, (k == COMMIT))
	:: else
	fi;
	/* (b) the peer asks for my vote */
	if
	:: rq && st[n] == HAND ->
		if
		:: k == READY && rq >= term[n] && SAMEPOS(n) ->
#if JRN
			hj = jr[n]; ht = rq; hjv = 1;
#endif
#ifndef LATEDEMOTE		/* BROKEN: old active stops after the commit   */
			demote(n);
#endif
#ifdef DEATH
			gt[n] = rq;
#endif
			gl[n] = G; rv = rq; re = ts; rk = COMMIT
		:: else
		fi
	:: rq && (st[n] == STBY || st[n] == CAND) ->
		if
		:: st[n] == CAND && n == M && !a	/* master prefers itself */
		:: else ->
			if
#ifdef NOTERMINVOTE		/* BROKEN: voter does not look at the term    */
			:: true ->
#else
			:: rq >= told || a ->
#endif
				gl[n] = G; rv = rq; re = ts;
#ifdef DEATH
				gt[n] = rq;
#endif
				if
				:: k == PREP ->
					if
#ifdef OLDPROPOSAL		/* BROKEN: READY repeats a stale proposal     */
					:: st[n] == STBY && NEXT(n) <= LIMIT -> propose(n)
#else
					:: (st[n] == STBY || at[n] < term[n]) && NEXT(n) <= LIMIT -> propose(n)
#endif
					:: else
					fi;
					if
					:: st[n] == CAND -> rk = READY
					:: else
					fi
				:: else ->
					st[n] = STBY; at[n] = 0
				fi
			:: else
			fi
		fi
	:: else
	fi;
	/* (c) automatic recovery: the active backup hands over to the master
	 *     (in chaos: any time, see timers)                              */
#if AUTO && LIVE
	if
	:: n == B && st[n] == ACT && !a && !rq && stable -> st[n] = HAND
	:: else
	fi;
#endif
	k = 0; t = 0; a = 0; si = 0; rq = 0; v = 0; ea = 0; ts = 0; jm = 0; told = 0
}

#if WIT
inline rx_wit(n) {
	wr[n]?v,ea,t,fr,h;
	if
	:: t > term[n] -> term[n] = t
	:: else
	fi;
#if OBS
	if
	:: fr && !cur[n] -> cur[n] = 1; oh[n] = h; ob[n] = G	/* it has changed */
	:: else							/* unchanged: keep counting */
	fi;
#endif
	if
	:: v && ea < L -> gotvote(n, L - ea, 0)
	:: else
	fi;
	v = 0; ea = 0; t = 0; fr = 0; h = 0
}
#endif

inline timers(n) {
#if LIVE
	if
	:: ISACT(n) -> sil[n] = FT(n)
	:: else
	fi;
#endif
	if
	:: MUSTDEMOTE(n) -> demote(n)
	:: st[n] == HAND && CHAOS -> st[n] = ACT		/* roll back */
#if AUTO
	:: n == B && st[n] == ACT && CHAOS -> st[n] = HAND
#endif
	:: MAYPROPOSE(n) -> propose(n);
#if !WIT
		activate(n, L)
#endif
	:: MAYREPROPOSE(n) -> propose(n)
#if !WIT
	:: MAYSELF(n) -> activate(n, L)
#endif
	:: st[n] == CAND && CHAOS -> st[n] = STBY; at[n] = 0
#if USER
	:: st[n] == ACT && usr && CHAOS -> usr = 0; st[n] = HAND
#endif
	:: IDLEOK(n)
	fi
}

inline put(n, x) {	/* into the peer's channel, replacing an older message if full */
#if LIVE && DEG == 2
	if
	:: stable
	:: !stable ->
#endif
	if
	:: len(pc[x]) >= ROOM -> pc[x]?_,_,_,_,_,_,_,_,_
	:: else
	fi;
	pc[x]!rk,term[n],t,si,rq,rv,re,ts,jm
#if LIVE && DEG == 2
	fi
#endif
}

inline send_peer(n) {
	if
	:: rk == 0 && st[n] == HAND -> rk = PREP
	:: else
	fi;
	t = 0; si = 0; rq = 0; ts = L; jm = 0;
	if
	:: ISACT(n) && LEASE(n) -> t = at[n]; rq = at[n]; ts = 0;
#if !WIT
		si = since[n];
#endif
#if JRN
		jm = jr[n]
#endif
	:: st[n] == CAND -> rq = at[n]; ts = 0;
#if JRN
		if
		:: rk == READY -> jm = jr[n]
		:: else
		fi
#endif
	:: else
	fi;
	if
	:: rv == 0 -> re = L
	:: else
	fi;
	put(n, 1-n);
	t = 0; si = 0; rq = 0; ts = 0; jm = 0
}

#if WIT
inline send_wit(n) {
	if
	:: st[n] == CAND || EFF(n) || OBS ->
		/* one RPC at a time: a new one drops the old connection */
		if
		:: len(wq[n]) > 0 -> wq[n]?_,_,_,_
		:: else
		fi;
#ifndef WFULL
		if
		:: len(wr[n]) > 0 -> wr[n]?_,_,_,_,_
		:: else
		fi;
#endif
#if OBS
		if
#ifdef OBSNOWAIT		/* BROKEN: does not wait for G without a change */
		:: (st[n] == CAND || EFF(n)) ->
#else
		:: (st[n] == CAND || EFF(n)) && (oh[n] == n || oh[n] == NOBODY || ob[n] == 0) ->
#endif
			wq[n]!at[n],(EFF(n)),0,cur[n]		/* compare and swap */
		:: else -> wq[n]!0,0,L,0				/* read */
		fi
#else
		wq[n]!at[n],(EFF(n)),0,0
#endif
	:: else
	fi
}
#endif

proctype node(byte n) {
	do
	/* chaos: any one thing at any time; every send may be lost */
	:: atomic { CHAOS && st[n] != DOWN && len(pc[n]) > 0 ->
		d_step { rx_peer(n) };
		if
		:: d_step { send_peer(n) }
		:: true				/* answer lost */
		fi;
		SHOW(X_rxpeer, n); S1; S6; REACH; clearscratch() }
	:: atomic { CHAOS && st[n] >= CAND -> d_step { send_peer(n) }; SHOW(X_send, n); clearscratch() }
	:: atomic { CHAOS && st[n] != DOWN -> timers(n); SHOW(X_timers, n); S1; REACH; clearscratch() }
#if WIT
	:: atomic { CHAOS && len(wr[n]) > 0 && st[n] != DOWN -> d_step { rx_wit(n) }; SHOW(X_rxwit, n); S1; REACH; clearscratch() }
	:: atomic { CHAOS && (st[n] == CAND || EFF(n) || (OBS && st[n] != DOWN)) -> d_step { send_wit(n) }; SHOW(X_sendwit, n); clearscratch() }
#endif
#if JRN
	:: atomic { CHAOS && st[n] == ACT && EFF(n) && ne < JRN ->
		jr[n] = jr[n] | (1 << ne); jd[n] = jd[n] | (1 << ne); ne++ }
#ifdef NOQUIESCE
	:: atomic { CHAOS && st[n] == HAND && EFF(n) && ne < JRN ->
		jr[n] = jr[n] | (1 << ne); jd[n] = jd[n] | (1 << ne); ne++ }
#endif
#ifdef NOFSYNC
	:: atomic { CHAOS && st[n] != DOWN && jd[n] != jr[n] -> jd[n] = jr[n] }
#endif
#endif
#ifdef SINK
#ifdef VMPAUSE
	:: atomic { EFF(n) && wf[n] == 0 -> wf[n] = at[n] }
#else
	:: atomic { EFF(n) && wf[n] == 0 ->
		assert(at[n] >= sink);	/* a rightful active is never fenced out */
		wf[n] = at[n] }
#endif
#endif
	od
}

#if WIT
inline wit(n) {
	wq[n]?t,by,ts,fr;
	if
#if OBS
#ifdef OBSNOCAS			/* BROKEN: plain write instead of compare-and-swap */
	:: t && (t >= wt || by) ->
#else
	:: t && fr && (t >= wt || by) ->
#endif
		wh = n; cur[M] = 0; cur[B] = 0;
		if
		:: len(wq[1-n]) > 0 -> wq[1-n]?k,a,rk,_; wq[1-n]!k,a,rk,0
		:: else
		fi;
		if
		:: len(wr[1-n]) > 0 -> wr[1-n]?k,a,rk,_,h; wr[1-n]!k,a,rk,0,h
		:: else
		fi;
		k = 0; a = 0; rk = 0; h = 0;
#else
#ifdef WNOHOLD			/* BROKEN: witness gives the lease away early  */
	:: (wl <= 1 || wh == n) && (t >= wt || by) ->
#else
#ifdef NOTERMINVOTE
	:: (wl == 0 || wh == n) ->
#else
	:: (wl == 0 || wh == n) && (t >= wt || by) ->
#endif
#endif
		wh = n; wl = G;
#endif
#ifdef DEATH
		wgt = t;
#endif
		if
		:: t > wt -> wt = t
		:: else
		fi;
		v = t; ea = ts
	:: else -> v = 0; ea = L
	fi;
	if
	:: len(wr[n]) > 0 -> wr[n]?_,_,_,_,_
	:: else
	fi;
	wr[n]!v,ea,wt,OBS,(OBS -> wh : 0);
	t = 0; by = 0; ts = 0; v = 0; ea = 0; fr = 0
}

proctype witness() {
	do
	:: atomic { CHAOS && len(wq[M]) > 0 -> d_step { wit(M) }; SHOW(X_witness, M) }
	:: atomic { CHAOS && len(wq[B]) > 0 -> d_step { wit(B) }; SHOW(X_witness, B) }
#if WC
	:: atomic { CHAOS && nwcrash < WC -> nwcrash++;
		/* restart: who held it is forgotten, so nobody gets it for G ticks */
#ifdef WNOWAIT			/* BROKEN: restarted witness grants at once    */
		wh = NOBODY; wl = 0;
#else
		wh = NOBODY; wl = G;
#endif
#ifdef WNOPERSIST		/* BROKEN: witness forgets the highest term    */
		wt = 0
#endif
	   }
#endif
	od
}
#endif

#ifdef DRIFT
#define RUNS(n) (!skip_[n])
#else
#define RUNS(n) (1)
#endif

inline age_peer(n) {
	i = 0;
	do
	:: i < len(pc[n]) ->
		pc[n]?k,t,a,si,rq,v,ea,ts,jm;
		if
		:: ts < L && RUNS(1-n) -> ts++
		:: else
		fi;
		if
		:: ea < L && RUNS(n) -> ea++
		:: else
		fi;
		pc[n]!k,t,a,si,rq,v,ea,ts,jm;
		i++
	:: else -> break
	od
}

#if WIT
inline age_wit(n) {
	i = 0;
	do
	:: i < len(wq[n]) ->
		wq[n]?t,by,ts,fr;
		if
		:: ts < L && RUNS(n) -> ts++
		:: else
		fi;
		wq[n]!t,by,ts,fr;
		i++
	:: else -> break
	od;
	i = 0;
	do
	:: i < len(wr[n]) ->
		wr[n]?v,ea,t,fr,h;
		if
		:: ea < L && RUNS(n) -> ea++
		:: else
		fi;
		wr[n]!v,ea,t,fr,h;
		i++
	:: else -> break
	od
}
#endif

inline dec(x) {
	if
	:: x > 0 -> x--
	:: else
	fi
}

inline tick() {
	age_peer(M); age_peer(B);
#if WIT
	age_wit(M); age_wit(B);
#if !OBS
	dec(wl);
	if
	:: wl == 0 -> wh = NOBODY
	:: else
	fi;
#endif
#endif
	if
	:: RUNS(M) -> dec(lease[M]); dec(gl[M])
	:: else
	fi;
	if
	:: RUNS(B) -> dec(lease[B]); dec(gl[B])
	:: else
	fi;
#if OBS
	if
	:: RUNS(M) -> dec(ob[M])
	:: else
	fi;
	if
	:: RUNS(B) -> dec(ob[B])
	:: else
	fi;
#endif
	i = 0; k = 0; t = 0; a = 0; si = 0; rq = 0; v = 0; ea = 0; ts = 0; jm = 0; by = 0; fr = 0; h = 0
}

inline crash(n) {
#if OBS
	cur[n] = 0; oh[n] = 3; ob[n] = 0;
#endif
#ifdef DEATH		/* the supervisor saw the process die and says so */
	dp[1-n] = at[n]; dw[n] = at[n]; gt[n] = 0;
#endif
	st[n] = DOWN; at[n] = 0; lease[n] = 0; gl[n] = 0;
#if !WIT
	since[n] = 0;
#endif
#if JRN
	jr[n] = jd[n];
#endif
#ifdef NOPERSIST		/* BROKEN: the term is not on disk             */
	term[n] = 0
#endif
}

inline boot(n) {
	st[n] = STBY;
#if OBS
	cur[n] = 0; oh[n] = 3; ob[n] = G;
#endif
#ifdef NOBOOTHOLD		/* BROKEN: restarted voter votes at once       */
	gl[n] = 0
#else
	gl[n] = G		/* as if it had promised just before the crash */
#endif
}

#define NACT (EFF(M) + EFF(B))

#if LIVE
/* after healing: every tick every node and the witness step once, in a fixed
 * but arbitrary order; nothing is lost                                       */
inline sstep(n) {
	d_step {
	do
	:: len(pc[n]) > 0 -> rx_peer(n)
	:: else -> break
	od;
#if WIT
	do
	:: len(wr[n]) > 0 -> rx_wit(n)
	:: else -> break
	od
#endif
	}
	timers(n);
	d_step {
	send_peer(n);
#if WIT
	send_wit(n)
#endif
	}
	SHOW(X_round, n);
	S1;
	clearscratch()
}
inline swit() {
#if WIT && DEG == 1
	do
	:: len(wq[M]) > 0 -> wq[M]?_,_,_,_
	:: len(wq[B]) > 0 -> wq[B]?_,_,_,_
	:: else -> break
	od
#elif WIT
	do
	:: len(wq[M]) > 0 -> wit(M)
	:: len(wq[B]) > 0 && len(wq[M]) == 0 -> wit(B)
	:: else -> break
	od
#else
	skip
#endif
}
inline round() {
	slot = 0;
	do
	:: slot < 3 ->
		if
		:: (slot == 0 && (ord == 0 || ord == 1)) || (slot == 1 && (ord == 2 || ord == 4)) || (slot == 2 && (ord == 3 || ord == 5)) ->
			if
			:: DEG != 3 -> sstep(M)
			:: else
			fi
		:: (slot == 0 && (ord == 2 || ord == 3)) || (slot == 1 && (ord == 0 || ord == 5)) || (slot == 2 && (ord == 1 || ord == 4)) ->
			if
			:: DEG != 4 -> sstep(B)
			:: else
			fi
		:: else -> swit()
		fi;
		slot++
	:: else -> break
	od;
	slot = 0
}
#endif

#ifdef DEATH
#ifdef DEATHNOTERM	/* BROKEN: a late notice kills a newer promise        */
#define SAMEDEAD(x, y) (1)
#else
#define SAMEDEAD(x, y) ((x) == (y))
#endif
inline dead_p(n) {
	if
	:: st[n] != DOWN && SAMEDEAD(gt[n], dp[n]) -> gl[n] = 0
	:: true				/* lost */
	fi;
	dp[n] = 0
}
inline dead_w(n) {
	if
	:: wh == n && SAMEDEAD(wgt, dw[n]) -> wl = 0; wh = NOBODY
	:: true				/* lost */
	fi;
	dw[n] = 0
}
#endif

proctype env() {
	do
	:: atomic { CHAOS ->
#ifdef DRIFT
		if
		:: cool[M] == 0 -> skip_[M] = 1; cool[M] = G
		:: true
		fi;
		if
		:: cool[B] == 0 -> skip_[B] = 1; cool[B] = G
		:: true
		fi;
#endif
		d_step { tick() }; SHOW(X_tick, 0);
#ifdef DRIFT
		skip_[M] = 0; skip_[B] = 0;
#ifdef VMPAUSE
		cool[M] = 0; cool[B] = 0;
#endif
		dec(cool[M]); dec(cool[B]);
#endif
		S1
	   }
	:: atomic { CHAOS && st[M] != DOWN && ncrash < NC -> ncrash++; crash(M); SHOW(X_crash, M); S6; REACH }
	:: atomic { CHAOS && st[B] != DOWN && ncrash < NC -> ncrash++; crash(B); SHOW(X_crash, B); S6 }
	:: atomic { CHAOS && st[M] == DOWN -> boot(M); SHOW(X_boot, M) }
	:: atomic { CHAOS && st[B] == DOWN -> boot(B); SHOW(X_boot, B) }
#if USER
	:: atomic { CHAOS && nuser < USER && !usr -> nuser++; usr = 1 }
#endif
#ifdef DEATH
	:: atomic { dp[M] && CHAOS -> dead_p(M); SHOW(X_dead, M) }
	:: atomic { dp[B] && CHAOS -> dead_p(B); SHOW(X_dead, B) }
	:: atomic { dw[M] && CHAOS -> dead_w(M); SHOW(X_dead, 2) }
	:: atomic { dw[B] && CHAOS -> dead_w(B); SHOW(X_dead, 3) }
#endif
#ifdef FASTRST	/* BROKEN: "connection refused" taken as proof of death (a firewall can send it) */
	:: atomic { gl[B] > 0 && st[B] == STBY && CHAOS -> gl[B] = 0 }
#endif
#ifdef SINK
	:: atomic { wf[M] != 0 ->
		if
#ifndef NOFENCE
		:: wf[M] < sink
#endif
		:: else -> assert(wf[M] >= sink); sink = wf[M]
		fi; wf[M] = 0 }
	:: atomic { wf[B] != 0 ->
		if
#ifndef NOFENCE
		:: wf[B] < sink
#endif
		:: else -> assert(wf[B] >= sink); sink = wf[B]
		fi; wf[B] = 0 }
#endif
#if LIVE
	:: atomic { !stable -> SHOW(X_STABLE, 0);	/* the network heals, crashed nodes come back */
#if DEG == 3
		if
		:: st[M] != DOWN -> crash(M)
		:: else
		fi;
#else
		if
		:: st[M] == DOWN -> boot(M)
		:: else
		fi;
#endif
#if DEG == 4
		if
		:: st[B] != DOWN -> crash(B)
		:: else
		fi;
#else
		if
		:: st[B] == DOWN -> boot(B)
		:: else
		fi;
#endif
#ifdef FEW				/* fewer start values: smaller search */
		if
		:: sil[M] = 0; sil[B] = 0
		:: sil[M] = FT(M); sil[B] = FT(B)
		fi;
		if
		:: ord = 0
		:: ord = 5
		fi;
#else
		if
		:: sil[M] = 0
		:: sil[M] = FT(M)
		fi;
		if
		:: sil[B] = 0
		:: sil[B] = FT(B)
		fi;
		if
		:: ord = 0
		:: ord = 1
		:: ord = 2
#if WIT
		:: ord = 3
		:: ord = 4
		:: ord = 5
#endif
		fi;
#endif
		ncrash = 0; nwcrash = 0; used = 0; hiact = 0;
		stable = 1
	   }
	:: atomic { stable -> round();
#ifdef LTL
		one = (NACT == 1 && (!AUTO || EFF(M)));		/* sampled once a round */
#else
		if
		:: healed < LIVE -> healed++
		:: else ->
#if WIT || DEG != 2
			assert(NACT == 1);	/* S4 */
#else
			assert(NACT == 2);	/* no witness, no link: both */
#endif
#if (AUTO && DEG != 2 && DEG != 3) || DEG == 4
			assert(EFF(M));		/* automatic: the master     */
#elif DEG == 3
			assert(EFF(B));
#elif !WIT && DEG == 2
			skip
#else
			if			/* S5: nobody takes it away  */
			:: who == NOBODY -> who = (EFF(M) -> M : B)
			:: else -> assert(EFF(who))
			fi
#endif
		fi;
#endif
		d_step { tick() }; SHOW(X_stable_tick, healed);
		dec(sil[M]); dec(sil[B]);
		used = 0; hiact = 0
	   }
#endif
	od
}

init {
	atomic {
		boot(M); boot(B);
		run node(M); run node(B);
#if WIT
		run witness();
#endif
		run env()
	}
}
