#include "util/team.h"

#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "util/mem.h"
#include "util/thread.h"

/* One word says which work it is and how many of its pieces nobody has taken. A thread takes a
 * piece by making the word less by one. Where that succeeds the work was still the one that the
 * thread had seen, and it stays as it is until the thread has told that its piece is done: only
 * then are its function and its context read.
 *
 * The word's lower half is its count and the upper half the work's number, so that a thread
 * that slept through a work never takes a piece of the next one for its own.
 */

// Turns that a thread waits with its core before it sleeps: some 40 to 90 microseconds, as a
// pause takes 65 cycles (AMD) or 140 (Intel).
#define SPINS 2000

// What one thread writes again and again lies in a line of its own.
// NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding)
struct team {
        size_t n_members;  // beside the caller
        pthread_t *threads;
        atomic_size_t n_begun;  // members that have their number

        // What is done; written by the caller while there are no pieces.
        team_work *work;
        void *context;
        size_t n_pieces;

        _Alignas(64) _Atomic uint64_t word;  // number of the work << 32 | pieces left
        _Alignas(64) atomic_uint n_undone;   // pieces; what the caller sleeps on
        atomic_bool is_awaited;              // the caller sleeps
        _Alignas(64) atomic_uint number;     // of the work; what the members sleep on
        atomic_uint n_asleep;
        atomic_bool is_over;
};

static void futex_wait(atomic_uint *at, unsigned value) {
        syscall(SYS_futex, at, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}

static void futex_wake(atomic_uint *at, unsigned n) {
        syscall(SYS_futex, at, FUTEX_WAKE_PRIVATE, n, NULL, NULL, 0);
}

static void pause_core(void) {
#if defined(__x86_64__)
        __builtin_ia32_pause();
#elif defined(__aarch64__)
        __asm__ volatile("isb");
#endif
}

static unsigned pieces_left(uint64_t word) {
        return (unsigned)word;
}

static unsigned number_of(uint64_t word) {
        return (unsigned)(word >> 32);
}

// One more piece of the work of this number. False when there is none.
static bool take_piece(struct team *team, unsigned number, size_t *ret) {
        uint64_t word = atomic_load_explicit(&team->word, memory_order_acquire);

        while (number_of(word) == number && pieces_left(word) > 0)
                if (atomic_compare_exchange_weak_explicit(&team->word, &word, word - 1,
                                                          memory_order_acq_rel,
                                                          memory_order_acquire)) {
                        *ret = team->n_pieces - pieces_left(word);
                        return true;
                }
        return false;
}

// Pieces as long as there are some. Returns how many.
static unsigned work_on(struct team *team, unsigned number, size_t thread) {
        unsigned n_done = 0;
        size_t piece;

        while (take_piece(team, number, &piece)) {
                team->work(team->context, piece, thread);
                n_done++;
        }
        return n_done;
}

// --- Members ------------------------------------------------------------------------------

// The number of the next work after this one.
static unsigned await_work(struct team *team, unsigned last) {
        unsigned number;

        for (int i = 0; i < SPINS; i++) {
                number = atomic_load_explicit(&team->number, memory_order_acquire);
                if (number != last)
                        return number;
                pause_core();
        }
        // Whoever gives out work looks at n_asleep after the number has changed: it either sees
        // this thread, or this thread sees the number.
        atomic_fetch_add(&team->n_asleep, 1);
        while ((number = atomic_load(&team->number)) == last)
                futex_wait(&team->number, last);
        atomic_fetch_sub(&team->n_asleep, 1);
        return number;
}

// Tell that n pieces are done. Nothing of the work may be touched any more.
static void tell_done(struct team *team, unsigned n) {
        if (n > 0 && atomic_fetch_sub(&team->n_undone, n) == n &&
            atomic_load(&team->is_awaited))
                futex_wake(&team->n_undone, 1);
}

static void *member_run(void *context) {
        struct team *team = context;
        size_t thread = 1 + atomic_fetch_add(&team->n_begun, 1);
        unsigned number = 0;

        for (;;) {
                number = await_work(team, number);
                if (atomic_load(&team->is_over))
                        return NULL;
                tell_done(team, work_on(team, number, thread));
        }
}

// --- The caller ---------------------------------------------------------------------------

static void await_done(struct team *team) {
        unsigned n;

        for (int i = 0; i < SPINS; i++) {
                if (atomic_load_explicit(&team->n_undone, memory_order_acquire) == 0)
                        return;
                pause_core();
        }
        atomic_store(&team->is_awaited, true);
        while ((n = atomic_load(&team->n_undone)) > 0)
                futex_wait(&team->n_undone, n);
        atomic_store(&team->is_awaited, false);
}

// Let the members see work of the next number.
static unsigned give_out(struct team *team, unsigned n_pieces) {
        unsigned number = atomic_load_explicit(&team->number, memory_order_relaxed) + 1;

        atomic_store_explicit(&team->n_undone, n_pieces, memory_order_relaxed);
        atomic_store_explicit(&team->word, (uint64_t)number << 32 | n_pieces,
                              memory_order_release);
        atomic_store(&team->number, number);
        if (atomic_load(&team->n_asleep) > 0)
                futex_wake(&team->number, n_pieces > 1 ? n_pieces - 1 : 1);
        return number;
}

void team_run(struct team *team, size_t n, team_work *work, void *context) {
        if (!team || team->n_members == 0 || n <= 1) {
                for (size_t piece = 0; piece < n; piece++)
                        work(context, piece, 0);
                return;
        }
        team->work = work;
        team->context = context;
        team->n_pieces = n;
        tell_done(team, work_on(team, give_out(team, (unsigned)n), 0));
        await_done(team);
}

size_t team_size(const struct team *team) {
        return team ? team->n_members + 1 : 1;
}

int team_new(struct team **ret, size_t n, const char *name) {
        CLEANUP(team_freep) struct team *team = NULL;
        int r = posix_memalign((void **)&team, _Alignof(struct team), sizeof(*team));

        if (r != 0)
                return -r;
        *team = (struct team){0};
        team->threads = xcalloc(n, sizeof(*team->threads));
        for (; team->n_members + 1 < n; team->n_members++) {
                r = thread_start(&team->threads[team->n_members], name, member_run, team);
                if (r < 0)
                        return r;
        }
        *ret = TAKE(team);
        return 0;
}

struct team *team_free(struct team *team) {
        if (!team)
                return NULL;
        atomic_store(&team->is_over, true);
        atomic_fetch_add(&team->number, 1);
        futex_wake(&team->number, (unsigned)team->n_members);
        for (size_t i = 0; i < team->n_members; i++)
                pthread_join(team->threads[i], NULL);
        free(team->threads);
        free(team);
        return NULL;
}
