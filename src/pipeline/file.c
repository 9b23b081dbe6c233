#include "pipeline/file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "audio/ring.h"
#include "pipeline/language_vote.h"
#include "pipeline/seeker.h"
#include "source/media.h"
#include "transcript/assembler.h"
#include "util/mem.h"

// Sound kept: a whole window, the start of the next one, and what a paused reader still brings.
#define RING_SAMPLES ((size_t)64 * AUDIO_RATE)

// Sound is fed in pieces of this, so that windows are taken before the ring drops them.
#define PIECE_SAMPLES ((size_t)AUDIO_RATE / 2)

// A window that waits until the language is known.
struct held_job {
        struct held_job *next;
        struct job *job;
};

struct file {
        struct file_services services;
        struct file_listener listener;

        struct media *media;          // brings samples; NULL once it came to its end
        struct ring *ring;            // keeps the last of them
        struct segmenter *segmenter;  // finds the speech; NULL: sequential windows
        struct flow *flow;            // our place at the decoder
        struct assembler *assembler;  // turns hypotheses into segments

        struct decode_options options;  // of the next job
        bool is_probing;                // a job is out that detects the language
        bool is_voting;                 // several windows shall detect it before any is decoded
        bool has_probe;                 // one of them is out
        struct language_vote vote;
        struct held_job *held_first;
        struct held_job **held_last;

        int64_t duration;      // samples read
        struct seeker seeker;  // sequential: where the next window begins
        size_t clip;           // at pauses: the number of the one that is read, or the next
        int64_t position;      // everything before it is transcribed
        int64_t n_held;        // samples in jobs
        size_t n_jobs;         // made and not answered
        uint64_t job_id_last;

        bool is_held_back;  // by the owner
        bool is_ahead;      // sequential: enough sound is here for now
        bool is_read;
        bool is_done;
        struct error error;
};

// --- jobs ------------------------------------------------------------------------------------

static void file_fail(struct file *file, const struct error *error) {
        if (file->error.code == 0)
                file->error = *error;
}

static void probe_advance(struct file *file);

static void job_submit(struct file *file, struct job *job) {
        decode_options_deinit(&job->options);
        job->options = decode_options_copy(&file->options);
        job->deadline = loop_now(file->services.loop);
        file->is_probing =
                file->options.language[0] == '\0' && file->options.multilingual != DECODE_YES;
        flow_submit(file->flow, job);
}

// Samples [begin, end), of which some are known to be speech, become a job that runs now or
// when the language is known. False when they are lost.
static bool job_make(struct file *file, int64_t begin, int64_t end,
                     const struct activity *speech) {
        struct job *job = job_new((size_t)(end - begin));
        struct held_job *held;

        if (!job || ring_copy(file->ring, begin, (size_t)(end - begin), job->samples) != 0) {
                struct error error = {0};

                error_set(&error, -ENOMEM, "%.1f s of sound lost: out of memory",
                          (double)(end - begin) / AUDIO_RATE);
                file_fail(file, &error);
                job_free(job);
                return false;
        }
        job->id = ++file->job_id_last;
        job->is_final = true;
        job->begin = begin;
        job->speech = *speech;
        file->n_held += end - begin;
        file->n_jobs++;
        if (!file->is_probing) {
                job_submit(file, job);
                return true;
        }
        held = xnew(struct held_job);
        held->job = job;
        *file->held_last = held;
        file->held_last = &held->next;
        probe_advance(file);
        return true;
}

// The language is known: all may go. It is not: the next one shall tell.
static void held_release(struct file *file) {
        while (file->held_first && !file->is_probing) {
                struct held_job *held = file->held_first;

                file->held_first = held->next;
                if (!file->held_first)
                        file->held_last = &file->held_first;
                job_submit(file, held->job);
                free(held);
        }
}

// Of the held windows the next one is asked for its language, or all go, since it is known (or
// will not be known better).
static void probe_advance(struct file *file) {
        const struct held_job *held = file->held_first;
        struct job *job;

        if (!file->is_voting || file->has_probe)
                return;
        for (size_t i = 0; i < file->vote.n && held; i++)
                held = held->next;
        if (file->vote.is_over || (!held && file->is_read)) {
                memcpy(file->options.language, file->vote.language, LANGUAGE_CODE_MAX);
                file->is_voting = file->is_probing = false;
                held_release(file);
                return;
        }
        if (!held)
                return;
        job = job_new(held->job->n_samples);
        if (!job) {
                file->vote.is_over = true;  // what is known so far has to do
                probe_advance(file);
                return;
        }
        memcpy(job->samples, held->job->samples, job->n_samples * sizeof(*job->samples));
        job->id = ++file->job_id_last;
        job->is_final = true;
        job->begin = held->job->begin;
        decode_options_deinit(&job->options);
        job->options = decode_options_copy(&file->options);
        job->options.only_detects_language = true;
        job->deadline = loop_now(file->services.loop);
        file->has_probe = true;
        flow_submit(file->flow, job);
}

static void probe_on_hypothesis(struct file *file, const struct hypothesis *hypothesis) {
        const struct decode_options *options = &file->options;

        file->has_probe = false;
        language_vote_add(&file->vote, hypothesis->language, hypothesis->language_probability,
                          options->language_detection_threshold,
                          options->language_detection_segments);
        probe_advance(file);
}

// --- sound enters ----------------------------------------------------------------------------

static void flow_update(struct file *file) {
        if (file->is_read)
                return;
        if (file->is_held_back || file->is_ahead)
                media_pause(file->media);
        else
                media_resume(file->media);
}

static void windows_take(struct file *file) {
        struct window window;

        while (segmenter_next(file->segmenter, &window)) {
                int64_t begin = window.begin;

                if (begin < ring_begin(file->ring))
                        begin = ring_begin(file->ring);
                if (begin < window.end) {
                        const struct activity speech =
                                activity_from(&window.speech, begin - window.begin);

                        job_make(file, begin, window.end, &speech);
                }
        }
}

// At pauses: sound of a clip goes to the segmenter, of what lies between two only its length.
static void clips_hear(struct file *file, const float *samples, int64_t n) {
        struct segmenter *segmenter = file->segmenter;

        while (n > 0 && file->clip < file->services.clips->n) {
                const struct clip *clip = &file->services.clips->items[file->clip];
                int64_t position = segmenter_position(segmenter);
                bool is_inside = position >= clip->begin;
                int64_t n_left = (is_inside ? clip->end : clip->begin) - position;
                int64_t n_heard = n < n_left ? n : n_left;

                if (is_inside)
                        segmenter_feed(segmenter, samples, (size_t)n_heard);
                else
                        segmenter_feed_silence(segmenter, n_heard);
                if (is_inside && n_heard == n_left) {
                        segmenter_flush(segmenter);
                        file->clip++;
                } else if (n_heard == n_left) {
                        segmenter_reset(segmenter);  // no window's padding reaches before it
                }
                windows_take(file);
                samples += n_heard;
                n -= n_heard;
        }
}

// Sequential: the next window, if its sound is there and the one before is answered.
static void sequence_advance(struct file *file) {
        int64_t n_samples = ring_end(file->ring), begin, end;

        while (file->n_jobs == 0 &&
               seeker_next(&file->seeker, n_samples, file->is_read, &begin, &end))
                if (!job_make(file, begin, end, &(struct activity){0}))
                        seeker_pass(&file->seeker, end);
        file->is_ahead = seeker_is_ahead(&file->seeker, n_samples);
        flow_update(file);
}

static void done_consider(struct file *file) {
        if (!file->is_read || file->n_jobs > 0 || file->is_done)
                return;
        file->is_done = true;
        file->listener.on_done(file->listener.context,
                               file->error.code != 0 ? &file->error : NULL);
}

static void file_on_samples(void *context, const float *samples, size_t n) {
        struct file *file = context;

        file->duration += (int64_t)n;
        while (n > 0) {
                size_t piece = n < PIECE_SAMPLES ? n : PIECE_SAMPLES;

                ring_append(file->ring, samples, piece);
                if (file->segmenter)
                        clips_hear(file, samples, (int64_t)piece);
                samples += piece;
                n -= piece;
        }
        if (!file->segmenter)
                sequence_advance(file);
        file->listener.on_progress(file->listener.context);
}

static void file_on_read(void *context, const struct error *error) {
        struct file *file = context;
        struct error mistake = {0};

        if (!error && clips_check(file->services.clips, file->duration, &mistake) < 0)
                error = &mistake;
        if (error)
                file_fail(file, error);
        file->is_read = true;
        if (file->segmenter) {
                segmenter_flush(file->segmenter);
                windows_take(file);
                file->ring = ring_free(file->ring);  // all windows have their copies
                probe_advance(file);
        } else {
                sequence_advance(file);
        }
        file->listener.on_progress(file->listener.context);
        done_consider(file);
}

// --- text leaves -----------------------------------------------------------------------------

static void language_decide(struct file *file, const struct hypothesis *hypothesis) {
        if (file->options.language[0] == '\0' && hypothesis->n_segments > 0)
                memcpy(file->options.language, hypothesis->language,
                       sizeof(file->options.language));
}

static void file_on_hypothesis(void *context, const struct job *job, int result,
                               struct hypothesis *hypothesis) {
        struct file *file = context;
        struct hypothesis nothing = {.n_consumed = (int64_t)job->n_samples};
        int64_t end = job->begin + (int64_t)job->n_samples;
        const struct update *update;

        if (job->options.only_detects_language) {
                probe_on_hypothesis(file, result < 0 ? &nothing : hypothesis);
                return;
        }
        file->n_held -= (int64_t)job->n_samples;
        file->n_jobs--;
        if (result < 0) {
                struct error error = {0};

                error_set(&error, result,
                          "the sound from %.1f s to %.1f s cannot be decoded: %s",
                          (double)job->begin / AUDIO_RATE, (double)end / AUDIO_RATE,
                          strerrordesc_np(-result));
                file_fail(file, &error);
                hypothesis = &nothing;
        }
        if (!file->segmenter) {
                seeker_advance(&file->seeker, job, ring_end(file->ring), hypothesis,
                               &file->options);
                end = file->seeker.position;
        }
        language_decide(file, hypothesis);
        file->is_probing = false;
        held_release(file);
        file->position = end;
        update = assembler_on_final(file->assembler, job->begin,
                                    job->begin + (int64_t)job->n_samples, hypothesis);
        for (size_t i = 0; i < update->n_finals; i++)
                file->listener.on_segment(file->listener.context, &update->finals[i]);
        if (!file->segmenter)
                sequence_advance(file);
        file->listener.on_progress(file->listener.context);
        done_consider(file);
}

// --- life ------------------------------------------------------------------------------------

struct file *file_close(struct file *file) {
        if (!file)
                return NULL;
        media_close(file->media);
        flow_close(file->flow);
        while (file->held_first) {
                struct held_job *next = file->held_first->next;

                job_free(file->held_first->job);
                free(file->held_first);
                file->held_first = next;
        }
        assembler_free(file->assembler);
        segmenter_free(file->segmenter);
        ring_free(file->ring);
        decode_options_deinit(&file->options);
        free(file);
        return NULL;
}

int file_open(struct file **ret, const struct file_services *services, const char *path,
              const struct file_listener *listener, struct error *error) {
        struct file *file = xnew(struct file);
        struct media_listener media_listener = {
                .on_samples = file_on_samples,
                .on_end = file_on_read,
                .context = file,
        };
        int r = ring_new(&file->ring, RING_SAMPLES);

        file->services = *services;
        file->listener = *listener;
        file->held_last = &file->held_first;
        file->options = decode_options_copy(services->options);
        if (r < 0)
                error_set(error, r, "out of memory");
        else
                r = media_open_file(&file->media, services->loop, path, &media_listener, error);
        if (r < 0) {
                file_close(file);
                return r;
        }
        if (services->vad) {
                file->segmenter = segmenter_new(services->vad, &services->segmenting);
                file->is_voting = file->options.language[0] == '\0' &&
                                  file->options.multilingual != DECODE_YES &&
                                  file->options.language_detection_segments > 1;
                file->is_probing = file->is_voting;
        } else {
                file->options.is_single_pass = true;
                seeker_init(&file->seeker, services->clips, &file->options);
        }
        file->assembler = assembler_new();
        file->flow = flow_open(services->scheduler, NULL, true, file_on_hypothesis, file);
        *ret = file;
        return 0;
}

void file_hold_back(struct file *file, bool is_held_back) {
        if (file->is_held_back == is_held_back)
                return;
        file->is_held_back = is_held_back;
        flow_update(file);
}

int64_t file_held(const struct file *file) {
        return file->n_held;
}

bool file_is_read(const struct file *file) {
        return file->is_read;
}

int64_t file_duration(const struct file *file) {
        return file->duration;
}

int64_t file_position(const struct file *file) {
        return file->position;
}

const char *file_language(const struct file *file) {
        return file->options.language;
}
