#include "cli/track.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "audio/ring.h"
#include "cli/language_vote.h"
#include "cli/seeker.h"
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

struct track {
        struct track_services services;
        struct track_listener listener;

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

static void track_fail(struct track *track, const struct error *error) {
        if (track->error.code == 0)
                track->error = *error;
}

static void probe_advance(struct track *track);

static void job_submit(struct track *track, struct job *job) {
        decode_options_deinit(&job->options);
        job->options = decode_options_copy(&track->options);
        job->deadline = loop_now(track->services.loop);
        track->is_probing =
                track->options.language[0] == '\0' && track->options.multilingual != DECODE_YES;
        flow_submit(track->flow, job);
}

// Samples [begin, end), of which some are known to be speech, become a job that runs now or
// when the language is known. False when they are lost.
static bool job_make(struct track *track, int64_t begin, int64_t end,
                     const struct activity *speech) {
        struct job *job = job_new((size_t)(end - begin));
        struct held_job *held;

        if (!job || ring_copy(track->ring, begin, (size_t)(end - begin), job->samples) != 0) {
                struct error error = {0};

                error_set(&error, -ENOMEM, "%.1f s of sound lost: out of memory",
                          (double)(end - begin) / AUDIO_RATE);
                track_fail(track, &error);
                job_free(job);
                return false;
        }
        job->id = ++track->job_id_last;
        job->is_final = true;
        job->begin = begin;
        job->speech = *speech;
        track->n_held += end - begin;
        track->n_jobs++;
        if (!track->is_probing) {
                job_submit(track, job);
                return true;
        }
        held = xnew(struct held_job);
        held->job = job;
        *track->held_last = held;
        track->held_last = &held->next;
        probe_advance(track);
        return true;
}

// The language is known: all may go. It is not: the next one shall tell.
static void held_release(struct track *track) {
        while (track->held_first && !track->is_probing) {
                struct held_job *held = track->held_first;

                track->held_first = held->next;
                if (!track->held_first)
                        track->held_last = &track->held_first;
                job_submit(track, held->job);
                free(held);
        }
}

// Of the held windows the next one is asked for its language, or all go, since it is known (or
// will not be known better).
static void probe_advance(struct track *track) {
        const struct held_job *held = track->held_first;
        struct job *job;

        if (!track->is_voting || track->has_probe)
                return;
        for (size_t i = 0; i < track->vote.n && held; i++)
                held = held->next;
        if (track->vote.is_over || (!held && track->is_read)) {
                memcpy(track->options.language, track->vote.language, LANGUAGE_CODE_MAX);
                track->is_voting = track->is_probing = false;
                held_release(track);
                return;
        }
        if (!held)
                return;
        job = job_new(held->job->n_samples);
        if (!job) {
                track->vote.is_over = true;  // what is known so far has to do
                probe_advance(track);
                return;
        }
        memcpy(job->samples, held->job->samples, job->n_samples * sizeof(*job->samples));
        job->id = ++track->job_id_last;
        job->is_final = true;
        job->begin = held->job->begin;
        decode_options_deinit(&job->options);
        job->options = decode_options_copy(&track->options);
        job->options.only_detects_language = true;
        job->deadline = loop_now(track->services.loop);
        track->has_probe = true;
        flow_submit(track->flow, job);
}

static void probe_on_hypothesis(struct track *track, const struct hypothesis *hypothesis) {
        const struct decode_options *options = &track->options;

        track->has_probe = false;
        language_vote_add(&track->vote, hypothesis->language, hypothesis->language_probability,
                          options->language_detection_threshold,
                          options->language_detection_segments);
        probe_advance(track);
}

// --- sound enters ----------------------------------------------------------------------------

static void flow_update(struct track *track) {
        if (track->is_read)
                return;
        if (track->is_held_back || track->is_ahead)
                media_pause(track->media);
        else
                media_resume(track->media);
}

static void windows_take(struct track *track) {
        struct window window;

        while (segmenter_next(track->segmenter, &window)) {
                int64_t begin = window.begin;

                if (begin < ring_begin(track->ring))
                        begin = ring_begin(track->ring);
                if (begin < window.end) {
                        const struct activity speech =
                                activity_from(&window.speech, begin - window.begin);

                        job_make(track, begin, window.end, &speech);
                }
        }
}

// At pauses: sound of a clip goes to the segmenter, of what lies between two only its length.
static void clips_hear(struct track *track, const float *samples, int64_t n) {
        struct segmenter *segmenter = track->segmenter;

        while (n > 0 && track->clip < track->services.clips->n) {
                const struct clip *clip = &track->services.clips->items[track->clip];
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
                        track->clip++;
                } else if (n_heard == n_left) {
                        segmenter_reset(segmenter);  // no window's padding reaches before it
                }
                windows_take(track);
                samples += n_heard;
                n -= n_heard;
        }
}

// Sequential: the next window, if its sound is there and the one before is answered.
static void sequence_advance(struct track *track) {
        int64_t n_samples = ring_end(track->ring), begin, end;

        while (track->n_jobs == 0 &&
               seeker_next(&track->seeker, n_samples, track->is_read, &begin, &end))
                if (!job_make(track, begin, end, &(struct activity){0}))
                        seeker_pass(&track->seeker, end);
        track->is_ahead = seeker_is_ahead(&track->seeker, n_samples);
        flow_update(track);
}

static void done_consider(struct track *track) {
        if (!track->is_read || track->n_jobs > 0 || track->is_done)
                return;
        track->is_done = true;
        track->listener.on_done(track->listener.context,
                                track->error.code != 0 ? &track->error : NULL);
}

static void track_on_samples(void *context, const float *samples, size_t n) {
        struct track *track = context;

        track->duration += (int64_t)n;
        while (n > 0) {
                size_t piece = n < PIECE_SAMPLES ? n : PIECE_SAMPLES;

                ring_append(track->ring, samples, piece);
                if (track->segmenter)
                        clips_hear(track, samples, (int64_t)piece);
                samples += piece;
                n -= piece;
        }
        if (!track->segmenter)
                sequence_advance(track);
        track->listener.on_progress(track->listener.context);
}

static void track_on_read(void *context, const struct error *error) {
        struct track *track = context;
        struct error mistake = {0};

        if (!error && clips_check(track->services.clips, track->duration, &mistake) < 0)
                error = &mistake;
        if (error)
                track_fail(track, error);
        track->is_read = true;
        if (track->segmenter) {
                segmenter_flush(track->segmenter);
                windows_take(track);
                track->ring = ring_free(track->ring);  // all windows have their copies
                probe_advance(track);
        } else {
                sequence_advance(track);
        }
        track->listener.on_progress(track->listener.context);
        done_consider(track);
}

// --- text leaves -----------------------------------------------------------------------------

static void language_decide(struct track *track, const struct hypothesis *hypothesis) {
        if (track->options.language[0] == '\0' && hypothesis->n_segments > 0)
                memcpy(track->options.language, hypothesis->language,
                       sizeof(track->options.language));
}

static void track_on_hypothesis(void *context, const struct job *job, int result,
                                struct hypothesis *hypothesis) {
        struct track *track = context;
        struct hypothesis nothing = {.n_consumed = (int64_t)job->n_samples};
        int64_t end = job->begin + (int64_t)job->n_samples;
        const struct update *update;

        if (job->options.only_detects_language) {
                probe_on_hypothesis(track, result < 0 ? &nothing : hypothesis);
                return;
        }
        track->n_held -= (int64_t)job->n_samples;
        track->n_jobs--;
        if (result < 0) {
                struct error error = {0};

                error_set(&error, result,
                          "the sound from %.1f s to %.1f s cannot be decoded: %s",
                          (double)job->begin / AUDIO_RATE, (double)end / AUDIO_RATE,
                          strerrordesc_np(-result));
                track_fail(track, &error);
                hypothesis = &nothing;
        }
        if (!track->segmenter) {
                seeker_advance(&track->seeker, job, ring_end(track->ring), hypothesis,
                               &track->options);
                end = track->seeker.position;
        }
        language_decide(track, hypothesis);
        track->is_probing = false;
        held_release(track);
        track->position = end;
        update = assembler_on_final(track->assembler, job->begin,
                                    job->begin + (int64_t)job->n_samples, hypothesis);
        for (size_t i = 0; i < update->n_finals; i++)
                track->listener.on_segment(track->listener.context, &update->finals[i]);
        if (!track->segmenter)
                sequence_advance(track);
        track->listener.on_progress(track->listener.context);
        done_consider(track);
}

// --- life ------------------------------------------------------------------------------------

struct track *track_close(struct track *track) {
        if (!track)
                return NULL;
        media_close(track->media);
        flow_close(track->flow);
        while (track->held_first) {
                struct held_job *next = track->held_first->next;

                job_free(track->held_first->job);
                free(track->held_first);
                track->held_first = next;
        }
        assembler_free(track->assembler);
        segmenter_free(track->segmenter);
        ring_free(track->ring);
        decode_options_deinit(&track->options);
        free(track);
        return NULL;
}

int track_open(struct track **ret, const struct track_services *services, const char *path,
               const struct track_listener *listener, struct error *error) {
        struct track *track = xnew(struct track);
        struct media_listener media_listener = {
                .on_samples = track_on_samples,
                .on_end = track_on_read,
                .context = track,
        };
        int r = ring_new(&track->ring, RING_SAMPLES);

        track->services = *services;
        track->listener = *listener;
        track->held_last = &track->held_first;
        track->options = decode_options_copy(services->options);
        if (r < 0)
                error_set(error, r, "out of memory");
        else
                r = media_open_file(&track->media, services->loop, path, &media_listener,
                                    error);
        if (r < 0) {
                track_close(track);
                return r;
        }
        if (services->vad) {
                track->segmenter = segmenter_new(services->vad, &services->segmenting);
                track->is_voting = track->options.language[0] == '\0' &&
                                   track->options.multilingual != DECODE_YES &&
                                   track->options.language_detection_segments > 1;
                track->is_probing = track->is_voting;
        } else {
                track->options.is_single_pass = true;
                seeker_init(&track->seeker, services->clips, &track->options);
        }
        track->assembler = assembler_new();
        track->flow = flow_open(services->scheduler, NULL, true, track_on_hypothesis, track);
        *ret = track;
        return 0;
}

void track_hold_back(struct track *track, bool is_held_back) {
        if (track->is_held_back == is_held_back)
                return;
        track->is_held_back = is_held_back;
        flow_update(track);
}

int64_t track_held(const struct track *track) {
        return track->n_held;
}

bool track_is_read(const struct track *track) {
        return track->is_read;
}

int64_t track_duration(const struct track *track) {
        return track->duration;
}

int64_t track_position(const struct track *track) {
        return track->position;
}

const char *track_language(const struct track *track) {
        return track->options.language;
}
