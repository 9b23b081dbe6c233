#include "journal/archive.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <time.h>
#include <zlib.h>

#include "audio/pcm.h"
#include "journal/age_clock.h"
#include "journal/archive_codec.h"
#include "journal/archive_cut.h"
#include "journal/archive_files.h"
#include "journal/archive_stretch.h"
#include "journal/pace.h"
#include "util/log.h"
#include "util/mem.h"
#include "util/thread.h"

// Sound that waits for the thread, and other work that does.
#define QUEUE_BYTES  ((size_t)64 << 20)
#define QUEUE_OTHERS 256

#define CLOSE_MAX (5 * NSEC_PER_SEC)
// How long all has to go well before it is said that it does.
#define TROUBLE_MSEC 10000

#define TIDY_INTERVAL (60 * NSEC_PER_SEC)

enum archive_task { TASK_KEEP, TASK_READ, TASK_FORGET, TASK_MAKE_ROOM, TASK_TIDY };

struct archive_job {
        TAILQ_ENTRY(archive_job) in_queue;
        TAILQ_ENTRY(archive_job) in_asked;  // TASK_READ and TASK_FORGET: on the loop's list
        enum archive_task task;
        struct archive *archive;  // NULL: it was closed, or nobody wants to know
        struct age_time time;     // when it was asked for
        char *stream;             // NULL: all
        int64_t since, until;
        float *samples;
        size_t n;
        enum archive_format format;
        void (*on_read)(void *context, struct archive_sound *sound, const char *trouble);
        void (*on_done)(void *context, const char *trouble);
        void *context;
        // What came of it:
        struct archive_sound sound;
        char trouble[256];
};

TAILQ_HEAD(archive_queue, archive_job);

struct archive {
        struct loop *loop;
        struct loop_timer *tidy;
        struct archive_queue asked;  // the loop's: who waits for an answer
        double keep_age;
        uint64_t keep_bytes;

        pthread_t thread;
        bool has_thread;
        sem_t ended;
        pthread_mutex_t lock;
        pthread_cond_t is_changed;
        // Under the lock:
        struct archive_queue queue;
        size_t n_others, queued_bytes;  // jobs without sound; of those with it
        bool is_ending;
        bool is_abandoned;  // nobody waits for the thread, and the loop may be gone
        nsec_t deadline;    // when it ends, whatever waits
        struct archive_state state;

        // The thread's own:
        struct archive_files *files;
        struct age_clock clock;
        struct archive_codec *codec;
        struct archive_window window;
        struct archive_bytes link;
        int64_t failed_at;  // Unix ms when sound could not be written last
};

// What it counts in the queue.
static size_t job_bytes(const struct archive_job *job) {
        return job->task == TASK_KEEP ? sizeof(*job) + job->n * sizeof(float) : 0;
}

static struct archive_job *job_free(struct archive_job *job) {
        free(job->stream);
        free(job->samples);
        free(job->sound.bytes);
        return mem_free(job);
}

// --- the thread: keeping ---------------------------------------------------------------------

// `r` is a negative errno, or 0 when there is none to tell.
static void job_fail(struct archive_job *job, const char *words, int r) {
        snprintf(job->trouble, sizeof(job->trouble), "%s%s%s", words, r < 0 ? ": " : "",
                 r < 0 ? strerrordesc_np(-r) : "");
}

static nsec_t thread_time(void) {
        struct timespec time;

        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
        return time.tv_sec * NSEC_PER_SEC + time.tv_nsec;
}

// Encode and write a window.
static int window_keep(struct archive *archive, const char *name, int64_t start,
                       const float *samples, size_t n) {
        nsec_t begin = thread_time();
        int r = archive_codec_encode(archive->codec, samples, n, &archive->window);
        uint64_t took;

        archive->window.start = start;
        archive->link.n = 0;
        if (r == 0)
                archive_window_write(&archive->window, &archive->link);
        took = (uint64_t)(thread_time() - begin);
        if (r == 0)
                r = archive_files_add(archive->files, name, start, &archive->link);
        // The oldest makes room for the newest, once.
        if ((r == -ENOSPC || r == -EDQUOT) && archive_files_drop_oldest(archive->files))
                r = archive_files_add(archive->files, name, start, &archive->link);
        pthread_mutex_lock(&archive->lock);
        archive->state.encode_nanoseconds += took;
        *(r == 0 ? &archive->state.samples_kept : &archive->state.samples_lost) += n;
        pthread_mutex_unlock(&archive->lock);
        return r;
}

// Say that sound is lost, and that it is no more, once none was for a while.
static void trouble_tell(struct archive *archive, int r, int64_t now) {
        char trouble[sizeof(archive->state.trouble)] = "";
        bool had_trouble;

        if (r < 0)
                archive->failed_at = now;
        else if (now - archive->failed_at < TROUBLE_MSEC)
                return;
        if (r < 0)
                snprintf(trouble, sizeof(trouble), "sound cannot be kept in %s: %s",
                         archive->files->root, strerrordesc_np(-r));
        pthread_mutex_lock(&archive->lock);
        had_trouble = archive->state.trouble[0] != '\0';
        memcpy(archive->state.trouble, trouble, sizeof(trouble));
        pthread_mutex_unlock(&archive->lock);
        if (r < 0 && !had_trouble)
                log_warning("archive", "archive-trouble", "%s", trouble);
        else if (r == 0 && had_trouble)
                log_info("archive", "archive-well", "sound is kept again");
}

static void keep_run(struct archive *archive, struct archive_job *job) {
        const size_t most = (size_t)ARCHIVE_WINDOW_SECONDS * AUDIO_RATE;
        CLEANUP(mem_freep) char *name = archive_files_name(job->stream);
        int r = 0;

        for (size_t at = 0; at < job->n;) {
                size_t n = job->n - at < most ? job->n - at : most;
                int64_t start = job->since + (int64_t)at * 1000 / AUDIO_RATE;
                int failed = window_keep(archive, name, start, job->samples + at, n);

                r = failed < 0 ? failed : r;
                at += n;
        }
        trouble_tell(archive, r, job->time.wall_ms);
}

// --- the thread: reading and forgetting ------------------------------------------------------

static void window_take(void *context, const struct archive_window *window) {
        archive_stretch_add(context, window);
}

// Files whose windows may lie in [since, until): one may reach into the next hour.
static bool file_is_within(const struct archive_file *file, const char *name, int64_t since,
                           int64_t until) {
        return (!name || strcmp(file->stream, name) == 0) && file->hour < until &&
               file->hour + ARCHIVE_HOUR + ARCHIVE_WINDOW_SECONDS * 1000 > since;
}

static void read_run(struct archive *archive, struct archive_job *job) {
        CLEANUP(archive_stretch_freep) struct archive_stretch *stretch = NULL;
        CLEANUP(mem_freep) char *name = archive_files_name(job->stream);

        if (job->until <= job->since || job->until - job->since > ARCHIVE_STRETCH_MAX) {
                job_fail(job, "a stretch has more than nothing and at most an hour", 0);
                return;
        }
        stretch = archive_stretch_new(job->since, job->until, job->format, archive->codec);
        for (size_t i = 0; i < archive->files->n; i++) {
                struct archive_bytes bytes = {0};
                int r = 0;

                if (file_is_within(&archive->files->items[i], name, job->since, job->until))
                        r = archive_files_load(archive->files, i, &bytes);
                if (bytes.n > 0)
                        archive_windows_read(bytes.items, bytes.n, window_take, stretch);
                free(bytes.items);
                if (r < 0 && r != -ENOENT) {
                        job_fail(job, "its sound cannot be read", r);
                        return;
                }
        }
        job->sound.bytes = archive_stretch_finish(stretch, &job->sound.n);
        job->sound.is_absent = !job->sound.bytes;
        if (job->sound.bytes)
                job->sound.checksum = (uint32_t)crc32_z(0, job->sound.bytes, job->sound.n);
        else
                job_fail(job, "no sound is kept of that time", 0);
}

static int file_cut(struct archive_files *files, size_t i, int64_t since, int64_t until) {
        struct archive_bytes bytes = {0}, kept = {0};
        int r = archive_files_load(files, i, &bytes);

        if (r == -ENOENT)
                r = 0;
        if (r == 0 && archive_cut(&bytes, since, until, &kept))
                r = archive_files_replace(files, i, &kept);
        free(bytes.items);
        free(kept.items);
        return r;
}

static void forget_run(struct archive *archive, struct archive_job *job) {
        CLEANUP(mem_freep) char *name = job->stream ? archive_files_name(job->stream) : NULL;
        int64_t until = job->until ? job->until : INT64_MAX;

        // From the end: a file that is empty then goes from the list.
        for (size_t i = archive->files->n; i-- > 0;) {
                int r = 0;

                if (file_is_within(&archive->files->items[i], name, job->since, until))
                        r = file_cut(archive->files, i, job->since, until);
                if (r < 0)
                        job_fail(job, "its sound cannot be removed", r);
        }
}

// --- the thread ------------------------------------------------------------------------------

// On the loop: tell who asked.
static void job_finish(void *context) {
        struct archive_job *job = context;
        const char *trouble = job->trouble[0] ? job->trouble : NULL;

        if (job->archive) {
                TAILQ_REMOVE(&job->archive->asked, job, in_asked);
                if (job->on_read) {
                        job->on_read(job->context, &job->sound, trouble);
                        job->sound.bytes = NULL;
                } else if (job->on_done) {
                        job->on_done(job->context, trouble);
                }
        }
        job_free(job);
}

static void job_run(struct archive *archive, struct archive_job *job) {
        bool is_asked = job->task == TASK_READ || job->task == TASK_FORGET;
        int64_t now = 0;

        switch (job->task) {
        case TASK_KEEP:
                keep_run(archive, job);
                break;
        case TASK_READ:
                read_run(archive, job);
                break;
        case TASK_FORGET:
                forget_run(archive, job);
                break;
        case TASK_MAKE_ROOM:
                archive_files_drop_oldest(archive->files);
                break;
        case TASK_TIDY:
                break;
        }
        if (archive->keep_age > 0)
                now = age_clock_read(&archive->clock, job->time);
        archive_files_tidy(archive->files, now, archive->keep_age, archive->keep_bytes);
        pthread_mutex_lock(&archive->lock);
        archive->state.n_bytes = archive->files->n_bytes;
        archive->state.n_files = archive->files->n;
        archive->queued_bytes -= job_bytes(job);
        if (is_asked && !archive->is_abandoned)
                loop_post(archive->loop, job_finish, TAKE(job));
        pthread_mutex_unlock(&archive->lock);
        if (job)
                job_free(job);
}

static void *archive_run(void *context) {
        struct archive *archive = context;

        pthread_mutex_lock(&archive->lock);
        for (;;) {
                struct archive_job *job = TAILQ_FIRST(&archive->queue);

                if (archive->is_abandoned ||
                    (archive->is_ending &&
                     (!job || loop_now(archive->loop) > archive->deadline)))
                        break;
                if (!job) {
                        pthread_cond_wait(&archive->is_changed, &archive->lock);
                        continue;
                }
                TAILQ_REMOVE(&archive->queue, job, in_queue);
                archive->n_others -= job->task != TASK_KEEP;
                pthread_mutex_unlock(&archive->lock);
                job_run(archive, job);
                pthread_mutex_lock(&archive->lock);
        }
        pthread_mutex_unlock(&archive->lock);
        sem_post(&archive->ended);
        return NULL;
}

// --- the loop --------------------------------------------------------------------------------

// Hand it over. False when too much waits already: the disk is too slow.
static bool job_post(struct archive *archive, struct archive_job *job) {
        size_t bytes = job_bytes(job);
        bool has_room;

        pthread_mutex_lock(&archive->lock);
        has_room = bytes ? archive->queued_bytes + bytes <= QUEUE_BYTES
                         : archive->n_others < QUEUE_OTHERS;
        if (has_room) {
                TAILQ_INSERT_TAIL(&archive->queue, job, in_queue);
                archive->n_others += bytes == 0;
                archive->queued_bytes += bytes;
                pthread_cond_signal(&archive->is_changed);
        } else {
                archive->state.samples_lost += job->n;
        }
        pthread_mutex_unlock(&archive->lock);
        return has_room;
}

static struct archive_job *job_new(struct archive *archive, enum archive_task task,
                                   const char *stream) {
        struct archive_job *job = xnew(struct archive_job);

        job->task = task;
        job->archive = archive;
        job->time = age_clock_time(archive->loop);
        job->stream = xstrdup(stream);
        return job;
}

static void tidy_on_time(void *context) {
        struct archive *archive = context;
        struct archive_job *job = job_new(archive, TASK_TIDY, NULL);

        if (!job_post(archive, job))
                job_free(job);
        loop_timer_set(archive->tidy, TIDY_INTERVAL);
}

int archive_open(struct archive **ret, struct loop *loop, const struct archive_config *config,
                 struct error *error) {
        CLEANUP(archive_closep) struct archive *archive = xnew(struct archive);
        int r;

        archive->loop = loop;
        archive->keep_age = config->keep_age;
        archive->keep_bytes = config->keep_bytes;
        TAILQ_INIT(&archive->queue);
        TAILQ_INIT(&archive->asked);
        pthread_mutex_init(&archive->lock, NULL);
        pthread_cond_init(&archive->is_changed, NULL);
        sem_init(&archive->ended, 0, 0);
        archive->tidy = loop_timer_new(loop, tidy_on_time, archive);
        r = archive_files_open(&archive->files, config->folder, error);
        if (r < 0)
                return r;
        archive->state.n_bytes = archive->files->n_bytes;
        archive->state.n_files = archive->files->n;
        if (archive->keep_age > 0)
                age_clock_begin(&archive->clock, "archive",
                                archive_files_newest(archive->files), age_clock_time(loop));
        archive->codec = archive_codec_new();
        if (!archive->codec)
                return error_set(error, -ENOSYS, "libopus makes no encoder for speech");
        r = thread_start(&archive->thread, "archive", archive_run, archive);
        archive->has_thread = r == 0;
        if (r < 0)
                return error_set(error, r, "cannot start a thread for kept sound: %s",
                                 strerrordesc_np(-r));
        tidy_on_time(archive);
        *ret = TAKE(archive);
        return 0;
}

// False when the thread does not come back from its disk.
static bool archive_end(struct archive *archive) {
        bool is_ended;

        pthread_mutex_lock(&archive->lock);
        archive->is_ending = true;
        archive->deadline = loop_now(archive->loop) + CLOSE_MAX;
        pthread_cond_signal(&archive->is_changed);
        pthread_mutex_unlock(&archive->lock);
        // What it is at when time is up may take a little longer.
        is_ended = thread_join_until(&archive->thread, 1, &archive->ended,
                                     pace_now() + CLOSE_MAX + CLOSE_MAX / 4);
        pthread_mutex_lock(&archive->lock);
        archive->is_abandoned = !is_ended;
        pthread_mutex_unlock(&archive->lock);
        return is_ended;
}

struct archive *archive_close(struct archive *archive) {
        struct archive_job *job;
        uint64_t n_lost = 0;
        bool is_ended;

        if (!archive)
                return NULL;
        is_ended = !archive->has_thread || archive_end(archive);
        // Answers that are on their way find nobody.
        TAILQ_FOREACH (job, &archive->asked, in_asked)
                job->archive = NULL;
        loop_timer_free(archive->tidy);
        if (!is_ended) {
                log_error("archive", "archive-stuck",
                          "the disk of %s does not answer: sound may not be written",
                          archive->files->root);
                return NULL;
        }
        while ((job = TAILQ_FIRST(&archive->queue))) {
                TAILQ_REMOVE(&archive->queue, job, in_queue);
                n_lost += job->n;
                job_free(job);
        }
        if (n_lost)
                log_warning("archive", "archive-lost",
                            "%.1f s of sound were not written before the end",
                            (double)n_lost / AUDIO_RATE);
        archive_files_free(archive->files);
        archive_codec_free(archive->codec);
        archive_window_deinit(&archive->window);
        free(archive->link.items);
        sem_destroy(&archive->ended);
        pthread_cond_destroy(&archive->is_changed);
        pthread_mutex_destroy(&archive->lock);
        return mem_free(archive);
}

void archive_keep(struct archive *archive, const char *stream, int64_t start,
                  const float *samples, size_t n) {
        struct archive_job *job;

        if (n == 0)
                return;
        job = job_new(archive, TASK_KEEP, stream);
        job->since = start;
        job->samples = xcalloc(n, sizeof(*samples));
        job->n = n;
        memcpy(job->samples, samples, n * sizeof(*samples));
        if (job_post(archive, job))
                return;
        log_warning(stream, "archive-lost",
                    "%.1f s of its sound were not kept: the disk is too slow for all of it",
                    (double)n / AUDIO_RATE);
        job_free(job);
}

// Post a job whose outcome is told; at once, from the loop, when there is no room for it.
static void job_ask(struct archive *archive, struct archive_job *job) {
        TAILQ_INSERT_TAIL(&archive->asked, job, in_asked);
        if (job_post(archive, job))
                return;
        job_fail(job, "too many others wait for sound; ask again later", 0);
        loop_post(archive->loop, job_finish, job);
}

void archive_read(struct archive *archive, const struct archive_query *query,
                  void (*on_read)(void *context, struct archive_sound *sound,
                                  const char *trouble),
                  void *context) {
        struct archive_job *job = job_new(archive, TASK_READ, query->stream);

        job->since = query->since;
        job->until = query->until;
        job->format = query->format;
        job->on_read = on_read;
        job->context = context;
        job_ask(archive, job);
}

void archive_forget(struct archive *archive, const char *stream, int64_t since, int64_t until,
                    void (*on_done)(void *context, const char *trouble), void *context) {
        struct archive_job *job = job_new(archive, TASK_FORGET, stream);

        job->since = since;
        job->until = until;
        job->on_done = on_done;
        job->context = context;
        job_ask(archive, job);
}

void archive_detach(struct archive *archive, const void *context) {
        struct archive_job *job;

        TAILQ_FOREACH (job, &archive->asked, in_asked)
                if (job->context == context) {
                        job->on_read = NULL;
                        job->on_done = NULL;
                }
}

void archive_make_room(struct archive *archive) {
        struct archive_job *job = job_new(archive, TASK_MAKE_ROOM, NULL);

        if (!job_post(archive, job))
                job_free(job);
}

void archive_state(const struct archive *archive, struct archive_state *ret) {
        // The lock is no part of what a reader sees.
        struct archive *mine = (struct archive *)(uintptr_t)archive;

        pthread_mutex_lock(&mine->lock);
        *ret = archive->state;
        pthread_mutex_unlock(&mine->lock);
}
