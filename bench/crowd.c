#include "crowd.h"

#include <math.h>
#include <stdlib.h>

#include "audio/pcm.h"
#include "common.h"
#include "util/array.h"
#include "util/mem.h"

// How a stream is cut, and when it wants a pass: vad/segmenter and pipeline/partials.
#define BEFORE_SPEECH 0.1  // a window begins so long before speech
#define PADDING       0.2  // and ends so long after it
#define CLOSING_PAUSE 0.6
#define FIRST_SECONDS 0.6  // of a window, for a first pass
#define MORE_SECONDS  0.2  // for another

// A pass over so much is committed at a pause, and then one over so much of the rest is made.
#define COMMITTED_SAMPLES (6 * AUDIO_RATE)
#define REST_OVERLAP      (AUDIO_RATE * 3 / 20)
#define REST_MIN          (REST_OVERLAP + AUDIO_RATE / 2)

// A job's deadline: pipeline/live.
#define DEADLINE             (1 * NSEC_PER_SEC)
#define DEADLINE_SPECULATIVE (NSEC_PER_SEC * 3 / 10)

// Tokens in a second of sound, for drafts.
#define TOKENS_PER_SECOND 3.6

#define BEGIN_WITHIN 5.0  // seconds
#define RANDOM_SEED  88172645463325252U

struct times {
        double *at;
        size_t n, capacity;
};

static void times_add(struct times *times, double at) {
        times->at = array_grow(times->at, times->n, &times->capacity, sizeof(*times->at));
        times->at[times->n++] = at;
}

struct crowd {
        struct loop *loop;
        struct talker *talkers;
        size_t n_talkers;
        double silent_from;
        uint64_t random;
        struct crowd_counts counts;
        struct times delays[DELAY_KIND_COUNT];
};

static double now(const struct crowd *crowd) {
        return (double)loop_now(crowd->loop) / (double)NSEC_PER_SEC;
}

// From 0 to 1: xorshift64.
static double random_next(struct crowd *crowd) {
        uint64_t random = crowd->random;

        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        crowd->random = random;
        return (double)(random >> 11) / 9007199254740992.0;
}

// --- A talker's stream -------------------------------------------------------------------

enum talker_state { TALKER_SILENT, TALKER_IN_PHRASE, TALKER_IN_PAUSE };

// Times are in seconds of the clock, positions in samples since it began.
struct talker {
        struct crowd *crowd;
        struct flow *flow;

        // What is said: utterances, which are phrases with pauses between.
        enum talker_state state;
        double utterance_begin, utterance_end;
        double phrase_end, pause_end;
        double next_word;

        // The window, and passes over it.
        bool is_open;
        double window_begin;
        double speech_end;               // up to now
        double asked_end;                // of the last pass
        int64_t heard_begin, heard_end;  // of what the next pass has as its draft: positions
        bool is_committed;               // what was said before rest_begin
        int64_t rest_begin;              // a position

        struct times awaited[DELAY_KIND_COUNT];  // when it was said what is not shown yet
};

static bool has_paused(const struct talker *talker) {
        return talker->is_open && now(talker->crowd) >= talker->speech_end + PADDING;
}

// Where the sound ends that a pass would have.
static double pass_end(const struct talker *talker) {
        return has_paused(talker) ? talker->speech_end + PADDING : now(talker->crowd);
}

static bool wants_pass(const struct talker *talker) {
        double end;

        if (!talker->is_open)
                return false;
        end = pass_end(talker);
        if (has_paused(talker))
                return end != talker->asked_end;
        return end - talker->window_begin >= FIRST_SECONDS &&
               end - talker->asked_end >= MORE_SECONDS;
}

static int64_t position(double seconds) {
        return llround(seconds * AUDIO_RATE);
}

// Without its sound, which nobody hears.
static struct job *job_make(const struct talker *talker, int64_t begin, int64_t end) {
        struct job *job = xnew(struct job);

        job->begin = begin;
        job->n_samples = (size_t)(end - begin);
        job->deadline = loop_now(talker->crowd->loop) + DEADLINE;
        job->hints.beam_size = DECODE_BEAM_AUTO;
        if (talker->heard_begin == begin && talker->heard_end > begin)
                job->hints.n_draft_tokens = (size_t)((double)(talker->heard_end - begin) /
                                                     AUDIO_RATE * TOKENS_PER_SECOND);
        return job;
}

static void talker_on_grant(void *context) {
        struct talker *talker = context;
        struct crowd_counts *counts = &talker->crowd->counts;
        bool is_speculative = has_paused(talker);
        int64_t begin = position(talker->window_begin), end = position(pass_end(talker));
        struct job *job;

        if (!wants_pass(talker))
                return;
        if (!is_speculative && talker->is_committed && end - talker->rest_begin >= REST_MIN)
                begin = talker->rest_begin;
        job = job_make(talker, begin, end);
        job->is_speculative = is_speculative;
        if (is_speculative)
                job->deadline += DEADLINE_SPECULATIVE;
        counts->n_speculative += is_speculative;
        counts->n_partial += !is_speculative;
        talker->asked_end = pass_end(talker);
        flow_submit(talker->flow, job);
}

// All that was said up to `end` has been shown.
static void awaited_show(struct talker *talker, enum delay_kind kind, double end) {
        struct times *awaited = &talker->awaited[kind];
        size_t n_left = 0;

        for (size_t i = 0; i < awaited->n; i++) {
                double said = awaited->at[i];

                if (said <= end + 1e-6)
                        times_add(&talker->crowd->delays[kind], now(talker->crowd) - said);
                else
                        awaited->at[n_left++] = said;
        }
        awaited->n = n_left;
}

static void pass_hear(struct talker *talker, const struct job *job) {
        int64_t end = job->begin + (int64_t)job->n_samples;
        bool is_rest = talker->is_committed && job->begin == talker->rest_begin;

        if (!is_rest)
                talker->heard_begin = job->begin;
        talker->heard_end = end;
        if (job->is_speculative && job->n_samples >= COMMITTED_SAMPLES) {
                talker->is_committed = true;
                talker->rest_begin = end - REST_OVERLAP;
        }
}

static void talker_on_hypothesis(void *context, const struct job *job, int result,
                                 struct hypothesis *hypothesis) {
        struct talker *talker = context;
        struct crowd_counts *counts = &talker->crowd->counts;
        double end = (double)(job->begin + (int64_t)job->n_samples) / AUDIO_RATE;

        (void)hypothesis;
        if (result < 0)
                return;
        counts->n_final += job->is_final;
        counts->n_speculative_answered += !job->is_final && job->is_speculative;
        counts->n_partial_answered += !job->is_final && !job->is_speculative;
        if (!job->is_final)
                pass_hear(talker, job);
        awaited_show(talker, DELAY_WORD, end);
        awaited_show(talker, DELAY_LAST, end);
        if (job->is_final)
                awaited_show(talker, DELAY_FINAL, end);
}

static void window_close(struct talker *talker) {
        int64_t begin = position(talker->window_begin);
        int64_t end = position(talker->speech_end + PADDING);
        struct job_window window = {
                .begin = begin, .n_samples = (size_t)(end - begin), .language = ""};
        struct job *job;

        talker->is_open = talker->is_committed = false;
        talker->asked_end = 0;
        talker->crowd->counts.n_windows++;
        if (flow_promote(talker->flow, &window)) {
                talker->crowd->counts.n_promoted++;
                return;
        }
        job = job_make(talker, begin, end);
        job->is_final = true;
        flow_submit(talker->flow, job);
}

// --- What a talker says ------------------------------------------------------------------

// Phrases and pauses are such that a window has two or three pauses in it, as those of readers
// have. An utterance takes 4 to 16 s, and the next one begins 0.75 to 1.25 s after it.
#define UTTERANCE_LEAST   4
#define UTTERANCE_VARIES  12
#define SILENCE_LEAST     0.75
#define SILENCE_VARIES    0.5
#define PHRASE_LEAST      0.8
#define PHRASE_VARIES     1.9   // exponentially
#define PHRASE_QUANTILE   0.98  // but the longest in fifty are cut
#define UTTERANCE_TO_COME 0.6   // no phrase is left with less
#define FIRST_WORD        0.35  // ends so long after a phrase's begin,
#define WORD              0.36  // and the next one so long after it

static double pause_length(struct crowd *crowd) {
        double kind = random_next(crowd);

        if (kind < 0.55)
                return 0.1 + random_next(crowd) * 0.2;
        if (kind < 0.85)
                return 0.3 + random_next(crowd) * 0.3;
        return 0.6 + random_next(crowd) * 0.4;
}

static void phrase_begin(struct talker *talker) {
        struct crowd *crowd = talker->crowd;
        double at = now(crowd);
        double quantile = random_next(crowd) * PHRASE_QUANTILE;

        talker->state = TALKER_IN_PHRASE;
        talker->utterance_end = fmax(talker->utterance_end, at + UTTERANCE_TO_COME);
        talker->phrase_end = fmin(at + PHRASE_LEAST - PHRASE_VARIES * log(1 - quantile),
                                  talker->utterance_end);
        talker->next_word = at + FIRST_WORD;
        if (talker->is_open)
                return;
        talker->is_open = true;
        talker->window_begin = talker->asked_end = at - BEFORE_SPEECH;
        talker->speech_end = at;
}

static void utterance_finish(struct talker *talker) {
        struct crowd *crowd = talker->crowd;

        talker->state = TALKER_SILENT;
        talker->utterance_begin =
                now(crowd) + SILENCE_LEAST + random_next(crowd) * SILENCE_VARIES;
        times_add(&talker->awaited[DELAY_LAST], talker->utterance_end);
        times_add(&talker->awaited[DELAY_FINAL], talker->utterance_end);
}

static void phrase_go_on(struct talker *talker) {
        struct times *words = &talker->awaited[DELAY_WORD];
        double at = now(talker->crowd);

        for (; talker->next_word <= at && talker->next_word < talker->phrase_end;
             talker->next_word += WORD)
                times_add(words, talker->next_word);
        talker->speech_end = fmin(at, talker->phrase_end);
        if (at < talker->phrase_end)
                return;
        times_add(words, talker->phrase_end);
        if (talker->phrase_end >= talker->utterance_end) {
                utterance_finish(talker);
                return;
        }
        talker->state = TALKER_IN_PAUSE;
        talker->pause_end = at + pause_length(talker->crowd);
}

static void talker_look(struct talker *talker) {
        struct crowd *crowd = talker->crowd;
        double at = now(crowd);

        if (talker->state == TALKER_SILENT && at >= talker->utterance_begin &&
            at < crowd->silent_from) {
                talker->utterance_end =
                        at + UTTERANCE_LEAST + random_next(crowd) * UTTERANCE_VARIES;
                phrase_begin(talker);
        } else if (talker->state == TALKER_IN_PAUSE && at >= talker->pause_end) {
                phrase_begin(talker);
        }
        if (talker->state == TALKER_IN_PHRASE)
                phrase_go_on(talker);
        if (talker->is_open && talker->state != TALKER_IN_PHRASE &&
            at >= talker->speech_end + CLOSING_PAUSE)
                window_close(talker);
        if (wants_pass(talker))
                flow_request_grant(talker->flow, has_paused(talker));
}

// --- Life --------------------------------------------------------------------------------

struct crowd *crowd_new(struct loop *loop, struct scheduler *scheduler, size_t n_talkers,
                        double silent_from) {
        struct crowd *crowd = xnew(struct crowd);

        crowd->loop = loop;
        crowd->silent_from = silent_from;
        crowd->random = RANDOM_SEED;
        crowd->n_talkers = n_talkers;
        crowd->talkers = xcalloc(n_talkers, sizeof(*crowd->talkers));
        for (size_t i = 0; i < n_talkers; i++) {
                struct talker *talker = &crowd->talkers[i];

                talker->crowd = crowd;
                talker->flow = flow_open(scheduler, NULL, false, talker_on_hypothesis, talker);
                flow_set_on_grant(talker->flow, talker_on_grant);
                talker->utterance_begin =
                        now(crowd) + BEGIN_WITHIN * (double)i / (double)n_talkers;
        }
        return crowd;
}

struct crowd *crowd_free(struct crowd *crowd) {
        if (!crowd)
                return NULL;
        for (size_t i = 0; i < crowd->n_talkers; i++) {
                flow_close(crowd->talkers[i].flow);
                for (size_t kind = 0; kind < DELAY_KIND_COUNT; kind++)
                        free(crowd->talkers[i].awaited[kind].at);
        }
        for (size_t kind = 0; kind < DELAY_KIND_COUNT; kind++)
                free(crowd->delays[kind].at);
        free(crowd->talkers);
        free(crowd);
        return NULL;
}

void crowd_look(struct crowd *crowd, size_t turn) {
        for (size_t i = turn % CROWD_TURNS; i < crowd->n_talkers; i += CROWD_TURNS)
                talker_look(&crowd->talkers[i]);
}

bool crowd_is_talking(const struct crowd *crowd) {
        for (size_t i = 0; i < crowd->n_talkers; i++)
                if (crowd->talkers[i].is_open || crowd->talkers[i].state != TALKER_SILENT)
                        return true;
        return false;
}

const struct crowd_counts *crowd_counts(const struct crowd *crowd) {
        return &crowd->counts;
}

const double *crowd_delays(struct crowd *crowd, enum delay_kind kind, size_t *ret_n) {
        doubles_sort(crowd->delays[kind].at, crowd->delays[kind].n);
        *ret_n = crowd->delays[kind].n;
        return crowd->delays[kind].at;
}
