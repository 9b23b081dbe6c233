#pragma once
// Loop: the one thread that owns all state, its clock, its timers, and the way back to it from
// other threads. A thin skin over libuv, so that tests can put a fake clock in its place.
//
// Threads: all functions belong to the loop thread, except loop_post() and loop_now(),
//          which any thread may call. loop_new() makes the calling thread the loop thread.
// Memory:  loop_free() needs every timer freed and every handle on loop_uv() closed before.

#include <stdbool.h>
#include <stdint.h>

#include "util/cleanup.h"
#include "util/metrics.h"

typedef int64_t nsec_t;  // a duration or a point in time, in nanoseconds

#define NSEC_PER_SEC  ((nsec_t)1000000000)
#define NSEC_PER_MSEC ((nsec_t)1000000)

struct loop;
struct loop_timer;
struct loop_signal;
struct uv_loop_s;

// A loop on the machine's clock.
struct loop *loop_new(void);

// A loop for tests: time stands still until loop_advance(). Starts at monotonic 0 and at
// wall-clock `wall_start` (Unix time). Sockets, processes and loop_post() work as usual.
struct loop *loop_new_fake(nsec_t wall_start);

// Free it. NULL is fine. Returns NULL.
struct loop *loop_free(struct loop *loop);

// Run until loop_stop().
void loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

// Handle what is ready now (posts, sockets) without waiting; for tests and for shutdown.
void loop_turn(struct loop *loop);

// Fake clock only: let `duration` pass. Timers fire in the order of their times, each seeing
// loop_now() at its own time; before and after each, what is ready is handled.
void loop_advance(struct loop *loop, nsec_t duration);

// Monotonic time: never jumps, arbitrary start.
nsec_t loop_now(const struct loop *loop);

// Wall-clock time, Unix epoch; may jump when the machine's clock is set.
nsec_t loop_wall(const struct loop *loop);

// How long the loop's turns took (histogram_turns): from waiting to waiting, the wait itself
// not counted; what comes in meanwhile waits so long. Real clock only. Lent, always up to date.
const struct histogram *loop_turns(const struct loop *loop);

// True on the thread that made the loop; for assert().
bool loop_is_current(const struct loop *loop);

// Run function(context) on the loop thread soon, in the order posted. Any thread. The queue is
// unbounded: callers post results of bounded work. Posts still waiting when the loop is freed
// are run by loop_free().
void loop_post(struct loop *loop, void (*function)(void *context), void *context);

// A one-shot timer, not armed. Calls function(context) on the loop.
struct loop_timer *loop_timer_new(struct loop *loop, void (*function)(void *context),
                                  void *context);
struct loop_timer *loop_timer_free(struct loop_timer *timer);

// (Re)arm to fire once after `delay` (>= 0), or disarm.
void loop_timer_set(struct loop_timer *timer, nsec_t delay);
void loop_timer_cancel(struct loop_timer *timer);

// Call function(context) on the loop each time the process gets the signal.
struct loop_signal *loop_signal_new(struct loop *loop, int signal_number,
                                    void (*function)(void *context), void *context);
struct loop_signal *loop_signal_free(struct loop_signal *signal);

// The loop owns one object of another module's (its run queue, run_queue.h) and closes it in
// loop_free(), before the last handles do. loop_adopted() gives it, NULL while there is none.
void loop_adopt(struct loop *loop, void *object, void (*close)(void *object));
void *loop_adopted(const struct loop *loop);

// libuv's own loop, for net/ and util/process, which need its sockets and processes. Nobody
// uses its timers or clock.
struct uv_loop_s *loop_uv(struct loop *loop);

DEFINE_CLEANUP(struct loop *, loop_free);
DEFINE_CLEANUP(struct loop_timer *, loop_timer_free);
