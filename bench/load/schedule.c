#include "load/schedule.h"

#include <stdlib.h>
#include <string.h>

#include "audio/pcm.h"
#include "util/array.h"
#include "util/mem.h"

// Marsaglia's xorshift32: the same talker says the same on every machine.
static uint32_t random_next(uint32_t *state) {
        *state ^= *state << 13;
        *state ^= *state >> 17;
        *state ^= *state << 5;
        return *state;
}

// In [0, 1).
static double random_share(uint32_t *state) {
        return random_next(state) / 4294967296.0;
}

// A seed that is never 0 and differs in many bits between neighbours (Knuth's multiplier).
static uint32_t seed_of(uint32_t talker) {
        return (talker + 1) * 2654435761U | 1U;
}

static void order_shuffle(size_t *order, size_t n, uint32_t *state) {
        for (size_t i = n; i > 1; i--) {
                size_t j = random_next(state) % i, kept = order[i - 1];

                order[i - 1] = order[j];
                order[j] = kept;
        }
}

static int64_t pause_after(const struct recording *recording,
                           const struct schedule_config *config, uint32_t *state) {
        double mean = config->pause_seconds * AUDIO_RATE;

        if (config->talking_share > 0)
                mean = (double)recording->n_samples * (1 / config->talking_share - 1);
        return (int64_t)(mean * (0.75 + random_share(state) / 2));
}

struct schedule *schedule_new(const struct corpus *corpus,
                              const struct schedule_config *config) {
        struct schedule *schedule = xnew(struct schedule);
        size_t *order = xcalloc(corpus->n, sizeof(*order)), next = corpus->n, capacity = 0;
        uint32_t state = seed_of(config->talker);
        int64_t at = 0, limit = (int64_t)(config->seconds * AUDIO_RATE);

        for (size_t i = 0; i < corpus->n; i++)
                order[i] = i;
        do {
                const struct recording *recording;

                if (next == corpus->n) {
                        order_shuffle(order, corpus->n, &state);
                        next = 0;
                }
                recording = &corpus->recordings[order[next++]];
                // Seldom talkers do not all begin at once.
                if (schedule->n == 0 && config->talking_share > 0)
                        at = (int64_t)(random_share(&state) *
                                       (double)pause_after(recording, config, &state));
                schedule->utterances = array_grow(schedule->utterances, schedule->n, &capacity,
                                                  sizeof(*schedule->utterances));
                schedule->utterances[schedule->n++] = (struct utterance){recording, at};
                schedule->end = at + recording->n_samples;
                at = schedule->end + pause_after(recording, config, &state);
        } while (at < limit);
        free(order);
        return schedule;
}

struct schedule *schedule_free(struct schedule *schedule) {
        if (!schedule)
                return NULL;
        free(schedule->utterances);
        return mem_free(schedule);
}

void schedule_read(const struct schedule *schedule, int64_t position, size_t n, float *ret) {
        int64_t end = position + (int64_t)n;

        memset(ret, 0, n * sizeof(*ret));
        for (size_t i = 0; i < schedule->n; i++) {
                const struct utterance *utterance = &schedule->utterances[i];
                int64_t from = utterance->begin > position ? utterance->begin : position;
                int64_t to = utterance->begin + utterance->recording->n_samples;

                if (to > end)
                        to = end;
                if (from < to)
                        memcpy(ret + (from - position),
                               utterance->recording->samples + (from - utterance->begin),
                               (size_t)(to - from) * sizeof(*ret));
        }
}
