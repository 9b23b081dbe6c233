#include "load/score.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "audio/pcm.h"
#include "load/alignment.h"
#include "util/mem.h"
#include "util/utf8.h"

// The words of all utterances of a session, one after the other.
struct script {
        struct words words;
        size_t *begins;  // of each utterance, and the end of the last
};

static struct script script_new(const struct schedule *schedule,
                                const struct words *(*words_of)(const struct recording *)) {
        struct script script = {.begins = xcalloc(schedule->n + 1, sizeof(size_t))};

        for (size_t i = 0; i < schedule->n; i++) {
                const struct words *words = words_of(schedule->utterances[i].recording);

                for (size_t j = 0; j < words->n; j++)
                        words_append(&script.words, words->items[j]);
                script.begins[i + 1] = script.words.n;
        }
        return script;
}

static void script_deinit(struct script *script) {
        words_deinit(&script->words);
        free(script->begins);
}

static const struct words *words_said(const struct recording *recording) {
        return &recording->words;
}

static const struct words *words_offline(const struct recording *recording) {
        return &recording->offline;
}

static const struct words *words_timed(const struct recording *recording) {
        return &recording->timed;
}

static struct alignment script_align(const struct script *script, const struct screen *screen,
                                     size_t *counterparts) {
        return alignment_compute(script->words.items, script->words.n, screen->finals.items,
                                 screen->finals.n, ALIGNMENT_WHOLE, counterparts);
}

// --- texts -------------------------------------------------------------------------------

// The live tokens that belong to the words [begin, end), each once.
static char *tokens_join(const struct screen *screen, size_t begin, size_t end) {
        const struct word *words = screen->finals.items;
        char *text = xcalloc(screen->n_text + 2, 1), *repaired;
        size_t n = 0;

        for (size_t i = begin; i < end; i++) {
                if (i > begin && words[i].token_begin == words[i - 1].token_begin)
                        continue;
                if (n)
                        text[n++] = ' ';
                memcpy(text + n, screen->text + words[i].token_begin, words[i].token_n);
                n += words[i].token_n;
        }
        repaired = utf8_repair(text, n);
        free(text);
        return repaired;
}

// When an utterance's last word was on screen for good, and when it was final, in seconds from
// its end. NAN: never.
struct utterance_delays {
        double last_word, final;
};

static json_t *delay_json(double seconds) {
        return isfinite(seconds) ? json_real(seconds) : json_null();
}

// Sample 0 of the clock of samples is at `started`; the end of the utterance's last word.
static double utterance_end(const struct score_session *session, const struct utterance *said) {
        const struct recording *recording = said->recording;
        int64_t end = recording->timed.n > 0 ? recording->ends[recording->timed.n - 1]
                                             : recording->n_samples;

        return (double)session->started / NSEC_PER_SEC +
               (double)(said->begin + end) / AUDIO_RATE;
}

static void transcript_write(const struct score_session *session, size_t utterance,
                             const struct utterance_delays *delays, const char *live,
                             FILE *file) {
        const struct utterance *said = &session->schedule->utterances[utterance];
        json_t *object =
                json_pack("{s:i, s:s, s:f, s:f, s:o, s:o, s:s, s:s}",        //
                          "talker", (int)session->talker,                    //
                          "file", said->recording->name,                     //
                          "begin", (double)said->begin / AUDIO_RATE,         //
                          "spoken", utterance_end(session, said),            //
                          "last_word_delay", delay_json(delays->last_word),  //
                          "final_delay", delay_json(delays->final),          //
                          "reference", said->recording->transcript, "live", live ? live : "");

        if (object && json_dumpf(object, file, JSON_COMPACT | JSON_REAL_PRECISION(9)) == 0)
                (void)fputc('\n', file);
        json_decref(object);
}

// Cut the live text where the utterances' words begin, and write the pieces.
static void transcripts_write(const struct score_session *session, const struct script *script,
                              const size_t *counterparts, const struct utterance_delays *delays,
                              FILE *file) {
        size_t begin = 0;

        for (size_t i = 0; i < session->schedule->n; i++) {
                CLEANUP(mem_freep) char *live = NULL;
                size_t end = session->screen->finals.n;

                for (size_t word = script->begins[i + 1]; word < script->words.n; word++) {
                        if (counterparts[word] == ALIGNMENT_NONE)
                                continue;
                        end = counterparts[word];
                        break;
                }
                live = tokens_join(session->screen, begin, end);
                transcript_write(session, i, &delays[i], live, file);
                begin = end;
        }
}

static void errors_count(struct score *score, const struct score_session *session,
                         const struct utterance_delays *delays, FILE *transcripts) {
        struct script script = script_new(session->schedule, words_said);
        size_t *counterparts = xcalloc(script.words.n + 1, sizeof(*counterparts));
        struct alignment alignment = script_align(&script, session->screen, counterparts);

        score->n_words += script.words.n;
        score->n_errors += alignment.n_substituted + alignment.n_deleted + alignment.n_inserted;
        if (!session->corpus->has_offline) {
                score->n_wanted += script.words.n;
                score->n_lost += alignment.n_deleted;
        }
        if (transcripts)
                transcripts_write(session, &script, counterparts, delays, transcripts);
        free(counterparts);
        script_deinit(&script);
}

static void losses_count(struct score *score, const struct score_session *session) {
        struct script script = script_new(session->schedule, words_offline);
        struct alignment alignment = script_align(&script, session->screen, NULL);

        score->n_wanted += script.words.n;
        score->n_lost += alignment.n_deleted;
        script_deinit(&script);
}

// --- delays ------------------------------------------------------------------------------

// Seconds from when a sample of the schedule was sent until `at`.
static double delay_from(const struct score_session *session, int64_t sample, nsec_t at) {
        return (double)(at - session->started) / NSEC_PER_SEC - (double)sample / AUDIO_RATE;
}

static struct utterance_delays utterance_add(struct score *score,
                                             const struct score_session *session,
                                             const nsec_t *since, const size_t *counterparts,
                                             const struct utterance *utterance) {
        const struct recording *recording = utterance->recording;
        struct utterance_delays delays = {NAN, NAN};
        size_t last = recording->timed.n;
        int64_t end;

        score->n_utterances++;
        while (last > 0 && counterparts[last - 1] == ALIGNMENT_NONE)
                last--;
        if (last == 0) {
                score->n_missing++;
                return delays;
        }
        end = utterance->begin + recording->ends[recording->timed.n - 1];
        last = counterparts[last - 1];
        delays.last_word = delay_from(session, end, since[last]);
        distribution_add(&score->last_word_delay, delays.last_word);
        if (session->screen->final_at[last] == SCREEN_NEVER) {
                score->n_never_final++;
        } else {
                delays.final = delay_from(session, end, session->screen->final_at[last]);
                distribution_add(&score->final_delay, delays.final);
                distribution_add(&score->decision_delay, delays.final - score->end_pause);
        }
        return delays;
}

// `ret` gets those of each utterance.
static void delays_add(struct score *score, const struct score_session *session,
                       struct utterance_delays *ret) {
        const struct screen *screen = session->screen;
        struct script script = script_new(session->schedule, words_timed);
        size_t *counterparts = xcalloc(script.words.n + 1, sizeof(*counterparts));
        nsec_t *since = xcalloc(screen->finals.n + 1, sizeof(*since));

        script_align(&script, screen, counterparts);
        screen_since(screen, since);
        for (size_t i = 0; i < session->schedule->n; i++) {
                const struct utterance *utterance = &session->schedule->utterances[i];
                size_t begin = script.begins[i];

                for (size_t j = begin; j < script.begins[i + 1]; j++) {
                        size_t found = counterparts[j];
                        int64_t end = utterance->begin + utterance->recording->ends[j - begin];

                        if (found != ALIGNMENT_NONE &&
                            screen->finals.items[found].id == script.words.items[j].id)
                                distribution_add(&score->word_delay,
                                                 delay_from(session, end, since[found]));
                }
                ret[i] = utterance_add(score, session, since, counterparts + begin, utterance);
        }
        free(since);
        free(counterparts);
        script_deinit(&script);
}

void score_add(struct score *score, const struct score_session *session, FILE *transcripts) {
        struct utterance_delays *delays = xcalloc(session->schedule->n, sizeof(*delays));

        delays_add(score, session, delays);
        errors_count(score, session, delays, transcripts);
        if (session->corpus->has_offline)
                losses_count(score, session);
        free(delays);
}

static double percent(size_t part, size_t whole) {
        return whole ? 100.0 * (double)part / (double)whole : NAN;
}

double score_wer_percent(const struct score *score) {
        return percent(score->n_errors, score->n_words);
}

double score_lost_percent(const struct score *score) {
        return percent(score->n_lost, score->n_wanted);
}

void score_deinit(struct score *score) {
        distribution_deinit(&score->word_delay);
        distribution_deinit(&score->last_word_delay);
        distribution_deinit(&score->final_delay);
        distribution_deinit(&score->decision_delay);
        *score = (struct score){0};
}
