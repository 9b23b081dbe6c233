#include "util/loop.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <uv.h>

#include "util/heap.h"
#include "util/mem.h"

struct post {
        struct post *next;
        void (*function)(void *context);
        void *context;
};

struct loop {
        uv_loop_t uv;
        uv_async_t wakeup;
        uv_timer_t alarm;  // real clock only: fires at the earliest timer
        void *adopted;
        void (*adopted_close)(void *adopted);
        pthread_t thread;
        bool is_fake;
        _Atomic nsec_t fake_now;  // fake clock only; read by other threads too
        nsec_t fake_wall_start;
        struct heap armed;   // by time, then by order of arming
        size_t n_timers;     // armed or not: there is room for so many
        uint64_t n_armings;  // ever

        uv_prepare_t turning;  // real clock only: before each wait
        nsec_t turn_begin;     // of the present turn
        nsec_t turn_idle;      // time waited until then
        struct histogram turns;

        pthread_mutex_t lock;
        // --- protected by lock
        struct post *first;
        struct post **last;
};

struct loop_timer {
        struct heap_node node;  // first: a node of loop->armed is a timer
        struct loop *loop;
        nsec_t when;
        uint64_t arming;  // which of all
        void (*function)(void *context);
        void *context;
};

// --- posts -------------------------------------------------------------------

static void loop_on_wakeup(uv_async_t *wakeup) {
        struct loop *loop = wakeup->data;
        struct post *post;

        pthread_mutex_lock(&loop->lock);
        post = loop->first;
        loop->first = NULL;
        loop->last = &loop->first;
        pthread_mutex_unlock(&loop->lock);

        while (post) {
                struct post *next = post->next;

                post->function(post->context);
                free(post);
                post = next;
        }
}

void loop_post(struct loop *loop, void (*function)(void *context), void *context) {
        struct post *post = xnew(struct post);

        post->function = function;
        post->context = context;
        pthread_mutex_lock(&loop->lock);
        *loop->last = post;
        loop->last = &post->next;
        pthread_mutex_unlock(&loop->lock);
        uv_async_send(&loop->wakeup);
}

// --- timers ------------------------------------------------------------------

static void loop_on_alarm(uv_timer_t *alarm);

static bool timer_is_before(const struct heap_node *a, const struct heap_node *b) {
        const struct loop_timer *one = (const struct loop_timer *)a;
        const struct loop_timer *other = (const struct loop_timer *)b;

        return one->when != other->when ? one->when < other->when : one->arming < other->arming;
}

// The timer that fires next; NULL without any.
static struct loop_timer *loop_next_timer(const struct loop *loop) {
        return (struct loop_timer *)heap_first(&loop->armed);
}

static void loop_alarm_update(struct loop *loop) {
        const struct loop_timer *next = loop_next_timer(loop);
        nsec_t delay;

        if (loop->is_fake)
                return;
        if (!next) {
                uv_timer_stop(&loop->alarm);
                return;
        }
        delay = next->when - loop_now(loop);
        if (delay < 0)
                delay = 0;
        // Rounded up: libuv counts whole milliseconds, and a timer never fires early.
        uv_timer_start(&loop->alarm, loop_on_alarm,
                       (uint64_t)((delay + NSEC_PER_MSEC - 1) / NSEC_PER_MSEC), 0);
}

static void loop_timers_fire(struct loop *loop, nsec_t now) {
        struct loop_timer *timer;

        while ((timer = loop_next_timer(loop)) && timer->when <= now) {
                loop_timer_cancel(timer);
                timer->function(timer->context);
        }
}

static void loop_on_alarm(uv_timer_t *alarm) {
        struct loop *loop = alarm->data;

        loop_timers_fire(loop, loop_now(loop));
        loop_alarm_update(loop);
}

struct loop_timer *loop_timer_new(struct loop *loop, void (*function)(void *context),
                                  void *context) {
        struct loop_timer *timer = xnew(struct loop_timer);

        heap_reserve(&loop->armed, ++loop->n_timers);
        timer->loop = loop;
        timer->function = function;
        timer->context = context;
        return timer;
}

struct loop_timer *loop_timer_free(struct loop_timer *timer) {
        if (!timer)
                return NULL;
        loop_timer_cancel(timer);
        timer->loop->n_timers--;
        return mem_free(timer);
}

void loop_timer_set(struct loop_timer *timer, nsec_t delay) {
        struct loop *loop = timer->loop;

        assert(loop_is_current(loop));
        loop_timer_cancel(timer);
        timer->when = loop_now(loop) + delay;
        timer->arming = loop->n_armings++;
        heap_put(&loop->armed, &timer->node);
        if (loop_next_timer(loop) == timer)
                loop_alarm_update(loop);
}

void loop_timer_cancel(struct loop_timer *timer) {
        assert(loop_is_current(timer->loop));
        if (timer->node.place > 0)
                heap_remove(&timer->loop->armed, &timer->node);
}

// --- turns -------------------------------------------------------------------

// All was handled that was ready: the loop is about to wait for more.
static void loop_on_turning(uv_prepare_t *turning) {
        struct loop *loop = turning->data;
        nsec_t now = loop_now(loop), idle = (nsec_t)uv_metrics_idle_time(&loop->uv);

        histogram_observe(&loop->turns, &histogram_turns,
                          (double)(now - loop->turn_begin - (idle - loop->turn_idle)) /
                                  (double)NSEC_PER_SEC);
        loop->turn_begin = now;
        loop->turn_idle = idle;
}

static void loop_measure(struct loop *loop) {
        uv_prepare_init(&loop->uv, &loop->turning);
        loop->turning.data = loop;
        uv_unref((uv_handle_t *)&loop->turning);
        if (loop->is_fake || uv_loop_configure(&loop->uv, UV_METRICS_IDLE_TIME) < 0)
                return;
        loop->turn_begin = loop_now(loop);
        uv_prepare_start(&loop->turning, loop_on_turning);
}

const struct histogram *loop_turns(const struct loop *loop) {
        return &loop->turns;
}

// --- signals -----------------------------------------------------------------

struct loop_signal {
        uv_signal_t uv;
        void (*function)(void *context);
        void *context;
};

static void loop_on_signal(uv_signal_t *uv, int number) {
        struct loop_signal *signal = uv->data;

        (void)number;
        signal->function(signal->context);
}

struct loop_signal *loop_signal_new(struct loop *loop, int signal_number,
                                    void (*function)(void *context), void *context) {
        struct loop_signal *signal = xnew(struct loop_signal);

        signal->function = function;
        signal->context = context;
        signal->uv.data = signal;
        uv_signal_init(&loop->uv, &signal->uv);
        uv_signal_start(&signal->uv, loop_on_signal, signal_number);
        return signal;
}

static void loop_signal_on_closed(uv_handle_t *handle) {
        free(handle->data);
}

struct loop_signal *loop_signal_free(struct loop_signal *signal) {
        if (signal)
                uv_close((uv_handle_t *)&signal->uv, loop_signal_on_closed);
        return NULL;
}

// --- life --------------------------------------------------------------------

static struct loop *loop_make(bool is_fake, nsec_t wall_start) {
        struct loop *loop = xnew(struct loop);

        if (uv_loop_init(&loop->uv) < 0)
                abort();
        loop->thread = pthread_self();
        loop->is_fake = is_fake;
        loop->fake_wall_start = wall_start;
        loop->last = &loop->first;
        pthread_mutex_init(&loop->lock, NULL);
        uv_async_init(&loop->uv, &loop->wakeup, loop_on_wakeup);
        loop->wakeup.data = loop;
        uv_timer_init(&loop->uv, &loop->alarm);
        loop->alarm.data = loop;
        loop->armed.is_before = timer_is_before;
        loop_measure(loop);
        return loop;
}

struct loop *loop_new(void) {
        return loop_make(false, 0);
}

struct loop *loop_new_fake(nsec_t wall_start) {
        return loop_make(true, wall_start);
}

struct loop *loop_free(struct loop *loop) {
        if (!loop)
                return NULL;
        loop_on_wakeup(&loop->wakeup);
        // Children that were given up may still need their timers, until they are reaped.
        while (loop->armed.n > 0)
                uv_run(&loop->uv, UV_RUN_ONCE);
        // What is closing has its last word while the adopted object is still there.
        uv_run(&loop->uv, UV_RUN_NOWAIT);
        heap_deinit(&loop->armed);
        uv_close((uv_handle_t *)&loop->wakeup, NULL);
        uv_close((uv_handle_t *)&loop->turning, NULL);
        uv_close((uv_handle_t *)&loop->alarm, NULL);
        if (loop->adopted)
                loop->adopted_close(loop->adopted);
        uv_run(&loop->uv, UV_RUN_DEFAULT);
        if (uv_loop_close(&loop->uv) < 0)
                abort();  // somebody's handle is still open: a bug, and memory would be reused
        pthread_mutex_destroy(&loop->lock);
        free(loop);
        return NULL;
}

void loop_run(struct loop *loop) {
        uv_run(&loop->uv, UV_RUN_DEFAULT);
}

void loop_stop(struct loop *loop) {
        uv_stop(&loop->uv);
}

void loop_turn(struct loop *loop) {
        assert(loop_is_current(loop));
        uv_run(&loop->uv, UV_RUN_NOWAIT);
}

void loop_advance(struct loop *loop, nsec_t duration) {
        nsec_t end = loop->fake_now + duration;

        assert(loop->is_fake);
        loop_turn(loop);
        for (const struct loop_timer *next;
             (next = loop_next_timer(loop)) && next->when <= end;) {
                if (next->when > loop->fake_now)
                        loop->fake_now = next->when;
                loop_timers_fire(loop, loop->fake_now);
                loop_turn(loop);
        }
        loop->fake_now = end;
        loop_turn(loop);
}

nsec_t loop_now(const struct loop *loop) {
        struct timespec now;

        if (loop->is_fake)
                return loop->fake_now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        return now.tv_sec * NSEC_PER_SEC + now.tv_nsec;
}

nsec_t loop_wall(const struct loop *loop) {
        struct timespec now;

        if (loop->is_fake)
                return loop->fake_wall_start + loop->fake_now;
        clock_gettime(CLOCK_REALTIME, &now);
        return now.tv_sec * NSEC_PER_SEC + now.tv_nsec;
}

bool loop_is_current(const struct loop *loop) {
        return pthread_equal(loop->thread, pthread_self());
}

void loop_adopt(struct loop *loop, void *object, void (*close)(void *object)) {
        assert(!loop->adopted);
        loop->adopted = object;
        loop->adopted_close = close;
}

void *loop_adopted(const struct loop *loop) {
        return loop->adopted;
}

struct uv_loop_s *loop_uv(struct loop *loop) {
        return &loop->uv;
}
